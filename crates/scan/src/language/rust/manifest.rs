//! `Cargo.toml`: what is compiled, and what of it runs while somebody else's crate is built. Cargo runs `build.rs`, and
//! the compiler runs procedural macros; both do so with the rights of whoever builds (The Cargo Book, "Build Scripts").

use crate::package::{Hook, Kind, Package};
use std::collections::BTreeSet;
use toml::{Table, Value};
use trustmill_core::scan::{Place, When};

/// Folders that cargo compiles for the crate's own tests only.
const OWN: &[&str] = &["tests/", "benches/", "examples/", "fuzz/"];

/// Reads the manifest.
pub fn manifest(package: &mut Package) {
    let manifest = package.file("Cargo.toml").map(|file| String::from_utf8_lossy(&file.bytes).into_owned());
    let table: Table = manifest.and_then(|text| text.parse().ok()).unwrap_or_default();
    let of = |section: &str| table.get(section).and_then(Value::as_table).cloned().unwrap_or_default();
    let about = of("package");
    let text = |key: &str| about.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    package.manifest.name = text("name");
    package.manifest.version = text("version");
    package.manifest.description = text("description");
    package.manifest.repository = Some(text("repository")).filter(|address| !address.is_empty());
    package.manifest.licence = Some(text("license")).filter(|licence| !licence.is_empty());
    for section in ["dependencies", "build-dependencies"] {
        let needs = of(section).into_iter().map(|(name, value)| (name, requirement(&value)));
        package.manifest.dependencies.extend(needs);
    }
    let lib = of("lib");
    let flag = |key: &str| lib.get(key).and_then(Value::as_bool).unwrap_or_default();
    let macros = flag("proc-macro") || flag("proc_macro");
    let script = match about.get("build") {
        Some(Value::String(path)) => Some(path.trim_start_matches("./").to_owned()),
        Some(Value::Boolean(false)) => None,
        _ => Some("build.rs".to_owned()),
    };
    let script = script.filter(|path| package.file(path).is_some());
    let built = script.iter().flat_map(|path| with_modules(package, path)).collect::<BTreeSet<String>>();
    for file in package.files.iter_mut().filter(|file| file.kind == Kind::Rust) {
        let own = OWN.iter().any(|folder| file.path.starts_with(folder)) || file.path.contains("/tests/");
        file.when = match () {
            () if built.contains(&file.path) => When::Built,
            () if own => When::Never,
            () if macros => When::Built,
            () => When::Called,
        };
    }
    let scripts =
        built.iter().filter_map(|path| package.file(path)).map(|file| file.bytes.clone()).collect::<Vec<_>>();
    for file in package.files.iter_mut().filter(|file| file.kind != Kind::Rust && file.kind.is_code()) {
        // Cargo runs nothing but Rust, and what that names.
        let name = file.path.rsplit('/').next().unwrap_or(&file.path).as_bytes();
        let named = scripts.iter().any(|script| memchr::memmem::find(script, name).is_some());
        file.when = if named { When::Built } else { When::Never };
    }
    let macros = macros.then(|| lib.get("path").and_then(Value::as_str).unwrap_or("src/lib.rs").to_owned());
    for (name, path) in [("build script", script), ("procedural macros", macros)] {
        let Some(command) = path else { continue };
        let place = Place { path: command.clone(), line: 0, column: 0 };
        package.manifest.hooks.push(Hook { name: name.into(), command, when: When::Built, place });
    }
}

/// A build script, and the files of its modules.
fn with_modules(package: &Package, path: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut found = vec![path.to_owned()];
    let Some(file) = package.file(path) else { return found };
    let text = String::from_utf8_lossy(&file.bytes);
    for line in text.lines().map(str::trim) {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        if let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
            found.extend([format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")]);
        }
        // `#[path = "…"] mod name;`, `include!("…")`.
        let names = line.starts_with("#[path") || line.contains("include!(");
        if let Some(given) = line.split('"').nth(1).filter(|_| names) {
            found.push(format!("{folder}{}", given.trim_start_matches("./")));
        }
    }
    // A script in a folder of its own has that folder.
    let own = package
        .files
        .iter()
        .filter(|file| !folder.is_empty() && folder != "src/" && file.path.starts_with(&folder));
    found.extend(own.map(|file| file.path.clone()));
    found
}

/// A requirement as text: a version, or where it comes from.
fn requirement(value: &Value) -> String {
    let of = |key: &str| value.get(key).and_then(Value::as_str);
    match value {
        Value::String(version) => version.clone(),
        _ => match (of("git"), of("version")) {
            (Some(address), _) => format!("git+{address}"),
            (None, version) => version.unwrap_or("*").to_owned(),
        },
    }
}
