//! What `package.json` says: what installing runs, what importing loads, and what is needed.

use super::command::{self, Start};
use super::{keys, opened};
use crate::facts::Facts;
use crate::language;
use crate::package::{File, Hook, Kind, Package, reach};
use crate::unpack::{self, Odd, Oddity};
use serde_json::Value;
use std::collections::BTreeMap;
use trustmill_core::scan::When;

/// Scripts that npm runs when the package is installed from a registry, in this order.
const INSTALLED: [&str; 3] = ["preinstall", "install", "postinstall"];
/// Scripts that it runs when the package is installed from a repository, or published.
const ELSEWHERE: [&str; 7] =
    ["preprepare", "prepare", "postprepare", "prepublish", "prepublishOnly", "prepack", "postpack"];
/// Fields whose texts are entry points.
const ENTRIES: [&str; 13] = [
    "main",
    "module",
    "browser",
    "exports",
    "imports",
    "bin",
    "jsnext:main",
    "es2015",
    "esnext",
    "react-native",
    "unpkg",
    "jsdelivr",
    "electron",
];
/// Commands of one package that are looked at.
const MAX_HOOKS: usize = 200;

/// Reads the manifests.
pub(super) fn read(package: &mut Package) {
    let manifests: Vec<String> = package
        .files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| is_manifest(unpack::first_name(path).unwrap_or(path)))
        .map(ToOwned::to_owned)
        .collect();
    let mut virtual_files = Vec::new();
    for path in manifests {
        one(package, &path, &mut virtual_files);
    }
    opened::read(package, &mut virtual_files);
    virtual_files.truncate(MAX_HOOKS);
    package.files.append(&mut virtual_files);
    package.files.sort_by(|a, b| a.path.cmp(&b.path));
    package.files.dedup_by(|a, b| a.path == b.path);
    reach::follow(package, reach::node);
}

/// The package's own manifest, and those of packages that are bundled with it: npm runs their scripts as well.
fn is_manifest(path: &str) -> bool {
    let mut parts = path.split('/');
    loop {
        match (parts.next(), parts.next()) {
            (Some("package.json"), None) => return true,
            (Some("node_modules"), Some(name)) => {
                if name.starts_with('@') {
                    parts.next();
                }
            }
            _ => return false,
        }
    }
}

fn one(package: &mut Package, path: &str, virtual_files: &mut Vec<File>) {
    let Some(bytes) = package.file(path).map(|file| file.bytes.clone()) else { return };
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let Ok(json) = serde_json::from_slice::<Value>(text) else { return };
    for key in keys::twice(text) {
        package.oddities.push(Oddity {
            kind: Odd::DuplicateKey,
            what: format!("the key {key} stands there twice"),
            path: path.to_owned(),
            depth: 0,
        });
    }
    let folder =
        path.strip_suffix("package.json").or(path.rsplit_once('/').map(|(f, _)| f)).unwrap_or_default();
    let folder = if path.contains('#') { "" } else { folder };
    if folder.is_empty() {
        describe(package, &json);
    }
    let hooks = hooks(package, path, folder, &json);
    for hook in &hooks {
        start(package, hook, folder, json.get("scripts").unwrap_or(&Value::Null), virtual_files);
    }
    package.manifest.hooks.extend(hooks);
    if folder.is_empty() {
        entries(package, &json);
    }
}

/// What the package says of itself.
fn describe(package: &mut Package, json: &Value) {
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let repository = json.get("repository");
    let repository =
        repository.and_then(|it| it.as_str().or_else(|| it.get("url")?.as_str())).map(ToOwned::to_owned);
    let mut dependencies = BTreeMap::new();
    for key in ["dependencies", "optionalDependencies"] {
        for (name, version) in json.get(key).and_then(Value::as_object).into_iter().flatten() {
            dependencies.insert(name.clone(), version.as_str().unwrap_or_default().to_owned());
        }
    }
    let manifest = &mut package.manifest;
    manifest.name = text("name");
    manifest.version = text("version");
    manifest.description = text("description");
    manifest.licence = licence(json);
    manifest.repository = repository;
    manifest.dependencies = dependencies;
}

/// An SPDX expression as a rule. In the early years an object had its name, and a list was a choice.
fn licence(json: &Value) -> Option<String> {
    let one = |value: &Value| Some(value.as_str().or_else(|| value.get("type")?.as_str())?.to_owned());
    match json.get("license").or_else(|| json.get("licenses"))? {
        Value::Array(choice) => {
            Some(choice.iter().filter_map(one).collect::<Vec<_>>().join(" OR ")).filter(|all| !all.is_empty())
        }
        value => one(value),
    }
}

fn hooks(package: &Package, path: &str, folder: &str, json: &Value) -> Vec<Hook> {
    let Some(file) = package.file(path) else { return Vec::new() };
    let scripts = json.get("scripts");
    let mut hooks = Vec::new();
    for (names, when) in [(&INSTALLED[..], When::Installed), (&ELSEWHERE[..], When::Called)] {
        for name in names {
            let Some(command) = scripts.and_then(|scripts| scripts.get(*name)).and_then(Value::as_str) else {
                continue;
            };
            let quoted = format!("\"{name}\"");
            let at = memchr::memmem::find(&file.bytes, quoted.as_bytes()).unwrap_or_default();
            let place = file.place(u32::try_from(at).unwrap_or_default());
            hooks.push(Hook { name: (*name).to_owned(), command: command.to_owned(), when, place });
        }
    }
    let explicit = hooks.iter().any(|hook| matches!(hook.name.as_str(), "install" | "preinstall"));
    let gyp = format!("{folder}binding.gyp");
    if let Some(file) = package.file(&gyp).filter(|_| json.get("gypfile") != Some(&Value::Bool(false))) {
        // Without an install script of its own, npm compiles; and compiling runs what stands in the file.
        if !explicit {
            let command = "node-gyp rebuild".to_owned();
            hooks.push(Hook {
                name: "binding.gyp".into(),
                command,
                when: When::Installed,
                place: file.whole(),
            });
        }
        hooks.extend(gyp_commands(file));
    }
    hooks
}

/// `<!(command)` and `<!@(command)` of a binding.gyp are run when it is read.
fn gyp_commands(file: &File) -> Vec<Hook> {
    let mut hooks = Vec::new();
    for at in memchr::memmem::find_iter(&file.bytes, b"<!").take(MAX_HOOKS) {
        let rest = file.bytes.get(at + 2..).unwrap_or_default();
        let rest = rest.strip_prefix(b"@").unwrap_or(rest);
        let Some(rest) = rest.strip_prefix(b"(") else { continue };
        let mut depth = 1u32;
        let end = rest.iter().position(|byte| {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            depth == 0 || *byte == b'\n'
        });
        let command = String::from_utf8_lossy(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default());
        let command = command.replace("\\\"", "\"");
        let place = file.place(u32::try_from(at).unwrap_or_default());
        hooks.push(Hook { name: "binding.gyp command".into(), command, when: When::Installed, place });
    }
    hooks
}

/// Marks the files that a hook starts, and makes files of the code that stands in it.
pub(super) fn start(
    package: &mut Package,
    hook: &Hook,
    folder: &str,
    scripts: &Value,
    virtual_files: &mut Vec<File>,
) {
    for (number, start) in command::starts(&hook.command, scripts).into_iter().take(MAX_HOOKS).enumerate() {
        match start {
            Start::File(name) => {
                let path = format!("{folder}{}", name.trim_start_matches("./"));
                reach::mark(package, &path, hook.when, reach::node);
            }
            Start::Code(kind, code) => {
                let number = if number == 0 { String::new() } else { format!("-{number}") };
                let path = format!("{}!/{}{number}", hook.place.path, hook.name.replace(' ', "-"));
                let facts: Facts = language::facts(kind, &path, code.as_bytes());
                virtual_files.push(File {
                    path,
                    bytes: code.into(),
                    kind,
                    when: hook.when,
                    facts: facts.into(),
                    is_read: true,
                    alone: None,
                });
            }
        }
    }
}

/// What importing loads.
fn entries(package: &mut Package, json: &Value) {
    let mut names = Vec::new();
    for key in ENTRIES {
        if let Some(value) = json.get(key) {
            texts(value, 0, &mut names);
        }
    }
    let main = json.get("main").and_then(Value::as_str);
    let mut found = false;
    for name in names {
        // A pattern says what may be imported, not what is.
        if !name.contains('*') && !is_types(&name) {
            let marked = reach::mark(package, &name, When::Imported, reach::node);
            found |= marked && main == Some(&name);
        }
    }
    if !found && json.get("exports").is_none() {
        for path in ["index.js", "index.json", "index.node"] {
            reach::mark(package, path, When::Imported, reach::node);
        }
    }
}

fn is_types(name: &str) -> bool {
    [".d.ts", ".d.mts", ".d.cts"].iter().any(|end| name.ends_with(end))
}

/// The texts of a value, as deep as conditions of `exports` go.
fn texts(value: &Value, depth: u8, out: &mut Vec<String>) {
    const DEPTH: u8 = 12;
    const MOST: usize = 2_000;
    if depth > DEPTH || out.len() > MOST {
        return;
    }
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, depth + 1, out)),
        Value::Object(map) => {
            map.iter().filter(|(key, _)| *key != "types").for_each(|(_, item)| texts(item, depth + 1, out));
        }
        _ => {}
    }
}

/// Whether a file holds JavaScript that nothing runs: the types of what is compiled.
pub(crate) fn kind_of_types(name: &str) -> Option<Kind> {
    is_types(name).then_some(Kind::Text)
}
