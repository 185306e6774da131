//! The ladder, on wheels made for each step.

use crate::craft::{self, Entry, Zip, file, packed, zip};
use crate::mutants::{self, WHEEL_NAME, fix_record, pack};
use crate::record::contents;
use bytes::Bytes;
use trustmill_core::Verdict;
use trustmill_core::comparison::{Comparison, DifferenceClass, Replay};
use trustmill_core::content::Contents;
use trustmill_core::port::Coded as _;
use trustmill_inspect::archive::Limits;
use trustmill_inspect::compare::{CompareError, compare};

const META: &str = "a-1.dist-info/METADATA";
const WHEEL: &str = "a-1.dist-info/WHEEL";
const POINTS: &str = "a-1.dist-info/entry_points.txt";
const RECORD: &str = "a-1.dist-info/RECORD";

fn wheel() -> Contents {
    let mut wheel = contents(&[
        ("a/__init__.py", b"__version__ = '1'\nx = 1\n"),
        ("a/data.txt", b"built 2024-01-01\non /home/me/a\n"),
        (META, b"Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b (>=1)\nLicense: MIT\n\nHello\n"),
        (WHEEL, b"Wheel-Version: 1.0\nGenerator: x (1)\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n\n"),
        (POINTS, b"[console_scripts]\na = a:main\n"),
        (RECORD, b""),
    ]);
    fix_record(&mut wheel);
    wheel
}

fn with(path: &str, change: impl Fn(&str) -> String) -> Contents {
    let mut wheel = wheel();
    let text = change(wheel.text(path).unwrap());
    wheel.members.get_mut(path).unwrap().bytes = text.into();
    fix_record(&mut wheel);
    wheel
}

fn against(published: &Contents, rebuilt: &Contents) -> Comparison {
    compare(WHEEL_NAME, &pack(published), &pack(rebuilt), &Limits::default()).unwrap()
}

fn classes(found: &Comparison) -> Vec<DifferenceClass> {
    found.differences.iter().map(|difference| difference.class).collect()
}

fn rules(found: &Comparison) -> Vec<&str> {
    found.normalisations.iter().map(|rule| rule.id.as_str()).collect()
}

fn notes(found: &Comparison) -> String {
    match &found.replay {
        Some(Replay::Reproduced { notes }) => notes.join("; "),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_bytes_are_identical() {
    let found = against(&wheel(), &wheel());
    assert_eq!((found.verdict, found.published), (Verdict::Identical, found.rebuilt));
}

#[test]
fn another_container_is_replayed() {
    let mut other = wheel();
    other.order.reverse();
    fix_record(&mut other);
    other.members.get_mut("a/data.txt").unwrap().mode = Some(0o600);
    let found = against(&wheel(), &other);
    assert_eq!(found.verdict, Verdict::Replayed, "{found:#?}");
    assert!(notes(&found).contains("RECORD was written again"), "{found:#?}");
    other.order.reverse();
    fix_record(&mut other);
    assert_eq!(notes(&against(&wheel(), &other)), "");
    let extra = [file("d/", b""), packed("d/a.py", b"x = 1\n")];
    let ours = zip(&[file("d/a.py", b"x = 1\n")]);
    assert_eq!(
        compare(WHEEL_NAME, &zip(&extra), &ours, &Limits::default()).unwrap().verdict,
        Verdict::Replayed
    );
}

/// Each thing that a container can carry beside facts keeps a wheel off `replayed`.
#[test]
fn a_container_with_more_than_facts_is_normalised_at_best() {
    let plain = packed("a.py", b"x = 1\n");
    let ours = zip(&[file("a.py", b"x = 1\n")]);
    let check = |published: Bytes, reason: &str| {
        let found = compare(WHEEL_NAME, &published, &ours, &Limits::default()).unwrap();
        assert_eq!(found.verdict, Verdict::Normalised, "{found:#?}");
        assert_eq!(rules(&found), ["zip-container"]);
        let Some(Replay::Failed { why }) = &found.replay else { panic!("{found:#?}") };
        assert!(why.contains(reason), "{why}");
    };
    check(
        Zip { entries: std::slice::from_ref(&plain), comment: b"payload", ..Zip::default() }.build(),
        "a comment",
    );
    check(zip(&[Entry { comment: b"payload".to_vec(), ..plain.clone() }]), "a comment on");
    check(zip(&[Entry { extra: vec![0x55, 0x54, 1, 0, 0], ..plain.clone() }]), "an unknown extra field");
    check(zip(&[Entry { flags: 1 << 4, ..plain.clone() }]), "an unknown flag");
    check(zip(&[plain.clone(), file("empty/", b"")]), "an empty folder");
    // Twenty empty stored blocks before the text: a stream with room for a payload.
    let padded = [&[0, 0, 0, 0xff, 0xff].repeat(20)[..], &plain.stream].concat();
    check(zip(&[Entry { stream: padded, ..plain }]), "no known compressor");
}

#[test]
fn a_stream_of_an_unknown_compressor_is_taken_and_named() {
    // One stored block: an encoding of these bytes that none of the known compressors chooses.
    let stored = [&[1_u8, 6, 0, 0xf9, 0xff][..], b"x = 1\n"].concat();
    let published = zip(&[Entry { stream: stored, ..packed("a.py", b"x = 1\n") }]);
    let found =
        compare(WHEEL_NAME, &published, &zip(&[file("a.py", b"x = 1\n")]), &Limits::default()).unwrap();
    assert_eq!(found.verdict, Verdict::Replayed);
    assert!(notes(&found).contains("unknown compressor packed 1 of the members (\"a.py\""), "{found:#?}");
}

#[test]
fn rules_that_cite_make_spellings_equal() {
    for (path, from, to, rule) in [
        (META, "b (>=1)", "b>=1", "requirement-spelling"),
        (META, "Name: a\nVersion: 1\n", "Version: 1\nName: a\n", "metadata-field-order"),
        (
            WHEEL,
            "Tag: py2-none-any\nTag: py3-none-any",
            "Tag: py3-none-any\nTag: py2-none-any",
            "wheel-tag-order",
        ),
        (POINTS, "a = a:main\n", "a=a:main\n\n", "entry-points-layout"),
    ] {
        let found = against(&with(path, |text| text.replace(from, to)), &wheel());
        assert_eq!(found.verdict, Verdict::Normalised, "{found:#?}");
        assert!(rules(&found).contains(&rule) && rules(&found).contains(&"wheel-record"), "{found:#?}");
        assert!(found.normalisations.iter().all(|rule| !rule.cites.is_empty()));
    }
}

#[test]
fn differences_have_the_class_that_accounts_for_them() {
    use DifferenceClass as C;
    for (path, from, to, class, verdict) in [
        ("a/data.txt", "2024-01-01", "2025-02-02", C::BuildTime, Verdict::Explained),
        ("a/data.txt", "/home/me/a", "/tmp/b", C::BuildPath, Verdict::Explained),
        ("a/__init__.py", "'1'", "'1.dev1'", C::VersionStamp, Verdict::Explained),
        ("a/__init__.py", "x = 1", "x = 2", C::Content, Verdict::Unexplained),
        (WHEEL, "x (1)", "x (2)", C::GeneratorMetadata, Verdict::Explained),
        (WHEEL, "Tag: py2-none-any\n", "", C::Dependencies, Verdict::Unexplained),
        (WHEEL, "true", "false", C::Dependencies, Verdict::Unexplained),
        (META, "2.1", "2.4", C::GeneratorMetadata, Verdict::Explained),
        (
            META,
            "License: MIT\n",
            "License: MIT\nPlatform: UNKNOWN\n",
            C::GeneratorMetadata,
            Verdict::Explained,
        ),
        (META, "b (>=1)", "b (>=0)", C::Dependencies, Verdict::Unexplained),
        (
            META,
            "License: MIT\n",
            "Requires-Python: >=3\nLicense: MIT\n",
            C::Dependencies,
            Verdict::Unexplained,
        ),
        (META, "MIT", "GPL", C::Content, Verdict::Unexplained),
        (META, "Hello", "Hello, evil", C::Content, Verdict::Unexplained),
        (POINTS, "a:main", "a:evil", C::Dependencies, Verdict::Unexplained),
        (
            POINTS,
            "[console_scripts]",
            "[x]\nb = a:evil\n[console_scripts]",
            C::Dependencies,
            Verdict::Unexplained,
        ),
    ] {
        let found = against(&with(path, |text| text.replace(from, to)), &wheel());
        assert_eq!((found.verdict, classes(&found)), (verdict, vec![class]), "{from} -> {to}: {found:#?}");
        assert!(found.differences[0].diff.as_ref().unwrap().contains("+++ rebuilt"));
        assert!(found.replay.is_some());
    }
}

#[test]
fn the_most_alarming_class_wins() {
    let evil = |text: &str| text.replace("b (>=1)", "evil").replace("2.1", "2.4").replace('\n', "\r\n");
    let found = against(&with(META, evil), &wheel());
    assert_eq!((found.verdict, classes(&found)), (Verdict::Unexplained, vec![DifferenceClass::Dependencies]));
    let found =
        against(&with("a/data.txt", |text| text.replace("2024", "2025").replace('\n', "\r\n")), &wheel());
    assert_eq!(classes(&found), [DifferenceClass::Content]);
}

#[test]
fn files_of_one_side_are_told_apart_by_what_they_do() {
    for (path, bytes, loud) in [
        ("a/evil.py", &b"x"[..], true),
        ("a/evil.PTH", b"x", true),
        ("a-1.data/scripts/run", b"x", true),
        ("a/lib.so.1", b"x", true),
        ("a/tool", b"#!/bin/sh\n", true),
        ("a/tool", b"\x7fELF", true),
        ("a/README.rst", b"x", false),
    ] {
        let mut published = wheel();
        let member = contents(&[(path, bytes)]).members.remove(path).unwrap();
        published.members.insert(path.into(), member);
        published.order.push(path.into());
        fix_record(&mut published);
        let found = against(&published, &wheel());
        assert_eq!(classes(&found), [DifferenceClass::OnlyPublished], "{path}");
        assert_eq!(found.differences[0].detail.starts_with("EXECUTABLE CONTENT"), loud, "{path}");
        assert_eq!(found.verdict, if loud { Verdict::Unexplained } else { Verdict::Explained });
        let found = against(&wheel(), &published);
        assert_eq!(
            (found.verdict, classes(&found)),
            (Verdict::Explained, vec![DifferenceClass::OnlyRebuilt])
        );
    }
}

#[test]
fn a_moved_licence_is_named() {
    let at = |path: &str| {
        let mut wheel = wheel();
        wheel.members.insert(path.into(), contents(&[(path, b"licence")]).members.remove(path).unwrap());
        wheel.order.push(path.into());
        fix_record(&mut wheel);
        wheel
    };
    let found = against(&at("a-1.dist-info/licenses/LICENSE"), &at("a-1.dist-info/LICENSE"));
    assert_eq!(found.verdict, Verdict::Explained);
    let text: String = found.differences.iter().map(|d| d.detail.as_str()).collect();
    assert!(text.contains("the same bytes at \"a-1.dist-info/LICENSE\""), "{text}");
}

#[test]
fn a_record_that_lies_is_reported_though_both_have_it() {
    let mut lying = wheel();
    let text = lying.text(RECORD).unwrap().replace("sha256=", "sha256=A");
    lying.members.get_mut(RECORD).unwrap().bytes = text.into();
    let mut other = lying.clone();
    other.members.get_mut("a/data.txt").unwrap().bytes = Bytes::from_static(b"other");
    // Only ours lies: what was published is right, and every byte of it is ours.
    assert_eq!(against(&wheel(), &lying).verdict, Verdict::Replayed);
    for (published, rebuilt) in [(&lying, &wheel()), (&lying, &other)] {
        let found = against(published, rebuilt);
        assert!(classes(&found).contains(&DifferenceClass::RecordMismatch), "{found:#?}");
        assert_eq!(found.verdict, Verdict::Unexplained);
    }
}

#[test]
fn every_mutant_of_a_small_wheel_is_reported() {
    mutants::check("small", &wheel());
}

#[test]
fn a_refused_archive_is_named_with_its_side() {
    let bad = zip(&[file("../x", b"")]);
    let good = zip(&[file("x", b"")]);
    let error = compare(WHEEL_NAME, &bad, &good, &Limits::default()).unwrap_err();
    assert!(matches!(error, CompareError::Published(_)));
    assert_eq!(error.code(), "TM0301");
    assert!(matches!(compare(WHEEL_NAME, &good, &bad, &Limits::default()), Err(CompareError::Rebuilt(_))));
    assert_eq!(craft::crc(b"123456789"), 0xcbf4_3926);
}
