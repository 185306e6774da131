//! The scanner's processes: what the real one cannot do, and what the mill makes of workers that misbehave.

use crate::harness;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use trustmill_core::port::Coded as _;
use trustmill_core::port::sandbox::Layer;
use trustmill_core::port::scanner::{File, Job, Scanner, ScannerError};
use trustmill_core::scan::Report;
use trustmill_sandbox::scanner::{ScannerPool, ScannerSettings, WorkerCommand};

const RULES: &str = "test-1";

fn program() -> PathBuf {
    harness::programs().join("sandbox-test-scanner")
}

fn pool_of(kind: &str, change: impl FnOnce(&mut ScannerSettings)) -> ScannerPool {
    let mut settings =
        ScannerSettings { workers: 1, seconds: 60, memory: 512 << 20, jobs: 8, without: Vec::new() };
    change(&mut settings);
    let command = WorkerCommand { program: program(), args: vec![kind.to_owned()], told: Bytes::new() };
    ScannerPool::new(command, RULES, settings)
}

fn pool(kind: &str) -> ScannerPool {
    pool_of(kind, |_| ())
}

fn job(bytes: &str) -> Job {
    let file = File { name: "a-1.0.tgz".into(), bytes: bytes.to_owned().into() };
    Job { ecosystem: "npm".into(), file, ..Job::default() }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

async fn told(pool: &ScannerPool, bytes: &str) -> String {
    pool.scan(&job(bytes)).await.unwrap_or_else(|error| panic!("{error}")).reason
}

async fn failed(pool: &ScannerPool, bytes: &str) -> ScannerError {
    match pool.scan(&job(bytes)).await {
        Err(error) => error,
        Ok(report) => panic!("there is a report: {report:?}"),
    }
}

#[test]
fn it_keeps_the_contract() {
    run(trustmill_testkit::conformance::scanner(|| Arc::new(pool("real"))));
}

#[test]
fn a_worker_can_open_connect_and_start_nothing() {
    let said = run(async { told(&pool("real"), "escape").await });
    let open: Vec<_> = said.split(' ').filter(|one| !one.ends_with("=no")).collect();
    assert!(open.is_empty() && said.split(' ').count() > 25, "{said}");
}

#[test]
fn nor_can_one_that_an_ordinary_user_started() {
    harness::as_user(concat!(module_path!(), "::a_worker_can_open_connect_and_start_nothing"));
}

#[test]
fn every_layer_is_on_here_and_says_so() {
    let layers = run(async { pool("real").layers().await.unwrap() });
    assert_eq!(layers.len(), trustmill_sandbox::confine::LAYERS.len());
    assert!(layers.iter().all(|status| status.active), "{layers:?}");
}

#[test]
fn the_end_of_stack_and_memory_and_a_panic_are_no_reports_and_the_next_job_is_done() {
    run(async {
        let pool = pool("real");
        for (act, word) in
            [("overflow", "overflowed its stack"), ("memory", "memory allocation"), ("panic", "panicked")]
        {
            let error = failed(&pool, act).await;
            assert_eq!(error.code(), "TM1002", "{act}: {error}");
            assert!(error.to_string().contains(word), "{act}: {error}");
            assert_eq!(told(&pool, "fine").await, "4 bytes");
        }
    });
}

#[test]
fn a_job_that_does_not_end_is_ended() {
    run(async {
        let pool = pool_of("real", |settings| settings.seconds = 1);
        assert_eq!(failed(&pool, "spin").await.code(), "TM1001");
        assert_eq!(told(&pool, "fine").await, "4 bytes");
    });
}

#[test]
fn a_worker_does_several_jobs_and_no_more() {
    run(async {
        let pool = pool_of("real", |settings| settings.jobs = 2);
        let pids = [told(&pool, "pid").await, told(&pool, "pid").await, told(&pool, "pid").await];
        assert!(pids[0] == pids[1] && pids[1] != pids[2], "{pids:?}");
    });
}

#[test]
fn what_is_no_answer_is_an_error() {
    run(async {
        for (kind, code, word) in [
            ("hang", "TM1001", "1 s"),
            ("exit", "TM1002", "exit code 7: no more"),
            ("garbage", "TM1002", "no report"),
            ("endless", "TM1002", "bytes"),
            ("flood", "TM1002", "bytes"),
            ("lie", "TM1002", "something else"),
            ("old", "TM1003", "test-0"),
            ("open", "TM1003", "seccomp"),
        ] {
            let pool = pool_of(kind, |settings| settings.seconds = 1);
            let error = failed(&pool, "x").await;
            assert_eq!(error.code(), code, "{kind}: {error}");
            assert!(error.to_string().contains(word), "{kind}: {error}");
        }
    });
}

#[test]
fn a_missing_layer_is_done_without_only_where_the_configuration_says_so() {
    run(async {
        let all = trustmill_sandbox::confine::LAYERS.to_vec();
        let pool = pool_of("open", |settings| {
            settings.seconds = 1;
            settings.without = all.into_iter().filter(|layer| *layer != Layer::Landlock).collect();
        });
        let error = failed(&pool, "x").await.to_string();
        assert!(error.contains("landlock"), "{error}");
    });
}

#[test]
fn a_program_that_is_not_there_is_named() {
    run(async {
        let command =
            WorkerCommand { program: "/nowhere/worker".into(), args: Vec::new(), told: Bytes::new() };
        let pool = ScannerPool::new(command, RULES, ScannerSettings::default());
        let error = failed(&pool, "x").await;
        assert!(error.code() == "TM1003" && error.to_string().contains("/nowhere/worker"), "{error}");
    });
}

#[test]
fn a_large_file_goes_through_whole() {
    run(async {
        let large = "x".repeat(20 << 20);
        let report: Report = pool("real").scan(&job(&large)).await.unwrap();
        assert_eq!(report.reason, format!("{} bytes", 20 << 20));
    });
}
