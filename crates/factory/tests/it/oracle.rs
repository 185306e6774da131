//! What the oracle makes of tests, with a workshop whose tests are written down: a line of a test file is a test, which
//! passes if the code has, or lacks, a word; and a run gets only so far.

use crate::workshop::archive;
use crate::world::{Stage, artifact, at, wheel};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use trustmill_core::attempt::Usage;
use trustmill_core::content::Contents;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::ecosystem::{BuildFailure, Plan};
use trustmill_core::port::sandbox::SandboxError;
use trustmill_core::port::workshop::{Bench, Stated, Workshop};
use trustmill_core::repair::{
    Candidate, Check, CheckOutcome, Judgement, Patch, Proposer, Role, TestOutcome, TestReport,
};
use trustmill_core::{Purl, Sha256};
use trustmill_factory::repair::{Extent, Material, Oracle, Task};

const HOLE: &str = "exports.run = function (a) {\n  return a;\n};\n";
const MENDED: &str = "exports.run = function (a) {\n  check(a);\n  return a;\n};\n";

/// A workshop whose runs get as far as is written down; the last number counts for all that follow.
struct Slow {
    gets_to: Mutex<VecDeque<usize>>,
    runs: Mutex<Vec<Vec<String>>>,
    seconds: u64,
}

impl Slow {
    fn new(gets_to: &[usize]) -> Self {
        Self { gets_to: Mutex::new(gets_to.iter().copied().collect()), runs: Mutex::default(), seconds: 1 }
    }
}

#[async_trait]
impl Workshop for Slow {
    fn ty(&self) -> &'static str {
        "npm"
    }

    fn source(&self, plan: &Plan) -> Option<Artifact> {
        plan.source.clone()
    }

    fn role(&self, path: &str) -> Role {
        if path.starts_with("tests/") { Role::Test } else { Role::Code }
    }

    fn repaired(&self, version: &str, n: u32) -> String {
        format!("{version}-tm.{n}")
    }

    fn renumbered(&self, tree: &Contents, _: &Purl, version: &str) -> Result<Contents, BuildFailure> {
        let mut tree = tree.clone();
        tree.set("VERSION", Some(Bytes::copy_from_slice(version.as_bytes())));
        Ok(tree)
    }

    fn is_built(&self, _: &str) -> bool {
        true
    }

    fn stated(&self, _: &str, contents: &Contents) -> Result<Stated, String> {
        let version = contents.text("VERSION").ok_or("it says no version")?.to_owned();
        Ok(Stated { version, ..Stated::default() })
    }

    fn is_run(&self, path: &str) -> bool {
        self.role(path) == Role::Test
    }

    fn chooses_tests(&self, _: &str) -> bool {
        false
    }

    fn leaving_out(&self) -> &'static [&'static str] {
        &["skip"]
    }

    fn install_lines(&self, _: &Purl, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }

    async fn test(
        &self,
        _: &Bench<'_>,
        tree: &Contents,
        only: Option<&[String]>,
    ) -> Result<TestReport, SandboxError> {
        let all = tree.members.keys().filter(|path| self.is_run(path)).cloned();
        let files: Vec<String> = only.map_or_else(|| all.collect(), <[String]>::to_vec);
        self.runs.lock().unwrap().push(files.clone());
        let most = {
            let mut gets_to = self.gets_to.lock().unwrap();
            if gets_to.len() > 1 { gets_to.pop_front().unwrap() } else { gets_to[0] }
        };
        let code = tree.text("kit.js").unwrap();
        let lines =
            files.iter().flat_map(|path| tree.text(path).unwrap().lines().map(move |line| (path, line)));
        let lines: Vec<(&String, &str)> = lines.collect();
        let mut report = TestReport { runner: "lines".into(), ..TestReport::default() };
        report.usage = Usage { wall_ms: self.seconds * 1000, ..Usage::default() };
        for (path, line) in lines.iter().take(most) {
            let passes = match line.split(' ').collect::<Vec<_>>()[..] {
                [_, "if", word] => code.contains(word),
                [_, "unless", word] => !code.contains(word),
                _ => true,
            };
            let outcome = if passes { TestOutcome::Passed } else { TestOutcome::Failed };
            let name = line.split(' ').next().unwrap();
            report.tests.insert(format!("{path}::{name}"), outcome);
        }
        report.problem = (most < lines.len()).then(|| "the tests take longer than they may".to_owned());
        Ok(report)
    }

    async fn pack(
        &self,
        _: &Bench<'_>,
        tree: &Contents,
    ) -> Result<Result<Vec<(String, Bytes)>, BuildFailure>, SandboxError> {
        let shipped = tree.members.iter().filter(|(path, _)| !self.is_run(path));
        let bytes = archive("package", shipped.map(|(path, member)| (path.as_str(), &member.bytes)));
        Ok(Ok(vec![(format!("kit-{}.tgz", tree.text("VERSION").unwrap()), bytes)]))
    }
}

fn tree(files: &[(&str, &str)]) -> Contents {
    let mut tree = Contents::default();
    for (path, text) in files {
        tree.set(path, Some(Bytes::copy_from_slice(text.as_bytes())));
    }
    tree
}

/// A release with a hole and these tests, and the candidate that mends it and brings a test.
fn task(tests: &[(&str, &str)]) -> (Task, Candidate) {
    let (before, after) = (tree(&[("kit.js", HOLE)]), tree(&[("kit.js", MENDED)]));
    let brought = tree(&[("tests/zz_new.txt", "hole if check\n")]);
    let mut published = tree(tests);
    published.set("kit.js", Some(HOLE.into()));
    let archive = artifact("kit-1.0.tgz", ArtifactKind::Source, "1.0", &Bytes::new(), 0);
    let mut fixed = after.clone();
    fixed.set("tests/zz_new.txt", brought.get("tests/zz_new.txt").map(|member| member.bytes.clone()));
    let advisory = trustmill_core::advisory::osv::parse(
        br#"{"schema_version":"1.6.0","id":"CVE-1","modified":"2026-01-01T00:00:00Z","affected":[]}"#,
    );
    let task = Task {
        release: Purl::release("npm", "kit", "1.0"),
        repaired: Purl::release("npm", "kit", "1.0-tm.1"),
        advisory: Arc::new(advisory.unwrap().advisory),
        ids: vec!["CVE-1".into()],
        as_of: at(0),
        archive,
        archive_sha256: Sha256::of(b""),
        tree: Arc::new(published),
        below: None,
        repository_tests: Arc::default(),
        material: vec![Material {
            origin: "https://forge.example/kit@1".into(),
            before: before.clone(),
            after: fixed,
            extent: Extent::Fix,
        }],
    };
    let candidate = Candidate {
        proposer: Proposer::Strategy { name: "exact".into(), version: 1 },
        derived_from: Vec::new(),
        fix: Patch::between(&before, &after),
        tests: Patch::between(&Contents::default(), &brought),
    };
    (task, candidate)
}

async fn judged(workshop: &Slow, tests: &[(&str, &str)]) -> Judgement {
    let stage = Stage::new(&wheel("x = 1"), &[]);
    let (task, candidate) = task(tests);
    Oracle::new(&stage.world, workshop).judge(&task, &candidate).await.unwrap()
}

fn said(judgement: &Judgement, check: Check) -> (CheckOutcome, &str) {
    let checked = judgement.checks.iter().find(|checked| checked.check == check);
    let checked = checked.unwrap_or_else(|| panic!("{:?}", judgement.checks));
    (checked.outcome, checked.detail.as_str())
}

const FOUR: &str = "one\ntwo\nthree\nfour\n";

#[tokio::test]
async fn a_suite_that_ends_is_run_as_a_whole() {
    let workshop = Slow::new(&[99]);
    let judgement = judged(&workshop, &[("tests/a.txt", FOUR), ("tests/b.txt", "five\n")]).await;
    let (outcome, detail) = said(&judgement, Check::NoNewFailures);
    assert_eq!((outcome, detail), (CheckOutcome::Held, "5 tests that passed still pass (lines)"));
    assert_eq!(said(&judgement, Check::Regression).0, CheckOutcome::Held);
}

#[tokio::test]
async fn of_one_that_takes_too_long_and_has_no_tests_near_the_change_those_count_that_end() {
    // A stem of three letters names nothing.
    let workshop = Slow::new(&[3]);
    let judgement = judged(&workshop, &[("tests/a.txt", FOUR), ("tests/b.txt", "five\n")]).await;
    let (outcome, detail) = said(&judgement, Check::NoNewFailures);
    assert_eq!(outcome, CheckOutcome::Held);
    assert!(detail.starts_with("3 tests that passed still pass, which is as far as they get"), "{detail}");
    assert_eq!(
        said(&judgement, Check::Regression).0,
        CheckOutcome::Held,
        "the test of the fix is run all the same"
    );
}

#[tokio::test]
async fn a_test_that_ended_in_time_and_fails_with_the_change_speaks_against_it() {
    let workshop = Slow::new(&[3]);
    let broken = "one\ntwo unless check\nthree\nfour\n";
    let judgement = judged(&workshop, &[("tests/a.txt", broken), ("tests/b.txt", "five\n")]).await;
    let (outcome, detail) = said(&judgement, Check::NoNewFailures);
    assert_eq!(outcome, CheckOutcome::Broken);
    assert!(detail.starts_with("1 test no longer passes: tests/a.txt::two"), "{detail}");
}

#[tokio::test]
async fn tests_that_a_run_of_the_patched_release_does_not_get_to_are_run_once_more() {
    let workshop = Slow::new(&[99, 99, 5, 99]);
    let judgement = judged(&workshop, &[("tests/a.txt", FOUR), ("tests/b.txt", "five\nsix\n")]).await;
    assert_eq!(
        said(&judgement, Check::NoNewFailures),
        (CheckOutcome::Held, "6 tests that passed still pass (lines)")
    );
    let runs = workshop.runs.lock().unwrap();
    assert_eq!(runs[3], ["tests/b.txt", "tests/zz_new.txt"], "{runs:?}");
}

#[tokio::test]
async fn a_release_that_never_gets_there_has_lost_them() {
    let workshop = Slow::new(&[99, 99, 5, 0]);
    let judgement = judged(&workshop, &[("tests/a.txt", FOUR), ("tests/b.txt", "five\nsix\n")]).await;
    let (outcome, detail) = said(&judgement, Check::NoNewFailures);
    assert_eq!(outcome, CheckOutcome::Broken);
    assert!(detail.contains("tests/b.txt::six") && detail.contains("longer"), "{detail}");
}

#[tokio::test]
async fn of_a_long_suite_what_is_near_the_change_is_run_first() {
    let workshop = Slow { seconds: 100, ..Slow::new(&[99]) };
    let tests = [("tests/a.txt", FOUR), ("tests/core_kit.txt", "five unless check\n")];
    let stage = Stage::new(&wheel("x = 1"), &[]);
    let (mut task, mut candidate) = task(&tests);
    // The same under a name that says something.
    rename(&mut task, &mut candidate);
    let judgement = Oracle::new(&stage.world, &workshop).judge(&task, &candidate).await.unwrap();
    assert_eq!(said(&judgement, Check::NoNewFailures).0, CheckOutcome::Broken);
    let runs = workshop.runs.lock().unwrap();
    assert!(runs.iter().skip(2).all(|files| !files.contains(&"tests/a.txt".to_owned())), "{runs:?}");
}

/// `kit.js` stays, and a second file that is changed is named as its tests are.
fn rename(task: &mut Task, candidate: &mut Candidate) {
    let code = |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
    let mut published = (*task.tree).clone();
    published.set("core_kit.js", code(HOLE));
    task.tree = Arc::new(published);
    task.material[0].before.set("core_kit.js", code(HOLE));
    task.material[0].after.set("core_kit.js", code(MENDED));
    let edit = candidate.fix.edits["kit.js"].clone();
    candidate.fix.edits.insert("core_kit.js".into(), edit);
}
