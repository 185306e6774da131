//! Archives that lie, end early or hide something: what the scanner still sees of them.

use super::*;
use proptest::prelude::*;

/// A zip made by hand, so that it can lie. Members are `(name in the local header, name in the directory, content)`.
fn zip(members: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (local, central, content) in members {
        let at = out.len() as u32;
        let crc = zlib_rs::crc32::crc32(0, content);
        let shared = |name: &str| {
            let mut header = Vec::new();
            header.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x50]);
            header.extend(crc.to_le_bytes());
            header.extend((content.len() as u32).to_le_bytes());
            header.extend((content.len() as u32).to_le_bytes());
            header.extend((name.len() as u16).to_le_bytes());
            header.extend([0, 0]);
            header
        };
        out.extend(b"PK\x03\x04");
        out.extend(shared(local));
        out.extend(local.as_bytes());
        out.extend(*content);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(shared(central));
        directory.extend([0; 2 + 2 + 2 + 4]);
        directory.extend(at.to_le_bytes());
        directory.extend(central.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// One member of a tar: name, type, target of a link, content.
fn block(name: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u64 = header.iter().map(|b| u64::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend(content);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; data.len() + data.len() / 100 + 1024];
    let config = zlib_rs::DeflateConfig { window_bits: 31, ..Default::default() };
    let (out, _) = zlib_rs::compress_slice(&mut out, data, config);
    out.to_vec()
}

fn opened(name: &str, bytes: Vec<u8>) -> (Vec<String>, Vec<Odd>) {
    let Unpacked { files, oddities } = unpack(name, &Bytes::from(bytes));
    let mut kinds: Vec<Odd> = oddities.iter().map(|oddity| oddity.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    (files.into_iter().map(|(path, _)| path).collect(), kinds)
}

#[test]
fn a_good_archive_has_its_files_and_nothing_odd() {
    let wheel = zip(&[("a/b.py", "a/b.py", b"1"), ("a/c.py", "a/c.py", b"2")]);
    assert_eq!(
        opened("a-1-py3-none-any.whl", wheel.clone()),
        (vec!["a/b.py".into(), "a/c.py".into()], vec![])
    );
    assert_eq!(opened("a-1.zip", wheel), (vec!["b.py".into(), "c.py".into()], vec![]));
    let sdist = gzip(&tar(&[block("a-1/", b'5', "", b""), block("a-1/setup.py", b'0', "", b"1")]));
    for name in ["a-1.tar.gz", "a-1.tgz", "a-1.crate"] {
        assert_eq!(opened(name, sdist.clone()), (vec!["setup.py".into()], vec![]), "{name}");
    }
}

#[test]
fn both_views_of_a_zip_are_shown() {
    let lying = zip(&[("setup.py", "README", b"import os")]);
    let (files, odd) = opened("a-1-py3-none-any.whl", lying);
    assert_eq!(files, ["README", "setup.py"]);
    assert_eq!(odd, [Odd::Refused, Odd::Disagreement]);
    let mut hidden = zip(&[("a.py", "a.py", b"1")]);
    let member = zip(&[("b.py", "b.py", b"2")]);
    let end = memchr::memmem::find(&member, b"PK\x01\x02").unwrap();
    // A member that no directory names, before the others.
    hidden.splice(0..0, member[..end].iter().copied());
    let (files, odd) = opened("a-1-py3-none-any.whl", hidden);
    assert_eq!(files, ["a.py", "b.py"]);
    assert!(odd.contains(&Odd::Disagreement), "{odd:?}");
}

#[test]
fn a_name_with_two_contents_is_shown_twice_and_one_with_one_once() {
    let twice = zip(&[("a.py", "a.py", b"1"), ("a.py", "a.py", b"2"), ("a.py", "a.py", b"1")]);
    let (files, odd) = opened("a-1-py3-none-any.whl", twice);
    assert_eq!(files, ["a.py", "a.py#2"]);
    assert_eq!(odd, [Odd::Refused, Odd::DuplicateName]);
    let twice = gzip(&tar(&[block("p/a.js", b'0', "", b"1"), block("p/a.js", b'0', "", b"2")]));
    assert_eq!(opened("a-1.tgz", twice).0, ["a.js", "a.js#2"]);
    assert_eq!(first_name("a.py#2"), Some("a.py"));
    assert_eq!(first_name("a#b"), None);
}

#[test]
fn what_came_out_of_a_broken_archive_is_shown() {
    let noise: Vec<u8> = (0..4000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let whole = gzip(&tar(&[block("p/a.js", b'0', "", b"1"), block("p/b.bin", b'0', "", &noise)]));
    let (files, odd) = opened("a-1.tgz", whole[..whole.len() / 2].to_vec());
    assert_eq!(files, ["a.js", "b.bin"]);
    assert!(odd.contains(&Odd::Truncated), "{odd:?}");
    let wheel = zip(&[("a.py", "a.py", b"1"), ("b.py", "b.py", &noise)]);
    let (files, odd) = opened("a-1-py3-none-any.whl", wheel[..9000].to_vec());
    assert_eq!(files, ["a.py", "b.py"]);
    assert!(odd.contains(&Odd::Truncated), "{odd:?}");
    let after = [whole, b"import os".to_vec()].concat();
    let (files, odd) = opened("a-1.tgz", after);
    assert!(files.contains(&"trailing".to_owned()), "{files:?}");
    assert_eq!(odd, [Odd::Refused, Odd::Trailing, Odd::NoTopFolder]);
}

#[test]
fn a_file_of_two_formats_is_opened_as_both() {
    let sdist = gzip(&tar(&[block("a/setup.py", b'0', "", b"1")]));
    let both = [sdist, zip(&[("a/setup.py", "a/setup.py", b"import os")])].concat();
    let (files, odd) = opened("a-1.tar.gz", both);
    assert!(files.contains(&"setup.py".to_owned()) || files.contains(&"a/setup.py".to_owned()), "{files:?}");
    assert!(files.iter().any(|path| path.ends_with("setup.py#2") || path == "setup.py"), "{files:?}");
    assert!(odd.contains(&Odd::Polyglot) && odd.contains(&Odd::Trailing), "{odd:?}");
    // pip asks whether something is a zip before it looks at the name: a whole gzip file that is one, too.
    let inner = zip(&[("a/setup.py", "a/setup.py", b"import os")]);
    let mut out = vec![0; 20_000];
    let config = zlib_rs::DeflateConfig { level: 0, window_bits: 31, ..Default::default() };
    let (stored, _) = zlib_rs::compress_slice(&mut out, &tar(&[block("a/x.zip", b'0', "", &inner)]), config);
    let (files, odd) = opened("a-1.tar.gz", stored.to_vec());
    assert!(files.contains(&"x.zip!/a/setup.py".to_owned()), "{files:?}");
    assert!(odd.contains(&Odd::Polyglot), "{odd:?}");
}

#[test]
fn links_show_what_they_lead_to_and_leave_nowhere() {
    let links = tar(&[
        block("p/real.py", b'0', "", b"import os"),
        block("p/setup.py", b'2', "real.py", b""),
        block("p/hard.py", b'1', "p/real.py", b""),
        block("p/out", b'2', "../../etc/passwd", b""),
        block("p/dev", b'3', "", b""),
    ]);
    let (files, odd) = opened("a-1.tgz", gzip(&links));
    assert_eq!(files, ["real.py", "setup.py", "hard.py"]);
    assert_eq!(odd, [Odd::Refused, Odd::Link, Odd::LinkLeaves, Odd::Device]);
}

#[test]
fn archives_within_archives_are_opened_to_a_depth() {
    let mut inner = zip(&[("deep.py", "deep.py", b"1")]);
    for level in 0..4 {
        inner = zip(&[("x.zip", "x.zip", &inner), ("n", "n", &[level])]);
    }
    let (files, odd) = opened("a-1-py3-none-any.whl", inner);
    assert!(files.contains(&"x.zip!/x.zip!/x.zip!/n".to_owned()), "{files:?}");
    assert!(!files.iter().any(|path| path.contains("deep.py")), "{files:?}");
    assert_eq!(odd, [Odd::TooDeep]);
    let one = zip(&[("data.json.gz", "data.json.gz", &gzip(b"{}"))]);
    assert_eq!(opened("a-1-py3-none-any.whl", one).0, ["data.json.gz", "data.json.gz!/data.json"]);
}

#[test]
fn a_bomb_ends_with_the_budget_of_the_whole_tree() {
    let limits =
        Limits { members: 100, member_bytes: 1 << 20, total_bytes: 8 << 20, ratio: 400, path_bytes: 100 };
    let zeros = gzip(&vec![0; 6 << 20]);
    let bomb = gzip(&tar(&[block("p/a.gz", b'0', "", &gzip(&zeros)), block("p/b.gz", b'0', "", &zeros)]));
    let found = within("a-1.tgz", &Bytes::from(bomb), limits);
    let total: usize = found.files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(total <= 8 << 20, "{total}");
    let kinds: Vec<Odd> = found.oddities.iter().map(|oddity| oddity.kind).collect();
    assert!(kinds.contains(&Odd::CutShort) || kinds.contains(&Odd::Bomb), "{kinds:?}");
    // Many members on one piece of data: each counts.
    let page = vec![b'x'; 200 << 10];
    let mut overlapping = zip(&[("0.js", "0.js", &page)]);
    let at = memchr::memmem::find(&overlapping, b"PK\x01\x02").unwrap();
    let central = overlapping[at..overlapping.len() - 22].to_vec();
    let repeated: Vec<u8> = (0..99u8).flat_map(|_| central.clone()).collect();
    let len = (central.len() * 100) as u32;
    overlapping.splice(at..at, repeated);
    let end = overlapping.len() - 10;
    overlapping[end..end + 4].copy_from_slice(&len.to_le_bytes());
    let found = within("a-1-py3-none-any.whl", &Bytes::from(overlapping), limits);
    assert!(found.oddities.iter().any(|oddity| oddity.kind == Odd::Bomb), "{:?}", found.oddities);
}

#[test]
fn an_archive_in_xz_zstd_and_bzip2_is_opened() {
    // `printf 'import os' | xz`, `| zstd`, `| bzip2`.
    for (name, encoded) in [
        (
            "a.xz",
            "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAIaW1wb3J0IG9zAAAAAHl1wOmi03OVAAEhCWwYxdUftvN9AQAAAAAEWVo=",
        ),
        ("a.zst", "KLUv/QRYSQAAaW1wb3J0IG9zfc/eaw=="),
        ("a.bz2", "QlpoOTFBWSZTWWhyb0IAAACRgEAAACLcACAAMQwIIaaNqA5vSjxdyRThQkGhyb0I"),
    ] {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
        let wheel = zip(&[(name, name, &bytes)]);
        let found = unpack("a-1-py3-none-any.whl", &Bytes::from(wheel));
        assert!(
            found.files.iter().any(|(path, _)| path == &format!("{name}!/a")),
            "{name}: {:?}",
            found.files
        );
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_every_path_is_there_once(bytes in proptest::collection::vec(any::<u8>(), 0..400), pick in 0usize..6) {
        let name = ["a.whl", "a.tar.gz", "a.tar.bz2", "a.tar", "a.zip", "a.tar.xz"][pick];
        let found = unpack(name, &Bytes::from(bytes));
        let mut paths: Vec<&str> = found.files.iter().map(|(path, _)| path.as_str()).collect();
        let count = paths.len();
        paths.sort_unstable();
        paths.dedup();
        prop_assert_eq!(paths.len(), count);
    }

    #[test]
    fn a_flipped_byte_loses_no_more_than_it_must(at in 0usize..500, flip in 1u8..) {
        let good = zip(&[("a.py", "a.py", b"first"), ("b.py", "b.py", b"second"), ("c.py", "c.py", b"third")]);
        let mut bad = good;
        let at = at % bad.len();
        bad[at] ^= flip;
        let found = unpack("a-1-py3-none-any.whl", &Bytes::from(bad));
        let sound = found.files.iter().filter(|(_, b)| [&b"first"[..], b"second", b"third"].contains(&&b[..])).count();
        prop_assert!(sound >= 1, "{:?}", found);
    }
}
