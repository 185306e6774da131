//! Advisories: a file of their own beside the state, and the feeds that fill it.
//!
//! `advisories.db` holds nothing that the feeds do not: it can be deleted and read anew, and it is opened beside the
//! running mill by whoever updates it. A feed is read into it in one transaction, so that a reader, and a crash, see
//! the old set or the new one.

mod archive;
mod delta;
mod error;
mod feed;
mod folder;
mod intake;
mod read;
mod report;
mod update;

pub use error::FeedError;
pub use feed::{Address, BadFeed, Feed};
pub use report::{Progress, Refusal, Report, Way};
pub use update::{Feeds, Options};

use crate::sqlite::{Db, DbError, OpenError, Shape, data_version};
use async_trait::async_trait;
use feed::State;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use trustmill_core::Purl;
use trustmill_core::advisory::{Advisory, lookup_key};
use trustmill_core::port::advisories::{Advisories, AdvisoriesError, SourceState};

/// Marks the file as the mill's advisories (`PRAGMA application_id`): "TMad".
const SHAPE: Shape = Shape { application_id: 0x544D_6164, migrations: &[include_str!("schema.sql")] };

/// How long a look at the file stands for the answer of [`Advisories::revision`].
const GLANCE: Duration = Duration::from_millis(100);

/// Bytes of records that are kept in memory.
const CACHE_BYTES: u64 = 32 << 20;

/// Records about one project.
type About = Arc<[Arc<Advisory>]>;

/// The advisories of a data folder. One per process.
#[derive(Debug)]
pub struct AdvisoryStore {
    db: Db,
    cache: Cache<String, Cached, Weight>,
    revision: AtomicU64,
    seen: AtomicI64,
    looked: Mutex<Option<Instant>>,
}

#[derive(Debug, Clone)]
struct Cached {
    revision: u64,
    bytes: u64,
    about: About,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<String, Cached> for Weight {
    fn weight(&self, key: &String, value: &Cached) -> u64 {
        value.bytes.saturating_add(key.len() as u64).saturating_add(128)
    }
}

impl AdvisoryStore {
    /// Opens or creates the file, beside whoever else has it open.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            db: Db::open_as(path, None, &SHAPE)?,
            cache: Cache::with_weighter(4_096, CACHE_BYTES, Weight),
            revision: AtomicU64::new(0),
            seen: AtomicI64::new(i64::MIN),
            looked: Mutex::default(),
        })
    }

    /// Every record that has the id, or is an alias of it, with the name of its feed; withdrawn ones too.
    pub async fn named(&self, id: &str) -> Result<Vec<(String, Arc<Advisory>)>, AdvisoriesError> {
        let id = id.to_owned();
        let rows = self.db.read(move |c| {
            c.prepare_cached(
                "SELECT feed, json FROM record JOIN body ON body.record = record.id WHERE record.id IN \
                 (SELECT id FROM record WHERE advisory = ?1 UNION SELECT record FROM alias WHERE alias = ?1) \
                 ORDER BY advisory <> ?1, advisory, feed",
            )?
            .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<(String, String)>>>()
        });
        let rows = rows.await.map_err(unread)?;
        rows.into_iter().map(|(feed, json)| Ok((feed, Arc::new(parse(&json)?)))).collect()
    }

    /// Forgets a feed and everything that it said; `false` if there is none of that name.
    pub async fn forget(&self, feed: &str) -> Result<bool, AdvisoriesError> {
        let name = feed.to_owned();
        let forgot = self.db.write(move |c| intake::forget(c, &name)).await.map_err(unwritten)?;
        self.look().map_err(unread)?;
        Ok(forgot)
    }

    /// What is known of a feed itself.
    async fn state(&self, feed: &str) -> Result<State, AdvisoriesError> {
        let name = feed.to_owned();
        self.db.read(move |c| intake::state(c, &name)).await.map_err(unread)
    }

    /// Reads the generation if anybody wrote since the last look.
    fn look(&self) -> Result<(), DbError> {
        let seen = self.seen.load(Ordering::Acquire);
        let found = self.db.peek(|c| {
            let version = data_version(c)?;
            if version == seen {
                return Ok(None);
            }
            let generation = c.prepare_cached("SELECT generation FROM meta")?;
            Ok(Some((version, { generation }.query_row([], |row| row.get::<_, u64>(0))?)))
        })?;
        if let Some((version, generation)) = found {
            self.revision.store(generation, Ordering::Release);
            self.seen.store(version, Ordering::Release);
        }
        Ok(())
    }
}

#[async_trait]
impl Advisories for AdvisoryStore {
    async fn about(&self, project: &Purl) -> Result<About, AdvisoriesError> {
        let key = lookup_key(&project.without_version());
        // Taken before the records are read: if they change meanwhile, they are read once too often.
        let revision = self.revision();
        if let Some(cached) = self.cache.get(&key).filter(|cached| cached.revision == revision) {
            return Ok(cached.about);
        }
        let wanted = key.clone();
        let rows = self.db.read(move |c| about(c, &wanted)).await.map_err(unread)?;
        let bytes = rows.iter().map(|json| json.len() as u64).sum();
        let records = rows.iter().map(|json| Ok(Arc::new(parse(json)?)));
        let about: About = records.collect::<Result<Vec<_>, AdvisoriesError>>()?.into();
        self.cache.insert(key, Cached { revision, bytes, about: Arc::clone(&about) });
        Ok(about)
    }

    async fn about_many(&self, projects: &[Purl]) -> Result<Vec<About>, AdvisoriesError> {
        let keys: Vec<String> =
            projects.iter().map(|project| lookup_key(&project.without_version())).collect();
        // One thread and one transaction for all: to hand over or to lock for each takes longer than to read it.
        let read = move |c: &Connection| {
            let _all = c.unchecked_transaction()?;
            keys.iter().map(|key| about(c, key)).collect::<rusqlite::Result<Vec<_>>>()
        };
        let all = self.db.read(read).await.map_err(unread)?;
        let parsed = |rows: &Vec<String>| {
            let records = rows.iter().map(|json| Ok(Arc::new(parse(json)?)));
            Ok(records.collect::<Result<Vec<_>, AdvisoriesError>>()?.into())
        };
        all.iter().map(parsed).collect()
    }

    async fn record(&self, id: &str) -> Result<Option<Arc<Advisory>>, AdvisoriesError> {
        let wanted = id.to_owned();
        let row = self.db.read(move |c| {
            c.prepare_cached(
                "SELECT json FROM record JOIN body ON body.record = record.id WHERE advisory = ?1 \
                 ORDER BY withdrawn, modified DESC LIMIT 1",
            )?
            .query_row([wanted], |row| row.get::<_, String>(0))
            .optional()
        });
        row.await.map_err(unread)?.map(|json| Ok(Arc::new(parse(&json)?))).transpose()
    }

    fn revision(&self) -> u64 {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_none_or(|at| at.elapsed() >= GLANCE) {
            if let Err(error) = self.look() {
                tracing::error!(%error, "whether advisories changed cannot be found out");
            }
            *looked = Some(Instant::now());
        }
        self.revision.load(Ordering::Acquire)
    }

    async fn sources(&self) -> Result<Vec<SourceState>, AdvisoriesError> {
        let states = self.db.read(intake::states).await.map_err(unread)?;
        Ok(states.into_iter().map(|(name, state)| state.told(name)).collect())
    }
}

fn about(c: &Connection, project: &str) -> rusqlite::Result<Vec<String>> {
    c.prepare_cached(
        "SELECT json FROM subject JOIN record ON record.id = subject.record \
         JOIN body ON body.record = record.id WHERE project = ?1 AND NOT withdrawn ORDER BY advisory, feed",
    )?
    .query_map([project], |row| row.get(0))?
    .collect()
}

fn parse(json: &str) -> Result<Advisory, AdvisoriesError> {
    serde_json::from_str(json).map_err(|error| AdvisoriesError { what: "read", source: Box::new(error) })
}

fn unread(error: DbError) -> AdvisoriesError {
    AdvisoriesError { what: "read", source: Box::new(error) }
}

fn unwritten(error: DbError) -> AdvisoriesError {
    AdvisoriesError { what: "written", source: Box::new(error) }
}
