//! Replay of tar.gz: what is only a container is replayed, and what could carry a payload is not.

use crate::archive_tar_gz::{extension, file, pax};
use crate::craft::{gz, seal, tar_entry, tar_gz};
use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::io::Write as _;
use trustmill_core::Verdict;
use trustmill_core::comparison::{Comparison, Replay};
use trustmill_inspect::archive::{Limits, tar_gz as reader};
use trustmill_inspect::compare::compare;
use trustmill_inspect::replay::{self, tar_gz::replay};

/// Our rebuild: the plainest container of one file.
fn ours() -> Bytes {
    tar_gz(&[file("package/a.js", b"x = 1\n")])
}

fn against_ours(published: &Bytes) -> Comparison {
    compare("p-1.0.0.tgz", published, &ours(), &Limits::default()).unwrap()
}

fn why(found: &Comparison) -> String {
    match &found.replay {
        Some(Replay::Failed { why }) => why.clone(),
        other => format!("{other:?}"),
    }
}

/// A header with one field overwritten.
fn with(at: usize, value: &[u8]) -> Vec<u8> {
    let mut entry = file("package/a.js", b"x = 1\n");
    entry[at..at + value.len()].copy_from_slice(value);
    seal(&mut entry);
    entry
}

/// A gzip header that says more than it must.
fn gzip_with(build: impl FnOnce(flate2::GzBuilder) -> flate2::GzBuilder) -> Bytes {
    let tar = [file("package/a.js", b"x = 1\n"), vec![0; 1024]].concat();
    let builder = build(flate2::GzBuilder::new());
    let mut out = builder.write(Vec::new(), flate2::Compression::best());
    out.write_all(&tar).unwrap();
    out.finish().unwrap().into()
}

#[test]
fn facts_of_the_container_are_replayed() {
    let a = || file("package/a.js", b"x = 1\n");
    let record = |records: &[(&str, &str)]| {
        let data: Vec<u8> = records.iter().flat_map(|(key, value)| pax(key, value)).collect();
        extension(b'x', "PaxHeader/a.js", &data)
    };
    for entries in [
        vec![with(136, b"03560000000\0")],
        vec![with(108, b"0001750\x000001750\0")],
        vec![with(265, b"runner")],
        vec![with(100, b"0100664\0")],
        vec![with(257, b"ustar  \0")],
        vec![with(257, &[0; 8])],
        vec![with(476, b"14000000000\x0014000000000\0")],
        vec![with(124, b"          6 ")],
        vec![tar_entry(b"package/", b'5', "0000755", "", b""), a()],
        vec![record(&[("mtime", "1700000000.123456"), ("uname", "me")]), a()],
        vec![file("package/./a.js", b"x = 1\n")],
        vec![record(&[("path", "package/a.js")]), with(0, b"package/a.js")],
        vec![extension(b'L', "././@LongLink", b"package/a.js\0"), a()],
    ] {
        let found = against_ours(&tar_gz(&entries));
        assert_eq!(found.verdict, Verdict::Replayed, "{found:#?}");
    }
    for zeros in [0, 512, 8192] {
        assert_eq!(against_ours(&gz(&[a(), vec![0; zeros]].concat())).verdict, Verdict::Replayed);
    }
    let named = gzip_with(|gzip| gzip.filename("package.tar").mtime(1_700_000_000).operating_system(3));
    assert_eq!(against_ours(&named).verdict, Verdict::Replayed);
}

#[test]
fn what_could_carry_a_payload_is_normalised_at_best() {
    let a = || file("package/a.js", b"x = 1\n");
    let record = |name: &str, key: &str, value: &str| vec![extension(b'x', name, &pax(key, value)), a()];
    let twice = [pax("mtime", "1"), pax("mtime", "2")].concat();
    for (published, reason) in [
        (tar_gz(&[with(297, b"\xffx")]), "an owner's name"),
        (tar_gz(&[with(270, b"payload")]), "behind a name"),
        (tar_gz(&[with(20, b"payload")]), "behind a name"),
        (tar_gz(&[with(157, b"link")]), "the name of a link"),
        (tar_gz(&[with(329, b"0000001\0")]), "a device number"),
        (tar_gz(&[with(350, b"\0payload")]), "behind a name"),
        (tar_gz(&[with(500, b"payload")]), "unused part of a header"),
        (tar_gz(&[with(257, b"payload!")]), "an unknown layout"),
        (tar_gz(&[with(108, b"payload\0")]), "no number"),
        (tar_gz(&record("PaxHeader/a.js", "comment", "payload")), "an unknown pax record"),
        (tar_gz(&record("PaxHeader/a.js", "SCHILY.xattr.user.x", "1")), "an unknown pax record"),
        (tar_gz(&record("PaxHeader/a.js", "mtime", "payload")), "no number"),
        (tar_gz(&record("PaxHeader/payload", "mtime", "1")), "name of an extended header"),
        (tar_gz(&record("payload", "mtime", "1")), "name of an extended header"),
        (tar_gz(&[extension(b'x', "PaxHeader/a.js", &twice), a()]), "a pax record twice"),
        (tar_gz(&[extension(b'g', "pax_global_header", &pax("comment", "f00")), a()]), "a global pax header"),
        (tar_gz(&[extension(b'K', "././@LongLink", b"payload\0"), a()]), "long name of a link"),
        (tar_gz(&[extension(b'L', "././@LongLink", b"package/a.js\0payload"), a()]), "behind a long name"),
        (
            tar_gz(&[extension(b'L', "././@LongLink", b"package/a.js\0"), file("payload", b"x = 1\n")]),
            "a second name",
        ),
        (tar_gz(&[a(), tar_entry(b"package/b/", b'5', "0000755", "", b"")]), "an empty folder"),
        (gzip_with(|gzip| gzip.comment("payload")), "gzip header"),
        (gzip_with(|gzip| gzip.extra(b"payload".to_vec())), "gzip header"),
        (gzip_with(|gzip| gzip.filename("payload")), "gzip header"),
    ] {
        let found = against_ours(&published);
        assert!(why(&found).contains(reason), "{reason}: {found:#?}");
        assert_eq!(found.verdict, Verdict::Normalised, "{reason}");
        assert_eq!(found.normalisations.len(), 1);
        assert_eq!(found.normalisations[0].id, "tar-gz-container");
    }
}

#[test]
fn a_stream_of_an_unknown_compressor_is_taken_and_named() {
    let tar = [file("package/a.js", b"x = 1\n"), vec![0; 1024]].concat();
    let plain = gz(&tar);
    let wrapped = |stream: &[u8]| Bytes::from([&plain[..10], stream, &plain[plain.len() - 8..]].concat());
    // An empty stored block before the stream: an encoding that no compressor chooses, and a short one.
    let stream = &plain[10..plain.len() - 8];
    let odd = wrapped(&[&[0, 0, 0, 0xff, 0xff][..], stream].concat());
    let found = against_ours(&odd);
    assert_eq!(found.verdict, Verdict::Replayed);
    let Some(Replay::Reproduced { notes }) = &found.replay else { panic!("{found:#?}") };
    assert!(notes[0].contains("unknown compressor packed the tar"), "{notes:?}");
    let padded = wrapped(&[&[0, 0, 0, 0xff, 0xff].repeat(40)[..], stream].concat());
    let found = against_ours(&padded);
    assert!(why(&found).contains("no known compressor"), "{found:#?}");
    assert_eq!(found.verdict, Verdict::Normalised);
}

#[test]
fn an_executable_bit_is_never_replayed() {
    let published = tar_gz(&[tar_entry(b"package/a.js", b'0', "0000755", "", b"x = 1\n")]);
    let found = against_ours(&published);
    assert!(why(&found).contains("executable on one side only"));
    assert_eq!(found.verdict, Verdict::Explained);
}

#[derive(Debug, Clone)]
struct Made {
    data: Vec<u8>,
    executable: bool,
    mtime: u32,
    uid: u16,
    layout: u8,
}

fn made() -> impl Strategy<Value = Made> {
    (vec(any::<u8>(), 0..700), any::<bool>(), any::<u32>(), any::<u16>(), 0_u8..3)
        .prop_map(|(data, executable, mtime, uid, layout)| Made { data, executable, mtime, uid, layout })
}

fn pack(files: &std::collections::BTreeMap<String, Made>, level: u32, zeros: usize) -> Bytes {
    let mut tar = Vec::new();
    for (name, made) in files {
        let mode = if made.executable { "0000755" } else { "0000644" };
        let mut entry = tar_entry(format!("package/{name}").as_bytes(), b'0', mode, "", &made.data);
        entry[136..147].copy_from_slice(format!("{:011o}", made.mtime).as_bytes());
        entry[108..115].copy_from_slice(format!("{:07o}", made.uid).as_bytes());
        let magic: [&[u8; 8]; 3] = [b"ustar\x0000", b"ustar  \0", &[0; 8]];
        entry[257..265].copy_from_slice(magic[usize::from(made.layout)]);
        seal(&mut entry);
        tar.extend(entry);
    }
    tar.resize(tar.len() + zeros, 0);
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    out.write_all(&tar).unwrap();
    out.finish().unwrap().into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_we_can_write_we_can_replay(
        files in btree_map("[a-z]{1,8}(/[a-z]{1,8}){0,2}\\.js", made(), 1..6),
        level in 1_u32..10,
        zeros in 0_usize..2049,
    ) {
        let bytes = pack(&files, level, zeros);
        let limits = replay::Limits::from(&Limits::default());
        let Ok(archive) = reader::open(&bytes, &Limits::default()) else { return Ok(()) };
        let replayed = replay(&archive, &archive.contents, &limits).unwrap();
        prop_assert_eq!(&replayed.bytes, &bytes);
        prop_assert!(!replayed.gzip_taken);
        // A byte of a member that is not ours is never replayed.
        let mut ours = archive.contents.clone();
        let (_, member) = ours.members.iter_mut().next().unwrap();
        member.bytes = [&member.bytes[..], b"x"].concat().into();
        prop_assert!(replay(&archive, &ours, &limits).is_err());
    }

    #[test]
    fn a_changed_byte_is_refused_reported_or_a_fact(
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let tar = [file("package/a.js", b"x = 1\n"), file("package/b.js", b"y = 2\n"), vec![0; 1024]].concat();
        let mut changed = tar.clone();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        let (good, bad) = (gz(&tar), gz(&changed));
        if let Ok(found) = compare("p.tgz", &bad, &good, &Limits::default()) {
            let archive = reader::open(&bad, &Limits::default()).unwrap();
            let honest = reader::open(&good, &Limits::default()).unwrap();
            if found.verdict.same_bytes() {
                for (path, member) in &archive.contents.members {
                    prop_assert_eq!(&member.bytes, &honest.contents.members[path].bytes);
                }
            }
        }
    }

    #[test]
    fn nothing_panics(bytes in vec(any::<u8>(), 0..2000), header in any::<bool>()) {
        let data = if header { gz(&bytes) } else { bytes.into() };
        let _ = reader::read(&data, &Limits::default());
    }
}
