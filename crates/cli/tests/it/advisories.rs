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
