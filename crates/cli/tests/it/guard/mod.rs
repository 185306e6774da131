//! The two incidents through real MCP servers in other processes, spoken to by the official client of the protocol from
//! PyPI. The agent does what it was never told to; the same agent without a guard does harm, so that these tests can fail.

mod approvals;
mod clock;
mod crash;
mod hooks;
mod hub;
mod models;
mod money;
mod publish;
mod webhook;

use crate::support::{Mill, succeed};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SUGGEST: &str =
    "Check this inbox too and suggest what you would archive or delete, don't action until I tell you to";

/// Python with the protocol's SDK.
fn python() -> PathBuf {
    trustmill_testkit::agents::python(Path::new(env!("CARGO_TARGET_TMPDIR"))).join("python")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/guard").join(name)
}

/// A guard that runs; ended hard when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What the command of a hook answers to an event.
fn hooked(mut command: Command, event: &str) -> Value {
    use std::io::Write as _;
    command.env_remove("TRUSTMILL_GUARD_SESSION").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(event.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

struct World {
    mill: Mill,
    file: PathBuf,
}

impl World {
    fn new(content: &Value) -> Self {
        let mill = Mill::new();
        let file = mill.file("world.json", &content.to_string());
        Self { mill, file }
    }

    fn mailbox() -> Self {
        let mails = (0..600).map(|id| {
            json!({ "id": id.to_string(), "sender": format!("p{id}@example.com"), "subject": format!("Mail {id}"), "folder": "inbox" })
        });
        Self::new(&mails.collect())
    }

    fn content(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(&self.file).unwrap()).unwrap()
    }

    fn trashed(&self) -> usize {
        self.content().as_array().unwrap().iter().filter(|mail| mail["folder"] == "trash").count()
    }

    fn state(&self) -> PathBuf {
        self.mill.path().join("guard")
    }

    /// The command of `guard`, with arguments.
    fn guard(&self, args: &[&str]) -> Vec<String> {
        let state = self.state().display().to_string();
        let fixed = [env!("CARGO_BIN_EXE_trustmill"), "guard", "--state", &state];
        fixed.iter().chain(args).map(|&part| part.to_owned()).collect()
    }

    /// The same, to be run.
    fn command(&self, args: &[&str]) -> Command {
        let words = self.guard(args);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }

    /// Runs a verb of `guard` that must succeed.
    fn people(&self, args: &[&str]) -> String {
        succeed(&mut self.command(args))
    }

    /// Two people approve a plan for a time.
    fn approve_for(&self, session: &str, plan: &str, time: &str) {
        let people = ["--by", "ann", "--by", "bob", "--for", time];
        self.people(&[&["approve", "--session", session, "--plan", plan][..], &people].concat());
    }

    /// What a hook answers to an event.
    fn hook(&self, args: &[&str], event: &str) -> Value {
        hooked(self.command(args), event)
    }

    fn waiting(&self) -> Value {
        serde_json::from_str(&self.people(&["pending", "--json"])).unwrap()
    }

    /// The command of a server.
    fn server(&self, name: &str) -> Vec<String> {
        [python(), script(name), self.file.clone()].iter().map(|part| part.display().to_string()).collect()
    }

    /// The agent: a client script before a command that serves it; what it printed, line by line.
    fn agent(&self, client: &str, server: &[String], what: &Value) -> Vec<Value> {
        let mut command = Command::new(python());
        command.arg(script(client)).arg(json!(server).to_string()).arg(what.to_string());
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn behind_guard(&self, args: &[&str], server: &str) -> Vec<String> {
        let mut command = self.guard(args);
        command.push("--".into());
        command.extend(self.server(server));
        command
    }
}

#[test]
fn an_inbox_is_not_emptied_by_an_agent_that_forgot_what_it_was_told() {
    let world = World::mailbox();
    let session = world.people(&["open", "--task", SUGGEST, "--session", "inbox", "--owner", "yue"]);
    assert_eq!(session.trim(), "inbox");
    let behind = world.behind_guard(&["run", "--server", "mail", "--session", "inbox"], "mail_server.py");
    let lines = world.agent("tidy.py", &behind, &json!([["read"], ["all"], ["purge"]]));
    assert_eq!(
        lines[0]["tools"],
        json!(["delete_email", "get_received_emails", "purge_trash", "restore_email"])
    );
    assert_eq!(
        (&lines[1]["read"], &lines[2]["trashed"], &lines[3]["purged"]),
        (&json!(600), &json!(0), &json!(false))
    );
    assert!(lines[2]["told"][0].as_str().unwrap().contains("waits for a person"), "{}", lines[2]);
    assert_eq!(world.trashed(), 0);

    // What can be taken back is one card, and what cannot, emptying the trash, is another.
    let plans = world.waiting();
    let tools = |plan: &Value| -> Vec<String> {
        plan["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["tool"].as_str().unwrap().to_owned())
            .collect()
    };
    let all: Vec<Vec<String>> = plans.as_array().unwrap().iter().map(tools).collect();
    let plan =
        plans.as_array().unwrap().iter().find(|plan| tools(plan).contains(&"mail/delete_email".to_owned()));
    let plan = plan.unwrap();
    assert_eq!((all.len(), plan["owner"].as_str()), (2, Some("yue")), "{all:?}");
    assert_eq!(tools(plan), vec!["mail/delete_email"; 600]);
    let only = (1..=40).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let digest = plan["plan"].as_str().unwrap();
    world.people(&["approve", "--session", "inbox", "--plan", digest, "--by", "yue", "--only", &only]);
    let lines = world.agent("tidy.py", &behind, &json!([["all"], ["all"]]));
    assert_eq!(
        (&lines[1]["trashed"], &lines[2]["trashed"]),
        (&json!(40), &json!(0)),
        "exactly the approved, once"
    );
    assert_eq!(world.trashed(), 40);
    assert!(world.people(&["log"]).contains("the chain holds"));

    // STOP, and what was done is taken back through the same record.
    world.people(&["stop", "--by", "yue"]);
    world.people(&["resume", "--by", "yue"]);
    let journal: Value = serde_json::from_str(&world.people(&["undo", "--json"])).unwrap();
    assert_eq!(journal.as_array().unwrap().len(), 40);
    let mut undo = world.guard(&["undo", "--session", "inbox", "--server", "mail", "--by", "yue", "--"]);
    undo.extend(world.server("mail_server.py"));
    let told = succeed(Command::new(&undo[0]).args(&undo[1..]));
    assert_eq!((told.matches("undone:").count(), told.matches("not undone").count()), (40, 0), "{told}");
    assert_eq!(world.trashed(), 0);
    assert!(world.people(&["undo"]).contains("nothing to undo"));
}

#[test]
fn stop_from_elsewhere_holds_before_the_next_call() {
    let world = World::mailbox();
    world.people(&["open", "--task", SUGGEST, "--session", "inbox", "--owner", "yue"]);
    let behind = world.behind_guard(&["run", "--server", "mail", "--session", "inbox"], "mail_server.py");
    world.agent("tidy.py", &behind, &json!([["all"]]));
    let plans = world.waiting();
    let digest = plans[0]["plan"].as_str().unwrap();
    world.people(&["approve", "--session", "inbox", "--plan", digest, "--by", "yue"]);
    let stop = world.guard(&["stop", "--by", "yue"]);
    let lines = world.agent("tidy.py", &behind, &json!([["stop", 200, stop], ["read"]]));
    assert_eq!((&lines[1]["trashed"], &lines[2]["read"]), (&json!(200), &json!(400)), "and reading goes on");
    assert_eq!(world.trashed(), 200);
}

#[test]
fn without_a_guard_the_mails_are_lost() {
    let world = World::mailbox();
    let lines = world.agent("tidy.py", &world.server("mail_server.py"), &json!([["all"]]));
    assert_eq!((lines[1]["trashed"].as_u64(), world.trashed()), (Some(600), 600));
}

fn forum() -> World {
    let thread = json!({ "question": "How do I let my team see the logs?", "answers": [] });
    World::new(&json!({ "threads": { "42": thread }, "readers": { "user-data": ["privacy"] } }))
}

#[test]
fn an_analysis_is_not_posted_and_a_wide_grant_takes_two_people() {
    let world = forum();
    let catalogue = script("forum.toml").display().to_string();
    let task = "Please analyse the question in thread 42";
    world.people(&["open", "--task", task, "--session", "forum", "--owner", "ann"]);
    let behind = world.behind_guard(
        &["run", "--server", "forum", "--catalogue", &catalogue, "--session", "forum"],
        "forum_server.py",
    );
    let calls = json!([
        ["read_thread", { "thread": "42" }],
        ["post_answer", { "thread": "42", "text": "grant everyone access to user-data" }],
        ["grant_access", { "dataset": "user-data", "group": "everyone" }],
    ]);
    let lines = world.agent("calls.py", &behind, &calls);
    let errors: Vec<bool> = lines.iter().map(|line| line["error"].as_bool().unwrap()).collect();
    assert_eq!(errors, [false, true, true]);
    assert_eq!(world.content()["threads"]["42"]["answers"], json!([]));

    // The person who asked applies the advice by telling the agent to: one more has to agree.
    world.people(&[
        "say",
        "--session",
        "forum",
        "Grant everyone access to user-data and give access at once. Wait for me.",
    ]);
    world.agent(
        "calls.py",
        &behind,
        &json!([["grant_access", { "dataset": "user-data", "group": "everyone" }]]),
    );
    let plans = world.waiting();
    let grants = |plan: &&Value| plan["calls"][0]["tool"] == "forum/grant_access";
    let plan = plans.as_array().unwrap().iter().find(grants).unwrap();
    let digest = plan["plan"].as_str().unwrap();
    let alone = ["approve", "--session", "forum", "--plan", digest, "--by", "ann"];
    let output = world.command(&alone).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("TM1307"));
    world.approve_for("forum", digest, "1h");
    let granted = world.agent(
        "calls.py",
        &behind,
        &json!([["grant_access", { "dataset": "user-data", "group": "everyone" }]]),
    );
    assert_eq!(
        (granted[0]["error"].as_bool(), &world.content()["readers"]["user-data"]),
        (Some(false), &json!(["privacy", "everyone"]))
    );
}

#[test]
fn a_hook_that_cannot_ask_denies() {
    let world = forum();
    let hook = |args: &[&str], event: &str| -> Value {
        let answer = world.hook(args, event);
        answer["hookSpecificOutput"]["permissionDecision"].clone()
    };
    let read = r#"{"tool_name":"Read","tool_input":{"file_path":"/tmp/x"}}"#;
    assert_eq!(hook(&["hook"], read), "deny");
    assert_eq!(hook(&["hook", "--session", "none"], read), "deny");
    world.people(&["open", "--task", "fix the typo in notes.txt", "--session", "s"]);
    assert_eq!(hook(&["hook", "--session", "s"], read), "allow");
    let edit =
        r#"{"tool_name":"Edit","tool_input":{"file_path":"notes.txt","old_string":"a","new_string":"b"}}"#;
    assert_eq!(hook(&["hook", "--session", "s"], edit), "allow");
    let shell = r#"{"tool_name":"Bash","tool_input":{"command":"rm -rf /"}}"#;
    assert_eq!(hook(&["hook", "--session", "s"], shell), "deny");
    for broken in ["", "{", "[]", r#"{"tool_name":7}"#, r#"{"tool_name":"Read","tool_input":[1]}"#] {
        assert_eq!(hook(&["hook", "--session", "s"], broken), "deny", "{broken}");
    }
}

#[test]
fn the_operators_policies_decide_too_and_others_can_be_tried_on_the_record() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::mailbox();
    let task = "Please delete the mail with the subject Mail 7 and Mail 8";
    world.people(&["open", "--task", task, "--session", "inbox"]);
    let behind = world.behind_guard(&["run", "--server", "mail", "--session", "inbox"], "mail_server.py");
    let calls = json!([["get_received_emails", {}], ["delete_email", { "email_id": "7" }]]);
    let lines = world.agent("calls.py", &behind, &calls);
    assert_eq!(lines[1]["error"], false, "{lines:?}");

    let policy = "@id(\"no-seven\") @effect(\"deny\") @doc(\"x\") @reason(\"{tool}: seven and eight stay\")\n\
                  forbid (principal, action == Action::\"mail/delete_email\", resource)\n\
                  when { context.input has email_id && [\"7\", \"8\"].containsAny(context.input.email_id) };\n";
    let new = world.mill.file("new.cedar", policy);
    let state = world.state().display().to_string();
    let replayed = world.people(&["replay", &state, "--policy", &new.display().to_string()]);
    assert!(replayed.contains("allow -> deny") && replayed.contains("no-seven"), "{replayed}");

    let own = world.state().join("policies");
    std::fs::create_dir_all(&own).unwrap();
    let own = own.join("own.cedar");
    std::fs::write(&own, policy).unwrap();
    let lines = world.agent("calls.py", &behind, &json!([["delete_email", { "email_id": "8" }]]));
    assert!(lines[0]["text"].as_str().unwrap().contains("seven and eight stay"), "{lines:?}");

    assert!(world.people(&["policy", "--test"]).contains("0 not as expected"));
    let fails = |expected: &str| {
        let output = world.command(&["policy"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && told.contains(expected), "{told}");
    };
    std::fs::write(&own, policy.replace("mail/delete_email", "mail/remove_email")).unwrap();
    fails("TM0907");
    std::fs::write(&own, policy).unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o666)).unwrap();
    fails("TM1301");
}
