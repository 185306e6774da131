//! What is kept of attempts, what leaves the mill of it, and what waits for people.

use super::world::{World, provider, release, settings, task};
use super::{does, mends, recorded, submits};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use trustmill_core::Timestamp;
use trustmill_core::repair::Proposer;
use trustmill_factory::agent::{Datum, Ended, Similar as _, Transcript};
use trustmill_factory::cases::export::{Conversation, Shape};
use trustmill_factory::cases::{Case, Cases, Outcome};
use trustmill_factory::inbox::{Inbox, InboxError};
use trustmill_factory::models::{Ban, Entry, StatementError, absence, inventory};
use trustmill_testkit::ScriptedModel;
use trustmill_trust::keys::SigningKey;

const SECRET: &str = "ghp_R7f9Kq2LmX4pVb8Nc1Zt6Yw3Hs5Jd0Ae2uQ";

fn cases(world: &World) -> Cases<'_> {
    Cases { records: world.records.as_ref(), blobs: world.blobs.as_ref() }
}

async fn solved() -> (World, Case) {
    let script = recorded().into_iter();
    let world = World::with(Arc::new(ScriptedModel::new(script)));
    let mut task = task();
    let log = format!(
        "clone of https://ada:{SECRET}@git.example.com/x failed for ada@example.org in /home/ada/x\n"
    );
    task.data.push(Datum { name: "log".into(), text: log });
    let (session, ended, _) = world.session().start(task).await.unwrap();
    let release = release();
    let open = Transcript::open(world.records.as_ref(), world.blobs.as_ref(), &release, &session).await;
    let fallback = Proposer::Person { name: "nobody".into() };
    let case =
        cases(&world).of_session("backport", "GHSA-1", &open.unwrap(), &ended, fallback).await.unwrap();
    (world, case)
}

#[tokio::test]
async fn a_session_becomes_a_case_and_the_next_task_is_shown_it() {
    let (world, case) = solved().await;
    assert_eq!(
        (case.outcome, case.contender().as_str()),
        (Outcome::Proven, "model:anthropic/claude-sonnet-5")
    );
    assert_eq!((case.tokens.input, case.cost_micros), (7000, Some(14_000)));
    assert_eq!(cases(&world).all().await.unwrap(), std::slice::from_ref(&case));
    let patch = cases(&world).text(case.patch.as_ref()).await.unwrap();
    assert!(patch.contains("--- a/demo/__init__.py") && patch.contains("+    return int(text)"), "{patch}");
    let other = trustmill_core::Purl::release("pypi", "other", "2.0");
    let index = cases(&world).index(&other, "eval of foreign text in load").await.unwrap();
    let found = index.find(None, 3).await.unwrap();
    assert_eq!(found.len(), usize::from(!case.is_held_out()), "what is held out is not shown");
    let same = cases(&world).index(&case.release, "eval of foreign text in load").await.unwrap();
    assert!(same.find(None, 3).await.unwrap().is_empty(), "a case is not its own example");
}

#[tokio::test]
async fn exports_have_the_trainers_shapes_and_no_secrets() {
    let (world, case) = solved().await;
    let session = serde_json::from_value(json!(case.session)).unwrap();
    let transcript = Transcript::open(world.records.as_ref(), world.blobs.as_ref(), &case.release, &session)
        .await
        .unwrap();
    let conversation = Conversation::of_steps(transcript.steps()).unwrap();
    for shape in [Shape::Openai, Shape::Google, Shape::Sharegpt, Shape::Messages] {
        let line = conversation.line(shape);
        for word in [SECRET, "ada@", "/home/ada", "ada:"] {
            assert!(!line.contains(word), "{shape:?}: {word} in {line}");
        }
        assert!(line.contains("return int(text)") && !line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        match shape {
            Shape::Openai => {
                openai(&value);
                let arguments = &value["messages"][2]["tool_calls"][0]["function"]["arguments"];
                assert!(arguments.is_string(), "{arguments}");
            }
            Shape::Messages => {
                openai(&value);
                assert!(value["messages"][2]["tool_calls"][0]["function"]["arguments"].is_object());
            }
            Shape::Google => google(&value),
            Shape::Sharegpt => sharegpt(&value),
        }
    }
}

/// What OpenAI's guide for fine-tuning with tools asks of a line.
fn openai(value: &Value) {
    let messages = value["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "system");
    let mut open = BTreeSet::new();
    for message in messages {
        match message["role"].as_str().unwrap() {
            "assistant" => {
                assert!(open.is_empty(), "every call is answered before the next turn");
                for call in message["tool_calls"].as_array().into_iter().flatten() {
                    assert_eq!(call["type"], "function");
                    open.insert(call["id"].as_str().unwrap());
                }
            }
            "tool" => assert!(open.remove(message["tool_call_id"].as_str().unwrap())),
            "system" | "user" => assert!(message["content"].is_string()),
            other => panic!("{other}"),
        }
    }
    let named = |tool: &Value| tool["function"]["name"].as_str().unwrap().to_owned();
    let tools: BTreeSet<String> = value["tools"].as_array().unwrap().iter().map(named).collect();
    assert!(tools.contains("submit"));
}

fn google(value: &Value) {
    assert!(value["systemInstruction"]["parts"][0]["text"].is_string());
    let contents = value["contents"].as_array().unwrap();
    for (at, content) in contents.iter().enumerate() {
        assert_eq!(content["role"], if at % 2 == 0 { "user" } else { "model" }, "roles alternate");
        for part in content["parts"].as_array().unwrap() {
            assert_eq!(part.as_object().unwrap().len(), 1);
        }
    }
}

fn sharegpt(value: &Value) {
    let turns = value["conversations"].as_array().unwrap();
    for (at, turn) in turns.iter().enumerate() {
        let from = turn["from"].as_str().unwrap();
        let odd = ["human", "observation"].contains(&from);
        assert_eq!(odd, at % 2 == 0, "{from} at {at}");
        if from == "function_call" {
            let calls: Value = serde_json::from_str(turn["value"].as_str().unwrap()).unwrap();
            assert!(calls[0]["arguments"].is_object());
        }
    }
    assert!(serde_json::from_str::<Value>(value["tools"].as_str().unwrap()).unwrap().is_array());
}

#[tokio::test]
async fn the_inbox_holds_what_waits_and_nothing_else() {
    let scripted = Arc::new(ScriptedModel::new([does("ask", json!({ "question": "which branch?" }))]));
    let world = World::with(Arc::clone(&scripted) as _);
    let inbox = Inbox { records: world.records.as_ref(), blobs: world.blobs.as_ref() };
    assert!(inbox.list().await.unwrap().is_empty());
    let (session, ended, _) = world.start().await.unwrap();
    assert!(matches!(ended, Ended::Parked { .. }));
    let all = inbox.list().await.unwrap();
    assert_eq!((all.len(), all[0].question.as_str(), all[0].turns), (1, "which branch?", 1));
    let at: Timestamp = "2026-11-03T00:00:00Z".parse().unwrap();
    for (id, text) in [("zzzz", "x"), ("", "x"), (session.as_str(), " ")] {
        let error = inbox.answer(id, "ada", text, at).await.unwrap_err();
        assert!(matches!(error, InboxError::Unknown { .. } | InboxError::Words), "{error}");
    }
    inbox.answer(session.as_str().get(..6).unwrap(), "ada", "main", at).await.unwrap();
    assert!(inbox.list().await.unwrap().is_empty());
    assert!(inbox.answer(session.as_str(), "bob", "no, dev", at).await.is_err(), "it was answered");
    for turn in [mends(), submits()] {
        scripted.then(turn);
    }
    assert!(matches!(world.resume(&session).await.unwrap().1, Ended::Accepted { .. }));
}

#[tokio::test]
async fn who_takes_over_ends_the_loop() {
    let scripted = Arc::new(ScriptedModel::new([does("ask", json!({ "question": "?" }))]));
    let world = World::with(Arc::clone(&scripted) as _);
    let (session, ..) = world.start().await.unwrap();
    let inbox = Inbox { records: world.records.as_ref(), blobs: world.blobs.as_ref() };
    let (_, task) =
        inbox.take(session.as_str(), "ada", "2026-11-03T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(task.class, "backport");
    assert_eq!(world.resume(&session).await.unwrap().1, Ended::TakenOver { by: "ada".into() });
    assert_eq!(scripted.asked().len(), 1);
}

#[tokio::test]
async fn a_statement_says_what_the_log_says_and_nothing_that_is_not_so() {
    let scripted = Arc::new(ScriptedModel::new([mends(), submits()]));
    let provider = provider("anthropic", "api.anthropic.com", scripted as _);
    let world = World::new(settings(vec![provider], &["anthropic/claude-sonnet-5"]));
    let banned =
        Ban { family: "deepseek".into(), routes: BTreeSet::new(), by: "ada".into(), why: "x".into() };
    world.router.ledger().write(&Entry::Banned(banned)).await.unwrap();
    world.start().await.unwrap();
    let links = world.router.ledger().links().await.unwrap();
    let used = inventory(&links);
    assert_eq!(
        (used.len(), used[0].family.as_str(), used[0].asked, used[0].micros),
        (1, "anthropic", 2, 4000)
    );
    let key = SigningKey::generate().unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let now = at("2026-11-02T00:00:00Z");
    let span = (at("2026-11-01T00:00:00Z"), now);
    let (said, envelope) = absence(&links, "deepseek", span, now, &key).unwrap();
    assert_eq!((said.log_entries, said.asked["anthropic"]), (5, 2));
    assert_eq!(said.log_head, world.router.ledger().follow().await.unwrap().head().digest);
    assert!(envelope.to_json().contains("application/vnd.in-toto+json"));
    let error = absence(&links, "anthropic", span, now, &key).unwrap_err();
    assert!(matches!(error, StatementError::Used { times: 2, .. }), "{error}");
    let before = (at("2026-10-01T00:00:00Z"), at("2026-11-01T11:00:00Z"));
    absence(&links, "anthropic", before, now, &key).unwrap();
    for bad in [(span.1, span.0), (span.0, at("2026-12-01T00:00:00Z"))] {
        assert!(matches!(absence(&links, "meta", bad, now, &key), Err(StatementError::Span { .. })));
    }
    let mut forged = links.clone();
    forged.remove(1);
    assert!(matches!(absence(&forged, "anthropic", span, now, &key), Err(StatementError::Log(_))));
}
