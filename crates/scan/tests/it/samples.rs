//! Every rule on its samples, which are kept encoded so that no other scanner, editor or agent takes them for code.
//!
//! `samples/RULE/bad-*` the rule finds, `near-*` it may note and does not hold, `good-*` it does not find. What is in
//! a sample, its name says: `bad-WHAT.EXTENSION.b64` is base64 of one file with that extension (`.whl` and `.tgz` are
//! opened, `.py` is a package of one file), and `bad-WHAT.ECOSYSTEM.package.b64` of a text that lists the files of a
//! release of `pypi`, `npm` or `cargo`, each after a line `=== PATH`; a path below `previous!/` belongs to the release before.

use base64::Engine as _;
use std::path::{Path, PathBuf};
use trustmill_core::port::scanner::{File, Job, Previous};
use trustmill_scan::rules;

fn tar_gz(files: &[(String, String)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut tar = tar::Builder::new(encoder);
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("demo-1.0.1/{path}"), text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

pub(crate) fn package(ecosystem: &str, text: &str) -> Job {
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for part in text.split("\n=== ").flat_map(|part| part.strip_prefix("=== ").or(Some(part))) {
        let (path, body) = part.split_once('\n').unwrap_or((part, ""));
        let (files, path) = match path.strip_prefix("previous!/") {
            Some(path) => (&mut old, path),
            None => (&mut new, path),
        };
        files.push((path.trim().to_owned(), format!("{}\n", body.trim_end_matches('\n'))));
    }
    let extension = match ecosystem {
        "npm" => "tgz",
        "cargo" => "crate",
        _ => "tar.gz",
    };
    let file = |files: &[(String, String)]| File {
        name: format!("demo-1.0.1.{extension}"),
        bytes: tar_gz(files).into(),
    };
    let previous = Previous { version: "1.0.0".into(), file: file(&old) };
    Job {
        ecosystem: ecosystem.into(),
        name: "demo".into(),
        version: "1.0.1".into(),
        file: file(&new),
        previous: (!old.is_empty()).then_some(previous),
        ..Job::default()
    }
}

fn job(path: &Path) -> Job {
    let name = path.file_name().unwrap().to_str().unwrap();
    let stem = name.strip_suffix(".b64").unwrap_or_else(|| panic!("{name} does not end in .b64"));
    let text: String = std::fs::read_to_string(path).unwrap().split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let (what, format) = stem.split_once('.').unwrap();
    if let Some(ecosystem) = format.strip_suffix(".package") {
        return package(ecosystem, std::str::from_utf8(&bytes).unwrap());
    }
    let ecosystem = match format {
        "tgz" | "js" | "ts" | "mjs" | "cjs" => "npm",
        "crate" | "rs" => "cargo",
        _ => "pypi",
    };
    Job {
        ecosystem: ecosystem.into(),
        file: File { name: format!("{what}.{format}"), bytes: bytes.into() },
        ..Job::default()
    }
}

fn samples(rule: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(rule);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_rule_finds_its_bad_samples_and_holds_neither_near_ones_nor_good_ones() {
    let mut wrong = Vec::new();
    for rule in rules::ALL {
        for path in samples(rule.id()) {
            let report = trustmill_scan::scan(&job(&path)).unwrap();
            let found: Vec<_> = report.findings.iter().filter(|finding| finding.rule == rule.id()).collect();
            let holds_at = report
                .scores
                .iter()
                .find(|score| score.family == rule.family())
                .map_or(0, |score| score.holds_at);
            let heaviest = found.iter().map(|finding| finding.weight).max();
            let name = path.file_name().unwrap().to_str().unwrap();
            let right = match name.split('-').next() {
                Some("bad") => heaviest.is_some(),
                Some("near") => heaviest.is_none_or(|weight| weight < holds_at),
                Some("good") => heaviest.is_none(),
                _ => false,
            };
            if !right {
                wrong.push(format!("{}/{name}: {found:?}", rule.id()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn samples_belong_to_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(rules::ALL.iter().any(|rule| rule.id() == name), "samples/{name} has no rule of that id");
    }
}
