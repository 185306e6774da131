//! Attestations, keys and signatures, and the offline verifier.
//!
//! * [`attest`] says what was done, as in-toto statements in signed DSSE envelopes;
//! * [`keys`] holds the signing key and the public keys that a verifier trusts;
//! * [`verify`] takes a file, its attestations and public keys, and says what they prove.
//!
//! Everything works on bytes and values. The one exception is [`keys::file`], which keeps the signing key.

pub mod attest;
pub mod keys;
pub mod verify;
pub mod webhook;
