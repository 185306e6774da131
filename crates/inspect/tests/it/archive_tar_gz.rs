//! The reader of published tar.gz files: what it keeps, and what it refuses by which code.

use crate::craft::{gz, seal, tar_entry, tar_gz};
use bytes::Bytes;
use trustmill_core::port::Coded as _;
use trustmill_inspect::archive::{Limits, published};

pub(crate) fn file(name: &str, data: &[u8]) -> Vec<u8> {
    tar_entry(name.as_bytes(), b'0', "0000644", "", data)
}

/// A pax or GNU extension record.
pub(crate) fn extension(kind: u8, name: &str, data: &[u8]) -> Vec<u8> {
    tar_entry(name.as_bytes(), kind, "0000644", "", data)
}

/// `LENGTH KEY=VALUE\n`.
pub(crate) fn pax(key: &str, value: &str) -> Vec<u8> {
    let body = format!(" {key}={value}\n");
    let len = (1..).find(|len| len.to_string().len() + body.len() == *len).unwrap();
    format!("{len}{body}").into_bytes()
}

fn code(name: &str, bytes: &Bytes) -> String {
    match published::read(name, bytes, &Limits::default()) {
        Ok(contents) => contents.order.join(" "),
        Err(error) => {
            assert!(!error.help().is_empty() && !error.to_string().is_empty());
            error.code().to_owned()
        }
    }
}

fn tgz(bytes: &Bytes) -> String {
    code("p-1.0.0.tgz", bytes)
}

/// One field of a header overwritten.
fn with(mut entry: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    entry[at..at + value.len()].copy_from_slice(value);
    seal(&mut entry);
    entry
}

#[test]
fn the_name_decides_how_a_file_is_read() {
    let crate_file = tar_gz(&[file("p-1.0.0/src/lib.rs", b"x")]);
    for (name, want) in [
        ("p-1.0.0.crate", "src/lib.rs"),
        ("p-1.0.0.tgz", "src/lib.rs"),
        ("P-1.0.0.TAR.GZ", "src/lib.rs"),
        ("q-1.0.0.crate", "TM0333"),
        ("p-1.0.0.whl", "TM0320"),
        ("p-1.0.0.zip", "TM0320"),
        ("p-1.0.0.tar.xz", "TM0338"),
        (".crate", "TM0333"),
    ] {
        assert_eq!(code(name, &crate_file), want, "{name}");
    }
}

#[test]
fn any_one_folder_may_be_at_the_top_and_no_second() {
    let a = file("package/a.js", b"1");
    assert_eq!(tgz(&tar_gz(&[a.clone(), file("package/b/c.js", b"")])), "a.js b/c.js");
    assert_eq!(tgz(&tar_gz(&[file("node/a.js", b"1")])), "a.js");
    assert_eq!(tgz(&tar_gz(&[file("./package/a.js", b"1")])), "a.js");
    assert_eq!(tgz(&tar_gz(&[file("package/./dist/a.js", b"1")])), "dist/a.js");
    for odd in ["package/././a.js", "package/./../a.js", "././package/a.js"] {
        assert!(["TM0305", "TM0301"].contains(&tgz(&tar_gz(&[file(odd, b"1")])).as_str()), "{odd}");
    }
    assert_eq!(tgz(&tar_gz(&[file("package/./a.js", b"1"), a.clone()])), "TM0309");
    let folder = tar_entry(b"package/", b'5', "0000755", "", b"");
    assert_eq!(tgz(&tar_gz(&[folder.clone(), folder, a.clone()])), "a.js");
    for second in ["other/a.js", "packagE/b.js", "package", "a.js"] {
        let code = tgz(&tar_gz(&[a.clone(), file(second, b"")]));
        assert!(["TM0333", "TM0311"].contains(&code.as_str()), "{second}: {code}");
    }
    assert_eq!(tgz(&tar_gz(&[])), "TM0333");
    assert_eq!(tgz(&tar_gz(&[file("a.js", b"")])), "TM0333");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let a = file("package/a.js", b"1");
    let named = |name: &str| vec![file(name, b"")];
    let pair = |name: &str| vec![a.clone(), file(name, b"2")];
    let mut padding = a.clone();
    padding[513] = b'x';
    let mut checksum = a.clone();
    checksum[0] = b'q';
    for (entries, want) in [
        (pair("package/a.js"), "TM0309"),
        (vec![a.clone(), a.clone()], "TM0309"),
        (pair("package/A.js"), "TM0310"),
        (pair("package/a.js/b"), "TM0311"),
        (named("package/../a"), "TM0301"),
        (named("/package/a"), "TM0302"),
        (named("package/a\\b"), "TM0304"),
        (named("package//a"), "TM0305"),
        (vec![padding], "TM0326"),
        (vec![checksum], "TM0331"),
        (vec![tar_entry(b"package/l", b'2', "0000777", "a.js", b"")], "TM0312"),
        (vec![a.clone(), tar_entry(b"package/l", b'1', "0000644", "package/a.js", b"")], "TM0312"),
        (vec![tar_entry(b"package/d", b'3', "0000644", "", b"")], "TM0314"),
        (vec![tar_entry(b"package/d", b'V', "0000644", "", b"")], "TM0335"),
        (vec![tar_entry(b"package/d", b'S', "0000644", "", b"")], "TM0332"),
        (vec![tar_entry(b"package/d", b'5', "0000755", "", b"data")], "TM0331"),
        (vec![tar_entry(b"package/d", b'0', "0004755", "", b"")], "TM0313"),
        (vec![with(a.clone(), 124, b"00000000009\0")], "TM0331"),
        (vec![with(a.clone(), 124, b"0000000\x001\0\0\0")], "TM0331"),
        (vec![with(a.clone(), 124, b"77777777777\0")], "TM0316"),
        (vec![with(a.clone(), 124, b"00000010000\0")], "TM0331"),
        (vec![with(a.clone(), 100, b"0000 44\0")], "TM0331"),
        (vec![extension(b'x', "PaxHeader/a.js", &pax("path", "package/b.js"))], "TM0331"),
        (vec![extension(b'x', "PaxHeader/a.js", &pax("size", "2")), a.clone()], "TM0334"),
        (vec![extension(b'g', "pax_global_header", &pax("path", "package/b.js")), a.clone()], "TM0334"),
    ] {
        assert_eq!(tgz(&tar_gz(&entries)), want);
    }
    let two_names = [
        extension(b'L', "././@LongLink", b"package/b.js\0"),
        extension(b'x', "PaxHeader/b.js", &pax("path", "package/c.js")),
        a,
    ];
    assert_eq!(tgz(&tar_gz(&two_names)), "TM0334");
}

#[test]
fn long_names_are_read_as_every_client_reads_them() {
    let below = format!("{}/a.js", "d".repeat(120));
    let long = format!("package/{below}");
    let start = format!("package/{}", "d".repeat(92));
    let folder = format!("package/{}", "d".repeat(120));
    let gnu = extension(b'L', "././@LongLink", format!("{long}\0").as_bytes());
    assert_eq!(tgz(&tar_gz(&[gnu, file(&start, b"1")])), below);
    let posix = extension(b'x', "PaxHeader/a.js", &pax("path", &long));
    assert_eq!(tgz(&tar_gz(&[posix, file(&start, b"1")])), below);
    let prefixed = with(file("a.js", b"1"), 345, folder.as_bytes());
    assert_eq!(tgz(&tar_gz(&[prefixed])), below);
}

#[test]
fn the_file_is_one_gzip_member_and_nothing_else() {
    let whole = tar_gz(&[file("package/a.js", b"1")]);
    let cut = |len: usize| whole.slice(..len);
    let joined = |after: &[u8]| Bytes::from([&whole[..], after].concat());
    let mut flags = whole.to_vec();
    flags[3] = 1 << 5;
    let mut crc = whole.to_vec();
    let at = crc.len() - 8;
    crc[at] ^= 1;
    for (bytes, want) in [
        (joined(b"x"), "TM0339"),
        (joined(&[0; 512]), "TM0339"),
        (joined(&whole), "TM0339"),
        (joined(&gz(b"evil")), "TM0339"),
        (cut(5), "TM0339"),
        (cut(whole.len() - 1), "TM0339"),
        (cut(whole.len() / 2), "TM0330"),
        (flags.into(), "TM0339"),
        (crc.into(), "TM0339"),
        (Bytes::from_static(b"PK\x05\x06"), "TM0339"),
        (Bytes::new(), "TM0339"),
    ] {
        assert_eq!(tgz(&bytes), want);
    }
}

#[test]
fn nothing_follows_the_end_of_the_tar() {
    let a = file("package/a.js", b"1");
    let tail = |tail: &[u8]| tgz(&gz(&[&a[..], tail].concat()));
    for zeros in [0, 300, 512, 1024, 10_240] {
        assert_eq!(tail(&vec![0; zeros]), "a.js");
    }
    assert_eq!(tail(&[&[0; 512][..], &a].concat()), "TM0331");
    assert_eq!(tail(&[&[0; 1024][..], b"x"].concat()), "TM0331");
    assert_eq!(tail(b"x"), "TM0331");
}

#[test]
fn limits_hold_while_it_inflates() {
    let bomb = tar_gz(&[file("package/zeros", &vec![0; 64 << 20])]);
    assert_eq!(tgz(&bomb), "TM0318");
    let small = Limits { total_bytes: 2000, members: 2, member_bytes: 600, ..Limits::default() };
    let code = |entries: &[Vec<u8>]| {
        published::read("p.tgz", &tar_gz(entries), &small).map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code(&[file("package/a", b"")]), "ok");
    assert_eq!(code(&[file("package/a", &[1; 1100])]), "TM0317");
    assert_eq!(code(&[file("package/a", &[1; 601])]), "TM0317");
    let wide = Limits { total_bytes: 1 << 20, ..small };
    let code = |entries: &[Vec<u8>]| {
        published::read("p.tgz", &tar_gz(entries), &wide).map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code(&[file("package/a", &[1; 601])]), "TM0316");
    assert_eq!(code(&[file("package/a", b""), file("package/b", b""), file("package/c", b"")]), "TM0315");
}
