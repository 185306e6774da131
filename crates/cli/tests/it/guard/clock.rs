//! The clock on the wall moved back and forth under the real binary, while it runs and between two runs.

use super::{Running, SUGGEST, World, script};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const HOUR: i64 = 3600;

/// A library before the C library, whose clock is ahead by what a file says.
struct Moved {
    library: PathBuf,
    ahead: PathBuf,
}

impl Moved {
    fn new(world: &World) -> Self {
        let library = world.mill.path().join("clock.so");
        let made =
            Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(script("clock.c")).status();
        assert!(made.unwrap().success());
        let moved = Self { library, ahead: world.mill.path().join("ahead") };
        moved.by(0);
        moved
    }

    fn by(&self, seconds: i64) {
        let new = self.ahead.with_extension("new");
        std::fs::write(&new, seconds.to_string()).unwrap();
        std::fs::rename(new, &self.ahead).unwrap();
    }

    /// Under this clock.
    fn on<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("LD_PRELOAD", &self.library).env("MOVED_CLOCK", &self.ahead)
    }
}

/// Whether the mail with this number may be deleted, asked of a guard that runs, or else under the moved clock.
fn may(world: &World, moved: &Moved, id: usize) -> bool {
    use std::io::Write as _;
    let event =
        json!({ "tool_name": "mcp__mail__delete_email", "tool_input": { "email_id": id.to_string() } });
    let mut hook = world.command(&["hook", "--session", "s"]);
    moved.on(&mut hook).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = hook.spawn().unwrap();
    child.stdin.take().unwrap().write_all(event.to_string().as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    said.contains("\"permissionDecision\":\"allow\"")
}

fn up(world: &World, moved: &Moved) -> Running {
    let mut command = world.command(&["up"]);
    let mut up =
        Running(moved.on(&mut command).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    BufReader::new(up.0.stderr.take().unwrap()).read_line(&mut String::new()).unwrap();
    up
}

fn approved(world: &World, moved: &Moved) {
    assert!(!(0..6).any(|id| may(world, moved, id)));
    let plan = world.waiting()[0]["plan"].as_str().unwrap().to_owned();
    world.people(&["approve", "--session", "s", "--plan", &plan, "--by", "ann", "--for", "1h"]);
}

#[test]
fn no_lease_is_longer_and_none_comes_back_wherever_the_clock_is_moved() {
    let world = World::new(&json!({}));
    let moved = Moved::new(&world);
    let guard = up(&world, &moved);
    world.people(&["open", "--task", SUGGEST, "--session", "s", "--owner", "ann"]);
    approved(&world, &moved);
    assert!(may(&world, &moved, 0));
    moved.by(-48 * HOUR);
    assert!(may(&world, &moved, 1), "an hour is an hour");
    moved.by(2 * HOUR);
    assert!(!may(&world, &moved, 2), "it ended");
    moved.by(-48 * HOUR);
    assert!(!may(&world, &moved, 3), "and does not begin again");
    drop(guard);
    let _guard = up(&world, &moved);
    assert!(!may(&world, &moved, 4), "nor for a guard that is started after it was moved back");
    assert!(world.people(&["log"]).contains("the chain holds"));
}

#[test]
fn a_clock_that_is_moved_back_while_no_guard_runs_lengthens_nothing_within_a_boot() {
    let world = World::new(&json!({}));
    let moved = Moved::new(&world);
    let guard = up(&world, &moved);
    world.people(&["open", "--task", SUGGEST, "--session", "s", "--owner", "ann"]);
    approved(&world, &moved);
    // The guard sees the clock two hours ahead, and writes no record of it.
    moved.by(2 * HOUR);
    world.people(&["undo", "--due"]);
    drop(guard);
    moved.by(-48 * HOUR);
    let _guard = up(&world, &moved);
    assert!(!may(&world, &moved, 0), "what this boot of the machine knew is known still");
}

#[test]
fn access_that_was_given_for_a_time_ends_although_everybody_was_told_to_stop() {
    let world = super::forum();
    let moved = Moved::new(&world);
    std::fs::create_dir_all(world.state()).unwrap();
    let servers = format!("[servers]\nforum = [{:?}]\n", script("forum.toml").display().to_string());
    std::fs::write(world.state().join("guard.toml"), servers).unwrap();
    let _guard = up(&world, &moved);
    world.people(&[
        "open",
        "--task",
        "Grant the team access to user-data, but wait for me",
        "--session",
        "s",
    ]);
    let behind = world.behind_guard(&["run", "--server", "forum", "--session", "s"], "forum_server.py");
    let grant = json!([["grant_access", { "dataset": "user-data", "group": "team" }]]);
    assert_eq!(world.agent("calls.py", &behind, &grant)[0]["error"], true);
    let plan = world.waiting()[0]["plan"].as_str().unwrap().to_owned();
    world.approve_for("s", &plan, "1h");
    assert_eq!(world.agent("calls.py", &behind, &grant)[0]["error"], false);
    let readers = || world.content()["readers"]["user-data"].clone();
    world.people(&["stop", "--by", "ann"]);

    let due = world.behind_guard(&["undo", "--due", "--server", "forum", "--by", "cron"], "forum_server.py");
    let end = || crate::support::succeed(Command::new(&due[0]).args(&due[1..]));
    end();
    assert_eq!(readers(), json!(["privacy", "team"]), "the hour is not over");
    moved.by(2 * HOUR);
    assert!(end().contains("undone:"));
    assert_eq!(readers(), json!(["privacy"]));
    assert_eq!(world.agent("calls.py", &behind, &grant)[0]["error"], true, "STOP holds for everything else");
    assert!(world.people(&["log"]).contains("the chain holds"));
}
