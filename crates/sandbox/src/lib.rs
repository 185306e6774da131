//! Runs what is not trusted; the only crate that may say unsafe.
