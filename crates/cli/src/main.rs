//! `trustmill`: one binary.

fn main() {}
