//! Records in the state file.

use super::known;
use super::revisions::Revisions;
use crate::sqlite::{Db, DbError};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{FirstSeen, Records, RecordsError};
use trustmill_core::{Purl, Sha256};

/// Records that survive their process.
#[derive(Debug)]
pub struct SqliteRecords {
    db: Arc<Db>,
    revisions: Arc<Revisions>,
}

impl SqliteRecords {
    /// The records of an open state file. One per file and process: `revision` counts what went through it.
    pub fn new(db: Arc<Db>) -> Self {
        Self { db, revisions: Arc::default() }
    }
}

#[async_trait]
impl Records for SqliteRecords {
    async fn append(&self, facts: &[Fact]) -> Result<(), RecordsError> {
        let rows: Vec<FactRow> =
            facts.iter().map(FactRow::of).collect::<Result<_, _>>().map_err(unwritable)?;
        let write = move |c: &Connection| -> rusqlite::Result<Vec<bool>> {
            rows.iter().map(|row| row.insert(c)).collect()
        };
        let about: Vec<Purl> = facts.iter().map(|fact| fact.about.clone()).collect();
        let (db, revisions) = (Arc::clone(&self.db), Arc::clone(&self.revisions));
        // A task of its own: a caller that is dropped meanwhile must not keep the caches from noticing.
        let task = tokio::spawn(async move {
            let new = db.write(write).await?;
            revisions.bump(about.iter().zip(new).filter_map(|(about, new)| new.then_some(about)));
            Ok(())
        });
        task.await.unwrap_or(Err(DbError::Closed)).map_err(written)
    }

    async fn facts(&self, about: &Purl, kind: Option<&str>) -> Result<Vec<Fact>, RecordsError> {
        let project = about.without_version().to_string();
        let (version, kind) = (about.version().map(str::to_owned), kind.map(str::to_owned));
        let read = move |c: &Connection| {
            c.prepare_cached(
                "SELECT format, json FROM fact WHERE project = ?1 AND (?2 IS NULL OR version = ?2) \
                 AND (?3 IS NULL OR kind = ?3) ORDER BY id",
            )?
            .query_map(params![project, version, kind], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<(u32, String)>>>()
        };
        let rows = self.db.read(read).await.map_err(read_failed)?;
        rows.iter().map(|(format, json)| parse(*format, json)).collect()
    }

    async fn of_kind(&self, kind: &str, after: u64) -> Result<Vec<(u64, Fact)>, RecordsError> {
        let kind = kind.to_owned();
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let read = move |c: &Connection| {
            c.prepare_cached("SELECT id, format, json FROM fact WHERE kind = ?1 AND id > ?2 ORDER BY id")?
                .query_map(params![kind, after], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<Vec<(u64, u32, String)>>>()
        };
        let rows = self.db.read(read).await.map_err(read_failed)?;
        rows.iter().map(|(id, format, json)| Ok((*id, parse(*format, json)?))).collect()
    }

    fn revision(&self, project: &Purl) -> u64 {
        self.revisions.get(project)
    }

    async fn lock(
        &self,
        ty: &str,
        filename: &str,
        digest: &Sha256,
        at: Timestamp,
    ) -> Result<FirstSeen, RecordsError> {
        let (ty, filename, digest) = (ty.to_owned(), filename.to_owned(), *digest);
        let write = move |c: &Connection| lock(c, &ty, &filename, &digest, at);
        self.db.write(write).await.map_err(written)
    }

    async fn locked(&self, ty: &str, filename: &str) -> Result<Option<Sha256>, RecordsError> {
        let (ty, filename) = (ty.to_owned(), filename.to_owned());
        self.db.read(move |c| locked(c, &ty, &filename)).await.map_err(read_failed)
    }

    async fn locked_many(&self, ty: &str, filenames: &[&str]) -> Result<Vec<Option<Sha256>>, RecordsError> {
        let ty = ty.to_owned();
        let filenames: Vec<String> = filenames.iter().map(|&name| name.to_owned()).collect();
        let read = move |c: &Connection| filenames.iter().map(|name| locked(c, &ty, name)).collect();
        self.db.read(read).await.map_err(read_failed)
    }

    async fn watch(&self, purl: &Purl, at: Timestamp) -> Result<bool, RecordsError> {
        let (purl, at) = (purl.to_string(), at.to_string());
        let write = move |c: &Connection| {
            c.prepare_cached("INSERT OR IGNORE INTO watch VALUES (?1, ?2)")?.execute(params![purl, at])
        };
        Ok(self.db.write(write).await.map_err(written)? == 1)
    }

    async fn unwatch(&self, purl: &Purl) -> Result<bool, RecordsError> {
        let purl = purl.to_string();
        let write =
            move |c: &Connection| c.prepare_cached("DELETE FROM watch WHERE purl = ?1")?.execute([purl]);
        Ok(self.db.write(write).await.map_err(written)? == 1)
    }

    async fn watched(&self) -> Result<Vec<(Purl, Timestamp)>, RecordsError> {
        let read = |c: &Connection| {
            c.prepare_cached("SELECT purl, at FROM watch ORDER BY purl")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(String, String)>>>()
        };
        let rows = self.db.read(read).await.map_err(read_failed)?;
        let parse = |(purl, at): &(String, String)| -> Result<_, RecordsError> {
            Ok((purl.parse().map_err(unreadable)?, at.parse().map_err(unreadable)?))
        };
        rows.iter().map(parse).collect()
    }
}

/// A fact as its row, made before the writer's turn: hashing and rendering need no transaction.
struct FactRow {
    address: Sha256,
    format: u32,
    project: String,
    version: Option<String>,
    kind: String,
    json: String,
}

impl FactRow {
    fn of(fact: &Fact) -> Result<Self, serde_json::Error> {
        Ok(Self {
            address: fact.address(),
            format: fact.format,
            project: fact.about.without_version().to_string(),
            version: fact.about.version().map(str::to_owned),
            kind: fact.kind.clone(),
            json: serde_json::to_string(fact)?,
        })
    }

    /// `true` if it was not there.
    fn insert(&self, c: &Connection) -> rusqlite::Result<bool> {
        let changed = c
            .prepare_cached(
                "INSERT INTO fact (address, format, project, version, kind, json) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (address) DO NOTHING",
            )?
            .execute(params![
                self.address.as_bytes(),
                self.format,
                self.project,
                self.version,
                self.kind,
                self.json
            ])?;
        Ok(changed == 1)
    }
}

/// One writer runs this at a time, so reading before writing is linearisable.
fn lock(
    c: &Connection,
    ty: &str,
    filename: &str,
    digest: &Sha256,
    at: Timestamp,
) -> rusqlite::Result<FirstSeen> {
    match locked(c, ty, filename)? {
        Some(first) if first == *digest => Ok(FirstSeen::Same),
        Some(first) => Ok(FirstSeen::Conflict { first }),
        None => {
            c.prepare_cached("INSERT INTO first_seen VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                ty,
                filename,
                digest.as_bytes(),
                at.to_string()
            ])?;
            Ok(FirstSeen::Locked)
        }
    }
}

fn locked(c: &Connection, ty: &str, filename: &str) -> rusqlite::Result<Option<Sha256>> {
    let digest = |row: &Row<'_>| row.get::<_, [u8; 32]>(0).map(Sha256::from_bytes);
    c.prepare_cached("SELECT digest FROM first_seen WHERE ty = ?1 AND filename = ?2")?
        .query_row([ty, filename], digest)
        .optional()
}

fn parse(format: u32, json: &str) -> Result<Fact, RecordsError> {
    known(format)?;
    serde_json::from_str(json).map_err(unreadable)
}

fn written(error: DbError) -> RecordsError {
    RecordsError::Storage { what: "written", source: Box::new(error) }
}

fn unwritable(error: serde_json::Error) -> RecordsError {
    RecordsError::Storage { what: "written", source: Box::new(error) }
}

fn read_failed(error: DbError) -> RecordsError {
    RecordsError::Storage { what: "read", source: Box::new(error) }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> RecordsError {
    RecordsError::Storage { what: "read", source: Box::new(error) }
}
