//! What a task read follows it: into what it writes, into the tasks of agents that it started, past a restart; and decides
//! what may be published.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use trustmill_core::Timestamp;
use trustmill_doors::engine::{Answer, Engine};
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::catalogue::{Catalogue, Confidentiality};
use trustmill_guard::decide::{Decision, Rulebook, Settings};
use trustmill_guard::record::Outcome;

const CATALOGUE: &str = r#"
about = "x"
[tools.read]
effect = "read"
arguments.path = { role = "query" }
returns = { confidentiality = "public" }
[tools.secret]
effect = "read"
returns = { confidentiality = "secret" }
[tools.document]
effect = "read"
returns = { confidentiality = "public", readers = ["shared_with"] }
[tools.write]
effect = "write"
arguments.path = { role = "content", kind = "path" }
arguments.text = { role = "content" }
[tools.members]
effect = "read"
arguments.room = { role = "query" }
returns = { confidentiality = "public" }
[tools.post]
effect = "publish"
arguments.room = { role = "target" }
arguments.text = { role = "content" }
check = { tool = "members", arguments = { room = "room" }, fields = { people = { role = "audience" } } }
"#;

fn engine(folder: &Path) -> Engine {
    let catalogues = BTreeMap::from([("x".to_owned(), Catalogue::parse("x", CATALOGUE).unwrap())]);
    let rules = Rulebook::new(catalogues, Settings::default(), &[]).unwrap();
    Engine::open(folder, rules, Timestamp::now).unwrap()
}

fn call(tool: &str, arguments: Value) -> Call {
    Call::new("x", tool, arguments, Limits::default()).unwrap()
}

fn done(engine: &Engine, session: &str, call: &Call, answer: &Value) -> Answer {
    let decided = engine.decide(session, call);
    if decided.decision == Decision::Allow {
        engine.ended(session, decided.number, call, Outcome::Done, Some(answer)).unwrap();
    }
    decided
}

fn secrecy(engine: &Engine, session: &str) -> Confidentiality {
    engine.look(|state| state.label(session).unwrap().secrecy)
}

#[test]
fn a_note_of_a_secret_is_as_secret_in_another_task_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    {
        let engine = engine(folder.path());
        engine.begin("one", "agent", "ann", "write a note").unwrap();
        done(&engine, "one", &call("secret", json!({})), &json!("the key is 7"));
        let write = call("write", json!({ "path": "/srv/notes/a.txt", "text": "7" }));
        assert_eq!(done(&engine, "one", &write, &json!("ok")).decision, Decision::Allow);
    }
    let engine = engine(folder.path());
    engine.begin("two", "agent", "ann", "read").unwrap();
    done(&engine, "two", &call("read", json!({ "path": "/srv/notes/b.txt" })), &json!("x"));
    assert_eq!(secrecy(&engine, "two"), Confidentiality::Public, "another file");
    done(&engine, "two", &call("read", json!({ "path": "notes/../notes/a.txt" })), &json!("7"));
    assert_eq!(secrecy(&engine, "two"), Confidentiality::Secret);
}

#[test]
fn agents_that_an_agent_started_share_what_was_read_and_stop_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    engine.begin("first", "agent", "ann", "").unwrap();
    engine.begin_under("second", "agent", "ann", "write a note", Some("first")).unwrap();
    engine.begin_under("third", "agent", "ann", "write a note", Some("second")).unwrap();
    assert!(engine.begin_under("x", "agent", "ann", "", Some("nobody")).is_err());
    done(&engine, "third", &call("secret", json!({})), &json!("7"));
    for session in ["first", "second", "third"] {
        assert_eq!(secrecy(&engine, session), Confidentiality::Secret, "{session}");
    }
    engine.stop(Some("first"), "ann").unwrap();
    let write = call("write", json!({ "path": "a", "text": "x" }));
    let denied = done(&engine, "third", &write, &json!("ok"));
    assert_eq!((denied.decision, denied.rule.as_str()), (Decision::Deny, "stopped"));
}

#[test]
fn what_is_published_is_seen_by_nobody_who_may_not_read_all_of_its_sources() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let post = call("post", json!({ "room": "team", "text": "news" }));
    let posted =
        |session: &str, people: Value| engine.decide_seen(session, &post, &json!({ "people": people }));
    let read = |session: &str, people: Value| {
        engine.begin(session, "agent", "ann", "post the news in team").unwrap();
        done(&engine, session, &call("document", json!({})), &json!({ "shared_with": people }));
    };
    read("s", json!(["ann", "bob", "eve"]));
    assert_eq!(posted("s", json!(["Ann", "bob"])).decision, Decision::Allow);
    done(&engine, "s", &call("document", json!({})), &json!({ "shared_with": ["ann", "eve"] }));
    let asked = posted("s", json!(["ann", "bob"]));
    assert_eq!((asked.decision, asked.rule.as_str()), (Decision::Ask, "readers"), "bob may read one of two");
    assert_eq!(posted("s", json!(["ann"])).decision, Decision::Allow);
    read("t", json!(["ann"]));
    assert_eq!(engine.decide("t", &post).decision, Decision::Deny, "nobody knows who sees it");
}

#[test]
fn what_cannot_carry_who_wrote_it_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    engine.begin("s", "agent\u{202e} x", "ann", "post the news in team").unwrap();
    let post = |text: Value| {
        let post = call("post", json!({ "room": "team", "text": text }));
        engine.decide_seen("s", &post, &json!({ "people": ["ann"] }))
    };
    assert_eq!(post(json!(["a", "b"])).rule, "unmarked");
    let mark = post(json!("news")).mark.unwrap();
    assert_eq!(mark.argument, "text");
    assert!(mark.text.starts_with("\n\nWritten by agent agent\u{fffd} x for ann, not reviewed. Receipt "));
}
