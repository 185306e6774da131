//! The contract of [`Scanner`].

use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::port::scanner::{File, Job, Previous, Scanner};
use trustmill_core::scan::Report;

/// Checks every clause.
pub async fn scanner(open: impl Fn() -> Arc<dyn Scanner>) {
    the_same_job_gives_the_same_report(&*open()).await;
    a_report_is_about_its_job(&*open()).await;
    the_release_before_is_named(&*open()).await;
    many_at_once_are_kept_apart(open()).await;
}

fn job(name: &str, text: &str) -> Job {
    let file = File { name: name.to_owned(), bytes: text.to_owned().into() };
    Job { ecosystem: "npm".into(), name: "a".into(), version: "1.0".into(), file, ..Job::default() }
}

async fn scanned(scanner: &dyn Scanner, job: &Job) -> Report {
    scanner.scan(job).await.unwrap()
}

async fn the_same_job_gives_the_same_report(scanner: &dyn Scanner) {
    let job = job("a.js", "require('child_process').exec('true')\n");
    assert_eq!(scanned(scanner, &job).await, scanned(scanner, &job).await);
}

async fn a_report_is_about_its_job(scanner: &dyn Scanner) {
    for job in [job("empty.js", ""), job("a.py", "x = 1\n"), job("\u{202e}..", "\u{0}\u{1}")] {
        let report = scanned(scanner, &job).await;
        assert_eq!(report.filename, job.file.name);
        assert_eq!(report.sha256, Sha256::of(&job.file.bytes));
        assert_eq!(report.rules, scanner.rules(), "of the rules that it says it has");
        assert_eq!(report.against, None);
    }
}

async fn the_release_before_is_named(scanner: &dyn Scanner) {
    let file = File { name: "a.js".into(), bytes: "1".into() };
    let job = Job { previous: Some(Previous { version: "0.9".into(), file }), ..job("a.js", "2") };
    assert_eq!(scanned(scanner, &job).await.against.as_deref(), Some("0.9"));
}

async fn many_at_once_are_kept_apart(scanner: Arc<dyn Scanner>) {
    let tasks = (0..8).map(|n| {
        let scanner = Arc::clone(&scanner);
        tokio::spawn(async move {
            let job = job(&format!("{n}.js"), &n.to_string());
            assert_eq!(scanned(&*scanner, &job).await.sha256, Sha256::of(&job.file.bytes));
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}
