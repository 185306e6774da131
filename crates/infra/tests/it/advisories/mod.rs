//! Feeds: what a reader sees after each of them, whatever the feed, the network or the disk does.

mod contract;
mod crash;
mod local;
mod remote;

use bytes::Bytes;
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use trustmill_core::port::advisories::{Advisories, SourceState};
use trustmill_core::{Purl, Timestamp};
use trustmill_infra::advisories::{Address, Feed, FeedError, Feeds, Options, Progress, Report};
use trustmill_infra::{AdvisoryStore, DataDir, FetchConfig, HttpFetch};
use zip::write::SimpleFileOptions;

/// A mill with one feed.
struct World {
    store: Arc<AdvisoryStore>,
    feeds: Feeds,
    folder: TempDir,
    _data: DataDir,
}

fn quick() -> FetchConfig {
    FetchConfig {
        tries: 2,
        first_wait: Duration::from_millis(1),
        response_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(300),
        ..FetchConfig::default()
    }
}

fn world(address: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path().join("data")).unwrap();
    let feed = feed("f", address);
    let fetch = HttpFetch::new(quick(), data.blobs()).unwrap();
    let feeds = Feeds::new(data.advisories(), fetch, vec![feed]);
    World { store: data.advisories(), feeds, folder, _data: data }
}

fn feed(name: &str, address: &str) -> Feed {
    let address = Address::parse(address).unwrap();
    Feed { name: name.into(), address, ecosystem: None, every: Duration::from_secs(3_600) }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A day of January 2026.
fn day(day: u32) -> String {
    format!("2026-01-{day:02}T00:00:00Z")
}

fn now() -> Timestamp {
    at("2026-02-01T00:00:00Z")
}

/// A record about `pkg:npm/PROJECT`, all of its versions.
fn record(id: &str, project: &str, day_of_month: u32) -> Value {
    json!({
        "schema_version": "1.7.0", "id": id, "modified": day(day_of_month),
        "affected": [{ "package": { "ecosystem": "npm", "name": project },
                       "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }] }] }]
    })
}

/// As many records as a feed needs not to look shrunk when it loses one.
fn many(day_of_month: u32) -> Vec<Value> {
    (0..30).map(|n| record(&format!("GHSA-{n:04}"), &format!("p{n}"), day_of_month)).collect()
}

fn name(record: &Value) -> String {
    format!("{}.json", record["id"].as_str().unwrap())
}

fn archive(records: &[Value]) -> Bytes {
    let files: Vec<_> =
        records.iter().map(|record| (name(record), record.to_string().into_bytes())).collect();
    archive_of(&files)
}

fn archive_of(files: &[(String, Vec<u8>)]) -> Bytes {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner().into()
}

impl World {
    async fn update(&self) -> Result<Report, FeedError> {
        self.update_with(Options::default()).await
    }

    async fn update_with(&self, options: Options) -> Result<Report, FeedError> {
        self.update_at(options, now()).await
    }

    async fn update_at(&self, options: Options, now: Timestamp) -> Result<Report, FeedError> {
        let progress = Arc::new(Progress::default());
        self.feeds.update(&self.feeds.all()[0], options, &progress, now).await
    }

    /// Ids of the records about a project of npm.
    async fn about(&self, project: &str) -> Vec<String> {
        let about = self.store.about(&Purl::project("npm", project)).await.unwrap();
        about.iter().map(|record| record.id.clone()).collect()
    }

    async fn state(&self) -> SourceState {
        self.store.sources().await.unwrap().into_iter().find(|state| state.name == "f").unwrap()
    }

    /// A file beside the data folder.
    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// A world whose feed is an archive on the disk, with what it holds at first.
async fn on_disk(records: &[Value]) -> World {
    let world = world("/nowhere/all.zip");
    let path = world.put("all.zip", &archive(records));
    let World { store, feeds, folder, _data } = world;
    let fetch = HttpFetch::new(quick(), _data.blobs()).unwrap();
    drop(feeds);
    let feeds = Feeds::new(Arc::clone(&store), fetch, vec![feed("f", path.to_str().unwrap())]);
    let world = World { store, feeds, folder, _data };
    world.update().await.unwrap();
    world
}
