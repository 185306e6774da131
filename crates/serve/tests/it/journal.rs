//! What is handed out is noted, with whoever got it, and nothing else is.

use crate::client::{get, send};
use crate::fake::start_with;
use std::sync::Arc;
use trustmill_core::port::journal::Journal;
use trustmill_core::port::tokens::Tokens;
use trustmill_core::token::{RANDOM, TokenRecord, mint, parse};
use trustmill_core::{Purl, Sha256, Timestamp};
use trustmill_serve::{Access, Options, ServerLimits};
use trustmill_testkit::{MemJournal, MemTokens};

#[tokio::test]
async fn files_that_are_sent_are_noted_and_questions_are_not() {
    let (journal, tokens) = (Arc::new(MemJournal::new()), Arc::new(MemTokens::new()));
    let (id, text) = mint(&[5; RANDOM]);
    let record = TokenRecord {
        id: id.clone(),
        hash: parse(text.expose()).unwrap().hash,
        team: "blue".into(),
        agent: Some("robot".into()),
        admin: false,
        note: None,
        created: Timestamp::UNIX_EPOCH,
        expires: None,
        revoked: None,
        last_used: None,
    };
    tokens.add(&record).await.unwrap();
    let access = Access { tokens: Some(tokens), ..Access::default() };
    let options = Options { access, journal: Some(journal.clone()), ..Options::default() };
    let server = start_with(options, ServerLimits::default()).await;
    let addr = server.addr;
    let file = "/pypi/release/a-1.0.whl";

    let reply = get(addr, file, &[]).await;
    assert_eq!(reply.status, 200);
    let etag = reply.header("etag").unwrap().to_owned();
    assert_eq!(get(addr, file, &[("If-None-Match", &etag)]).await.status, 304);
    assert_eq!(send(addr, "HEAD", file, &[]).await.status, 200);
    assert_eq!(get(addr, file, &[("Range", "bytes=999-")]).await.status, 416);
    assert_eq!(get(addr, "/pypi/small", &[]).await.status, 200, "no file of a release");
    assert_eq!(get(addr, "/pypi/lost-release", &[]).await.status, 503, "not in the store");
    let handed = journal.handed(&Purl::project("pypi", "a")).await.unwrap();
    assert_eq!(handed.len(), 1);
    assert_eq!((handed[0].times, handed[0].principal.team.as_deref()), (1, None));
    assert_eq!(handed[0].sha256, Sha256::of(b"0123456789"));

    let authorization = format!("Bearer {}", text.expose());
    let part = get(addr, file, &[("Range", "bytes=0-3"), ("Authorization", &authorization)]).await;
    assert_eq!(part.status, 206);
    let handed = journal.handed(&Purl::release("pypi", "a", "1.0")).await.unwrap();
    let who = &handed.iter().find(|entry| entry.principal.team.is_some()).unwrap().principal;
    assert_eq!((who.team.as_deref(), who.agent.as_deref()), (Some("blue"), Some("robot")));
    assert_eq!(who.token.as_deref(), Some(id.as_str()), "the id, never the token");
}
