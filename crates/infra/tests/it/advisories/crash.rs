//! `kill -9` while a feed is read: the old set is there, whole.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use trustmill_infra::advisories::Progress;

const FOLDER: &str = "TRUSTMILL_TEST_ADVISORIES_FOLDER";

fn large(day_of_month: u32) -> Vec<Value> {
    (0..20_000).map(|n| record(&format!("GHSA-{n}"), &format!("p{}", n % 500), day_of_month)).collect()
}

/// The child: says when it is in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child process of `kill_9_leaves_the_old_set`"]
async fn reads() {
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let data = DataDir::open(folder.join("data")).unwrap();
    let fetch = HttpFetch::new(quick(), data.blobs()).unwrap();
    let feed = feed("f", folder.join("all.zip").to_str().unwrap());
    let feeds = Feeds::new(data.advisories(), fetch, vec![feed.clone()]);
    let progress = Arc::new(Progress::default());
    let watched = Arc::clone(&progress);
    std::thread::spawn(move || {
        while watched.get().0 < 8_000 {
            std::thread::yield_now();
        }
        println!("#middle");
    });
    feeds.update(&feed, Options::default(), &progress, now()).await.unwrap();
    println!("#end");
}

#[tokio::test]
async fn kill_9_leaves_the_old_set() {
    let world = on_disk(&large(1)).await;
    let World { store, feeds, folder, _data } = world;
    drop((store, feeds, _data));
    std::fs::write(folder.path().join("all.zip"), archive(&large(2))).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "advisories::crash::reads", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("#middle")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!said.any(|line| line.contains("#end")), "it was killed in the middle");

    let data = DataDir::open(folder.path().join("data")).unwrap();
    let store = data.advisories();
    assert_eq!(store.sources().await.unwrap()[0].records, 20_000);
    for project in ["p0", "p1", "p250", "p499"] {
        let about = store.about(&Purl::project("npm", project)).await.unwrap();
        assert_eq!(about.len(), 40);
        assert!(about.iter().all(|record| record.modified == at(&day(1))), "nothing of the new set is seen");
    }
    let fetch = HttpFetch::new(quick(), data.blobs()).unwrap();
    let feed = feed("f", folder.path().join("all.zip").to_str().unwrap());
    let feeds = Feeds::new(data.advisories(), fetch, vec![feed.clone()]);
    let report = feeds.update(&feed, Options::default(), &Arc::default(), now()).await.unwrap();
    assert_eq!(report.changed, 20_000);
}
