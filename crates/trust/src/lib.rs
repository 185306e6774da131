//! Attestations, keys and signatures, and the offline verifier.
