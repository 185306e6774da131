//! The decision point over standard input, for measuring it: one JSON object a line in, one out. Nothing is kept.
//!
//! `{"open": {"session", "words"}}`, `{"call": {"session", "server", "tool", "arguments"}}` → `{"decision", "rule", "reason",
//! "number"}`, `{"result": {"session", "number", "server", "tool", "arguments", "value"}}`.

#![expect(clippy::unwrap_used, reason = "a driver of measurements ends at the first mistake")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::catalogue::{Catalogue, SHIPPED, Texts};
use trustmill_guard::decide::{Decision, Rulebook, Settings, decide};
use trustmill_guard::ground::{looks_for_named, mint};
use trustmill_guard::record::{Event, Outcome};
use trustmill_guard::session::State;

fn main() {
    let catalogues: BTreeMap<String, Catalogue> = SHIPPED
        .iter()
        .map(|(name, _)| {
            (
                (*name).to_owned(),
                Catalogue { texts: Some(Texts::Yaml), ..Catalogue::shipped(name).unwrap().unwrap() },
            )
        })
        .collect();
    let (mut state, rules) = (State::default(), Rulebook::new(catalogues, Settings::default(), &[]).unwrap());
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let answer = answer(&mut state, &rules, &line);
        writeln!(out, "{answer}").unwrap();
        out.flush().unwrap();
    }
}

fn append(state: &mut State, event: Event) -> u64 {
    let record = state.record(jiff::Timestamp::UNIX_EPOCH, event);
    state.apply(&record).unwrap();
    record.number
}

fn answer(state: &mut State, rules: &Rulebook, line: &Value) -> Value {
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(open) = line.get("open") {
        let session = text(open, "session");
        append(
            state,
            Event::Opened { session: session.clone(), agent: "a".into(), owner: "o".into(), parent: None },
        );
        append(state, Event::Heard { session, text: text(open, "words") });
        return json!({});
    }
    let asked = line.get("call").or_else(|| line.get("result")).unwrap();
    let (session, server) = (text(asked, "session"), text(asked, "server"));
    let arguments = asked.get("arguments").cloned().unwrap_or_default();
    let call = Call::new(&server, &text(asked, "tool"), arguments, Limits::default()).unwrap();
    if line.get("call").is_some() {
        let ruling = decide(state, &session, rules, &call, jiff::Timestamp::UNIX_EPOCH);
        let decision = match ruling.decision {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        };
        let number = append(state, ruling.event);
        return json!({ "decision": decision, "rule": ruling.rule, "reason": ruling.reason, "number": number });
    }
    let catalogue = rules.catalogue(&server);
    let tool = catalogue.tool(&call.tool);
    let value = asked.get("value").unwrap_or(&Value::Null);
    let read = catalogue.read(value);
    let words = state.sessions.get(&session).map(|session| session.words.clone()).unwrap_or_default();
    let minted = mint(&tool.returns, &words, looks_for_named(&call, &words), read.as_ref().unwrap_or(value));
    let number = asked.get("number").and_then(Value::as_u64).unwrap();
    let label = tool.returns.confidentiality;
    append(
        state,
        Event::Ended {
            session,
            call: number,
            outcome: Outcome::Done,
            answer: None,
            minted,
            label,
            readers: None,
            wrote: Vec::new(),
        },
    );
    json!({})
}
