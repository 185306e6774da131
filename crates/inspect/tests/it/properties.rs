//! Properties over random archives: what we can write we can replay, and nothing panics.

use crate::mutants::{WHEEL_NAME, fix_record, pack};
use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::io::{Cursor, Write as _};
use trustmill_core::Sha256;
use trustmill_core::content::Contents;
use trustmill_inspect::archive::{Limits, sdist, zip as reader};
use trustmill_inspect::compare::compare;
use trustmill_inspect::replay::{self, replay};
use trustmill_inspect::wheel::headers::Headers;
use trustmill_inspect::wheel::requirement::canonical;
use trustmill_inspect::wheel::{entry_points, record};

#[derive(Debug, Clone)]
struct File {
    data: Vec<u8>,
    mode: u32,
    /// `None` is stored.
    level: Option<i64>,
    time: (u16, u8, u8, u8),
    large: bool,
}

fn file() -> impl Strategy<Value = File> {
    let text = "(import|def|self|None|return|[a-z ]{0,9}|\n){0,200}".prop_map(String::into_bytes);
    let data = prop_oneof![text, vec(any::<u8>(), 0..2000)];
    let level = prop_oneof![Just(None), Just(Some(6)), (1_i64..10).prop_map(Some)];
    let time = (1980_u16..2107, 1_u8..13, 1_u8..29, 0_u8..24);
    (data, prop_oneof![Just(0o644), Just(0o755), Just(0o600)], level, time, any::<bool>())
        .prop_map(|(data, mode, level, time, large)| File { data, mode, level, time, large })
}

fn files() -> impl Strategy<Value = Vec<(String, File)>> {
    btree_map("[a-z]{1,3}/[a-zäöü]{1,6}\\.py", file(), 0..12)
        .prop_map(|files| files.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

fn write(files: &[(String, File)]) -> Bytes {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, file) in files {
        let (year, month, day, hour) = file.time;
        let method = if file.level.is_some() {
            zip::CompressionMethod::Deflated
        } else {
            zip::CompressionMethod::Stored
        };
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(method)
            .compression_level(file.level)
            .last_modified_time(zip::DateTime::from_date_and_time(year, month, day, hour, 30, 10).unwrap())
            .large_file(file.large)
            .unix_permissions(file.mode);
        writer.start_file(name, options).unwrap();
        writer.write_all(&file.data).unwrap();
    }
    writer.finish().unwrap().into_inner().into()
}

fn limits() -> replay::Limits {
    replay::Limits::from(&Limits::default())
}

/// Members without what the container says about them: what a build gives.
fn rebuilt(contents: &Contents) -> Contents {
    let mut ours = contents.clone();
    ours.order.sort();
    ours.members.values_mut().for_each(|member| member.mtime = None);
    ours
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_written_is_replayed(files in files()) {
        let bytes = write(&files);
        let archive = reader::open(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!(&archive.contents.order, &files.iter().map(|f| f.0.clone()).collect::<Vec<_>>());
        let replayed = replay(&archive, &rebuilt(&archive.contents), &limits()).unwrap();
        prop_assert_eq!(replayed.sha256, Sha256::of(&bytes));
        prop_assert_eq!(replayed.bytes, bytes);
    }

    #[test]
    fn another_byte_is_never_replayed(files in files(), at: prop::sample::Index, byte in 1_u8..) {
        let archive = reader::open(&write(&files), &Limits::default()).unwrap();
        let mut ours = archive.contents.clone();
        let full: Vec<_> = ours.members.values_mut().filter(|member| !member.bytes.is_empty()).collect();
        prop_assume!(!full.is_empty());
        let index = at.index(full.len());
        let member = full.into_iter().nth(index).unwrap();
        let mut bytes = member.bytes.to_vec();
        let position = at.index(bytes.len());
        bytes[position] ^= byte;
        member.bytes = bytes.into();
        prop_assert!(replay(&archive, &ours, &limits()).is_err());
    }

    #[test]
    fn a_damaged_zip_never_panics_and_never_lies(files in files(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let good = write(&files);
        let mut bad = good.to_vec();
        for (at, byte) in damage {
            let at = at.index(bad.len());
            match byte % 3 {
                0 => bad[at] ^= byte | 1,
                1 => { bad.remove(at); }
                _ => bad.insert(at, byte),
            }
        }
        let bad = Bytes::from(bad);
        if let Ok(found) = compare(WHEEL_NAME, &bad, &good, &Limits::default()) {
            prop_assert_eq!(found.verdict == trustmill_core::Verdict::Identical, bad == good);
        }
        let _ = sdist::read("a.zip", &bad, &Limits::default());
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..3000)) {
        let bytes = Bytes::from(bytes);
        for name in ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2"] {
            let _ = sdist::read(name, &bytes, &Limits::default());
        }
        let _ = Headers::parse(&bytes);
        let _ = entry_points::parse(&bytes);
        let _ = record::parse(&bytes);
    }

    #[test]
    fn one_spelling_is_stable(
        text in "[a-zA-Z.\\[\\]()<>=!~;:@'\" ,0-9-]{0,60}",
        likely in "[aB.]{1,4}(\\[x,Y\\])?( ?\\(?[<>=]=[12.]{1,3}\\)?)?( ?@ ?[a:/;]{1,4})?( ?; ?[ae'\"=<@;() ]{0,20})?",
    ) {
        for text in [text, likely] {
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }
    }

    #[test]
    fn a_written_record_is_right(files in files()) {
        let archive = reader::open(&write(&files), &Limits::default()).unwrap();
        let mut contents = archive.contents;
        let record = contents.members.values().next().cloned();
        prop_assume!(record.is_some());
        contents.members.insert("a-1.dist-info/RECORD".into(), record.unwrap());
        contents.order.push("a-1.dist-info/RECORD".into());
        fix_record(&mut contents);
        prop_assert_eq!(record::check(&contents), []);
        let bytes = pack(&contents);
        prop_assert_eq!(compare(WHEEL_NAME, &bytes, &bytes, &Limits::default()).unwrap().verdict, trustmill_core::Verdict::Identical);
    }
}
