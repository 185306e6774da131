//! Files that run something when a folder is opened in an editor, given to an agent or checked out.

use super::manifest;
use crate::package::{File, Hook, Package};
use serde_json::Value;
use trustmill_core::scan::When;

/// Values within values of a settings file.
const DEPTH: u8 = 16;
/// Commands of one file.
const MOST: usize = 50;

/// Reads them.
pub(super) fn read(package: &mut Package, virtual_files: &mut Vec<File>) {
    let mut hooks = Vec::new();
    for file in &package.files {
        hooks.extend(commands(file).into_iter().take(MOST).map(|command| Hook {
            name: file.path.rsplit_once('/').map_or(file.path.as_str(), |(_, name)| name).to_owned(),
            command,
            when: When::Opened,
            place: file.whole(),
        }));
    }
    for hook in &hooks {
        manifest::start(package, hook, "", &Value::Null, virtual_files);
    }
    package.manifest.hooks.extend(hooks);
}

/// The commands of a file, if it is one that something runs by itself.
fn commands(file: &File) -> Vec<String> {
    let path = file.path.as_str();
    let within = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    let is_agent =
        [".claude/", ".cursor/", ".gemini/", ".codex/", ".windsurf/", ".kiro/"].iter().any(|it| within(it));
    if within(".vscode/tasks.json") {
        json(file).map(|tasks| opened_tasks(&tasks)).unwrap_or_default()
    } else if is_agent && path.ends_with(".json") || path.ends_with(".mcp.json") {
        let mut found = Vec::new();
        if let Some(settings) = json(file) {
            each_command(&settings, 0, &mut found);
        }
        found
    } else if within(".husky/") || within(".git/hooks/") {
        vec![String::from_utf8_lossy(&file.bytes).into_owned()]
    } else if within(".devcontainer/") && path.ends_with(".json") {
        let names = [
            "initializeCommand",
            "onCreateCommand",
            "postCreateCommand",
            "postStartCommand",
            "postAttachCommand",
        ];
        let Some(settings) = json(file) else { return Vec::new() };
        names.iter().filter_map(|name| settings.get(*name)?.as_str()).map(ToOwned::to_owned).collect()
    } else {
        Vec::new()
    }
}

/// Tasks of an editor that run when the folder is opened.
fn opened_tasks(tasks: &Value) -> Vec<String> {
    let tasks = tasks.get("tasks").and_then(Value::as_array).into_iter().flatten();
    let opened = tasks.filter(|task| {
        task.get("runOptions").and_then(|options| options.get("runOn")).and_then(Value::as_str)
            == Some("folderOpen")
    });
    opened.filter_map(command).collect()
}

/// `command` with its `args`.
fn command(value: &Value) -> Option<String> {
    let mut command = value.get("command")?.as_str()?.to_owned();
    for arg in value.get("args").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        // As the shell would have to be told.
        command.push_str(&format!(" '{}'", arg.replace('\'', "'\\''")));
    }
    Some(command)
}

/// The values of every key `command`, wherever it stands.
fn each_command(value: &Value, depth: u8, out: &mut Vec<String>) {
    if depth > DEPTH || out.len() > MOST {
        return;
    }
    out.extend(command(value));
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_command(item, depth + 1, out)),
        Value::Object(map) => map.values().for_each(|item| each_command(item, depth + 1, out)),
        _ => {}
    }
}

/// A settings file; its comments and trailing commas are taken out where it is no plain JSON.
fn json(file: &File) -> Option<Value> {
    serde_json::from_slice(&file.bytes).ok().or_else(|| {
        let text = String::from_utf8_lossy(&file.bytes);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let text: String = lines.collect::<Vec<_>>().join("\n");
        let text = text.replace(",\n}", "\n}").replace(",\n]", "\n]");
        serde_json::from_str(&text).ok()
    })
}
