//! How long it takes to read feeds of advisories, and in how much memory.
//!
//! `bench-advisories FOLDER`: FOLDER has `PyPI/all.zip`, `npm/all.zip`, `crates.io/all.zip`. They are read, and an
//! archive of 300,000 made-up records; each by a process of its own, which says how long the first reading took, a
//! second one in which nothing changed, and a third in which one record in a hundred did.

use serde_json::json;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trustmill_core::Purl;
use trustmill_core::port::advisories::Advisories;
use trustmill_core::port::clock::Clock;
use trustmill_infra::advisories::{Address, Feed, Feeds, Options, Progress};
use trustmill_infra::{DataDir, FetchConfig, HttpFetch, SystemClock};
use zip::write::SimpleFileOptions;

type Failed = Box<dyn Error + Send + Sync>;

/// Made-up records.
const RECORDS: u32 = 300_000;

fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let first = args.next().ok_or("usage: bench-advisories FOLDER")?;
    if first == "child" {
        let archives: Vec<PathBuf> = args.map(PathBuf::from).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(child(&archives));
    }
    let real = ["PyPI", "npm", "crates.io"].map(|name| Path::new(&first).join(name).join("all.zip"));
    run("real sets", &real)?;
    let folder = tempfile::tempdir()?;
    let made = [folder.path().join("all.zip")];
    make(&made[0], 0)?;
    let changed = folder.path().join("changed.zip");
    make(&changed, 100)?;
    run("made-up records", &[made[0].clone(), changed])
}

fn run(what: &str, archives: &[PathBuf]) -> Result<(), Failed> {
    println!("# {what}");
    let status = Command::new(std::env::current_exe()?).arg("child").args(archives).status()?;
    if status.success() { Ok(()) } else { Err("the child failed".into()) }
}

/// Reads the archives, one feed each; a second archive named `changed.zip` is the first one later.
async fn child(archives: &[PathBuf]) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let data = DataDir::open(folder.path())?;
    let fetch = HttpFetch::new(FetchConfig::default(), data.blobs())?;
    let (changed, archives): (Vec<_>, Vec<_>) =
        archives.iter().partition(|path| path.ends_with("changed.zip"));
    let feeds = |archives: &[&PathBuf]| -> Result<Feeds, Failed> {
        let feed = |(n, path): (usize, &&PathBuf)| -> Result<Feed, Failed> {
            let address = Address::parse(&path.to_string_lossy())?;
            Ok(Feed { name: n.to_string(), address, ecosystem: None, every: Duration::from_secs(3_600) })
        };
        let feeds = archives.iter().enumerate().map(feed).collect::<Result<_, _>>()?;
        Ok(Feeds::new(data.advisories(), fetch.clone(), feeds))
    };
    let first = feeds(&archives)?;
    read(&first, "first").await?;
    read(&first, "unchanged").await?;
    if !changed.is_empty() {
        read(&feeds(&changed)?, "1 % changed").await?;
    }
    let store = data.advisories();
    let began = Instant::now();
    let mut found = 0;
    for n in 0..1_000_u32 {
        found += store.about(&Purl::project("npm", &format!("made-up-{}", n * 7))).await?.len();
    }
    println!("{:12} {:>8.1} µs per project, {found} records", "lookup", began.elapsed().as_secs_f64() * 1e3);
    let size = std::fs::metadata(folder.path().join("advisories.db"))?.len();
    println!("{:12} {} MiB peak memory, {} MiB file", "process", peak_kib()? >> 10, size >> 20);
    Ok(())
}

async fn read(feeds: &Feeds, what: &str) -> Result<(), Failed> {
    let began = Instant::now();
    let (mut seen, mut changed) = (0, 0);
    for feed in feeds.all() {
        let progress = Arc::new(Progress::default());
        let report = feeds.update(feed, Options::default(), &progress, SystemClock.now()).await?;
        seen += report.seen;
        changed += report.added + report.changed;
    }
    println!("{what:12} {:>8.2} s, {seen} records, {changed} written", began.elapsed().as_secs_f64());
    Ok(())
}

fn peak_kib() -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    Ok(line.split_whitespace().next().ok_or("no peak")?.parse()?)
}

/// An archive of made-up records, about two kilobytes each; one in `every` is later than the others.
fn make(path: &Path, every: u32) -> Result<(), Failed> {
    let mut zip = zip::ZipWriter::new(BufWriter::new(File::create(path)?));
    for n in 0..RECORDS {
        let later = every > 0 && n % every == 0;
        let record = json!({
            "schema_version": "1.7.0", "id": format!("MAL-2026-{n}"),
            "modified": if later { "2026-02-01T00:00:00Z" } else { "2026-01-01T00:00:00Z" },
            "published": "2026-01-01T00:00:00Z",
            "aliases": [format!("GHSA-{n:04}-made-up0")],
            "summary": format!("Malicious code in made-up-{n} (npm)"),
            "details": "The package takes environment variables and sends them to a server. ".repeat(16),
            "affected": [{
                "package": { "ecosystem": "npm", "name": format!("made-up-{n}") },
                "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }] }],
                "versions": ["1.0.0", "1.0.1", format!("1.{}.0", n % 50)],
            }],
            "references": [{ "type": "ADVISORY", "url": format!("https://advisories.example.com/{n}") }],
        });
        zip.start_file(format!("MAL-2026-{n}.json"), SimpleFileOptions::default())?;
        zip.write_all(record.to_string().as_bytes())?;
    }
    zip.finish()?.flush()?;
    Ok(())
}
