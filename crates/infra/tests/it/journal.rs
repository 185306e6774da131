//! The journal's contract on SQLite, and on the reference itself.

use crate::support::Folders;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::port::journal::Journal;
use trustmill_core::ruling::Principal;
use trustmill_core::{Purl, Sha256};
use trustmill_infra::DataDir;
use trustmill_testkit::{MemJournal, conformance};

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let folders = Folders::default();
    conformance::journal(|| folders.open(|data| data.journal())).await;
}

#[tokio::test]
async fn the_reference_keeps_the_contract() {
    conformance::journal(|| Arc::new(MemJournal::new())).await;
}

fn note(data: &DataDir, n: u32) {
    let release = Purl::release("pypi", "a", "1");
    let (who, at) = (Principal::default(), Timestamp::UNIX_EPOCH);
    data.journal().note(&release, &format!("{n}.whl"), Sha256::of(b""), &who, at);
}

/// What another process reads is what was written.
async fn written(folder: &std::path::Path) -> usize {
    let beside = DataDir::beside(folder).unwrap();
    beside.journal().handed(&Purl::project("pypi", "a")).await.unwrap().len()
}

#[tokio::test]
async fn an_orderly_end_writes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    (0..10).for_each(|n| note(&data, n));
    drop(data);
    assert_eq!(written(folder.path()).await, 10);
}

#[tokio::test]
async fn nobody_needs_to_ask_for_it_to_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    note(&data, 0);
    let soon = async {
        while written(folder.path()).await == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), soon).await.unwrap();
}
