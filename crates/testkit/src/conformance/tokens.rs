//! The contract of [`Tokens`].

use jiff::Timestamp;
use std::sync::Arc;
use trustmill_core::port::tokens::Tokens;
use trustmill_core::token::{TokenRecord, mint, parse};

/// Checks every clause.
pub async fn tokens(open: impl Fn() -> Arc<dyn Tokens>) {
    a_token_comes_back_as_it_was(&*open()).await;
    an_id_is_taken_once(&*open()).await;
    a_revoked_token_stays_revoked(&*open()).await;
    uses_are_kept(&*open()).await;
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn token(n: u8) -> TokenRecord {
    let (id, text) = mint(&[n; 40]);
    TokenRecord {
        id,
        hash: parse(text.expose()).unwrap().hash,
        team: format!("team-{n}"),
        agent: n.is_multiple_of(2).then(|| "agent".to_owned()),
        admin: n == 1,
        note: Some("ünï '\"".to_owned()),
        created: at(i64::from(n)),
        expires: n.is_multiple_of(2).then(|| at(1_000)),
        revoked: None,
        last_used: None,
    }
}

async fn a_token_comes_back_as_it_was(tokens: &dyn Tokens) {
    assert!(tokens.find("none").await.unwrap().is_none());
    for n in [2, 1] {
        assert!(tokens.add(&token(n)).await.unwrap());
        assert_eq!(*tokens.find(&token(n).id).await.unwrap().unwrap(), token(n), "at once");
    }
    assert_eq!(tokens.list().await.unwrap(), [token(1), token(2)], "oldest first");
    assert!(tokens.find("none").await.unwrap().is_none());
}

async fn an_id_is_taken_once(tokens: &dyn Tokens) {
    assert!(tokens.add(&token(1)).await.unwrap());
    assert!(!tokens.add(&TokenRecord { admin: false, ..token(1) }).await.unwrap());
    assert_eq!(tokens.list().await.unwrap(), [token(1)], "the first stays");
}

async fn a_revoked_token_stays_revoked(tokens: &dyn Tokens) {
    let id = token(1).id;
    assert!(!tokens.revoke(&id, at(1)).await.unwrap(), "there is none");
    tokens.add(&token(1)).await.unwrap();
    assert_eq!(tokens.find(&id).await.unwrap().unwrap().revoked, None);
    assert!(tokens.revoke(&id, at(5)).await.unwrap());
    assert_eq!(tokens.find(&id).await.unwrap().unwrap().revoked, Some(at(5)), "at once");
    assert!(!tokens.revoke(&id, at(9)).await.unwrap(), "it was");
    assert_eq!(tokens.find(&id).await.unwrap().unwrap().revoked, Some(at(5)));
    assert!(!tokens.add(&token(1)).await.unwrap(), "its id is not free again");
}

async fn uses_are_kept(tokens: &dyn Tokens) {
    tokens.add(&token(1)).await.unwrap();
    tokens.used(&token(1).id, at(9));
    tokens.used(&token(1).id, at(7));
    tokens.used("nobody", at(7));
    tokens.flush().await.unwrap();
    assert_eq!(tokens.list().await.unwrap(), [TokenRecord { last_used: Some(at(9)), ..token(1) }]);
}
