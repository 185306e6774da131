//! The public addresses that this ecosystem cannot do without: where `cargo` itself looks when nobody says
//! otherwise, and what it calls that place in `Cargo.lock`.

/// The sparse index that cargo has compiled in (`CRATES_IO_HTTP_INDEX` in `cargo/sources/mod.rs`).
pub const DEFAULT_INDEX: &str = "https://index.crates.io/";

/// How `Cargo.lock` names that registry, whatever address or replacement cargo reads it from.
pub const LOCKED_AS: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];
