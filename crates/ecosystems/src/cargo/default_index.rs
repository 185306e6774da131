//! The one public address that this ecosystem needs: where `cargo` itself looks when nobody says otherwise.

/// The sparse index that cargo has compiled in (`cargo/sources/mod.rs`, `CRATES_IO_HTTP_INDEX`).
pub const DEFAULT_INDEX: &str = "https://index.crates.io/";
