//! The zip reader: one archive for each refusal, and what is accepted.

use crate::craft::{Entry, Local, Zip, crc, file, mode, packed, zip};
use bytes::Bytes;
use trustmill_core::port::Coded as _;
use trustmill_inspect::archive::Limits;
use trustmill_inspect::archive::zip::{Descriptor, open, read};

fn code(bytes: &Bytes) -> &'static str {
    read(bytes, &Limits::default()).map_or_else(|error| error.code(), |_| "ok")
}

#[track_caller]
fn refuses(want: &str, entries: &[Entry]) {
    assert_eq!(code(&zip(entries)), want, "{:?}", read(&zip(entries), &Limits::default()));
}

#[test]
fn what_is_in_order_is_read() {
    let bytes =
        zip(&[packed("b/x.py", b"print(1)\n"), file("a.txt", b""), mode(0o100_755, file("ü.sh", b"#!"))]);
    let contents = read(&bytes, &Limits::default()).unwrap();
    assert_eq!(contents.order, ["b/x.py", "a.txt", "ü.sh"]);
    assert_eq!(contents.text("b/x.py"), Some("print(1)\n"));
    assert_eq!(contents.get("ü.sh").unwrap().mode, Some(0o755));
    // 2024-01-01 12:00 in DOS format.
    assert_eq!(contents.get("a.txt").unwrap().mtime, Some(1_704_110_400));
    let bare = Entry { external: 0, time: u16::MAX, ..file("a", b"x") };
    let contents = read(&zip(&[bare]), &Limits::default()).unwrap();
    assert_eq!((contents.get("a").unwrap().mode, contents.get("a").unwrap().mtime), (None, None));
    assert_eq!(code(&zip(&[])), "ok");
}

#[test]
fn hostile_names_are_refused() {
    let raw = |name: &[u8], flags| Entry { name: name.to_vec(), flags, ..file("x", b"") };
    for (name, want) in [
        ("../x", "TM0301"),
        ("/x", "TM0302"),
        ("C:x", "TM0303"),
        ("a\\x", "TM0304"),
        ("a/./x", "TM0305"),
        ("a//x", "TM0305"),
        ("", "TM0305"),
        ("/", "TM0305"),
        ("a\0x", "TM0306"),
        ("a\u{1b}x", "TM0306"),
    ] {
        refuses(want, &[file(name, b"")]);
    }
    refuses("TM0308", &[file(&"a/".repeat(3000), b"")]);
    refuses("TM0307", &[raw(b"\xff", 1 << 11)]);
    refuses("TM0307", &[raw("ü".as_bytes(), 0)]);
    refuses("TM0309", &[file("a", b"1"), file("a", b"1")]);
    refuses("TM0310", &[file("a", b""), file("A", b"")]);
    refuses("TM0311", &[file("a", b""), file("a/b", b"")]);
}

#[test]
fn what_is_no_regular_file_is_refused() {
    refuses("TM0312", &[mode(0o120_777, file("a", b"/etc/passwd"))]);
    for special in [0o104_755, 0o102_755, 0o101_755] {
        refuses("TM0313", &[mode(special, file("a", b""))]);
    }
    for device in [0o020_644, 0o060_644, 0o010_644, 0o140_644] {
        refuses("TM0314", &[mode(device, file("a", b""))]);
    }
    refuses("TM0324", &[mode(0o040_755, file("a", b""))]);
    refuses("TM0311", &[file("a/", b"hidden")]);
    assert_eq!(code(&zip(&[mode(0o040_755, file("a/", b"")), file("a/b", b"")])), "ok");
}

#[test]
fn encryption_methods_and_disks_are_refused() {
    for bit in [0, 6, 13] {
        refuses("TM0322", &[Entry { flags: 1 << bit, ..file("a", b"x") }]);
    }
    for method in [1, 9, 12, 14, 93, 95] {
        refuses("TM0323", &[Entry { method, ..file("a", b"x") }]);
    }
    refuses("TM0329", &[Entry { disk: 1, ..file("a", b"x") }]);
}

#[test]
fn two_headers_that_disagree_are_refused() {
    let with = |local: Local| [Entry { local, ..packed("a", b"x") }];
    refuses("TM0324", &with(Local { name: Some(b"b".to_vec()), ..Local::default() }));
    refuses("TM0324", &with(Local { method: Some(0), ..Local::default() }));
    refuses("TM0324", &with(Local { flags: Some(1 << 11), ..Local::default() }));
    refuses("TM0324", &with(Local { crc: Some(7), ..Local::default() }));
    refuses("TM0324", &with(Local { size: Some(7), ..Local::default() }));
    refuses("TM0324", &with(Local { compressed: Some(1), ..Local::default() }));
    // Zero is only allowed where a data descriptor follows.
    refuses("TM0324", &with(Local { crc: Some(0), ..Local::default() }));
}

#[test]
fn data_descriptors_say_what_the_directory_says() {
    let data = b"some data some data";
    let base = packed("a", data);
    let with = |after: Vec<u8>| Entry {
        flags: 1 << 3,
        after,
        local: Local { crc: Some(0), size: Some(0), compressed: Some(0), ..Local::default() },
        ..base.clone()
    };
    let compressed = u32::try_from(base.stream.len()).unwrap();
    let fields = [crc(data).to_le_bytes(), compressed.to_le_bytes(), 19_u32.to_le_bytes()].concat();
    let signed = [&b"PK\x07\x08"[..], &fields].concat();
    for (after, want) in [(fields, false), (signed.clone(), true)] {
        let archive = open(&zip(&[with(after), file("b", b"")]), &Limits::default()).unwrap();
        assert_eq!(archive.entries[0].descriptor, Some(Descriptor { signed: want, wide: false }));
    }
    let mut wrong = signed.clone();
    wrong[4] ^= 1;
    for after in [wrong, signed[1..].to_vec(), [&signed[..], b"x"].concat(), Vec::new()] {
        refuses("TM0324", &[with(after)]);
    }
}

#[test]
fn bytes_that_belong_to_nobody_are_refused() {
    let entries = [file("a", b"x"), file("b", b"y")];
    let with = |zip: Zip<'_>| code(&Zip { entries: &entries, ..zip }.build());
    assert_eq!(with(Zip { before: b"#!/bin/sh\n", ..Zip::default() }), "TM0326");
    assert_eq!(with(Zip { before_directory: b"hidden", ..Zip::default() }), "TM0326");
    assert_eq!(with(Zip { after: b"x", ..Zip::default() }), "TM0320");
    assert_eq!(with(Zip { comment: b"hello", ..Zip::default() }), "ok");
    assert_eq!(with(Zip { comment: b"PK\x05\x06------------------", ..Zip::default() }), "TM0320");
    assert_eq!(with(Zip { count: Some(1), ..Zip::default() }), "TM0321");
    assert_eq!(with(Zip { count: Some(3), ..Zip::default() }), "TM0321");
    assert_eq!(with(Zip { central: Some(vec![1, 0]), ..Zip::default() }), "ok");
    refuses("TM0326", &[Entry { after: b"hidden".to_vec(), ..file("a", b"x") }, file("b", b"")]);
    let nested = zip(&[file("inner", b"x")]);
    let outer = [&nested[..], &zip(&entries)[..]].concat();
    assert!(matches!(code(&outer.into()), "TM0320" | "TM0321" | "TM0326"));
}

#[test]
fn overlapping_members_are_refused() {
    // Both directory entries point at the first member: David Fifield's better zip bomb begins so.
    let one = file("a", b"x");
    let mut two = one.clone();
    two.offset = Some(0);
    refuses("TM0309", &[one, two]);
    // A stored member that holds the next member's local header as its own data.
    let inner = zip(&[file("b", b"y")]);
    let quoted = &inner[..30 + 1 + 1];
    let outer = file("a", quoted);
    let hidden = Entry { offset: Some(31), ..file("b", b"y") };
    let bytes = zip(&[outer, hidden]);
    assert!(matches!(code(&bytes), "TM0325" | "TM0326"), "{}", code(&bytes));
}

#[test]
fn streams_that_lie_are_refused() {
    let whole = packed("a", b"hello hello hello");
    refuses("TM0327", &[Entry { size: 16, crc: crc(b"hello hello hell"), ..whole.clone() }]);
    refuses("TM0327", &[Entry { size: 18, ..whole.clone() }]);
    refuses("TM0327", &[Entry { stream: b"\xff\xff\xff".to_vec(), ..whole.clone() }]);
    refuses("TM0327", &[Entry { stream: [&whole.stream[..], b"tail"].concat(), ..whole.clone() }]);
    refuses("TM0327", &[Entry { size: 2, ..file("a", b"x") }]);
    refuses("TM0328", &[Entry { crc: 1, ..whole }]);
}

#[test]
fn bombs_are_refused_before_they_inflate() {
    let zeros = vec![0; 8 << 20];
    refuses("TM0318", &[packed("a", &zeros)]);
    let limits = Limits { members: 1, ..Limits::default() };
    let two = zip(&[file("a", b"x"), file("b", b"y")]);
    let with = |limits: Limits, bytes: &Bytes| read(bytes, &limits).unwrap_err().code();
    assert_eq!(with(limits, &two), "TM0315");
    assert_eq!(with(Limits { member_bytes: 3, ..Limits::default() }, &zip(&[file("a", b"1234")])), "TM0316");
    assert_eq!(with(Limits { total_bytes: 1, ..Limits::default() }, &two), "TM0317");
    // A stated size that no stream can give is refused without the memory for it.
    refuses("TM0318", &[Entry { size: 500 << 20, ..packed("a", b"x") }]);
    // A quine holds itself; nothing here opens what a member holds.
    let inner = zip(&[file("r.zip", b"")]);
    assert_eq!(code(&zip(&[file("r.zip", &inner)])), "ok");
}

#[test]
fn malformed_structures_are_refused() {
    let good = zip(&[packed("a", b"hello"), file("b", b"y")]);
    assert_eq!(code(&Bytes::new()), "TM0320");
    assert_eq!(code(&Bytes::from_static(b"PK\x03\x04")), "TM0320");
    assert_eq!(code(&good.slice(..good.len() - 1)), "TM0320");
    refuses("TM0321", &[Entry { extra: vec![1, 0, 9, 0, 1], ..file("a", b"x") }]);
    refuses("TM0321", &[Entry { extra: [&[0x75, 0x70, 1, 0][..], b"x"].concat(), ..file("a", b"x") }]);
    refuses("TM0321", &[Entry { offset: Some(7), ..file("a", b"x") }]);
    refuses("TM0321", &[Entry { offset: Some(u32::MAX - 1), ..file("a", b"x") }]);
    for cut in 0..good.len() {
        assert!(read(&good.slice(cut + 1..), &Limits::default()).is_err());
        assert!(read(&good.slice(..cut), &Limits::default()).is_err());
    }
}

#[test]
fn no_single_changed_byte_passes_unless_it_is_a_fact() {
    let good = zip(&[packed("abc", b"hello"), file("b", b"y")]);
    let contents = read(&good, &Limits::default()).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x10;
        if let Ok(other) = read(&bytes.into(), &Limits::default()) {
            let bytes = |c: &trustmill_core::content::Contents| {
                c.members.values().map(|m| m.bytes.clone()).collect::<Vec<_>>()
            };
            assert_eq!(bytes(&other), bytes(&contents), "byte {at}");
        }
    }
}

#[test]
fn zip64_is_read_where_it_is_consistent() {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().large_file(true);
    writer.start_file("a", options).unwrap();
    std::io::Write::write_all(&mut writer, b"hello").unwrap();
    let bytes = Bytes::from(writer.finish().unwrap().into_inner());
    assert_eq!(read(&bytes, &Limits::default()).unwrap().text("a"), Some("hello"));
    let many: Vec<Entry> = (0..65_536).map(|n| file(&format!("{n}"), b"")).collect();
    let bytes = with_zip64_end(&many);
    assert_eq!(read(&bytes, &Limits::default()).unwrap().members.len(), 65_536);
    let mut wrong = bytes.to_vec();
    let at = wrong.len() - 22 - 20 - 56 + 32;
    wrong[at] ^= 1;
    assert_eq!(code(&wrong.into()), "TM0321");
}

/// The archive with a zip64 end record and a locator before its end record.
fn with_zip64_end(entries: &[Entry]) -> Bytes {
    let small = Zip { entries, count: Some(u16::MAX), ..Zip::default() }.build();
    let (body, end) = small.split_at(small.len() - 22);
    let field = |at: usize| u64::from(u32::from_le_bytes(end[at..at + 4].try_into().unwrap()));
    let mut out = body.to_vec();
    let at = out.len() as u64;
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [entries.len() as u64, entries.len() as u64, field(12), field(16)] {
        out.extend(value.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(at.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(end);
    out.into()
}
