//! How a file was built: SLSA Provenance v1 (<https://slsa.dev/spec/v1.0/provenance>).
//!
//! The subject is the file that the build made, not the one that was published: whether they are the same
//! is said by [`super::comparison`] and by nobody else.

use super::statement::{Resource, Statement};
use super::{AttestError, json};
use serde::{Deserialize, Serialize};
use trustmill_core::attempt::{Attempt, AttemptResult, InstallScript, RecordedRequest};
use trustmill_core::port::sandbox::Layer;
use trustmill_core::recipe::{Recipe, SourceKind};
use trustmill_core::{Purl, Sha256, Timestamp};

/// The predicate's type.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// The kind of build. `docs/attestations.md` describes its parameters; another meaning is another URI.
pub const BUILD_TYPE: &str = "urn:x-trustmill:build:rebuild:v1";

/// What a builder knows beyond the attempt itself.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// The release.
    pub purl: &'a Purl,
    /// The name of the file that came out.
    pub filename: &'a str,
    /// The digest of what is published under that name; `None` if nothing is.
    pub published: Option<Sha256>,
    /// What was run, with what, and how it ended.
    pub attempt: &'a Attempt,
    /// Who built it.
    pub builder: &'a Builder,
    /// What tells this run from any other of the same builder.
    pub invocation: &'a str,
    /// When the run started.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

/// Who built it: one installation of the mill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// A URI that names the installation, see [`Builder::of`].
    pub id: String,
    /// Versions of what the builder is made of: `{"trustmill": "0.1.0"}`.
    pub version: std::collections::BTreeMap<String, String>,
}

impl Builder {
    /// The installation that signs with `key`: nobody else can claim its id.
    pub fn of(key: crate::keys::KeyId, trustmill: &str) -> Self {
        Self {
            id: format!("urn:x-trustmill:mill:{key}"),
            version: std::iter::once(("trustmill".to_owned(), trustmill.to_owned())).collect(),
        }
    }
}

/// The predicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// What was asked for and what it was made of.
    pub build_definition: BuildDefinition,
    /// Who made it and when.
    pub run_details: RunDetails,
}

/// What was asked for and what it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    /// [`BUILD_TYPE`].
    pub build_type: String,
    /// What decides what comes out.
    pub external_parameters: ExternalParameters,
    /// What the mill decided.
    pub internal_parameters: InternalParameters,
    /// Source, build dependencies and tools, by digest.
    pub resolved_dependencies: Vec<Resource>,
}

/// What decides what comes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalParameters {
    /// The release.
    pub purl: Purl,
    /// The file that is published under the subject's name; `None` if nothing is.
    #[serde(default)]
    pub published: Option<Resource>,
    /// What it was built from.
    pub source: SourceKind,
    /// The recipe, whole: who has the materials can run it again.
    pub recipe: Recipe,
}

/// What the mill decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InternalParameters {
    /// Isolation layers that were on in every phase.
    pub sandbox: Vec<Layer>,
    /// What the fetch phase asked for. The build phase has no network.
    pub network: NetworkRecord,
    /// Install scripts of dependencies that ran, in the build phase, as they stood before anything ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub install_scripts: Vec<InstallScript>,
}

/// The requests of the fetch phase: how many, and the digest of their record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkRecord {
    /// How many requests were made.
    pub requests: usize,
    /// SHA-256 of the canonical JSON of the list of requests.
    pub sha256: Sha256,
}

impl NetworkRecord {
    fn of(requests: &[RecordedRequest]) -> Result<Self, json::EncodeError> {
        Ok(Self { requests: requests.len(), sha256: json::digest(requests)? })
    }
}

/// Who made it and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunDetails {
    /// Who.
    pub builder: Builder,
    /// Which run.
    pub metadata: Metadata,
    /// What else came out: the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub byproducts: Vec<Resource>,
}

/// Which run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// What tells this run from any other of the same builder.
    pub invocation_id: String,
    /// When it started, to the second.
    pub started_on: Timestamp,
    /// When it ended, to the second.
    pub finished_on: Timestamp,
}

/// The provenance of the file that `build` made.
///
/// # Errors
/// [`AttestError::NothingBuilt`] if the attempt made no file, [`AttestError::OtherFile`] if it made one
/// under another name or was compared with another published file than the one named.
pub fn statement(build: &Build<'_>) -> Result<Statement<Provenance>, AttestError> {
    let attempt = build.attempt;
    let subject = Resource::file(build.filename, built(build)?);
    let predicate = Provenance {
        build_definition: BuildDefinition {
            build_type: BUILD_TYPE.to_owned(),
            external_parameters: ExternalParameters {
                purl: build.purl.clone(),
                published: build.published.map(|sha256| Resource::file(build.filename, sha256)),
                source: attempt.recipe.source,
                recipe: attempt.recipe.clone(),
            },
            internal_parameters: InternalParameters {
                sandbox: attempt.layers.clone(),
                network: NetworkRecord::of(&attempt.requests)?,
                install_scripts: attempt.install_scripts.clone(),
            },
            resolved_dependencies: attempt.materials.iter().map(Resource::material).collect(),
        },
        run_details: RunDetails {
            builder: build.builder.clone(),
            metadata: Metadata {
                invocation_id: build.invocation.to_owned(),
                started_on: seconds(build.started),
                finished_on: seconds(build.finished),
            },
            byproducts: attempt.log.iter().map(|log| Resource::file("build.log", *log)).collect(),
        },
    };
    Ok(Statement::about(subject, PREDICATE_TYPE, predicate))
}

/// The digest of what came out, if it is what `build` says it is.
fn built(build: &Build<'_>) -> Result<Sha256, AttestError> {
    let other = || AttestError::OtherFile { filename: build.filename.to_owned() };
    match &build.attempt.result {
        AttemptResult::Compared(comparison) if build.published == Some(comparison.published) => {
            Ok(comparison.rebuilt)
        }
        AttemptResult::Built { filename, sha256 }
            if filename == build.filename && build.published.is_none() =>
        {
            Ok(*sha256)
        }
        AttemptResult::Compared(_) | AttemptResult::Built { .. } => Err(other()),
        AttemptResult::Failed { .. } => Err(AttestError::NothingBuilt { purl: build.purl.to_string() }),
    }
}

/// SLSA timestamps are RFC 3339; fractions of a second say nothing here.
fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
