//! The crate as its users see it: what is signed, what a verifier says, and what other people's
//! verifiers say.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod interop;
#[cfg(test)]
mod overrides;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod support;
#[cfg(test)]
mod verify;
