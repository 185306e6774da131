//! The one public address that this ecosystem needs: where `npm` itself looks when nobody says otherwise.

/// The public registry, as `npm` has it compiled in.
pub const DEFAULT_REGISTRY: &str = "https://registry.npmjs.org/";
