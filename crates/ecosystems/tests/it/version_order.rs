//! Orders of versions against those who decide them: `packaging` as pip carries it, `semver` as npm carries it, and
//! the library that cargo is built with. A thousand random pairs, one process each.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::cmp::Ordering;
use std::io::Write as _;
use std::process::{Command, Stdio};
use trustmill_core::version::VersionScheme;
use trustmill_ecosystems::join;

const PAIRS: usize = 1_000;

fn scheme(ty: &str) -> &'static dyn VersionScheme {
    join::ALL.iter().find(|family| family.ty == ty).unwrap().versions
}

/// Pairs that are near each other: the second is often the first with one part changed.
fn pairs(one: impl Strategy<Value = String> + Clone) -> Vec<[String; 2]> {
    let near = (one.clone(), one).prop_map(|(a, b)| {
        let half = a.len() / 2;
        let mixed = format!("{}{}", a.split_at(half).0, b.split_at(b.len().min(half)).1);
        [a, if b.len() % 3 == 0 { b } else { mixed }]
    });
    let mut runner = TestRunner::deterministic();
    (0..PAIRS).map(|_| near.new_tree(&mut runner).unwrap().current()).collect()
}

/// What a program says of each pair: `<`, `=`, `>`, or `!` if one of the two is no version.
fn asked(program: &str, script: &str, pairs: &[[String; 2]]) -> Vec<Option<Ordering>> {
    let flag = if program == "node" { "-e" } else { "-c" };
    let mut child = Command::new(program)
        .args([flag, script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(serde_json::to_string(pairs).unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let order = |line| match line {
        "<" => Some(Ordering::Less),
        "=" => Some(Ordering::Equal),
        ">" => Some(Ordering::Greater),
        "!" => None,
        other => panic!("{other}"),
    };
    let answers: Vec<_> = text.lines().map(order).collect();
    assert_eq!(answers.len(), pairs.len());
    answers
}

fn agree(scheme: &dyn VersionScheme, pairs: &[[String; 2]], expected: &[Option<Ordering>]) {
    for ([a, b], expected) in pairs.iter().zip(expected) {
        assert_eq!(scheme.compare(a, b), *expected, "{a:?} {b:?}");
        assert_eq!(scheme.compare(b, a), expected.map(Ordering::reverse), "{b:?} {a:?}");
    }
    assert!(expected.iter().filter(|order| order.is_some()).count() > PAIRS / 4, "mostly versions");
}

#[test]
fn pypi_is_ordered_as_pip_does() {
    let version = "v?([01]!)?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}([-_.]?(a|b|rc|alpha|c|pre)[-_.]?[0-9]?)?((-[0-9])|([-_.]?(post|rev|r)[0-9]?))?([-_.]?dev[0-9]?)?(\\+[a-z0-9]{1,3}([._-][a-z0-9]{1,2})?)?";
    let pairs = pairs(version);
    let script = "
import json, sys
from pip._vendor.packaging.version import Version, InvalidVersion
for a, b in json.load(sys.stdin):
    try:
        a, b = Version(a), Version(b)
        print('<' if a < b else '=' if a == b else '>')
    except InvalidVersion:
        print('!')
";
    agree(scheme("pypi"), &pairs, &asked("python3", script, &pairs));
}

#[test]
fn npm_is_ordered_as_npm_does() {
    let version = "[0-9]{1,2}\\.[0-9]{1,2}\\.(0|[1-9][0-9]?)(-([0-9]{1,2}|[a-z]{1,3}[0-9]?|-[0-9])(\\.([0-9]{1,2}|[a-z-]{1,3})){0,2})?(\\+[0-9a-z]{1,3})?";
    let pairs = pairs(version);
    // npm's own copy: strict, as the registry and the installer read versions.
    let script = "
const { execFileSync } = require('child_process');
const root = execFileSync('npm', ['root', '-g']).toString().trim();
const semver = require(root + '/npm/node_modules/semver');
for (const [a, b] of JSON.parse(require('fs').readFileSync(0))) {
  const valid = (v) => semver.valid(v) !== null;
  console.log(valid(a) && valid(b) ? { '-1': '<', 0: '=', 1: '>' }[semver.compare(a, b)] : '!');
}
";
    agree(scheme("npm"), &pairs, &asked("node", script, &pairs));
}

#[test]
fn crates_are_ordered_as_cargo_does() {
    let version = "[0-9]{1,2}\\.[0-9]{1,2}\\.(0|[1-9][0-9]?)(-([0-9]{1,2}|[a-z]{1,3}[0-9]?|-[0-9])(\\.([0-9]{1,2}|[a-z-]{1,3})){0,2})?(\\+[0-9a-z]{1,3})?";
    let pairs = pairs(version);
    // A requirement decides what an advisory hits, and it does not see build metadata: `<b` and `>b` of cargo's own
    // library on both sides of `=`.
    let order = |[a, b]: &[String; 2]| {
        let (a, b) = (semver::Version::parse(a).ok()?, semver::Version::parse(b).ok()?);
        let bare = |version: &semver::Version| semver::Version {
            build: semver::BuildMetadata::EMPTY,
            ..version.clone()
        };
        Some(bare(&a).cmp(&bare(&b)))
    };
    let expected: Vec<_> = pairs.iter().map(order).collect();
    agree(scheme("cargo"), &pairs, &expected);
}
