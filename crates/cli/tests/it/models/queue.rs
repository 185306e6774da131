//! `[repair] models`, from end to end: the running mill has a model work on what strategies missed, which asks a person, is
//! answered beside the mill, and repairs the release.

use super::agent::answers;
use super::fixture::{self, BROKEN, EVIL, MENDED, RELEASE, REPAIRED};
use super::mill;
use crate::repair::until;
use crate::support::Run;
use serde_json::json;
use std::collections::BTreeSet;
use trustmill_testkit::wire::{Chat, Says};

/// What the model does in a turn.
fn turn(turn: usize) -> Says {
    let edit = |path: &str, old: &str, new: &str| ("edit", json!({ "path": path, "old": old, "new": new }));
    let (name, arguments) = match turn {
        0 => ("ask", json!({ "question": "Is anything but JSON to be read?" })),
        1 => edit("index.js", BROKEN, MENDED),
        2 => edit("test/evil.js", "", EVIL),
        _ => ("submit", json!({ "summary": "it reads JSON and runs nothing" })),
    };
    Says::Calls(vec![(name.to_owned(), arguments)])
}

const BY_ITSELF: &str = "[repair]\nbackports = true\nmodels = true\n[watch]\ninterval_seconds = 1\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_running_mill_has_a_model_repair_what_strategies_missed_and_waits_for_a_person_meanwhile() {
    let registry = fixture::registry().await;
    let chat = Chat::start(|body| turn(answers(body).len()));
    let mill = mill(&chat.url);
    let config = mill.data().join("trustmill.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}{BY_ITSELF}")).unwrap();
    let registry = registry.url("/");
    let variables =
        [(fixture::REGISTRY, registry.as_str()), ("HOUSE_KEY", "sk-very-secret"), ("USER", "ada")];
    let run = |args: &[&str]| Run::of(mill.command().envs(variables).args(args));
    let file = mill.file("advisory.json", &fixture::advisory().to_string());
    run(&["advisories", "update", "--json", "--from", file.to_str().unwrap()]).json(0);

    let up = mill.up_with(&variables, &[]);
    run(&["add", RELEASE, "--json"]).json(0);
    let question = until("the model asks", || {
        run(&["inbox", "list", "--json"]).json(0).as_array().unwrap().first().cloned()
    });
    // What is due is looked at every second: who waits for a person is not.
    let key = json!(format!("backport:{RELEASE}"));
    until("nothing is to be done but to answer", || {
        let listed = run(&["list", "--json"]).json(0);
        listed["keys"].as_array().unwrap().iter().all(|one| one["key"] != key).then_some(())
    });
    assert_eq!(chat.keys().len(), 1);
    let id = question["id"].as_str().unwrap();
    run(&["inbox", "answer", id, "--text", "JSON alone", "--json"]).json(0);
    let repaired = until("it is repaired", || {
        run(&["repair", "list", "--json"]).json(0)["repaired"].as_array().unwrap().first().cloned()
    });
    up.terminate();
    assert_eq!((&repaired["repaired"], &repaired["ruling"]), (&json!(REPAIRED), &json!("unproven")));
    assert_eq!(repaired["proposer"]["model"], "qwen3-coder", "{repaired:#}");
    assert_eq!(chat.keys().into_iter().collect::<BTreeSet<_>>().len(), 4, "each turn once");
    let heard = chat.came.lock().unwrap().last().map(|came| answers(&came.body)).unwrap();
    assert!(heard[0].contains("JSON alone"), "{heard:?}");
}
