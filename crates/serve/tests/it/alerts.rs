//! The API of alerts: who may read, who may write, and what they are told.

use crate::client::{Reply, get, raw};
use crate::fake::{Running, start_with};
use std::sync::Arc;
use trustmill_core::alert::{Alert, Cause};
use trustmill_core::port::journal::Journal;
use trustmill_core::port::records::Records;
use trustmill_core::port::tokens::Tokens;
use trustmill_core::ruling::Principal;
use trustmill_core::token::{RANDOM, TokenRecord, mint, parse};
use trustmill_core::{Purl, Sha256, Timestamp};
use trustmill_serve::{Access, Options, ServerLimits};
use trustmill_testkit::{MemJournal, MemRecords, MemTokens};

struct World {
    server: Running,
    records: Arc<MemRecords>,
    alert: Alert,
    plain: String,
    admin: String,
}

async fn token(tokens: &MemTokens, n: u8, admin: bool) -> String {
    let (id, text) = mint(&[n; RANDOM]);
    let record = TokenRecord {
        id,
        hash: parse(text.expose()).unwrap().hash,
        team: "blue".into(),
        agent: None,
        admin,
        note: None,
        created: Timestamp::UNIX_EPOCH,
        expires: None,
        revoked: None,
        last_used: None,
    };
    tokens.add(&record).await.unwrap();
    text.expose().to_owned()
}

impl World {
    async fn new() -> Self {
        let (records, tokens, journal) =
            (Arc::new(MemRecords::new()), Arc::new(MemTokens::new()), Arc::new(MemJournal::new()));
        let release = Purl::release("npm", "left", "1.0.0");
        let who = Principal { team: Some("blue".into()), ..Principal::default() };
        journal.note(&release, "left-1.0.0.tgz", Sha256::of(b"x"), &who, Timestamp::UNIX_EPOCH);
        let handed = journal.handed(&release).await.unwrap();
        let cause = Cause::Malicious { ids: vec!["MAL-1".into()], summary: "steals".into() };
        let alert = Alert::new(&release, cause, &handed);
        records.append(&[alert.fact(&release, Timestamp::UNIX_EPOCH)]).await.unwrap();
        let (plain, admin) = (token(&tokens, 1, false).await, token(&tokens, 2, true).await);
        let access = Access { tokens: Some(tokens), ..Access::default() };
        let options =
            Options { access, records: Some(records.clone()), journal: Some(journal), ..Options::default() };
        Self { server: start_with(options, ServerLimits::default()).await, records, alert, plain, admin }
    }

    async fn ack(&self, id: &str, token: Option<&str>, body: &str) -> Reply {
        let authorization =
            token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "POST /api/v1/alerts/{id}/ack HTTP/1.1\r\nHost: m\r\nConnection: close\r\n{authorization}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        raw(self.server.addr, request.as_bytes()).await
    }

    async fn list(&self, query: &str) -> Vec<serde_json::Value> {
        let reply = get(self.server.addr, &format!("/api/v1/alerts{query}"), &[]).await;
        reply.json()["alerts"].as_array().unwrap().clone()
    }
}

const BODY: &str = r#"{"who": "Ada", "why": "rotated"}"#;

#[tokio::test]
async fn an_alert_is_read_by_all_and_acknowledged_by_admins() {
    let world = World::new().await;
    let listed = world.list("?open").await;
    assert_eq!(listed[0]["id"], world.alert.id);
    assert_eq!(
        (&listed[0]["release"], &listed[0]["cause"]["kind"]),
        (&"pkg:npm/left@1.0.0".into(), &"malicious".into())
    );
    assert_eq!(listed[0]["who"][0]["team"], "blue");
    let id = &world.alert.id;
    let code = |reply: Reply| (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned());
    let coded = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(world.ack(id, None, BODY).await), coded(401, "TM0710"));
    assert_eq!(code(world.ack(id, Some(&world.plain), BODY).await), coded(403, "TM0717"));
    let admin = Some(world.admin.as_str());
    for body in ["", "{}", r#"{"who": "", "why": "x"}"#, r#"{"who": "a", "why": "b", "c": 1}"#] {
        assert_eq!(code(world.ack(id, admin, body).await), coded(400, "TM0727"), "{body}");
    }
    assert_eq!(world.ack(id, admin, &" ".repeat(70_000)).await.status, 413);
    assert_eq!(code(world.ack("alert-0", admin, BODY).await), coded(404, "TM0726"));
    let kind = trustmill_core::alert::Ack::KIND;
    assert!(world.records.of_kind(kind, 0).await.unwrap().is_empty(), "nothing was written so far");
    let acknowledged = world.ack(id, admin, BODY).await;
    assert_eq!(
        (acknowledged.status, &acknowledged.json()["alert"]["acknowledged"]["who"]),
        (200, &"Ada".into())
    );
    assert_eq!(acknowledged.json()["alert"]["acknowledged"]["by"]["team"], "blue");
    assert_eq!(world.ack(id, admin, &BODY.replace("Ada", "Bob")).await.status, 200);
    assert_eq!(world.list("").await[0]["acknowledged"]["who"], "Ada", "the first stands");
    assert!(world.list("?open").await.is_empty());
}

#[tokio::test]
async fn who_was_given_what_is_for_admins() {
    let world = World::new().await;
    let path = "/api/v1/handed/pkg:npm/left";
    assert_eq!(get(world.server.addr, path, &[]).await.status, 401);
    let bearer = format!("Bearer {}", world.admin);
    let reply = get(world.server.addr, path, &[("Authorization", &bearer)]).await;
    assert_eq!(reply.json()["handed"][0]["principal"]["team"], "blue");
    let bad = get(world.server.addr, "/api/v1/handed/left", &[("Authorization", &bearer)]).await;
    assert_eq!((bad.status, &bad.json()["code"]), (400, &"TM0727".into()));
}
