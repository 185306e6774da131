//! The scanner from outside: bytes in, a report out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod attacks;
mod context;
mod samples;
