//! Real packages, from the index that this machine is configured for, through both phases to a wheel that
//! is compared with the published one.

use crate::build_world::{Mill, contents};
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::port::ecosystem::{Build, Ecosystem as _};
use trustmill_core::port::workshop::Bench;
use trustmill_core::repair::TestOutcome;
use trustmill_core::{Purl, Verdict};

/// One line per attempt, for whoever reads the log.
fn show(name: &str, attempts: &[(Attempt, Build)]) {
    for (attempt, build) in attempts {
        let result = match &attempt.result {
            AttemptResult::Compared(comparison) => format!("{} {:?}", comparison.verdict, comparison.replay),
            other => format!("{other:?}"),
        };
        println!(
            "{name}: {result}; environment {} ms CPU, {} requests; build {} ms CPU; {:?} {:?}",
            build.environment_usage.cpu_ms,
            build.requests.len(),
            build.build_usage.cpu_ms,
            attempt.recipe.tools,
            attempt.recipe.constraints,
        );
        if let AttemptResult::Compared(comparison) = &attempt.result {
            for difference in &comparison.differences {
                println!(
                    "  {} {:?} {}",
                    difference.member,
                    difference.class,
                    difference.diff.as_deref().unwrap_or_default()
                );
            }
        }
    }
}

fn verdict(attempts: &[(Attempt, Build)]) -> Option<Verdict> {
    match &attempts.last()?.0.result {
        AttemptResult::Compared(comparison) => Some(comparison.verdict),
        _ => None,
    }
}

async fn reproduces(mill: &Mill, name: &str, version: &str) -> Vec<(Attempt, Build)> {
    let attempts = mill.rebuild(name, version).await;
    show(name, &attempts);
    let verdict = verdict(&attempts);
    let log = attempts.last().map(|(_, build)| String::from_utf8_lossy(&build.log).into_owned());
    assert!(
        verdict.is_some_and(Verdict::same_bytes),
        "{name} {version}: {verdict:?}\n{}",
        log.unwrap_or_default()
    );
    attempts
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_of_every_back_end_come_out_as_published() {
    let mill = Mill::new().await;
    for (name, version) in [
        ("packaging", "24.1"),
        ("setuptools", "80.9.0"),
        ("hatchling", "1.25.0"),
        ("poetry-core", "1.9.0"),
        ("flit-core", "3.9.0"),
        ("annotated-types", "0.2.0"),
        ("typer", "0.4.1"),
        ("grpcio-status", "1.47.0"),
        ("certifi", "2024.7.4"),
        ("itsdangerous", "2.1.2"),
    ] {
        let attempts = reproduces(&mill, name, version).await;
        assert!(attempts.len() <= 3, "{name} took {} attempts", attempts.len());
        let materials = &attempts.last().unwrap().0.materials;
        assert!(materials.iter().any(|one| one.uri.starts_with("file:cpython-")), "{name}: {materials:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_is_made_once() {
    let mill = Mill::new().await;
    let first = reproduces(&mill, "idna", "3.7").await;
    let second = reproduces(&mill, "idna", "3.7").await;
    let (_, first) = first.last().unwrap();
    let (_, second) = second.last().unwrap();
    assert!(!first.requests.is_empty());
    assert!(second.requests.is_empty(), "{:?}", second.requests);
    assert_eq!(second.environment_usage.cpu_ms, 0);
    assert_eq!(first.materials, second.materials);
    assert!(
        first.materials.iter().any(|one| one.uri.starts_with("pkg:pypi/flit-core@")),
        "{:?}",
        first.materials
    );
}

/// docopt was never published as a wheel: an environment of wheels alone has none of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_tests_need_and_nobody_published_as_a_wheel_is_built_for_them() {
    let mill = Mill::new().await;
    let release = Purl::release("pypi", "demo", "1.0");
    let bench = Bench { release: &release, as_of: "2023-06-01T00:00:00Z".parse().unwrap(), strict: false };
    let files = [
        (
            "setup.py",
            "from setuptools import setup\nsetup(name='demo', version='1.0', py_modules=['demo'], install_requires=['docopt>=0.6,<1'])\n",
        ),
        ("demo.py", "import docopt\n"),
        (
            "tests/test_demo.py",
            "import demo\n\ndef test_version():\n    assert demo.docopt.__version__ == '0.6.2'\n",
        ),
    ];
    let report = mill.pypi.workshop().unwrap().test(&bench, &contents(&files), None).await.unwrap();
    assert_eq!(report.problem, None, "{report:?}");
    let passed = [("tests/test_demo.py::test_version".to_owned(), TestOutcome::Passed)];
    assert_eq!(report.tests, passed.into(), "{}", report.log);
}
