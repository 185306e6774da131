//! The command that agents ask before each tool call, as their frameworks start it: one event in, one answer out, and a denial
//! whatever goes wrong.

use super::{SUGGEST, World, hooked};
use serde_json::{Value, json};

/// What the hook answers to an event; it never fails in a way that an agent could take for consent.
fn asked(world: &World, shape: &str, session: &str, event: &str) -> Value {
    world.hook(&["hook", "--shape", shape, "--session", session], event)
}

fn allows(shape: &str, answer: &Value) -> bool {
    match shape {
        "claude-code" => answer["hookSpecificOutput"]["permissionDecision"] == "allow",
        "openclaw" => answer["block"] == false,
        _ => answer["needs_approval"] == false && answer["approve"] == true,
    }
}

fn event(shape: &str, tool: &str, arguments: &Value) -> String {
    let event = match shape {
        "claude-code" => {
            json!({ "hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": arguments })
        }
        "openclaw" => json!({ "toolName": tool, "params": arguments, "toolCallId": "1" }),
        _ => json!({ "name": tool, "arguments": arguments.to_string(), "call_id": "1" }),
    };
    event.to_string()
}

#[test]
fn every_framework_is_told_what_it_may_do_in_its_own_shape() {
    let world = World::new(&json!({}));
    world.people(&["open", "--task", SUGGEST, "--session", "inbox", "--owner", "yue"]);
    for shape in ["claude-code", "openclaw", "openai-agents"] {
        let ask = |session: &str, event: &str| allows(shape, &asked(&world, shape, session, event));
        let read = event(shape, "mcp__mail__get_received_emails", &json!({}));
        let destroy = event(shape, "mcp__mail__delete_email", &json!({ "email_id": "1", "confirm": true }));
        assert!(ask("inbox", &read), "{shape} reads");
        assert!(!ask("inbox", &destroy), "{shape} destroys nothing that nobody leased");
        assert!(!ask("nobody", &read), "{shape}: a session that nobody opened reads nothing");
        for broken in ["", "{", "null", "[[[[", r#"{"tool_name":{}}"#] {
            assert!(!ask("inbox", broken), "{shape} {broken}");
        }
    }
    // What a person leases passes once.
    let plans: Value = world.waiting();
    let digest = plans[0]["plan"].as_str().unwrap().to_owned();
    world.people(&["approve", "--session", "inbox", "--plan", &digest, "--by", "yue"]);
    let destroy = event("openclaw", "mcp__mail__delete_email", &json!({ "email_id": "1", "confirm": true }));
    assert!(allows("openclaw", &asked(&world, "openclaw", "inbox", &destroy)));
    assert!(!allows("openclaw", &asked(&world, "openclaw", "inbox", &destroy)), "once");
    world.people(&["stop", "--by", "yue"]);
    let read = event("openclaw", "mcp__mail__get_received_emails", &json!({}));
    assert!(allows("openclaw", &asked(&world, "openclaw", "inbox", &read)), "reading goes on");
    assert!(world.people(&["log"]).contains("the chain holds"));
}

#[test]
fn agents_of_other_users_have_a_door_in_a_folder_of_theirs_and_decide_nothing_there() {
    let world = World::new(&json!({}));
    let theirs = world.mill.path().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    let door = theirs.display().to_string();
    let mut up = world.command(&["up", "--door", &door]);
    let _guard = super::Running(up.stderr(std::process::Stdio::null()).spawn().unwrap());
    while !(theirs.join("door.sock").exists() && world.state().join("people.sock").exists()) {
        std::thread::yield_now();
    }
    world.people(&["open", "--task", "what is in my mail?", "--session", "s"]);
    let read = event("claude-code", "mcp__mail__get_received_emails", &json!({}));
    let at_door = |args: &[&str]| {
        let mut command = world.mill.command();
        command.args(["guard", "--state", &door]).args(args);
        command
    };
    assert!(allows("claude-code", &hooked(at_door(&["hook", "--session", "s"]), &read)));
    at_door(&["stop", "--by", "agent"]).output().unwrap();
    assert!(!world.people(&["log"]).contains("stopped"), "what only people may do reaches no guard");
}
