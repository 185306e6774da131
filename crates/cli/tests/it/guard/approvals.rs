//! Deciding in a terminal, through the real binary: a script on standard input, and the same as single commands.

use super::{SUGGEST, World};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

const WAIT: &str = "Write to a@x.example, b@x.example and c@x.example about lunch, but wait until I say so";

fn event(tool: &str, arguments: &Value) -> String {
    json!({ "hook_event_name": "PreToolUse", "tool_name": format!("mcp__{tool}"), "tool_input": arguments })
        .to_string()
}

fn may(world: &World, tool: &str, arguments: &Value) -> (bool, String) {
    let answer = world.hook(&["hook", "--session", "s"], &event(tool, arguments));
    let said = &answer["hookSpecificOutput"];
    (
        said["permissionDecision"] == "allow",
        said["permissionDecisionReason"].as_str().unwrap_or_default().to_owned(),
    )
}

fn send(to: &[&str]) -> Value {
    json!({ "recipients": to, "subject": "Lunch", "body": "at noon" })
}

/// Runs `approvals` with a script; whether all of it was done, what was printed, and what was complained of.
fn script(world: &World, lines: &str) -> (bool, String, String) {
    let mut command = world.command(&["approvals", "--by", "ann"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_terminal_lists_looks_narrows_approves_and_refuses() {
    let world = World::new(&json!({}));
    world.people(&["open", "--task", WAIT, "--session", "s", "--owner", "ann", "--agent", "robot"]);
    let all = ["a@x.example", "b@x.example", "c@x.example"];
    let (passed, why) = may(&world, "mail__send_email", &send(&all));
    assert!(!passed && why.contains("waits for a person"), "{why}");
    may(&world, "mail__delete_email", &json!({ "email_id": "7" }));

    let (done, said, _) = script(&world, "list\nlook 1\n");
    assert!(
        done && said.contains("card 1: robot for ann, 1 × send") && said.contains("less of recipients"),
        "{said}"
    );
    assert!(said.contains("card 2: robot for ann, 1 × destroy"), "what is not alike is another card: {said}");

    let (done, _, complaint) =
        script(&world, "approve 1\nlist\nnarrow 1 1:recipients=e@x.example\napprove 1\napprove 9\nfly\n");
    assert!(!done, "a script hears of what was not done");
    for why in ["no card 1 was shown", "no less than the call", "no card 9", "is no command"] {
        assert!(complaint.contains(why), "{why}: {complaint}");
    }

    let lines = "list\nnarrow 1 1:recipients=a@x.example,b@x.example\napprove 1 for 30m\ndeny 2\nlist\n";
    let (done, said, complaint) = script(&world, lines);
    assert!(
        done && said.contains("card 1: 1 calls may be made") && said.ends_with("nothing waits\n"),
        "{said}{complaint}"
    );
    let (passed, why) = may(&world, "mail__send_email", &send(&all));
    assert!(!passed && why.contains("people allowed less than this"), "{why}");
    assert!(!may(&world, "mail__send_email", &send(&["c@x.example"])).0);
    assert!(may(&world, "mail__send_email", &send(&["a@x.example"])).0);
    assert!(!may(&world, "mail__send_email", &send(&["b@x.example"])).0, "once");
}

#[test]
fn single_commands_grant_less_too_and_what_came_since_is_another_plan() {
    let world = World::new(&json!({}));
    world.people(&["open", "--task", SUGGEST, "--session", "s", "--owner", "ann"]);
    let trash = |id: &str| may(&world, "mail__delete_email", &json!({ "email_id": id })).0;
    assert!(!["1", "2", "3", "4"].iter().any(|id| trash(id)));
    let plan = world.waiting()[0]["plan"].as_str().unwrap().to_owned();
    let approve = |plan: &str, more: &[&str]| {
        let args = [&["approve", "--session", "s", "--plan", plan, "--by", "ann"], more].concat();
        world.command(&args).output().unwrap().status.success()
    };
    assert!(!trash("5"));
    assert!(!approve(&plan, &["--first", "2"]), "another call waits now");
    let plan = world.waiting()[0]["plan"].as_str().unwrap().to_owned();
    assert!(!approve(&plan, &["--only", "6"]) && !approve(&plan, &["--less", "1:email_id=1"]));
    assert!(approve(&plan, &["--only", "2-5", "--first", "2", "--for", "10m"]));
    assert_eq!(["1", "2", "3", "4", "5"].map(trash), [false, true, true, false, false]);
}
