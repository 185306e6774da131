//! crates.io and every registry that speaks its sparse protocol.
