//! `trustmill advisories`, as its user sees it.

use crate::support::Mill;
use std::time::{Duration, Instant};
use trustmill_testkit::osv;

fn mill_with_feed() -> Mill {
    let mill = Mill::new();
    std::fs::create_dir_all(mill.data()).unwrap();
    let feed = format!("[[feeds]]\nname = \"excerpt\"\npath = {:?}\n", osv::excerpt());
    std::fs::write(mill.data().join("trustmill.toml"), feed).unwrap();
    mill
}

#[test]
fn feeds_are_read_listed_looked_up_and_forgotten() {
    let mill = mill_with_feed();
    let before = mill.run(&["advisories", "list", "--json"]).json(0);
    assert_eq!((before[0]["records"].as_u64(), before[0]["stale"].as_bool()), (Some(0), Some(true)));
    let done = mill.run(&["advisories", "update", "--json"]).json(0);
    let held = done["updated"][0]["held"].as_u64().unwrap();
    assert_eq!(held, osv::records().len() as u64);
    let list = mill.run(&["advisories", "list", "--json"]).json(0);
    assert_eq!((list[0]["stale"].as_bool(), list[0]["records"].as_u64()), (Some(false), Some(held)));
    assert!(mill.run(&["advisories", "list"]).stdout().contains("excerpt"));

    let findings = mill.run(&["advisories", "show", "--json", "pkg:pypi/requests@2.19"]).json(0);
    let ids: Vec<_> = findings.as_array().unwrap().iter().map(|f| f["ids"][0].as_str().unwrap()).collect();
    assert!(ids.contains(&"PYSEC-2018-28") && ids.contains(&"PYSEC-2023-74"), "{ids:?}");
    let clean = mill.run(&["advisories", "show", "pkg:pypi/requests@2.31.0"]);
    assert!(clean.code() == 0 && clean.stdout().contains("no feed says anything against"));
    let record = mill.run(&["advisories", "show", "CVE-2023-32681"]).stdout();
    assert!(record.contains("PYSEC-2023-74") && record.contains("fixed in 2.31.0"), "{record}");
    let malware = mill.run(&["advisories", "show", "pkg:cargo/rustdecimal@1.23.1"]).stdout();
    assert!(malware.starts_with("malware") && malware.contains("MAL-2022-1, "), "{malware}");

    let unknown = mill.run(&["advisories", "show", "CVE-1999-0001"]);
    assert!(unknown.code() == 2 && unknown.stderr().contains("TM0919"), "{}", unknown.stderr());
    assert_eq!(mill.run(&["advisories", "forget", "excerpt"]).code(), 0);
    assert!(mill.run(&["advisories", "forget", "excerpt"]).stderr().contains("TM0918"));
}

#[test]
fn what_goes_wrong_is_told_and_remembered() {
    let mill = Mill::new();
    assert!(mill.run(&["advisories", "update"]).stderr().contains("TM0918"));
    let bad = mill.file("all.zip", "no archive");
    let failed = mill.run(&["advisories", "update", "--json", "--from", bad.to_str().unwrap()]).json(3);
    assert_eq!(
        (&failed["failed"][0]["feed"], &failed["failed"][0]["code"]),
        (&"local".into(), &"TM0911".into())
    );
    let list = mill.run(&["advisories", "list"]).stdout();
    assert!(list.contains("local fails since") && list.contains("TM0911"), "{list}");
    let text = mill.run(&["advisories", "update", "--from", "ftp://h/all.zip"]);
    assert!(text.code() == 2 && text.stderr().contains("TM0916"), "{}", text.stderr());
    let down = mill.run(&["advisories", "update", "--from", "http://127.0.0.1:9/all.zip", "far"]);
    assert!(down.code() == 3 && down.stderr().contains("error[TM0910]: far:"), "{}", down.stderr());
    let doctor = mill.run(&["--pypi-index", "http://127.0.0.1:9/simple/", "doctor", "--json"]).json(1);
    let problems = doctor["problems"].to_string();
    assert!(problems.contains("the feed far fails since"), "{problems}");
}

/// Two folders are two feeds: the older one of them is no older copy of the other, and takes nothing away from it.
#[test]
fn each_place_is_a_feed_of_its_own() {
    let mill = Mill::new();
    let folder = |name: &str, id: &str, modified: &str| {
        let folder = mill.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let record = format!(
            r#"{{"id":"{id}","modified":"{modified}T00:00:00Z","affected":[{{"package":{{"ecosystem":"npm",
            "name":"demo"}},"versions":["1.0.0"]}}]}}"#
        );
        std::fs::write(folder.join(format!("{id}.json")), record).unwrap();
        folder.to_str().unwrap().to_owned()
    };
    let (ours, theirs) = (folder("ours", "X-1", "2026-01-02"), folder("Their records", "Y-1", "2020-01-01"));
    let read = |path: &str, code| {
        let done = mill.run(&["advisories", "update", "--json", "--from", path]).json(code);
        done["updated"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["feed"].as_str().unwrap().to_owned())
            .collect()
    };
    let names: [Vec<String>; 4] =
        [read(&ours, 0), read(&theirs, 0), read(&format!("{theirs}/"), 0), read(&ours, 0)];
    assert_eq!(names, [["local"], ["their-records"], ["their-records"], ["local"]]);
    // One record more is added to what is read by hand, and moves nothing.
    let alone = format!("{}/Y-1.json", folder("alone", "Y-1", "2019-01-01"));
    assert_eq!(read(&alone, 0), ["local"]);
    assert_eq!(read(&ours, 0), ["local"]);
    folder("ours", "X-1", "2025-01-02");
    assert_eq!(read(&ours, 1), Vec::<String>::new(), "the same place going back is refused");
    let list = mill.run(&["advisories", "list", "--json"]).json(0);
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
}

#[test]
fn the_running_mill_reads_its_feeds_by_itself() {
    let mill = mill_with_feed();
    let server = mill.up(&["--serve-only"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    let held = || mill.run(&["advisories", "list", "--json"]).json(0)[0]["records"].as_u64().unwrap();
    while held() == 0 {
        assert!(Instant::now() < deadline, "the feed is read in the background");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(held(), osv::records().len() as u64);
    assert_eq!(server.terminate(), 0);
}
