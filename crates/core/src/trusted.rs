//! Trust as a type: what was read is [`Unverified`], and only a check that passed makes it [`Verified`].
//!
//! Code that acts on an attestation takes a `Verified<T>`; forgetting to verify does not compile. The one
//! way across is [`Unverified::verify`], which `cargo xtask layers` allows in `trust::verify` alone.

use std::fmt;

/// Something that came from outside and that nobody checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Unverified<T>(T);

/// Something that the verifier checked. It cannot be built, deserialised or changed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Unverified<T> {
    /// Marks what was read as not checked.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Runs the check; what it returns, and nothing else, is verified.
    ///
    /// # Errors
    /// What `check` returns.
    pub fn verify<U, E>(self, check: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        check(self.0).map(Verified)
    }
}

impl<T> fmt::Debug for Unverified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unverified(..)")
    }
}

impl<T> Verified<T> {
    /// The value, for reading.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// The value; from here on its owner vouches for it.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_check_that_passed_gives_a_verified_value() {
        let half = |n: u32| if n.is_multiple_of(2) { Ok(n / 2) } else { Err("odd") };
        assert_eq!(*Unverified::new(4).verify(half).unwrap(), 2);
        assert_eq!(Unverified::new(3).verify(half), Err("odd"));
    }

    #[test]
    fn what_is_not_verified_does_not_print() {
        assert_eq!(format!("{:?}", Unverified::new("secret")), "Unverified(..)");
    }
}
