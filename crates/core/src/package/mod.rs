//! Names of packages: the package URL is the key of everything.

mod artifact;
mod purl;

pub use artifact::{Artifact, ArtifactKind};
pub use purl::{ParsePurlError, Purl, normalise};
