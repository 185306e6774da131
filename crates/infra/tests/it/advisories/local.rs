//! Archives and folders on the disk, good and bad.

use super::*;
use trustmill_core::port::Coded;
use trustmill_infra::advisories::Way;
use trustmill_testkit::osv;

#[tokio::test]
async fn the_excerpt_of_real_records_is_held() {
    let world = world(osv::excerpt().to_str().unwrap());
    let report = world.update().await.unwrap();
    let count = osv::records().len() as u64;
    assert_eq!((report.way, report.added, report.refused, report.held), (Way::Whole, count, 0, count));
    let state = world.state().await;
    assert_eq!(state.types, ["cargo", "npm", "pypi"]);
    assert!(state.malicious > 10 && state.malicious == report.malicious);
    let requests = world.store.about(&Purl::release("pypi", "Requests", "2.19.0")).await.unwrap();
    assert!(requests.iter().any(|record| record.id == "PYSEC-2023-74"));
    assert!(world.about("drata").await.is_empty(), "withdrawn");
    let withdrawn = world.store.record("MAL-2024-1398").await.unwrap().unwrap();
    assert!(withdrawn.withdrawn.is_some());
    let named = world.store.named("CVE-2023-32681").await.unwrap();
    assert_eq!((named[0].0.as_str(), named[0].1.id.as_str()), ("f", "PYSEC-2023-74"));

    let again = world.update().await.unwrap();
    assert_eq!((again.added, again.changed, again.removed, again.held), (0, 0, 0, count));
}

#[tokio::test]
async fn the_whole_sets_are_held_where_they_are() {
    for archive in osv::archives() {
        let world = world(archive.to_str().unwrap());
        let report = world.update_at(Options::default(), at("2027-01-01T00:00:00Z")).await.unwrap();
        assert_eq!((report.refused, report.foreign, report.conflicts), (0, 0, 0), "{}", archive.display());
        assert_eq!(report.held, report.seen);
    }
}

#[tokio::test]
async fn a_change_a_withdrawal_and_a_removal_are_seen_and_the_revision_moves() {
    let world = on_disk(&many(1)).await;
    let revision = world.store.revision();
    assert_eq!(world.about("p3").await, ["GHSA-0003"]);
    let mut records = many(1);
    records[3]["withdrawn"] = json!(day(2));
    records[3]["modified"] = json!(day(2));
    records[4]["affected"][0]["package"]["name"] = json!("moved");
    records[4]["modified"] = json!(day(3));
    records.remove(9);
    world.put("all.zip", &archive(&records));
    let report = world.update().await.unwrap();
    assert_eq!((report.added, report.changed, report.withdrawn, report.removed), (0, 2, 1, 1));
    assert!(world.about("p3").await.is_empty() && world.about("p4").await.is_empty());
    assert_eq!(world.about("moved").await, ["GHSA-0004"]);
    assert!(world.about("p9").await.is_empty());
    assert!(world.store.revision() > revision);
    let settled = world.store.revision();
    world.update().await.unwrap();
    assert_eq!(world.store.revision(), settled, "nothing changed");
}

#[tokio::test]
async fn another_process_is_noticed() {
    let world = on_disk(&many(1)).await;
    let before = world.store.revision();
    let beside = DataDir::beside(world.folder.path().join("data")).unwrap();
    assert!(world.about("new").await.is_empty());
    let fetch = HttpFetch::new(quick(), beside.blobs()).unwrap();
    let path = world.put("more.zip", &archive(&[record("MAL-1", "new", 1)]));
    let other = feed("other", path.to_str().unwrap());
    let feeds = Feeds::new(beside.advisories(), fetch, vec![other.clone()]);
    feeds.update(&other, Options::default(), &Arc::default(), now()).await.unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(5);
    while world.store.revision() == before && std::time::Instant::now() < until {
        tokio::task::yield_now().await;
    }
    assert!(world.store.revision() > before);
    assert_eq!(world.about("new").await, ["MAL-1"]);
}

#[tokio::test]
async fn a_feed_speaks_for_itself_alone() {
    let world = on_disk(&[record("MAL-1", "evil", 1), record("GHSA-1", "a", 1)]).await;
    let mut pardon = record("MAL-1", "evil", 20);
    pardon["withdrawn"] = json!(day(20));
    let path = world.put("pardon.json", pardon.to_string().as_bytes());
    let other = feed("other", path.to_str().unwrap());
    world.feeds.update(&other, Options::default(), &Arc::default(), now()).await.unwrap();
    assert_eq!(world.about("evil").await, ["MAL-1"], "another feed cannot take it back");
    assert!(world.store.forget("f").await.unwrap());
    assert!(world.about("evil").await.is_empty());
    assert!(!world.store.forget("f").await.unwrap());
}

#[tokio::test]
async fn a_feed_for_one_ecosystem_cannot_speak_of_another() {
    let world = on_disk(&many(1)).await;
    let mut both = record("MAL-2", "in-npm", 1);
    both["affected"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "package": { "ecosystem": "PyPI", "name": "in-pypi" }, "versions": ["1.0"] }));
    let path = world.put("both.json", both.to_string().as_bytes());
    let only = Feed { ecosystem: Some("pypi".into()), ..feed("only", path.to_str().unwrap()) };
    world.feeds.update(&only, Options::default(), &Arc::default(), now()).await.unwrap();
    assert!(world.about("in-npm").await.is_empty());
    let everything = Feed { ecosystem: None, ..only };
    world.feeds.update(&everything, Options::default(), &Arc::default(), now()).await.unwrap();
    assert_eq!(world.about("in-npm").await, ["MAL-2"], "read anew, though the file did not change");
}

#[tokio::test]
async fn an_older_copy_is_refused_until_somebody_takes_it() {
    let mut records = many(10);
    records.push(record("MAL-9", "evil", 11));
    let world = on_disk(&records).await;
    world.put("all.zip", &archive(&many(9)));
    let error = world.update().await.unwrap_err();
    assert_eq!(error.code(), "TM0912");
    assert_eq!(world.about("evil").await, ["MAL-9"]);
    let state = world.state().await;
    assert!(state.failure.unwrap().contains("TM0912"));
    assert_eq!((state.failing_since, state.newest), (Some(now()), Some(at(&day(11)))));
    world.update_with(Options { accept_loss: true, ..Options::default() }).await.unwrap();
    assert!(world.about("evil").await.is_empty());
    assert_eq!(world.state().await.failing_since, None);
}

#[tokio::test]
async fn a_record_does_not_go_back_though_the_feed_goes_on() {
    let mut records = many(10);
    let world = on_disk(&records).await;
    records[0]["modified"] = json!(day(5));
    records[0]["withdrawn"] = json!(day(5));
    records[1]["modified"] = json!(day(12));
    world.put("all.zip", &archive(&records));
    let report = world.update().await.unwrap();
    assert_eq!((report.older, report.changed), (1, 1));
    assert_eq!(world.about("p0").await, ["GHSA-0000"]);
}

#[tokio::test]
async fn a_feed_that_lost_much_is_refused() {
    let world = on_disk(&many(1)).await;
    world.put("all.zip", &archive(&many(1)[..5]));
    let error = world.update().await.unwrap_err();
    assert!(matches!(error, FeedError::Shrunk { gone: 25, held: 30 }), "{error}");
    assert_eq!(world.about("p29").await, ["GHSA-0029"]);
}

#[tokio::test]
async fn a_time_far_ahead_does_not_lock_the_feed() {
    let mut records = many(1);
    records[0]["modified"] = json!("2999-01-01T00:00:00Z");
    let world = on_disk(&records).await;
    assert_eq!(world.state().await.newest, Some(at(&day(1))));
    records[1]["modified"] = json!(day(2));
    world.put("all.zip", &archive(&records));
    assert_eq!(world.update().await.unwrap().changed, 1);
}

#[tokio::test]
async fn two_records_of_one_id_the_newest_counts() {
    let old = record("GHSA-x", "old", 1);
    let new = record("GHSA-x", "new", 2);
    for pair in [[&old, &new], [&new, &old]] {
        let world = on_disk(&many(1)).await;
        let mut files: Vec<_> =
            many(1).iter().map(|record| (name(record), record.to_string().into_bytes())).collect();
        files.extend(
            pair.iter().enumerate().map(|(n, r)| (format!("{n}/GHSA-x.json"), r.to_string().into_bytes())),
        );
        world.put("all.zip", &archive_of(&files));
        let report = world.update().await.unwrap();
        assert_eq!((report.conflicts, report.added, report.held), (1, 1, 31));
        assert_eq!((world.about("new").await.len(), world.about("old").await.len()), (1, 0));
    }
}

#[tokio::test]
async fn records_that_are_refused_are_named_and_what_was_held_of_them_stays() {
    let world = on_disk(&many(1)).await;
    let mut files: Vec<_> =
        many(2).iter().map(|record| (name(record), record.to_string().into_bytes())).collect();
    files[7].1 = b"{ torn".to_vec();
    files.push((
        "A-1.json".into(),
        json!({ "schema_version": "2.0", "id": "A-1", "modified": day(1) }).to_string().into_bytes(),
    ));
    files.push(("notes.txt".into(), b"not a record".to_vec()));
    world.put("all.zip", &archive_of(&files));
    let report = world.update().await.unwrap();
    assert_eq!((report.refused, report.changed, report.removed), (2, 29, 0));
    assert_eq!(report.refusals[0].record, "GHSA-0007.json");
    assert!(report.refusals[1].why.contains("schema version"));
    assert_eq!(world.about("p7").await, ["GHSA-0007"]);
    assert_eq!(world.state().await.refused, 2);
}

#[tokio::test]
async fn what_is_no_feed_is_refused() {
    let world = on_disk(&many(1)).await;
    for bytes in [
        archive_of(&[("a.json".into(), b"{}".to_vec()), ("b.json".into(), b"[]".to_vec())]),
        archive_of(&[]),
        archive(&[{
            let mut debian = record("DSA-1", "x", 30);
            debian["affected"][0]["package"]["ecosystem"] = json!("Debian:12");
            debian
        }]),
    ] {
        world.put("all.zip", &bytes);
        assert_eq!(world.update().await.unwrap_err().code(), "TM0914");
    }
    std::fs::remove_file(world.folder.path().join("all.zip")).unwrap();
    assert_eq!(world.update().await.unwrap_err().code(), "TM0910");
    assert_eq!(world.state().await.records, 30);
}

#[tokio::test]
async fn archives_that_are_cut_damaged_or_lie_change_nothing() {
    let world = on_disk(&many(1)).await;
    let good = archive(&many(2)).to_vec();
    let central = good.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let mut cases: Vec<(&str, Vec<u8>)> =
        [1, 30, good.len() / 2, good.len() - 1].map(|len| ("cut", good[..len].to_vec())).into();
    let mut flipped = good.clone();
    flipped[60] ^= 0x55;
    cases.push(("a byte of a file", flipped));
    let mut lies = good.clone();
    // The uncompressed size in the list's first entry.
    lies[central + 24] ^= 0x01;
    cases.push(("the length in the list", lies));
    let mut checksum = good;
    checksum[central + 16] ^= 0x01;
    cases.push(("the checksum in the list", checksum));
    let pair = [("GHSA-a.json", record("GHSA-a", "a", 2)), ("GHSA-b.json", record("GHSA-b", "b", 2))];
    let files: Vec<_> = pair.map(|(name, record)| (name.to_owned(), record.to_string().into_bytes())).into();
    let mut twice = archive_of(&files).to_vec();
    while let Some(at) = twice.windows(11).position(|bytes| bytes == b"GHSA-b.json") {
        twice[at + 5] = b'a';
    }
    cases.push(("two files of one name", twice));
    cases.push(("no archive", b"<html>sign in</html>".to_vec()));
    for (what, bytes) in cases {
        world.put("all.zip", &bytes);
        let error = world.update().await.unwrap_err();
        assert_eq!(error.code(), "TM0911", "{what}: {error}");
        let record = world.store.record("GHSA-0000").await.unwrap().unwrap();
        assert_eq!(record.modified, at(&day(1)), "{what}: nothing of it was taken");
    }
}

#[tokio::test]
async fn a_record_of_a_hundred_megabytes_is_refused_and_costs_no_more_than_its_limit() {
    let world = on_disk(&many(1)).await;
    let mut files: Vec<_> =
        many(2).iter().map(|record| (name(record), record.to_string().into_bytes())).collect();
    let mut huge = record("MAL-huge", "huge", 3).to_string().into_bytes();
    huge.resize(100 << 20, b' ');
    files.push(("MAL-huge.json".into(), huge));
    world.put("all.zip", &archive_of(&files));
    let report = world.update().await.unwrap();
    assert_eq!((report.refused, report.changed), (1, 30));
    assert!(report.refusals[0].why.contains("larger than"), "{:?}", report.refusals);
    assert!(world.about("huge").await.is_empty());
}

#[tokio::test]
async fn an_archive_of_more_files_than_the_old_form_can_count_is_read() {
    let records: Vec<_> = (0..66_000).map(|n| record(&format!("A-{n}"), &format!("p{n}"), 1)).collect();
    let world = on_disk(&records).await;
    assert_eq!(world.state().await.records, 66_000);
    assert_eq!(world.about("p65999").await, ["A-65999"]);
}

#[tokio::test]
async fn two_updates_at_once_do_not_mix() {
    let world = on_disk(&many(1)).await;
    world.put("all.zip", &archive(&many(2)));
    let beside = DataDir::beside(world.folder.path().join("data")).unwrap();
    let fetch = HttpFetch::new(quick(), beside.blobs()).unwrap();
    let path = world.put("other.zip", &archive(&[many(3), vec![record("MAL-1", "evil", 3)]].concat()));
    let other = feed("f", path.to_str().unwrap());
    let feeds = Feeds::new(beside.advisories(), fetch, vec![other.clone()]);
    let progress = Arc::default();
    let theirs = feeds.update(&other, Options::default(), &progress, now());
    let (ours, theirs) = tokio::join!(world.update(), theirs);
    theirs.unwrap();
    // Whoever comes second sees what the first one left: the older of the two is refused or replaced.
    assert!(ours.is_ok() || matches!(ours, Err(FeedError::Rollback { .. })));
    assert_eq!(world.about("evil").await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisories.db");
    let foreign = rusqlite_file(&path);
    let error = DataDir::open(folder.path()).unwrap_err();
    assert_eq!(error.code(), "TM0607");
    assert!(error.to_string().contains("advisories.db"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), foreign);
    std::fs::write(&path, b"not a database at all, and long enough to be told from one").unwrap();
    assert_eq!(DataDir::open(folder.path()).unwrap_err().code(), "TM0607");
    // A newer version of the mill's own.
    std::fs::remove_file(&path).unwrap();
    drop(DataDir::open(folder.path()).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(DataDir::open(folder.path()).unwrap_err().code(), "TM0620");
}

/// The state file of another mill: a database, and no advisories.
fn rusqlite_file(path: &std::path::Path) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    drop(DataDir::open(folder.path()).unwrap());
    let bytes = std::fs::read(folder.path().join("state.db")).unwrap();
    std::fs::write(path, &bytes).unwrap();
    bytes
}

#[test]
fn addresses_are_told_apart() {
    let parse = |text: &str| Address::parse(text);
    assert!(matches!(parse("https://h/npm/").unwrap(), Address::Url(url) if url.path() == "/npm/all.zip"));
    assert!(matches!(parse("http://h/x.zip").unwrap(), Address::Url(_)));
    assert!(matches!(parse("file:///srv/all.zip").unwrap(), Address::Archive(_)));
    assert!(matches!(parse("/srv/advisories").unwrap(), Address::Folder(_)));
    assert!(matches!(parse("block.json").unwrap(), Address::Record(_)));
    assert!(parse("ftp://h/all.zip").is_err() && parse("/etc/passwd.txt").is_err());
    let shown = parse("https://me:s3cret@h/all.zip").unwrap().shown();
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_archives_is_what_they_hold() {
    let world = on_disk(&many(1)).await;
    let dumps = world.folder.path().join("osv");
    for (name, record) in [("npm", record("X-1", "one", 1)), ("other", record("X-2", "two", 1))] {
        std::fs::create_dir_all(dumps.join(name)).unwrap();
        std::fs::write(dumps.join(name).join("all.zip"), archive(&[record])).unwrap();
    }
    let fetch = HttpFetch::new(quick(), world._data.blobs()).unwrap();
    let both = feed("g", dumps.to_str().unwrap());
    let feeds = Feeds::new(Arc::clone(&world.store), fetch, vec![both.clone()]);
    let progress = Arc::new(Progress::default());
    feeds.update(&both, Options::default(), &progress, now()).await.unwrap();
    assert_eq!(
        (world.about("one").await, world.about("two").await),
        (vec!["X-1".to_owned()], vec!["X-2".to_owned()])
    );

    // Beside records, an archive is the one that they came out of.
    let lone = record("X-3", "three", 2);
    std::fs::write(dumps.join(name(&lone)), lone.to_string()).unwrap();
    let forced = Options { accept_loss: true, ..Options::default() };
    feeds.update(&both, forced, &progress, now()).await.unwrap();
    assert_eq!(world.about("three").await, ["X-3"]);
    assert!(world.about("one").await.is_empty());
}
