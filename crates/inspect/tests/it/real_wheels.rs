//! The negative control and the replay over real, popular wheels.
//!
//! The wheels come through the machine's own `pip download` into the target folder, or are read from the
//! folder that `TRUSTMILL_TEST_WHEELS` names.

use crate::mutants::{self, WHEEL_NAME};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::process::Command;
use trustmill_core::Verdict;
use trustmill_inspect::archive::{Limits, zip};
use trustmill_inspect::compare::compare;
use trustmill_inspect::replay::{self, replay};
use trustmill_inspect::wheel::check_record;

const WHEELS: [&str; 26] = [
    "requests==2.32.5",
    "urllib3==2.5.0",
    "idna==3.11",
    "certifi==2025.11.12",
    "click==8.3.1",
    "flask==3.1.2",
    "jinja2==3.1.6",
    "werkzeug==3.1.3",
    "rich==14.2.0",
    "pytest==9.0.1",
    "packaging==25.0",
    "setuptools==80.9.0",
    "wheel==0.45.1",
    "pip==25.3",
    "six==1.17.0",
    "attrs==25.4.0",
    "boto3==1.41.2",
    "django==5.2.8",
    "fastapi==0.121.3",
    "httpx==0.28.1",
    "tqdm==4.67.1",
    "tomli==2.3.0",
    "poetry-core==2.2.1",
    "hatchling==1.27.0",
    "pyasn1==0.6.1",
    "tabulate==0.9.0",
];

fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("TRUSTMILL_TEST_WHEELS") {
        return folder.into();
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheels");
    std::fs::create_dir_all(&folder).unwrap();
    for wheel in WHEELS {
        let (name, version) = wheel.split_once("==").unwrap();
        let prefix = format!("{}-{version}-", name.replace('-', "_"));
        let is_there = || {
            std::fs::read_dir(&folder)
                .unwrap()
                .any(|file| file.unwrap().file_name().to_string_lossy().starts_with(&prefix))
        };
        let tries = (0..4).take_while(|_| !is_there()).filter(|_| !download(wheel, &folder)).count();
        assert!(is_there(), "{wheel} could not be downloaded in {tries} tries");
    }
    folder
}

fn download(wheel: &str, folder: &Path) -> bool {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--python-version",
        "3.13",
    ]);
    pip.arg("--dest").arg(folder).arg(wheel).status().unwrap().success()
}

fn wheels() -> Vec<(String, Bytes)> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut wheels: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap().into())
        })
        .collect();
    wheels.sort();
    assert!(wheels.len() >= 20, "only {} wheels", wheels.len());
    wheels
}

#[test]
fn every_mutant_of_every_wheel_is_reported() {
    for (name, bytes) in wheels() {
        let same = compare(WHEEL_NAME, &bytes, &bytes, &Limits::default()).unwrap();
        assert_eq!((same.verdict, same.differences.len()), (Verdict::Identical, 0), "{name}");
        mutants::check(&name, &zip::read(&bytes, &Limits::default()).unwrap());
    }
}

#[test]
fn real_wheels_replay_from_their_own_members() {
    let (mut replayed, mut missed, mut taken) = (0, Vec::new(), Vec::new());
    let wheels = wheels();
    for (name, bytes) in &wheels {
        let archive = zip::open(bytes, &Limits::default()).unwrap();
        assert_eq!(check_record(&archive.contents), [], "{name}");
        match replay(&archive, &archive.contents, &replay::Limits::from(&Limits::default())) {
            Ok(replay) => {
                assert_eq!(replay.bytes, bytes, "{name}");
                replayed += 1;
                if !replay.streams_taken.is_empty() {
                    taken.push(format!("{name}: {}", replay.streams_taken.len()));
                }
            }
            Err(refusal) => missed.push(format!("{name}: {refusal}")),
        }
    }
    println!("{replayed} of {} replayed; with streams taken over: {taken:#?}", wheels.len());
    assert!(missed.is_empty(), "{missed:#?}");
    // One publisher in two hundred compresses with a zlib that is not known.
    assert!(taken.len() * 20 <= wheels.len(), "{taken:#?}");
}
