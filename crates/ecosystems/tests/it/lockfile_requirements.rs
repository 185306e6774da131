//! Requirements files: real ones as pip reads them, and every way of being refused.

use proptest::prelude::*;
use std::path::{Path, PathBuf};
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_ecosystems::pypi::lockfile::requirements::read_bytes;
use trustmill_ecosystems::pypi::lockfile::{MemoryFiles, Target, read, read_from};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lockfiles").join(name)
}

/// CPython 3.9 on Windows.
pub(crate) fn windows() -> Target {
    Target {
        os_name: "nt".into(),
        sys_platform: "win32".into(),
        platform_system: "Windows".into(),
        platform_machine: "AMD64".into(),
        platform_release: "10".into(),
        platform_version: "10.0.19045".into(),
        ..Target::cpython_linux("3.9.18".parse().unwrap())
    }
}

/// `name==version` of every pin, sorted.
pub(crate) fn releases(pins: &Pins) -> Vec<String> {
    let mut out: Vec<String> =
        pins.pins.iter().map(|pin| format!("{}=={}", pin.purl.name(), pin.purl.version().unwrap())).collect();
    out.sort();
    out
}

/// The lines of an expected answer.
pub(crate) fn answer(name: &str) -> Vec<String> {
    std::fs::read_to_string(fixture(name)).unwrap().lines().map(str::to_owned).collect()
}

fn text(text: &str) -> Result<Pins, LockfileError> {
    read_bytes(text.as_bytes(), &Target::default())
}

fn files(all: &[(&str, &str)]) -> Result<Pins, LockfileError> {
    let files = MemoryFiles {
        files: all.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect(),
        ..MemoryFiles::default()
    };
    read_from(Path::new(all[0].0), &Target::default(), &files).unwrap()
}

#[track_caller]
fn refused(result: Result<Pins, LockfileError>, code: &str, origin: &str) -> LockfileError {
    let error = result.unwrap_err();
    assert_eq!((error.code, error.origin.as_str()), (code, origin), "{error}");
    assert!(!error.help.is_empty());
    error
}

#[test]
fn a_compiled_file_pins_what_pip_would_install() {
    let pins = read(&fixture("compiled/requirements.txt"), &Target::default()).unwrap().unwrap();
    assert_eq!(releases(&pins), answer("compiled/pip-report.txt"));
    assert!(pins.pins.iter().all(|pin| pin.hashes.len() == 2), "a wheel and an sdist each");
    let skipped: Vec<&str> = pins.skipped.iter().map(|one| one.entry.split('=').next().unwrap()).collect();
    assert_eq!(skipped, ["colorama"]);
    assert!(pins.skipped[0].origin.contains("requirements.txt:"));
}

#[test]
fn a_file_that_is_none_of_ours_is_left() {
    assert!(read(Path::new("Cargo.lock"), &Target::default()).is_none());
    assert!(read(Path::new("/"), &Target::default()).is_none());
    refused(read(Path::new("no-such.txt"), &Target::default()).unwrap(), "TM0201", "no-such.txt");
    refused(
        read(&fixture("..").join("x.txt/../lockfiles.txt"), &Target::default()).unwrap(),
        "TM0201",
        &fixture("..").join("x.txt/../lockfiles.txt").display().to_string(),
    );
}

#[test]
fn exact_versions_are_pins_and_all_else_is_refused_with_the_remedy() {
    assert_eq!(
        releases(&text("A_b [x,y] == 1.0 , >=0.5 \nc===2\nd (==3)").unwrap()),
        ["a-b==1.0", "c==2", "d==3"]
    );
    for (entry, example) in [
        ("requests", "requests==VERSION"),
        ("requests>=2.32.5", "requests==2.32.5"),
        ("requests==2.*", "requests==2"),
        ("requests~=2.32.5", "requests==2.32.5"),
    ] {
        let error = refused(text(&format!("\n{entry}")), "TM0203", "requirements.txt:2");
        assert!(error.help.contains(&format!("`{example}`")), "{}", error.help);
    }
    assert_eq!(releases(&text("a==1.0.RC1").unwrap()), ["a==1.0rc1"]);
}

#[test]
fn one_environment_holds_one_version() {
    refused(text("a==1\nA==2"), "TM0204", "requirements.txt:2");
    refused(text("a==1,>2"), "TM0204", "requirements.txt:1");
    refused(text("a==1,==2"), "TM0204", "requirements.txt:1");
    assert_eq!(releases(&text("a==1\na[x]==1.0").unwrap()), ["a==1"]);
    assert_eq!(releases(&text("a==1; os_name=='posix'\na==2; os_name=='nt'").unwrap()), ["a==1"]);
    let merged = text(&format!("a==1 --hash=sha256:{A} --hash=sha256:{B}\na==1 --hash=sha256:{B}")).unwrap();
    assert_eq!(merged.pins[0].hashes, [B.parse().unwrap()]);
    refused(text(&format!("a==1 --hash=sha256:{A}\na==1 --hash=sha256:{B}")), "TM0204", "requirements.txt:2");
}

#[test]
fn digests_are_never_weakened() {
    let both = text(&format!("a==1 --hash=sha256:{A} --hash sha512:{B}{B} \\\n  --hash=SHA256:{B}")).unwrap();
    assert_eq!(both.pins[0].hashes.len(), 2);
    assert!(both.skipped[0].why.contains("sha512"));
    refused(text(&format!("a==1 --hash=sha512:{A}{A}")), "TM0205", "requirements.txt:1");
    refused(text("a==1 --hash=sha256:zz"), "TM0205", "requirements.txt:1");
    refused(text("a==1 --hash=sha256"), "TM0205", "requirements.txt:1");
    refused(text(&format!("a==1 --hash=sha256:{A}\nb==1")), "TM0205", "requirements.txt:2");
    refused(text("--require-hashes\nb==1"), "TM0205", "requirements.txt:2");
}

#[test]
fn constraints_pin_and_bound() {
    let pinned = files(&[("d/r.txt", "-c ../c.txt\na[x]\nb==2"), ("c.txt", "")]);
    refused(pinned, "TM0201", "d/r.txt:1");
    let pins = files(&[
        ("d/r.txt", "-c c/c.txt\na[x]\nb==2"),
        ("d/c/c.txt", "A==1\nb<3\nunused==4\nw==1; os_name=='nt'"),
    ]);
    let pins = pins.unwrap();
    assert_eq!(releases(&pins), ["a==1", "b==2"]);
    assert_eq!(pins.pins[0].origin, "d/r.txt:2");
    let whys: Vec<_> = pins.skipped.iter().map(|one| (one.entry.as_str(), one.origin.as_str())).collect();
    assert_eq!(whys, [("w==1; os_name=='nt'", "d/c/c.txt:4"), ("unused==4", "d/c/c.txt:3")]);
    refused(files(&[("r.txt", "b==2\n-c c.txt"), ("c.txt", "b<2")]), "TM0204", "r.txt:1");
}

#[test]
fn hostile_sizes_are_refused() {
    let digests: String = (0..10_001).map(|n| format!(" --hash=sha256:{n:064x}")).collect();
    refused(text(&format!("a==1{digests}")), "TM0205", "requirements.txt:1");
    refused(text(&format!("a==1 {}", "x".repeat(2 << 20))), "TM0202", "requirements.txt:1");
    refused(text(&"\n".repeat(400_001)), "TM0201", "requirements.txt");
    let bounds = "a<9\n".repeat(257);
    refused(files(&[("r.txt", "-c c.txt\na==1"), ("c.txt", &bounds)]), "TM0204", "c.txt:257");
}

#[test]
fn includes_are_relative_bounded_and_read_once() {
    let pins = files(&[
        ("p/r.txt", "-r sub/a.txt\n--requirement=b.txt\nz==1"),
        ("p/sub/a.txt", "-r../b.txt\na==1"),
        ("p/sub/../b.txt", "b==1"),
        ("p/b.txt", "b==1"),
    ]);
    let pins = pins.unwrap();
    assert_eq!(releases(&pins), ["a==1", "b==1", "z==1"]);
    assert_eq!(pins.pins[0].origin, "p/sub/../b.txt:1");
    refused(files(&[("r.txt", "-r s.txt"), ("s.txt", "\n-c ./r.txt")]), "TM0206", "s.txt:2");
    refused(text("-r https://files.example/r.txt"), "TM0206", "requirements.txt:1");
    let chain: Vec<(String, String)> =
        (0..40).map(|n| (format!("{n}.txt"), format!("-r {}.txt", n + 1))).collect();
    let chain: Vec<(&str, &str)> = chain.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    refused(files(&chain), "TM0206", "15.txt:1");
}

#[test]
fn what_is_not_from_the_registry_is_skipped_with_its_reason() {
    let lines = "-e .\n./local\ndir/pkg\npkg.whl\ngit+https://me:pw@files.example/r.git@v1#egg=r\n\
        https://files.example/x.whl\nx @ https://files.example/x.whl ; os_name == 'posix'\nfile:///x\nC:\\x\\y.whl\n\
        -i https://u:pw@files.example/simple\n--extra-index-url=https://files.example/s\n--find-links x --pre\n--no-binary :all:\nlast==1";
    let pins = text(lines).unwrap();
    assert_eq!(releases(&pins), ["last==1"]);
    assert_eq!(pins.skipped.len(), 14);
    let all = format!("{:?}", pins.skipped);
    assert!(!all.contains("pw@"), "{all}");
    assert!(pins.skipped.iter().all(|one| !one.why.is_empty()));
}

#[test]
fn malformed_lines_are_errors_with_their_line() {
    for bad in [
        "a==1 -r x",
        "a==1 --require-hashes",
        "--hash=sha256:x",
        "--unknown",
        "a b",
        "a==1; os_name",
        "a==1; x == 'y'",
        "a==1; sys_platform ~= 'l'",
        "[x]",
        "a=1",
    ] {
        refused(text(&format!("# c\n\n{bad}")), "TM0202", "requirements.txt:3");
    }
    refused(read_bytes(b"\xff\xfea\0=\0", &Target::default()), "TM0201", "requirements.txt");
    refused(read_bytes(b"\xe9==1", &Target::default()), "TM0201", "requirements.txt");
}

#[test]
fn variables_are_expanded_and_their_values_never_shown() {
    let files = |text: &str| MemoryFiles {
        variables: [("V".into(), "1.5".into()), ("TOKEN".into(), "hunter2 hunter2".into())].into(),
        ..MemoryFiles::one("r.txt", text.as_bytes())
    };
    let read = |text: &str| read_from(Path::new("r.txt"), &Target::default(), &files(text)).unwrap();
    assert_eq!(releases(&read("a==${V}").unwrap()), ["a==1.5"]);
    for leaky in [
        "${TOKEN}",
        "a==${TOKEN}",
        "-i https://${TOKEN}@files.example",
        "-r https://${TOKEN}@h",
        "--x=${TOKEN}",
    ] {
        assert!(!format!("{:?}", read(leaky)).contains("hunter2"), "{leaky}: {:?}", read(leaky));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_bytes(&bytes, &Target::default());
    }

    #[test]
    fn no_line_noise_makes_the_reader_panic(text in r#"(a|-r |-c |-e |--hash=sha256:|==1|;|os_name|'|"|\\|\n|\r|#|\$\{|\}|\[|\]|@|://| |é|\u{2028}){0,40}"#) {
        let _ = read_bytes(text.as_bytes(), &Target::default());
    }

    #[test]
    fn a_mutated_real_file_never_panics_and_never_gains_a_digest(at in 0usize..3000, byte in any::<u8>()) {
        let mut bytes = std::fs::read(fixture("compiled/requirements.txt")).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(pins) = read_bytes(&bytes, &Target::default()) {
            prop_assert!(pins.pins.iter().all(|pin| (1..=2).contains(&pin.hashes.len())));
        }
    }

    #[test]
    fn pins_written_out_are_read_back(pins in proptest::collection::btree_map("[a-z][a-z0-9]{0,8}", ("[0-9]{1,3}(\\.[1-9][0-9]?){0,2}(rc1|\\.post2|\\.dev3)?", 1u8..4), 1..12)) {
        let lines: String = pins.iter().map(|(name, (version, hashes))| {
            let hashes: String = (0..*hashes).map(|n| format!(" \\\n    --hash=sha256:{}", format!("{n:02x}").repeat(32))).collect();
            format!("{name}=={version}{hashes}\n")
        }).collect();
        let read = text(&lines).unwrap();
        prop_assert_eq!(read.pins.len(), pins.len());
        for pin in &read.pins {
            let (version, hashes) = &pins[&pin.purl.name()];
            let version: pep440_rs::Version = version.parse().unwrap();
            prop_assert_eq!(pin.purl.version().unwrap(), version.to_string());
            prop_assert_eq!(pin.hashes.len(), usize::from(*hashes));
        }
    }
}
