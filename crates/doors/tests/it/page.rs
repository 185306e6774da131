//! The page as browsers, other sites and hostile agents meet it.

use crate::support::{SUGGEST, call, engine, make, read_inbox, trash};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trustmill_doors::engine::Engine;
use trustmill_doors::page::{People, router};
use trustmill_guard::decide::Decision;

struct Site {
    engine: Arc<Engine>,
    address: SocketAddr,
    keys: Vec<String>,
    folder: tempfile::TempDir,
}

/// An answer: its status, its headers, its body.
struct Got {
    status: u16,
    head: String,
    body: String,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(engine(folder.path()));
        engine.begin("s", "agent", "yue", SUGGEST).unwrap();
        let mut people = People::default();
        let keys = ["ann", "bob"].iter().map(|name| people.add(name).unwrap()).collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let page = router(Arc::clone(&engine), people, address, &[]);
        tokio::spawn(async move { axum::serve(listener, page).await });
        Self { engine, address, keys, folder }
    }

    async fn ask(&self, line: &str, headers: &str, body: &str) -> Got {
        let host =
            if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let length = body.len();
        let text = format!(
            "{line} HTTP/1.1\r\n{host}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Got { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// Signs in; the header of the cookie.
    async fn sign_in(&self, person: usize) -> String {
        let key = &self.keys[person];
        let looked = self.ask(&format!("GET /enter?key={key}"), "", "").await;
        assert_eq!(
            (looked.status, looked.head.contains("set-cookie")),
            (200, false),
            "a link alone signs nobody in"
        );
        let entered = self.ask("POST /enter", "", &format!("key={key}")).await;
        let cookie = entered.head.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
        assert!(entered.head.contains("httponly; samesite=strict"));
        format!("Cookie: {cookie}\r\n")
    }
}

/// The value of the first hidden field of a name.
fn hidden(page: &str, name: &str) -> String {
    let at = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    at.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_approves_what_is_ticked_and_nobody_else_does() {
    let site = Site::new().await;
    read_inbox(&site.engine, "s", 3);
    (0..3).for_each(|id| drop(make(&site.engine, "s", &trash(id))));
    assert_eq!(site.ask("GET /", "", "").await.status, 401);
    let cookie = site.sign_in(0).await;
    let page = site.ask("GET /", &cookie, "").await;
    assert!(page.body.contains("3 calls") && page.head.contains("default-src 'none'"), "{}", page.body);
    assert!(
        page.head.contains("referrer-policy: same-origin"),
        "or browsers hide where its own forms come from"
    );
    let (form, plan) = (hidden(&page.body, "form"), hidden(&page.body, "plan"));
    let picked = hidden(&page.body, "call");
    let body = |form: &str| format!("form={form}&session=s&plan={plan}&call={picked}");
    for (line, headers, body) in [
        ("POST /approve", "", body(&form)),
        ("POST /approve", cookie.as_str(), body("")),
        ("POST /approve", cookie.as_str(), body("0")),
        ("POST /approve", &format!("{cookie}Origin: http://evil.example\r\n"), body(&form)),
        ("POST /approve", &format!("{cookie}Origin: null\r\n"), body(&form)),
        ("POST /approve", &format!("{cookie}Host: evil.example\r\n"), body(&form)),
        ("POST /stop", cookie.as_str(), String::new()),
        ("POST /enter", "", "key=0".into()),
    ] {
        assert_eq!(site.ask(line, headers, &body).await.status, 403, "{line} {headers} {body}");
    }
    assert_eq!(site.engine.waiting()[0].plan.calls().len(), 3, "nothing happened");
    assert_eq!(site.ask("POST /approve", &cookie, &body(&form)).await.status, 303);
    let passed = (0..3).filter(|id| make(&site.engine, "s", &trash(*id)).decision == Decision::Allow).count();
    assert_eq!(passed, 1);
    assert_eq!(site.ask("POST /approve", &cookie, &body(&form)).await.status, 409, "that plan is gone");
    assert_eq!(site.ask("POST /stop", &cookie, &format!("form={form}")).await.status, 303);
    assert!(site.engine.look(|state| state.stopped));
}

#[tokio::test]
async fn what_takes_two_people_takes_two_sign_ins() {
    let site = Site::new().await;
    let grant = call("grant", json!({ "who": "ann@example.com", "what": "report" }));
    assert_eq!(make(&site.engine, "s", &grant).decision, Decision::Ask);
    for (person, status) in [(0, 200), (0, 200), (1, 303)] {
        let cookie = site.sign_in(person).await;
        let page = site.ask("GET /", &cookie, "").await.body;
        let field = |name| hidden(&page, name);
        let body = format!("form={}&session=s&plan={}&call={}", field("form"), field("plan"), field("call"));
        assert_eq!(site.ask("POST /approve", &cookie, &body).await.status, status);
    }
    assert_eq!(make(&site.engine, "s", &grant).decision, Decision::Allow);
}

#[tokio::test]
async fn who_agreed_to_a_plan_that_was_refused_agreed_to_no_other() {
    let site = Site::new().await;
    let grant = call("grant", json!({ "who": "ann@example.com", "what": "report" }));
    let (ann, bob) = (site.sign_in(0).await, site.sign_in(1).await);
    for (cookie, line, status) in [
        (&ann, "POST /approve", 200),
        (&bob, "POST /deny", 303),
        // The agent asks again for the same.
        (&bob, "POST /approve", 200),
    ] {
        assert_eq!(make(&site.engine, "s", &grant).decision, Decision::Ask);
        let page = site.ask("GET /", cookie, "").await.body;
        let field = |name| hidden(&page, name);
        let body = format!("form={}&session=s&plan={}&call={}", field("form"), field("plan"), field("call"));
        assert_eq!(site.ask(line, cookie, &body).await.status, status, "{line}");
    }
    assert_eq!(
        make(&site.engine, "s", &grant).decision,
        Decision::Ask,
        "it takes two, and ann is none of them"
    );
}

#[tokio::test]
async fn what_an_agent_writes_is_text() {
    let site = Site::new().await;
    let hostile = "\"><script>alert(1)</script>\u{202e}";
    site.engine.hear("s", "ok, delete it. wait for me").unwrap();
    make(&site.engine, "s", &call("delete_email", json!({ "email_id": hostile })));
    let cookie = site.sign_in(0).await;
    let page = site.ask("GET /", &cookie, "").await.body;
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script") && !page.contains('\u{202e}'),
        "{page}"
    );
}

/// A call that sends one text to three people; the user named them all, and said to wait.
fn send(to: &[&str]) -> trustmill_guard::call::Call {
    call("send_email", json!({ "recipients": to, "subject": "Lunch", "body": "at noon" }))
}

const THREE: [&str; 3] = ["a@x.example", "b@x.example", "c@x.example"];

#[tokio::test]
async fn a_person_grants_less_than_was_asked_and_the_agent_hears_what() {
    let site = Site::new().await;
    site.engine.hear("s", "write to a@x.example, b@x.example, c@x.example, but wait until I say so").unwrap();
    read_inbox(&site.engine, "s", 2);
    assert_eq!(make(&site.engine, "s", &send(&THREE)).decision, Decision::Ask);
    make(&site.engine, "s", &trash(0));
    let cookie = site.sign_in(0).await;
    let page = site.ask("GET /", &cookie, "").await.body;
    assert_eq!(page.matches("<section").count(), 2, "what is alike is one card: {page}");
    let card = page.split("<section").find(|card| card.contains("a@x.example")).unwrap();
    assert!(card.contains("subject: Lunch") && card.contains("body: at noon"), "what would be sent: {card}");
    let record = std::fs::read_to_string(site.folder.path().join("record.jsonl")).unwrap();
    assert!(!record.contains("at noon"), "and is in no record");
    let (form, plan, ticked) = (hidden(card, "form"), hidden(card, "plan"), hidden(card, "call"));
    let items: Vec<&str> =
        card.split("name=\"item\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(items.len(), 3);
    let body = |items: &[&str]| {
        let items: String = items.iter().map(|item| format!("&item={item}")).collect();
        format!("form={form}&session=s&plan={plan}&call={ticked}&lasts=600{items}")
    };
    assert_eq!(site.ask("POST /approve", &cookie, &body(&[])).await.status, 400, "nothing is left of it");
    assert_eq!(site.ask("POST /approve", &cookie, &body(&items[..2])).await.status, 303);

    let whole = make(&site.engine, "s", &send(&THREE));
    assert_eq!((whole.decision, whole.rule.as_str()), (Decision::Deny, "less"), "nobody is asked again");
    assert!(whole.reason.contains("recipients: a@x.example, b@x.example"), "{}", whole.reason);
    assert_eq!(make(&site.engine, "s", &send(&["c@x.example"])).decision, Decision::Ask);
    assert_eq!(make(&site.engine, "s", &send(&["b@x.example"])).decision, Decision::Allow);
    assert_eq!(make(&site.engine, "s", &send(&["a@x.example"])).decision, Decision::Ask, "once");
    let left = site.engine.waiting();
    assert!(left.iter().any(|waiting| waiting.effect.as_str() == "destroy"), "the other card still waits");
}

#[tokio::test]
async fn refusing_a_card_refuses_no_other() {
    let site = Site::new().await;
    site.engine.hear("s", "write to a@x.example, b@x.example, c@x.example, but wait until I say so").unwrap();
    read_inbox(&site.engine, "s", 2);
    make(&site.engine, "s", &send(&THREE));
    make(&site.engine, "s", &trash(0));
    let cookie = site.sign_in(0).await;
    let page = site.ask("GET /", &cookie, "").await.body;
    let card = page.split("<section").find(|card| card.contains("a@x.example")).unwrap();
    let body = format!("form={}&session=s&plan={}", hidden(card, "form"), hidden(card, "plan"));
    assert_eq!(site.ask("POST /deny", &cookie, &body).await.status, 303);
    let left: Vec<_> = site.engine.waiting().iter().map(|waiting| waiting.effect.as_str()).collect();
    assert_eq!(left, ["destroy"]);
}
