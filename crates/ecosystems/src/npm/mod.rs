//! npm and every registry that speaks its protocol.

pub mod lockfile;
