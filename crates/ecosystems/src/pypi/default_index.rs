//! The one public address that this ecosystem needs: where `pip` itself looks when nobody says otherwise.

/// The index of the Python Packaging Authority, as `pip` has it compiled in.
pub const DEFAULT_INDEX: &str = "https://pypi.org/simple/";
