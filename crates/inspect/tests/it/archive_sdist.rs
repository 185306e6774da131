//! The readers of source archives: one archive for each refusal, and what is accepted.

use crate::craft::{file, gz, seal, tar_entry, tar_gz, zip};
use bytes::Bytes;
use std::io::Write as _;
use trustmill_core::content::Contents;
use trustmill_core::port::Coded as _;
use trustmill_inspect::archive::Limits;
use trustmill_inspect::archive::sdist::read;
use trustmill_inspect::archive::tar::SdistError;

fn try_read(entries: &[Vec<u8>]) -> Result<Contents, SdistError> {
    read("p-1.tar.gz", &tar_gz(entries), &Limits::default())
}

#[track_caller]
fn refuses(want: &str, entries: &[Vec<u8>]) {
    let result = try_read(entries);
    assert_eq!(result.as_ref().map_or_else(|e| e.code(), |_| "ok"), want, "{result:?}");
}

fn reg(name: &str, data: &[u8]) -> Vec<u8> {
    tar_entry(name.as_bytes(), b'0', "0000644", "", data)
}

fn link(name: &str, target: &str) -> Vec<u8> {
    tar_entry(name.as_bytes(), b'2', "0000777", target, b"")
}

fn hard(name: &str, target: &str) -> Vec<u8> {
    tar_entry(name.as_bytes(), b'1', "0000644", target, b"")
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    tar_entry(b"pax", b'x', "0000644", "", &pax_data(records))
}

fn pax_data(records: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = format!(" {key}={value}\n");
        let guess = rest.len() + 1;
        let len = if guess + 1 > 10 { rest.len() + (rest.len() + 2).to_string().len() } else { guess };
        format!("{len}{rest}")
    };
    records.iter().map(record).collect::<String>().into_bytes()
}

#[test]
fn an_ordinary_tar_loses_its_top_folder() {
    let contents = try_read(&[
        tar_entry(b"pax_global_header", b'g', "0000666", "", &pax_data(&[("comment", "0123456789abcdef")])),
        tar_entry(b"p-1/", b'5', "0002755", "", b""),
        reg("p-1/setup.py", b"x"),
        tar_entry(b"p-1/run", b'0', "0000755", "", b"#!"),
        tar_entry(b"./p-1/old", 0, "0000644", "", b"v7"),
    ])
    .unwrap();
    assert_eq!(contents.order, ["setup.py", "run", "old"]);
    assert_eq!(contents.get("run").unwrap().mode, Some(0o755));
    assert_eq!(contents.get("run").unwrap().mtime, Some(0o14_000_000_000));
}

#[test]
fn every_format_is_read_or_named() {
    let mut tar = reg("p-1/a", b"x");
    tar.extend([0; 1024]);
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(&tar).unwrap();
    let bz = Bytes::from(bz.finish().unwrap());
    for (name, bytes) in [
        ("p.tar.gz", gz(&tar)),
        ("p.tgz", gz(&tar)),
        ("p.tar.gz", tar.clone().into()),
        ("p.tar.bz2", bz),
        ("p.tar", tar.clone().into()),
        ("p.ZIP", zip(&[file("p-1/", b""), file("p-1/a", b"x")])),
    ] {
        assert_eq!(read(name, &bytes, &Limits::default()).unwrap().text("a"), Some("x"), "{name}");
    }
    for name in ["p.tar.xz", "p.tar.Z", "p.egg", "p"] {
        assert_eq!(read(name, &Bytes::new(), &Limits::default()).unwrap_err().code(), "TM0338");
    }
}

#[test]
fn hostile_names_are_refused() {
    for (name, want) in [
        ("p/../../x", "TM0301"),
        ("/p/x", "TM0302"),
        ("C:/x", "TM0303"),
        ("p\\x", "TM0304"),
        ("p//x", "TM0305"),
        ("././p/x", "TM0305"),
        ("p/\u{7}", "TM0306"),
    ] {
        refuses(want, &[reg(name, b"")]);
    }
    refuses("TM0307", &[tar_entry(b"p/\xff", b'0', "0000644", "", b"")]);
    refuses("TM0308", &[pax(&[("path", &format!("p/{}", "a".repeat(5000)))]), reg("p/x", b"")]);
    refuses("TM0309", &[reg("p/a", b"1"), reg("p/a", b"2")]);
    refuses("TM0310", &[reg("p/a", b"1"), reg("p/A", b"1")]);
    refuses("TM0311", &[reg("p/a", b"1"), reg("p/a/b", b"1")]);
    refuses("TM0311", &[link("p/a", "b"), reg("p/a/b", b"1"), reg("p/b", b"")]);
    assert_eq!(try_read(&[reg("p/a", b"1"), reg("p/a", b"1")]).unwrap().order, ["a"]);
}

#[test]
fn kinds_that_are_no_files_are_refused() {
    for special in ["0004755", "0002755", "0001755"] {
        refuses("TM0313", &[tar_entry(b"p/a", b'0', special, "", b"")]);
    }
    for kind in *b"346" {
        refuses("TM0314", &[tar_entry(b"p/a", kind, "0000644", "", b"")]);
    }
    refuses("TM0332", &[tar_entry(b"p/a", b'S', "0000644", "", b"")]);
    refuses("TM0332", &[pax(&[("GNU.sparse.major", "1")]), reg("p/a", b"")]);
    refuses("TM0335", &[tar_entry(b"p/a", b'V', "0000644", "", b"")]);
    refuses("TM0331", &[tar_entry(b"p/a", b'5', "0000755", "", b"data")]);
    refuses("TM0331", &[tar_entry(b"p/a", b'2', "0000755", "b", b"data")]);
}

#[test]
fn there_is_one_folder_at_the_top() {
    refuses("TM0333", &[]);
    refuses("TM0333", &[reg("p/a", b""), reg("q/a", b"")]);
    refuses("TM0333", &[reg("p/a", b""), reg("setup.py", b"")]);
    let two = zip(&[file("p/a", b""), file("q/a", b"")]);
    assert_eq!(read("p.zip", &two, &Limits::default()).unwrap_err().code(), "TM0333");
}

#[test]
fn links_inside_become_copies() {
    let contents = try_read(&[
        link("p/docs/README", "../README"),
        link("p/again", "docs/README"),
        link("p/folder", "./src"),
        hard("p/hard", "p/README"),
        tar_entry(b"p/README", b'0', "0000755", "", b"hello"),
        reg("p/src/a/b", b"x"),
        link("p/src/c", "a/b"),
    ])
    .unwrap();
    for path in ["README", "docs/README", "again", "hard"] {
        assert_eq!(contents.text(path), Some("hello"), "{path}");
        assert_eq!(contents.get(path).unwrap().mode, Some(0o755));
    }
    for path in ["src/a/b", "src/c", "folder/a/b", "folder/c"] {
        assert_eq!(contents.text(path), Some("x"), "{path}");
    }
    assert_eq!(contents.order.len(), contents.members.len());
}

#[test]
fn links_that_leave_or_dangle_are_refused() {
    for target in ["/etc/passwd", "../../etc/passwd", "../p/../../x", "a\\b"] {
        refuses("TM0336", &[reg("p/b", b""), link("p/a", target)]);
    }
    refuses("TM0336", &[reg("p/b", b""), hard("p/a", "q/b")]);
    refuses("TM0336", &[reg("p/b", b""), hard("p/a", "p/../b")]);
    refuses("TM0337", &[reg("p/b", b""), link("p/a", "nothing")]);
    refuses("TM0337", &[reg("p/b", b""), link("p/a", "a")]);
    refuses("TM0337", &[reg("p/b", b""), link("p/a", "c"), link("p/c", "a")]);
    refuses("TM0337", &[reg("p/b", b""), link("p/d/a", "../d")]);
    refuses("TM0337", &[reg("p/b", b""), link("p/a", ".")]);
}

#[test]
fn copies_count_against_the_limits() {
    // Ten links, each to a folder that holds ten copies of the one before.
    let mut entries = vec![reg("p/0/x", &[b'x'; 1000])];
    for level in 1..10 {
        for copy in 0..10 {
            entries.push(link(&format!("p/{level}/{copy}"), &format!("../{}", level - 1)));
        }
    }
    let bytes = tar_gz(&entries);
    let limits = Limits { members: 2_000, ..Limits::default() };
    assert_eq!(read("p.tar.gz", &bytes, &limits).unwrap_err().code(), "TM0315");
    let limits = Limits { total_bytes: 100_000, ..Limits::default() };
    assert_eq!(read("p.tar.gz", &bytes, &limits).unwrap_err().code(), "TM0317");
}

#[test]
fn long_names_are_read_in_both_dialects() {
    let long = format!("p/{}", "n".repeat(200));
    let gnu = tar_entry(b"././@LongLink", b'L', "0000644", "", format!("{long}\0").as_bytes());
    for before in [pax(&[("path", &long), ("mtime", "1.5")]), gnu] {
        let contents = try_read(&[before, reg("p/short", b"x")]).unwrap();
        assert_eq!(contents.order, ["n".repeat(200)]);
    }
}

#[test]
fn extended_headers_that_deceive_are_refused() {
    let a = || reg("p/a", b"x");
    refuses("TM0334", &[pax(&[("size", "0")]), a()]);
    refuses("TM0334", &[pax(&[("size", "x")]), a()]);
    refuses("TM0334", &[pax(&[("path", "p/b"), ("path", "p/c")]), a()]);
    refuses("TM0334", &[tar_entry(b"g", b'g', "0000644", "", &pax_data(&[("path", "p/evil")])), a()]);
    for data in ["99 a=b\n", "x", "5 a=b", "6 a=bc", "4 ab\n"] {
        refuses("TM0334", &[tar_entry(b"x", b'x', "0000644", "", data.as_bytes()), a()]);
    }
    refuses("TM0316", &[tar_entry(b"L", b'L', "0000644", "", &vec![b'a'; 70_000]), a()]);
    refuses("TM0331", &[a(), pax(&[("path", "p/b")])]);
    refuses(
        "TM0334",
        &[
            tar_entry(b"L", b'L', "0000644", "", b"p/x\0"),
            tar_entry(b"L", b'L', "0000644", "", b"p/y\0"),
            a(),
        ],
    );
}

#[test]
fn broken_streams_and_headers_are_refused() {
    let code = |bytes: &Bytes| read("p.tar.gz", bytes, &Limits::default()).unwrap_err().code();
    let good = tar_gz(&[reg("p/a", &vec![b'x'; 5000])]);
    assert_eq!(code(&good.slice(..good.len() - 4)), "TM0330");
    assert_eq!(code(&[&good[..], b"tail"].concat().into()), "TM0330");
    let mut block = reg("p/a", b"x");
    block[0] = b'q';
    assert_eq!(code(&tar_gz(&[block])), "TM0331");
    assert_eq!(code(&tar_gz(&[reg("p/a", b"x"), vec![0; 512], reg("p/hidden", b"y")])), "TM0331");
    let cut = reg("p/a", &vec![b'x'; 5000]);
    assert_eq!(code(&gz(&cut[..2000])), "TM0331");
    let mut size = reg("p/a", b"");
    size[124..135].copy_from_slice(b"zzzzzzzzzzz");
    seal(&mut size);
    assert_eq!(code(&tar_gz(&[size])), "TM0331");
}

#[test]
fn bombs_stop_while_they_inflate() {
    let zeros = reg("p/a", &vec![0; 8 << 20]);
    refuses("TM0318", std::slice::from_ref(&zeros));
    let code =
        |limits: Limits, entries: &[Vec<u8>]| read("p.tar.gz", &tar_gz(entries), &limits).unwrap_err().code();
    let limits = Limits { total_bytes: 1 << 20, ratio: u64::MAX, ..Limits::default() };
    assert_eq!(code(limits, std::slice::from_ref(&zeros)), "TM0317");
    let limits = Limits { member_bytes: 1 << 20, ratio: u64::MAX, ..Limits::default() };
    assert_eq!(code(limits, &[zeros]), "TM0316");
    let limits = Limits { members: 1, ..Limits::default() };
    assert_eq!(code(limits, &[reg("p/a", b""), reg("p/b", b"")]), "TM0315");
}
