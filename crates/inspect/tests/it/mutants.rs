//! The negative control: six ways to tamper with a published wheel, each of which a comparison has to report.

use bytes::Bytes;
use std::io::{Cursor, Write as _};
use trustmill_core::Verdict;
use trustmill_core::comparison::{Comparison, DifferenceClass, Replay};
use trustmill_core::content::{Contents, Member};
use trustmill_inspect::archive::Limits;
use trustmill_inspect::compare::compare;
use trustmill_inspect::wheel::record;

/// The name of every wheel here: only its end counts.
pub(crate) const WHEEL_NAME: &str = "a-1-py3-none-any.whl";

/// A way to tamper: its name, the class it has to be reported as, and what it does.
///
/// It returns the member that it touched, or `None` where the wheel has nothing to touch.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) class: DifferenceClass,
    pub(crate) verdict: Verdict,
    pub(crate) apply: fn(&mut Contents) -> Option<String>,
}

pub(crate) const MUTANTS: [Mutant; 6] = [
    Mutant {
        name: "appended Python code",
        class: DifferenceClass::Content,
        verdict: Verdict::Unexplained,
        apply: |contents| {
            let path = ending(contents, |path, _| path.ends_with(".py"))?;
            edit(contents, &path, |bytes| bytes.extend(b"\nimport os; os.system('id')\n"));
            Some(path)
        },
    },
    Mutant {
        name: "an added .pth",
        class: DifferenceClass::OnlyPublished,
        verdict: Verdict::Unexplained,
        apply: |contents| {
            let path = "zz_start.pth".to_owned();
            let bytes = Bytes::from_static(b"import os; os.system('id')\n");
            contents.members.insert(path.clone(), Member { bytes, mode: Some(0o644), mtime: None });
            contents.order.push(path.clone());
            Some(path)
        },
    },
    Mutant {
        name: "a deleted file",
        class: DifferenceClass::OnlyRebuilt,
        verdict: Verdict::Explained,
        apply: |contents| {
            let path = ending(contents, |path, _| !path.contains(".dist-info/"))?;
            contents.members.remove(&path);
            contents.order.retain(|other| *other != path);
            Some(path)
        },
    },
    Mutant {
        name: "one CR LF",
        class: DifferenceClass::LineEndings,
        verdict: Verdict::Explained,
        apply: |contents| {
            let path = ending(contents, |path, member| {
                !path.contains(".dist-info/") && member.text().is_some_and(|text| text.contains('\n'))
            })?;
            edit(contents, &path, |bytes| {
                let at = bytes.iter().position(|byte| *byte == b'\n').unwrap();
                if at > 0 && bytes[at - 1] == b'\r' {
                    bytes.remove(at - 1);
                } else {
                    bytes.insert(at, b'\r');
                }
            });
            Some(path)
        },
    },
    Mutant {
        name: "an executable bit",
        class: DifferenceClass::ExecutableBit,
        verdict: Verdict::Explained,
        apply: |contents| {
            let path = ending(contents, |path, member| {
                !path.contains(".dist-info/") && member.mode.is_none_or(|mode| mode & 0o111 == 0)
            })?;
            contents.members.get_mut(&path)?.mode = Some(0o744);
            Some(path)
        },
    },
    Mutant {
        name: "a changed dependency",
        class: DifferenceClass::Dependencies,
        verdict: Verdict::Unexplained,
        apply: |contents| {
            let path = ending(contents, |path, _| path.ends_with(".dist-info/METADATA"))?;
            edit(contents, &path, |bytes| {
                let line = b"Requires-Dist: evil-twin>=1\n";
                let at = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
                bytes.splice(at..at, line.iter().copied());
            });
            Some(path)
        },
    },
];

fn ending(contents: &Contents, fits: impl Fn(&str, &Member) -> bool) -> Option<String> {
    contents.members.iter().find(|(path, member)| fits(path, member)).map(|(path, _)| path.clone())
}

fn edit(contents: &mut Contents, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let member = contents.members.get_mut(path).unwrap();
    let mut bytes = member.bytes.to_vec();
    change(&mut bytes);
    member.bytes = bytes.into();
}

/// Writes `RECORD` anew: an attacker would.
pub(crate) fn fix_record(contents: &mut Contents) {
    let Some(path) = record::path(contents).map(str::to_owned) else { return };
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    for name in contents.order.iter().filter(|name| **name != path) {
        let member = &contents.members[name];
        writer.write_record([name, &record::digest(member), &member.bytes.len().to_string()]).unwrap();
    }
    writer.write_record([&path, "", ""]).unwrap();
    let bytes = writer.into_inner().unwrap().into();
    contents.members.get_mut(&path).unwrap().bytes = bytes;
}

/// Packs `contents` in their order, deflated.
pub(crate) fn pack(contents: &Contents) -> Bytes {
    pack_with(contents, zip::CompressionMethod::Deflated)
}

fn pack_with(contents: &Contents, method: zip::CompressionMethod) -> Bytes {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for path in &contents.order {
        let member = &contents.members[path];
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(method)
            .unix_permissions(member.mode.unwrap_or(0o644));
        writer.start_file(path, options).unwrap();
        writer.write_all(&member.bytes).unwrap();
    }
    writer.finish().unwrap().into_inner().into()
}

/// Every mutant of `contents` is reported: against an honest rebuild, with `RECORD` fixed and with it stale.
///
/// The members decide here, and packing a large wheel a dozen times is quick when it is stored.
pub(crate) fn check(label: &str, contents: &Contents) {
    let pack = |contents: &Contents| pack_with(contents, zip::CompressionMethod::Stored);
    let honest = pack(contents);
    for mutant in MUTANTS {
        for fixed in [true, false] {
            let mut changed = contents.clone();
            let Some(path) = (mutant.apply)(&mut changed) else { continue };
            if fixed {
                fix_record(&mut changed);
            }
            let found = compare(WHEEL_NAME, &pack(&changed), &honest, &Limits::default()).unwrap();
            check_one(label, &mutant, fixed, &path, &found);
        }
    }
}

fn check_one(label: &str, mutant: &Mutant, fixed: bool, path: &str, found: &Comparison) {
    let what = format!("{label}: {}, RECORD fixed: {fixed}: {found:#?}", mutant.name);
    assert!(found.verdict > Verdict::Normalised, "{what}");
    let reported = found.differences.iter().find(|difference| difference.member == path);
    assert_eq!(reported.map(|difference| difference.class), Some(mutant.class), "{what}");
    assert!(matches!(found.replay, Some(Replay::Failed { .. })), "{what}");
    // A mode is not in RECORD; anything else makes a stale one a finding of its own.
    let stale = !fixed && mutant.class != DifferenceClass::ExecutableBit;
    let mismatch = found.differences.iter().any(|d| d.class == DifferenceClass::RecordMismatch);
    assert_eq!(mismatch, stale, "{what}");
    assert_eq!(found.verdict, if stale { Verdict::Unexplained } else { mutant.verdict }, "{what}");
}
