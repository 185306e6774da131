//! The advisories of an installation and the feeds that fill them.

use super::{Purpose, data_dir, fetch_config, load_config, open_folder, upstreams};
use crate::cmd::{FeedHealth, Global};
use crate::config::Config;
use crate::error::Failure;
use std::sync::Arc;
use trustmill_core::Timestamp;
use trustmill_core::port::advisories::{Advisories as _, SourceState};
use trustmill_core::port::clock::Clock as _;
use trustmill_core::version::VersionScheme;
use trustmill_ecosystems::join;
use trustmill_infra::advisories::{Feed, Feeds};
use trustmill_infra::{AdvisoryStore, DataDir, FetchConfig, HttpFetch, SystemClock};

/// Opened beside whoever works in the folder: an update needs nobody's leave.
pub(crate) struct Holdings {
    /// What is held.
    pub(crate) store: Arc<AdvisoryStore>,
    /// What fills it.
    pub(crate) feeds: Feeds,
    /// Holds the folder.
    _data: DataDir,
}

impl Holdings {
    /// Opens the advisories of the data folder.
    pub(crate) async fn open(global: &Global) -> Result<Self, Failure> {
        let folder = data_dir(global)?;
        let config = load_config(global, &folder)?;
        let data = open_folder(folder, Purpose::Look).await?;
        let feeds = feeds(global, &config, &data)?;
        Ok(Self { store: data.advisories(), feeds, _data: data })
    }
}

/// The configured feeds, read through the roots of trust that the upstreams have.
pub(super) fn feeds(global: &Global, config: &Config, data: &DataDir) -> Result<Feeds, Failure> {
    let settings = FetchConfig { tries: 3, ..fetch_config(&upstreams(global, config)?) };
    let fetch = HttpFetch::new(settings, data.blobs())?;
    Ok(Feeds::new(data.advisories(), fetch, config.feeds.0.clone()))
}

/// What time it is.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// The order of versions of a package URL type.
pub(crate) fn scheme(ty: &str) -> Option<&'static dyn VersionScheme> {
    join::ALL.iter().find(|family| family.ty == ty).map(|family| family.versions)
}

/// The feeds of the configuration, and those that are held without standing there.
pub(crate) async fn health(store: &AdvisoryStore, feeds: &Feeds) -> Result<Vec<FeedHealth>, Failure> {
    let held = store.sources().await?;
    let find = |name: &str| held.iter().find(|state| state.name == name);
    let configured = feeds.all().iter().map(|feed| told(Some(feed), find(&feed.name), &feed.name));
    let alone = |state: &&SourceState| !feeds.all().iter().any(|feed| feed.name == state.name);
    let others = held.iter().filter(alone).map(|state| told(None, Some(state), &state.name));
    Ok(configured.chain(others).collect())
}

fn told(feed: Option<&Feed>, state: Option<&SourceState>, name: &str) -> FeedHealth {
    let read_at = state.and_then(|state| state.read_at);
    let age = read_at.map(|at| u64::try_from(now().as_second() - at.as_second()).unwrap_or(0));
    let every = feed.map(|feed| feed.every.as_secs());
    FeedHealth {
        name: name.to_owned(),
        address: feed.map(|feed| feed.address.shown()),
        every_seconds: every,
        records: state.map_or(0, |state| state.records),
        malicious: state.map_or(0, |state| state.malicious),
        refused: state.map_or(0, |state| state.refused),
        types: state.map(|state| state.types.clone()).unwrap_or_default(),
        newest: state.and_then(|state| state.newest),
        read_at,
        age_seconds: age,
        // Three times its own pace: one look may fail.
        stale: every.is_some_and(|every| age.is_none_or(|age| age > every.saturating_mul(3))),
        failure: state.and_then(|state| state.failure.clone()),
        failing_since: state.and_then(|state| state.failing_since),
    }
}
