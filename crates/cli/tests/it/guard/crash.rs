//! The real guard killed at any moment, on a full disk, and under a clock that is moved.

use super::{World, script};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

const CATALOGUE: &str = "about = 'x'\n[tools.change]\neffect = 'destroy'\nreversible = true\narguments.item = { role = 'item' }\n";

fn call(number: usize) -> String {
    json!({ "jsonrpc": "2.0", "id": number, "method": "tools/call",
        "params": { "name": "change", "arguments": { "item": format!("thing-{number}") } } })
    .to_string()
}

/// What was done, in its order.
fn done(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.mill.path().join("done")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Has a guard that is started for it make calls, and kills it after `after`, or when all are answered.
fn calls(world: &World, numbers: std::ops::Range<usize>, after: Option<Duration>) {
    let catalogue = world.mill.file("things.toml", CATALOGUE).display().to_string();
    let mut command =
        world.guard(&["run", "--server", "things", "--catalogue", &catalogue, "--session", "s", "--"]);
    command.extend(["python3".into(), script("effects.py").display().to_string()]);
    command.push(world.mill.path().join("done").display().to_string());
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = child.stdout.take().unwrap();
    // The guard may be gone in the middle.
    let writer =
        std::thread::spawn(move || numbers.for_each(|number| drop(writeln!(to, "{}", call(number)))));
    if let Some(after) = after {
        let begun = std::time::Instant::now();
        while begun.elapsed() < after {
            std::thread::yield_now();
        }
        child.kill().unwrap();
    }
    writer.join().unwrap();
    let mut said = String::new();
    from.read_to_string(&mut said).unwrap();
    let _ = child.wait();
}

#[test]
fn killed_at_any_moment_it_did_nothing_that_is_not_recorded_and_nothing_twice() {
    let world = World::new(&json!({}));
    world.people(&["open", "--task", "wait for me", "--session", "s", "--owner", "ann"]);
    world.people(&["say", "--session", "s", "delete every thing, but wait until I tell you"]);
    calls(&world, 0..60, None);
    assert_eq!(done(&world), Vec::<String>::new(), "nothing without a lease");
    let plans: Value = world.waiting();
    assert_eq!(plans[0]["calls"].as_array().unwrap().len(), 60);
    world.people(&["approve", "--session", "s", "--plan", plans[0]["plan"].as_str().unwrap(), "--by", "ann"]);
    for round in 0..12 {
        // From before it has begun until after all is done.
        calls(&world, 0..60, Some(Duration::from_millis(20 + 35 * round)));
        let done = done(&world);
        let log: Value = serde_json::from_str(&world.people(&["log", "--json"])).unwrap();
        let allowed = log["records"].as_array().unwrap().iter().filter(|record| record["event"] == "allowed");
        let allowed: Vec<&str> = allowed.map(|record| record["call"]["summary"].as_str().unwrap()).collect();
        let once: BTreeSet<&String> = done.iter().collect();
        assert_eq!(once.len(), done.len(), "round {round}: twice");
        assert_eq!(allowed.iter().collect::<BTreeSet<_>>().len(), allowed.len(), "a lease is used once");
        for item in &done {
            assert!(
                allowed.iter().any(|summary| summary.ends_with(item.as_str())),
                "round {round}: {item} is not recorded"
            );
        }
    }
    calls(&world, 0..60, None);
    assert!(!done(&world).is_empty() && world.people(&["log"]).contains("the chain holds"));
}

#[test]
fn a_full_disk_denies_and_a_disk_with_room_decides_again() {
    // A file system of a few pages, in a name space of its own, so that no rights are needed.
    let guard = env!("CARGO_BIN_EXE_trustmill");
    let event = r#"{"tool_name":"Read","tool_input":{"file_path":"/tmp/x"}}"#;
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "set -e; mount -t tmpfs -o size=128k tmpfs {at}; cd {at}; G='{guard} guard --state {at}/g'; \
         $G open --task 'fix the typo' --session s; dd if=/dev/zero of=fill bs=1k count=500 2>/dev/null || true; \
         for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo '{event}' | $G hook --session s; done; \
         rm fill; echo '{event}' | $G hook --session s; $G log >/dev/null && echo whole",
        at = folder.path().display(),
    );
    let output = Command::new("unshare").args(["-Urm", "sh", "-c", &script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().collect();
    let (denied, last) = (&lines[lines.len() - 3], &lines[lines.len() - 2]);
    assert!(denied.contains("\"deny\"") && denied.contains("cannot be written"), "{text}");
    assert!(last.contains("\"allow\"") && text.ends_with("whole\n"), "{text}");
}
