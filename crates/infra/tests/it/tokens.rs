//! The tokens' contract on SQLite, and on the reference itself.

use crate::support::Folders;
use jiff::Timestamp;
use std::sync::Arc;
use trustmill_core::port::tokens::Tokens;
use trustmill_core::token::{TokenRecord, mint, parse};
use trustmill_infra::DataDir;
use trustmill_testkit::{MemTokens, conformance};

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let folders = Folders::default();
    conformance::tokens(|| folders.open(|data| data.tokens())).await;
}

#[tokio::test]
async fn the_reference_keeps_the_contract() {
    conformance::tokens(|| Arc::new(MemTokens::new())).await;
}

fn token(text: &str) -> TokenRecord {
    let shown = parse(text).unwrap();
    TokenRecord {
        id: shown.id,
        hash: shown.hash,
        team: "blue".into(),
        agent: None,
        admin: false,
        note: None,
        created: Timestamp::UNIX_EPOCH,
        expires: None,
        revoked: None,
        last_used: None,
    }
}

#[tokio::test]
async fn what_another_process_does_is_seen_by_the_next_look() {
    let folder = tempfile::tempdir().unwrap();
    let (server, by_hand) = (DataDir::open(folder.path()).unwrap(), DataDir::beside(folder.path()).unwrap());
    let (id, text) = mint(&[3; 40]);
    assert!(server.tokens().find(&id).await.unwrap().is_none());
    by_hand.tokens().add(&token(text.expose())).await.unwrap();
    assert!(server.tokens().find(&id).await.unwrap().is_some());
    by_hand.tokens().revoke(&id, Timestamp::UNIX_EPOCH).await.unwrap();
    assert!(server.tokens().find(&id).await.unwrap().unwrap().revoked.is_some());
}

#[tokio::test]
async fn the_text_is_kept_nowhere_and_uses_are_written_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (id, text) = mint(&[9; 40]);
    let data = DataDir::open(folder.path()).unwrap();
    data.tokens().add(&token(text.expose())).await.unwrap();
    data.tokens().used(&id, Timestamp::from_second(77).unwrap());
    drop(data);
    let secret = text.expose().rsplit('_').next().unwrap().as_bytes().to_vec();
    for file in ["state.db", "state.db-wal"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{file}");
    }
    let again = DataDir::open(folder.path()).unwrap();
    let found = again.tokens().find(&id).await.unwrap().unwrap();
    assert_eq!(found.last_used, Some(Timestamp::from_second(77).unwrap()));
}
