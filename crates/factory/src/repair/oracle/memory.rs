//! What was dear to work out about a release: kept by the digest of what it was worked out from.

use crate::facts::{self, Kind};
use crate::{StepError, World};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trustmill_core::{Purl, Sha256};

/// Something dear that was worked out about a release, by the digest of what it was worked out from.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    /// The version of the judgement.
    version: u32,
    /// Where it is, in the blob store.
    blob: Sha256,
}

impl Kind for Remembered {
    const NAME: &'static str = "repair-memory";
}

/// What was kept under a key; `None` where nothing was.
pub(super) async fn cached<T: DeserializeOwned>(
    world: &World,
    release: &Purl,
    what: &str,
    key: &str,
) -> Result<Option<T>, StepError> {
    let subject = format!("{what} {key}");
    let all = facts::all::<Remembered>(world.records.as_ref(), release).await?;
    let newest = all.into_iter().rev().find(|(fact, memory)| {
        fact.subject.as_deref() == Some(&subject) && memory.version == crate::repair::VERSION
    });
    let Some((_, memory)) = newest else { return Ok(None) };
    let Some(bytes) = world.blobs.get(&memory.blob).await? else { return Ok(None) };
    Ok(serde_json::from_slice(&bytes).ok())
}

/// Keeps something under a key.
pub(super) async fn keep<T: Serialize>(
    world: &World,
    release: &Purl,
    what: &str,
    key: &str,
    value: &T,
) -> Result<(), StepError> {
    let bytes = serde_json::to_vec(value).map_err(|error| StepError::Internal(error.to_string()))?;
    let memory = Remembered { version: crate::repair::VERSION, blob: world.blobs.put(bytes.into()).await? };
    let fact = facts::fact(release, Some(&format!("{what} {key}")), world.clock.now(), &memory)?;
    world.records.append(&[fact]).await?;
    Ok(())
}
