//! Servers that others wrote: their own clients notice nothing of the guard for what is allowed.

use super::{World, installed, npm, process, pypi, workshop};
use crate::mcp::home;
use serde_json::{Value, json};
use std::process::Command;
use trustmill_doors::log::Log;
use trustmill_guard::record::{Event, Verdict};
use trustmill_testkit::agents;

/// What reading back said of effects, in their order.
fn read_back(world: &World) -> Vec<Verdict> {
    let (_, records) = Log::look(&world.folder.path().join("guard")).unwrap();
    let verdict = |event: &Event| match event {
        Event::ReadBack { verdict, .. } => Some(*verdict),
        _ => None,
    };
    records.iter().filter_map(|record| verdict(&record.event)).collect()
}

/// What a client is told with and without the guard, by its steps.
async fn same(name: &str, command: Vec<String>, task: &str, steps: Value) -> (Vec<Value>, Vec<Value>) {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let world = World::new(task, vec![(name, name, process(&words))]).await;
    let behind = world.url(&format!("/{name}"));
    let direct = json!({ "command": command });
    let python = json!({ "command": command, "mode": "legacy" });
    let (alone, guarded) = (pypi(python, steps.clone()).await, pypi(behind.clone(), steps.clone()).await);
    assert_eq!(alone, guarded, "{name}: the client from PyPI");
    let (alone, guarded) = (npm(direct, steps.clone()).await, npm(behind, steps).await);
    assert_eq!(alone, guarded, "{name}: the client from npm");
    (alone, guarded)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filesystem_server() {
    let (_held, folder) = workshop();
    std::fs::write(folder.join("a.txt"), "one\ntwo\n").unwrap();
    std::fs::write(folder.join("b.txt"), "zero").unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let command = vec![installed("mcp-server-filesystem"), folder.display().to_string()];
    let steps = json!([
        ["tools"], ["call", "list_directory", { "path": at("") }], ["call", "read_text_file", { "path": at("a.txt") }],
        ["call", "search_files", { "path": at(""), "pattern": "*.txt" }],
        ["call", "write_file", { "path": at("b.txt"), "content": "three" }],
        ["call", "read_text_file", { "path": "/etc/passwd" }], ["call", "no_such_tool", {}],
    ]);
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let world =
        World::new("please write the summary to b.txt", vec![("files", "files", process(&words))]).await;
    let alone = npm(json!({ "command": command }), steps.clone()).await;
    let behind = npm(world.url("/files"), steps).await;
    assert_eq!(alone[..6], behind[..6]);
    assert_eq!(std::fs::read_to_string(folder.join("b.txt")).unwrap(), "three");
    assert_eq!(read_back(&world), [Verdict::Same], "what was written was read back from the server");
    assert!(
        behind[6].to_string().contains("not made"),
        "a tool that nobody described is not tried: {}",
        behind[6]
    );
    let asked = npm(
        world.url("/files"),
        json!([["call", "move_file", { "source": at("a.txt"), "destination": at("c.txt") }]]),
    )
    .await;
    assert_eq!(asked[0]["isError"].as_bool().unwrap_or(false), !folder.join("c.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_server() {
    let command = vec![installed("mcp-server-memory")];
    let (_held, folder) = workshop();
    let command =
        [vec!["env".into(), format!("MEMORY_FILE_PATH={}", folder.join("m.jsonl").display())], command]
            .concat();
    let entity = json!({ "name": "Ann", "entityType": "person", "observations": ["likes tea"] });
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let world = World::new(
        "remember, and write to memory, that Ann likes tea",
        vec![("memory", "memory", process(&words))],
    )
    .await;
    let said = pypi(world.url("/memory"), json!([
        ["call", "create_entities", { "entities": [entity] }], ["call", "search_nodes", { "query": "tea" }],
        ["call", "delete_entities", { "entityNames": ["Ann"] }],
    ])).await;
    assert!(!said[0]["isError"].as_bool().unwrap_or(false), "{}", said[0]);
    assert_eq!(said[1]["structuredContent"]["entities"][0]["name"], "Ann");
    assert_eq!(said[2]["isError"], true, "what cannot be undone is not done: {}", said[2]);
    let reading =
        json!([["tools"], ["call", "read_graph", {}], ["call", "open_nodes", { "names": ["Ann"] }]]);
    same("memory", command, "what do you remember?", reading).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_everything_server() {
    let command = vec![installed("mcp-server-everything")];
    let steps = json!([
        ["call", "echo", { "message": "hé\u{1f980}" }], ["call", "get-sum", { "a": 2, "b": 0.5 }],
        ["call", "get-tiny-image", {}], ["call", "get-structured-content", { "location": "Chicago" }],
        ["call", "get-resource-reference", { "resourceType": "Text", "resourceId": 1 }],
        ["call", "trigger-long-running-operation", { "duration": 0.2, "steps": 2 }],
        ["prompts"], ["resources"],
    ]);
    // The time stands in that resource.
    let strip = |said: &mut Vec<Value>| {
        // A client over a pipe may have gone on before the last of these arrived.
        if let Some(result) = said[5].as_object_mut() {
            result.remove("progress");
        }
        if let Some(text) = said[4].pointer_mut("/content/1/resource/text") {
            *text = Value::Null;
        }
    };
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let world = World::new("play", vec![("everything", "everything", process(&words))]).await;
    for official in ["pypi", "npm"] {
        let behind = world.url("/everything");
        let (mut alone, mut guarded) = match official {
            "pypi" => (
                pypi(json!({ "command": command, "mode": "legacy" }), steps.clone()).await,
                pypi(behind, steps.clone()).await,
            ),
            _ => (npm(json!({ "command": command }), steps.clone()).await, npm(behind, steps.clone()).await),
        };
        strip(&mut alone);
        strip(&mut guarded);
        for (alone, guarded) in alone.iter().zip(&guarded) {
            assert_eq!(alone, guarded, "{official}");
        }
    }
    // Behind a prefix, a link leads back to its server.
    let linked =
        npm(world.url(""), json!([["call", "everything__get-resource-links", { "count": 1 }]])).await;
    let uri = linked[0]["content"][1]["uri"].as_str().unwrap().to_owned();
    let read = npm(world.url(""), json!([["read", uri]])).await;
    assert_eq!(read[0]["contents"][0]["uri"], json!(uri), "{}", read[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_git_and_time_servers() {
    let bin = agents::python(home());
    let command = |name: &str| vec![bin.join(name).display().to_string()];
    let steps = json!([["tools"], ["call", "convert_time", { "source_timezone": "Europe/Rome", "time": "16:30", "target_timezone": "Asia/Tokyo" }]]);
    let (alone, _) = same("time", command("mcp-server-time"), "what time is it in Tokyo?", steps).await;
    assert!(alone[1].to_string().contains("Asia/Tokyo"));
    let (_held, folder) = workshop();
    let git = |args: &[&str]| {
        assert!(Command::new("git").current_dir(&folder).args(args).status().unwrap().success());
    };
    git(&["init", "--quiet", "-b", "main"]);
    std::fs::write(folder.join("a.txt"), "x").unwrap();
    let path = folder.display().to_string();
    let steps = json!([["tools"], ["call", "git_status", { "repo_path": path }], ["call", "git_branch", { "repo_path": path, "branch_type": "local" }]]);
    let task = format!("please commit the change of a.txt in {path}");
    same("git", command("mcp-server-git"), &task, steps).await;
    git(&["config", "user.name", "Ann"]);
    git(&["config", "user.email", "ann@example.com"]);
    let words = command("mcp-server-git");
    let world = World::new(&task, vec![("git", "git", process(&[words[0].as_str()]))]).await;
    let said = pypi(
        world.url("/git"),
        json!([
            ["tools"], ["call", "git_add", { "repo_path": path, "files": ["a.txt"] }],
            ["call", "git_commit", { "repo_path": path, "message": "Say x" }],
        ]),
    )
    .await;
    assert!(!said[2]["isError"].as_bool().unwrap_or(false), "{}", said[2]);
    assert_eq!(read_back(&world), [Verdict::Same], "the commit stands in the log that the server shows");
}
