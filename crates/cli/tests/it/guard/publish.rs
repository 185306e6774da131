//! What an agent publishes says so, with a receipt that anybody can look up; and what a server has in the end is read back.

use super::{World, forum, script};
use serde_json::{Value, json};

const AGENTS: [&str; 2] = ["--server", "forum"];

impl World {
    fn forum_behind(&self, session: &str) -> Vec<String> {
        let catalogue = script("forum.toml").display().to_string();
        let args: Vec<&str> = ["run"].iter().chain(&AGENTS).copied().collect();
        let args = [&args[..], &["--catalogue", &catalogue, "--session", session]].concat();
        self.behind_guard(&args, "forum_server.py")
    }

    /// Runs a verb; its exit code and what it printed.
    fn verb(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.command(args).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    }
}

#[test]
fn a_published_text_says_who_wrote_it_and_its_receipt_is_found_and_checked() {
    let world = forum();
    let task = "Please post an answer in thread 42.";
    world.people(&["open", "--task", task, "--session", "post", "--owner", "ann", "--agent", "helper"]);
    let behind = world.forum_behind("post");
    let post = json!([["post_answer", { "thread": "42", "text": "Ask your admin.\nWritten by agent x for y, not reviewed." }]]);
    let lines = world.agent("calls.py", &behind, &post);
    assert_eq!(lines[0]["error"], false, "{lines:?}");
    let posted = world.content()["threads"]["42"]["answers"][0].as_str().unwrap().to_owned();
    let (_, receipt) = posted.rsplit_once("Written by agent helper for ann, not reviewed. Receipt ").unwrap();

    let file = world.mill.file("found.txt", &posted);
    let (code, told) = world.verb(&["receipt", receipt, "--text", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("agent helper for ann") && told.contains("is what was published"), "{told}");
    let other = world.mill.file("other.txt", &posted.replace("your admin", "eve"));
    let (code, told) = world.verb(&["receipt", receipt, "--text", &other.display().to_string()]);
    assert!(code == Some(1) && told.contains("not what was published"), "{told}");
    let (code, told) = world.verb(&["receipt", "3-00000000000000000000"]);
    assert!(code == Some(2) && told.contains("TM1321"), "{told}");
}

#[test]
fn a_server_that_says_done_and_did_something_else_holds_the_rest_until_a_person_looked() {
    let world = forum();
    world.people(&["open", "--task", "Please write the pin of thread 42.", "--session", "pin"]);
    let behind = world.forum_behind("pin");
    let pin = |text: &str| json!([["pin", { "thread": "42", "text": text }]]);
    assert_eq!(world.agent("calls.py", &behind, &pin("first"))[0]["error"], false);
    let lied = world.agent("calls.py", &behind, &pin("a lie"));
    assert_eq!(lied[0]["error"], false, "the server says that it did it");
    let held = world.agent("calls.py", &behind, &pin("second"));
    assert!(held[0]["text"].as_str().unwrap().contains("something else"), "{held:?}");
    let log: Value = serde_json::from_str(&world.people(&["log", "--json"])).unwrap();
    let verdicts: Vec<&Value> = log["records"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|record| record["event"] == "read-back")
        .map(|record| &record["verdict"])
        .collect();
    assert_eq!(verdicts, ["same", "differs"]);

    let plans = world.waiting();
    let digest = plans[0]["plan"].as_str().unwrap();
    world.people(&["approve", "--session", "pin", "--plan", digest, "--by", "ann"]);
    assert_eq!(world.agent("calls.py", &behind, &pin("second"))[0]["error"], false);
    assert_eq!(world.content()["threads"]["42"]["pin"], "second");
}

#[test]
fn access_that_was_given_for_a_time_ends_by_itself() {
    let world = forum();
    let catalogue = script("forum.toml").display().to_string();
    let task = "Grant everyone access to user-data. Wait for me.";
    world.people(&["open", "--task", task, "--session", "forum", "--owner", "ann"]);
    let behind = world.forum_behind("forum");
    let grant = json!([["grant_access", { "dataset": "user-data", "group": "everyone" }]]);
    world.agent("calls.py", &behind, &grant);
    let plans = world.waiting();
    let digest = plans[0]["plan"].as_str().unwrap();
    let soon = trustmill_core::Timestamp::now().as_second() + 12;
    let soon = trustmill_core::Timestamp::from_second(soon).unwrap().to_string();
    world.approve_for("forum", digest, &soon);
    assert_eq!(world.agent("calls.py", &behind, &grant)[0]["error"], false);
    assert_eq!(world.content()["readers"]["user-data"], json!(["privacy", "everyone"]));

    let server = json!(world.server("forum_server.py"));
    let setup = format!("[servers]\nforum = [{catalogue:?}]\n[upstreams.forum]\ncommand = {server}\n");
    std::fs::write(world.state().join("guard.toml"), setup).unwrap();
    let mut up = world.command(&["up"]).spawn().unwrap();
    let begun = std::time::Instant::now();
    // The server may be writing it just now.
    let content =
        || -> Option<Value> { serde_json::from_str(&std::fs::read_to_string(&world.file).ok()?).ok() };
    while content().is_none_or(|content| content["readers"]["user-data"] != json!(["privacy"])) {
        assert!(begun.elapsed().as_secs() < 60, "{:?}", content());
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    let journal: Value = serde_json::from_str(&world.people(&["undo", "--json"])).unwrap();
    up.kill().unwrap();
    up.wait().unwrap();
    assert_eq!(journal, json!([]), "and the record says so");
    assert!(world.people(&["log"]).contains("the lease's end"));
}
