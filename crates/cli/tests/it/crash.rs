//! `kill -9` at random instants: nothing is lost, nothing is published twice, nothing half-written is seen.

use crate::support::Mill;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

/// Forty small real packages.
const FORTY: &str = include_str!("forty.txt");
const KILLS: u32 = 50;

#[test]
fn fifty_kills_over_forty_packages_lose_nothing() {
    let mill = Mill::new();
    let file = mill.file("requirements.txt", FORTY);
    let file = file.to_str().unwrap();
    let mut seed = u64::from(std::process::id());
    println!("seed {seed}");
    for _ in 0..KILLS {
        let mut child = mill
            .command()
            .args(["secure", "--json", file])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(100 + (seed >> 33) % 2_900));
        child.kill().unwrap();
        child.wait().unwrap();
        no_half_written_file(&mill);
    }
    let summary = mill.run(&["secure", "--json", file]).json(0);
    let rows = summary["rows"].as_array().unwrap();
    assert_eq!(rows.len(), FORTY.lines().count());
    for row in rows {
        assert!(row["verdict"].is_string(), "{row:#}");
        published_once(&mill, row["purl"].as_str().unwrap());
    }
    assert!(mill.run(&["list", "--json"]).json(0)["keys"].as_array().unwrap().is_empty());
}

/// What is visible under its final name has the digest that it is named after.
fn no_half_written_file(mill: &Mill) {
    let root = mill.data().join("blobs/sha256");
    let Ok(shards) = std::fs::read_dir(&root) else { return };
    for shard in shards {
        for entry in std::fs::read_dir(shard.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let Ok(digest) = name.parse::<trustmill_core::Sha256>() else { continue };
            assert_eq!(trustmill_core::Sha256::of(&std::fs::read(&path).unwrap()), digest, "{path:?}");
        }
    }
}

/// One judgement per file.
fn published_once(mill: &Mill, purl: &str) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let db = rusqlite::Connection::open(mill.data().join("state.db")).unwrap();
    let mut statement = db.prepare("SELECT json FROM fact WHERE kind = 'judgement'").unwrap();
    for json in statement.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        let fact: serde_json::Value = serde_json::from_str(&json.unwrap()).unwrap();
        if fact["about"] == purl {
            *seen.entry(fact["subject"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(!seen.is_empty() && seen.values().all(|count| *count == 1), "{purl}: {seen:?}");
}
