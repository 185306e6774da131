//! `models try --bench` and `cases bench --run` against a server that speaks Chat Completions: who is named works, pays, and
//! gets no credit for what another one mended.

use super::fixture::{self, BROKEN, EVIL, MENDED, RELEASE};
use super::mill;
use crate::support::Run;
use serde_json::{Value, json};
use trustmill_testkit::wire::{Chat, Says};

const GOOD: &str = "house/qwen3-coder";
const POOR: &str = "house/deepseek-v3";

/// One model repairs in three turns, the other one gives up. Both use a tool that they are shown.
fn says(body: &Value) -> Says {
    let call = |name: &str, arguments: Value| Says::Calls(vec![(name.to_owned(), arguments)]);
    let has =
        |name: &str| body["tools"].as_array().unwrap().iter().any(|tool| tool["function"]["name"] == name);
    if has("echo") {
        return super::obliging(body);
    }
    if body["model"] == "deepseek-v3" {
        return call("give_up", json!({ "why": "it is beyond me" }));
    }
    let answered = body["messages"].as_array().unwrap().iter().filter(|one| one["role"] == "tool").count();
    match answered {
        0 => call("edit", json!({ "path": "index.js", "old": BROKEN, "new": MENDED })),
        1 => call("edit", json!({ "path": "test/evil.js", "old": "", "new": EVIL })),
        _ => call("submit", json!({ "summary": "it reads JSON and runs nothing" })),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_works_on_what_is_held_out_and_only_that_counts() {
    let registry = fixture::registry().await;
    let chat = Chat::start(says);
    let mill = mill(&chat.url);
    let run = |args: &[&str]| {
        let mut command = mill.command();
        command.env("HOUSE_KEY", "sk-very-secret").env(fixture::REGISTRY, registry.url("/"));
        Run::of(command.args(args).args(["--json"]))
    };
    let file = mill.file("advisory.json", &fixture::advisory().to_string());
    run(&["advisories", "update", "--from", file.to_str().unwrap()]).json(0);
    for _ in 0..2 {
        run(&["repair", RELEASE]).json(1);
    }
    let cases = run(&["cases", "list"]).json(0);
    assert!(cases.as_array().unwrap().iter().all(|case| case["millis"].as_u64() > Some(0)), "{cases:#}");
    assert!(chat.keys().is_empty(), "strategies ask no model");

    let bench = |candidate: &str, baseline: &str| {
        let (candidate, baseline) = (format!("model:{candidate}"), format!("model:{baseline}"));
        let args =
            ["cases", "bench", "--candidate", &candidate, "--baseline", &baseline, "--run", "--by", "ada"];
        run(&args).json(1)
    };
    // Two turns with the tool, three on the one miss, though it was missed twice. One case proves nothing.
    let contest = run(&["models", "try", GOOD, "--bench"]).json(1);
    assert_eq!((&contest["both"], &contest["accepted"]), (&json!(1), &json!([1, 0])), "{contest:#}");
    assert_eq!((&contest["cost_micros"], &contest["wins"]), (&json!([6000, 0]), &json!(false)));
    assert!(
        contest["millis"].as_array().unwrap().iter().all(|millis| millis.as_u64() > Some(0)),
        "{contest:#}"
    );
    assert_eq!(chat.keys().len(), 5);

    let contest = bench(POOR, GOOD);
    assert_eq!((&contest["accepted"], &contest["cost_micros"]), (&json!([0, 1]), &json!([2000, 6000])));
    assert_eq!(chat.keys().len(), 6, "who was tried before is not tried again");
    bench(POOR, GOOD);
    assert_eq!(chat.keys().len(), 6);
    let repaired = run(&["repair", "list"]).json(0);
    assert_eq!(repaired["repaired"].as_array().unwrap().len(), 1);
}
