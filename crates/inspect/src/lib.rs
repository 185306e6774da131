//! Bytes in, findings out: archives, replay, normalisation, comparison.
