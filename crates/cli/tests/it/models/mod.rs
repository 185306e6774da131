//! Models from the command line, and a loop that is killed in the middle.

mod agent;
mod bench;
mod fixture;
mod kill;
mod queue;

use crate::support::Mill;
use serde_json::{Value, json};
use trustmill_testkit::wire::{Chat, Says};

/// A mill with one provider of its own.
fn mill(url: &str) -> Mill {
    let mill = Mill::new();
    let prices =
        mill.file("prices.toml", "currency = \"EUR\"\n[models.\"house/*\"]\ninput = 1.0\noutput = 10.0\n");
    std::fs::create_dir_all(mill.data()).unwrap();
    let text = format!(
        "[models]\nprices = {prices:?}\n[models.routes]\ndefault = [\"house/qwen3-coder\", \"gateway/best\"]\n\
         [[models.providers]]\nname = \"house\"\nurl = \"{url}\"\nwire = \"openai-compatible\"\nself_hosted = true\n\
         key_env = \"HOUSE_KEY\"\n\
         [[models.providers]]\nname = \"gateway\"\nurl = \"https://gateway.example.com/v1\"\nwire = \"openai-chat\"\n"
    );
    std::fs::write(mill.data().join("trustmill.toml"), text).unwrap();
    mill
}

fn run(mill: &Mill, args: &[&str]) -> crate::support::Run {
    crate::support::Run::of(mill.command().env("HOUSE_KEY", "sk-very-secret").env("USER", "ada").args(args))
}

/// Does what it is asked to: calls the tool, and says what it answered.
fn obliging(body: &Value) -> Says {
    let messages = body["messages"].as_array().unwrap();
    match messages.iter().rev().find(|message| message["role"] == "tool") {
        Some(answer) => Says::Text(format!("It said {}.", answer["content"].as_str().unwrap())),
        None => Says::Calls(vec![("echo".into(), json!({ "word": "ping" }))]),
    }
}

#[test]
fn a_model_is_tried_logged_banned_and_stated() {
    let chat = Chat::start(obliging);
    let mill = mill(&chat.url);
    let tried = run(&mill, &["models", "try", "house/qwen3-coder", "--json"]).json(0);
    assert_eq!(
        (&tried["called"], &tried["understood"], &tried["family"]),
        (&json!(true), &json!(true), &json!("alibaba"))
    );
    assert_eq!((&tried["cost_micros"], &tried["tokens"]["input"]), (&json!(4000), &json!(2000)));
    assert_eq!(chat.came.lock().unwrap().len(), 2);

    let listed = run(&mill, &["models", "list", "--json"]).json(0);
    assert_eq!(listed["models"][1]["refused"], Value::Null);
    let why = listed["models"][0]["refused"].as_str().unwrap();
    assert!(why.contains("nobody knows whose model this is"), "{why}");

    let used = run(&mill, &["models", "inventory", "--json"]).json(0);
    assert_eq!((used[0]["asked"].as_u64(), used[0]["route"].as_str()), (Some(2), Some("self-hosted")));

    let span = ["--from", "1d", "--json"];
    let stated = run(&mill, &[&["models", "statement", "--family", "deepseek"], &span[..]].concat()).json(0);
    assert_eq!(stated["payloadType"], "application/vnd.in-toto+json");
    let not_so = run(&mill, &[&["models", "statement", "--family", "alibaba"], &span[..]].concat());
    assert_eq!((not_so.code(), not_so.json(1)["error"]["code"].as_str()), (1, Some("TM1422")));

    run(&mill, &["models", "ban", "alibaba", "--why", "incident 7", "--json"]).json(0);
    let banned = run(&mill, &["models", "try", "house/qwen3-coder", "--json"]);
    assert!(banned.json(3)["error"]["message"].as_str().unwrap().contains("alibaba is banned: incident 7"));
    assert_eq!(chat.came.lock().unwrap().len(), 2, "nothing goes out");
    run(&mill, &["models", "allow", "alibaba", "--why", "over", "--json"]).json(0);
    run(&mill, &["models", "try", "house/qwen3-coder", "--json"]).json(0);
    assert_eq!(run(&mill, &["models", "ban", "alibabba", "--why", "x", "--json"]).code(), 2);
}

#[test]
fn a_key_that_is_wrong_is_told_and_never_shown() {
    let chat = Chat::start(|_| Says::Refuses(401));
    let mill = mill(&chat.url);
    let refused = run(&mill, &["-vv", "models", "try", "house/qwen3-coder"]);
    assert_eq!(refused.code(), 3);
    let all = format!("{}{}", refused.stdout(), refused.stderr());
    assert!(all.contains("refuses the key") && !all.contains("sk-very-secret"), "{all}");
}

#[test]
fn without_a_model_the_verbs_say_so() {
    let mill = Mill::new();
    assert!(mill.run(&["models", "list"]).stdout().contains("no model is configured"));
    assert!(mill.run(&["inbox", "list"]).stdout().contains("nothing waits"));
    assert!(mill.run(&["cases", "list"]).stdout().contains("nothing was tried"));
    assert_eq!(mill.run(&["cases", "export", "--json"]).stdout(), "");
    let curve = mill.path().join("curve.svg");
    mill.run(&["cases", "curve", "--svg", curve.to_str().unwrap()]);
    assert!(std::fs::read_to_string(curve).unwrap().starts_with("<svg"));
    let none =
        mill.run(&["cases", "bench", "--candidate", "models", "--baseline", "strategies", "--by", "ada"]);
    assert_eq!(none.code(), 1, "nobody wins without cases");
}
