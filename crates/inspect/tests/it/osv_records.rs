//! Real records: what they say about real releases. The excerpt is read always, the whole sets where they are.

use crate::vulns::Dotted;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::advisory::osv::parse;
use trustmill_core::advisory::{Advisory, Matched, Severity};
use trustmill_inspect::vulns::{Oddity, find, oddities};
use trustmill_testkit::osv;

fn read(name: &str) -> Advisory {
    parse(&osv::record(name)).unwrap().advisory
}

#[test]
fn every_record_of_the_excerpt_is_read() {
    let records = osv::records();
    assert!(records.len() >= 40, "{}", records.len());
    for (name, bytes) in records {
        let parsed = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(format!("{}.json", parsed.advisory.id), name);
        assert_eq!((parsed.foreign, parsed.unscored), (0, 0), "{name}");
        let malware = ["MAL-", "LWA-"].iter().any(|prefix| name.starts_with(prefix));
        assert_eq!(parsed.advisory.malicious, malware || name == "RUSTSEC-2022-0042.json", "{name}");
    }
}

#[test]
fn rustsec_says_what_only_informs() {
    let unsound = read("crates.io/RUSTSEC-2018-0018");
    assert!(unsound.informational && !unsound.malicious);
    let time = read("crates.io/RUSTSEC-2020-0071");
    assert!(!time.informational);
    assert_eq!((time.severity, time.score), (Severity::Medium, Some(62)));
    assert_eq!(read("crates.io/RUSTSEC-2024-0445").severity, Severity::Low, "CVSS 4");
}

#[test]
fn releases_of_requests_are_judged_as_their_record_says() {
    let records = [Arc::new(read("PyPI/PYSEC-2023-74")), Arc::new(read("PyPI/PYSEC-2018-28"))];
    let found = |version| find(&records, &Dotted, &Purl::release("pypi", "Requests", version));
    let both = found("2.19.0");
    assert_eq!(both.len(), 2);
    assert_eq!(both[0].ids, ["PYSEC-2018-28", "GHSA-x84v-xcm2-53pg", "CVE-2018-18074"]);
    assert_eq!(
        (both[0].fixed.as_slice(), both[1].fixed.as_slice()),
        (&["2.20.0".to_owned()][..], &["2.31.0".to_owned()][..])
    );
    assert_eq!(found("2.30.0")[0].matched, Matched::Version);
    assert!(found("2.31.0").is_empty());
}

#[test]
fn malware_is_met_by_version_by_range_and_altogether() {
    let hit = |name: &str, ty: &str, project: &str, version: &str| {
        let found = find(&[Arc::new(read(name))], &Dotted, &Purl::release(ty, project, version));
        found.first().map(|finding| (finding.malicious, finding.matched))
    };
    assert_eq!(hit("PyPI/MAL-2023-10", "pypi", "security_util.py", "0.0.5"), Some((true, Matched::Version)));
    assert_eq!(hit("PyPI/MAL-2023-10", "pypi", "security-util-py", "0.0.7"), None);
    assert_eq!(hit("npm/MAL-2023-462", "npm", "fsevents", "1.2.10"), Some((true, Matched::Range)));
    assert_eq!(hit("npm/MAL-2023-462", "npm", "fsevents", "1.2.11"), None);
    assert_eq!(
        hit("crates.io/RUSTSEC-2022-0042", "cargo", "rustdecimal", "1.23.1"),
        Some((true, Matched::Every))
    );
    assert_eq!(hit("npm/MAL-2024-1398", "npm", "drata", "1.0.0"), None, "withdrawn");
}

#[test]
fn a_record_without_versions_is_told() {
    assert_eq!(oddities(&read("PyPI/PYSEC-2022-15"), &Dotted), [Oddity::Empty]);
}

/// Over the whole sets: nothing is refused, and every record without oddities hits a version that it names.
#[test]
fn every_real_record_is_read() {
    for path in osv::archives() {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        for index in 0..archive.len() {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut archive.by_index(index).unwrap(), &mut bytes).unwrap();
            let parsed = parse(&bytes).unwrap_or_else(|error| panic!("{} {index}: {error}", path.display()));
            let record = Arc::new(parsed.advisory);
            for affected in record.affected.iter().filter(|_| record.withdrawn.is_none()) {
                if let Some(version) = affected.versions.first() {
                    let release = affected.project.at(version);
                    assert_eq!(find(&[Arc::clone(&record)], &Dotted, &release).len(), 1, "{release}");
                }
            }
        }
    }
}
