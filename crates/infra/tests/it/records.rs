//! The records' contract on SQLite, and on the reference itself.

use crate::support::Folders;
use jiff::Timestamp;
use std::sync::Arc;
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{FirstSeen, Records};
use trustmill_core::{Purl, Sha256};
use trustmill_infra::DataDir;
use trustmill_testkit::{MemRecords, conformance};

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let folders = Folders::default();
    conformance::records(|| folders.open(|data| data.records())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_keeps_the_contract() {
    conformance::records(|| Arc::new(MemRecords::new())).await;
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let about = Purl::release("pypi", "a", "1");
    let at = Timestamp::from_nanosecond(1_800_000_000_123_456_789).unwrap();
    let fact = Fact {
        format: Fact::FORMAT,
        about: about.clone(),
        kind: "verdict".into(),
        subject: None,
        at,
        body: serde_json::json!({ "z": 1, "a": [null, 1.5, "x"] }),
    };
    let first = Sha256::of(b"first");
    let before = DataDir::open(folder.path()).unwrap();
    before.records().append(std::slice::from_ref(&fact)).await.unwrap();
    before.records().lock("pypi", "a.whl", &first, at).await.unwrap();
    before.records().watch(&about, at).await.unwrap();
    drop(before);

    let after = DataDir::open(folder.path()).unwrap();
    let records = after.records();
    assert_eq!(records.facts(&about, None).await.unwrap(), std::slice::from_ref(&fact));
    assert_eq!(records.watched().await.unwrap(), [(about.clone(), at)]);
    let again = records.lock("pypi", "a.whl", &Sha256::of(b"other"), at).await.unwrap();
    assert_eq!(again, FirstSeen::Conflict { first });
    records.append(&[fact]).await.unwrap();
    assert_eq!(records.facts(&about, None).await.unwrap().len(), 1, "one fact, also across restarts");
    assert_eq!(records.revision(&about), 0, "nothing new came");
}

#[tokio::test]
async fn caches_hear_of_facts_whose_author_has_gone() {
    let folders = Folders::default();
    let records = folders.open(|data| data.records());
    let about = Purl::release("pypi", "a", "1");
    let fact = Fact {
        format: Fact::FORMAT,
        about: about.clone(),
        kind: "release".into(),
        subject: None,
        at: Timestamp::UNIX_EPOCH,
        body: serde_json::Value::Null,
    };
    tokio::select! {
        biased;
        done = records.append(std::slice::from_ref(&fact)) => panic!("it takes more than one poll: {done:?}"),
        () = std::future::ready(()) => {}
    }
    while records.revision(&about) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(records.facts(&about, None).await.unwrap(), [fact]);
}
