//! Fetch: published files and sources come into the blob store, their first-seen digest is locked, and
//! they are opened with the limits that hostile archives ask for.

use super::{Archive, blocking, step};
use crate::facts::{self, Alarm};
use crate::{StepError, World};
use std::sync::Arc;
use trustmill_core::content::Contents;
use trustmill_core::package::Artifact;
use trustmill_core::port::Coded;
use trustmill_core::port::records::FirstSeen;
use trustmill_core::{Purl, Sha256};
use trustmill_inspect::archive::{self, Limits};

/// A published file, opened or refused.
pub(crate) enum Opened {
    /// Its content.
    Archive(Box<Archive>),
    /// It is hostile or malformed, and why.
    Hostile(Refused),
}

/// Why an archive was refused.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) digest: Sha256,
    pub(crate) code: &'static str,
    pub(crate) why: String,
}

/// Fetches and opens a published artefact, if one is published.
pub(super) async fn published(
    world: &World,
    purl: &Purl,
    artifact: Option<&Artifact>,
) -> Result<Option<Opened>, StepError> {
    let Some(artifact) = artifact else { return Ok(None) };
    step(world, purl, "fetch");
    let read = |name: &str, bytes: &bytes::Bytes| archive::published::read(name, bytes, &Limits::default());
    open(world, purl, artifact, read).await.map(Some)
}

/// Fetches and opens an artefact with `read`.
pub(super) async fn open<E: Coded + Send + 'static>(
    world: &World,
    purl: &Purl,
    artifact: &Artifact,
    read: fn(&str, &bytes::Bytes) -> Result<Contents, E>,
) -> Result<Opened, StepError> {
    let digest = locked(world, purl, artifact).await?;
    let bytes =
        world.blobs.get(&digest).await?.ok_or_else(|| {
            StepError::Internal(format!("{} vanished from the blob store", artifact.filename))
        })?;
    let name = artifact.filename.clone();
    let shared = bytes.clone();
    match blocking(move || read(&name, &shared)).await? {
        Ok(contents) => Ok(Opened::Archive(Box::new(Archive {
            artifact: artifact.clone(),
            digest,
            bytes,
            contents: Arc::new(contents),
        }))),
        Err(error) => Ok(Opened::Hostile(Refused { digest, code: error.code(), why: error.to_string() })),
    }
}

/// Downloads a file and locks its digest; another digest than the first seen raises an alarm.
async fn locked(world: &World, purl: &Purl, artifact: &Artifact) -> Result<Sha256, StepError> {
    let (digest, _) =
        world.fetch.file(&artifact.url, artifact.promised().as_ref(), world.artifact_limit).await?;
    let now = world.clock.now();
    match world.records.lock(purl.ty(), &artifact.filename, &digest, now).await? {
        FirstSeen::Locked | FirstSeen::Same => Ok(digest),
        FirstSeen::Conflict { first } => {
            let error = StepError::MovedDigest { filename: artifact.filename.clone(), first, seen: digest };
            let alarm = Alarm { code: error.code().into(), what: error.to_string() };
            world.records.append(&[facts::fact(purl, Some(&artifact.filename), now, &alarm)?]).await?;
            Err(error)
        }
    }
}
