//! How many crates come out of the commit that they record: `trustmill secure` over lists of crates, with
//! repositories from a folder of bare mirrors.
//!
//! `crates-top` is the list that the packer was developed on, `crates-heldout` was never looked at one by one.
//! Usage: `cargo xtask bench crates MIRRORS [LIST]…`, where `MIRRORS` holds `owner+name/repo` folders.

#[path = "../measure/mod.rs"]
mod measure;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use trustmill_ecosystems::cargo::default_index::LOCKED_AS;

const LISTS: [&str; 2] = ["crates-top", "crates-heldout"];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (mirrors, wanted) = args.split_first().ok_or("name the folder of mirrors")?;
    let root = measure::root();
    let binary = measure::release_binary(&root)?;
    println!("{}", measure::describe());
    for list in LISTS.iter().filter(|list| wanted.is_empty() || wanted.iter().any(|one| one == *list)) {
        let folder = root.join("target/bench").join(list);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let config = folder.join("trustmill.toml");
        fs::write(&config, mirror_map(Path::new(mirrors))?)?;
        let lock = folder.join("Cargo.lock");
        fs::write(&lock, lockfile(&fs::read_to_string(root.join(format!("bench/lists/{list}.txt")))?)?)?;
        let mill = || {
            let mut command = Command::new(&binary);
            command.arg("--config").arg(&config).arg("--data-dir").arg(folder.join("data"));
            command
        };
        let output = folder.join("summary.json");
        let mut command = mill();
        command.args(["secure", "--json"]).arg(&lock).stdout(fs::File::create(&output)?);
        let mut child = command.stderr(Stdio::inherit()).spawn()?;
        let watched = measure::watch(&mut child)?;
        let summary: Value = serde_json::from_str(&fs::read_to_string(&output)?)?;
        report(list, &summary, &watched, &mut |purl| {
            let shown = mill().args(["show", purl]).output()?;
            Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
        })?;
    }
    Ok(())
}

/// `[source.mirrors]`: every forge address of a mirror leads to its folder.
fn mirror_map(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut text = "[source.mirrors]\n".to_owned();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some((owner, repository)) = name.split_once('+') {
            let path = folder.join(&name).join("repo");
            // Forges do not tell case apart, and manifests spell as they like.
            let name = format!("{owner}/{repository}");
            for name in BTreeSet::from([name.to_lowercase(), name]) {
                writeln!(text, "\"https://github.com/{name}\" = \"file://{}\"", path.display())?;
            }
        }
    }
    Ok(text)
}

/// A lock that pins what a list names, `NAME@VERSION` a line.
fn lockfile(list: &str) -> Result<String, Box<dyn Error>> {
    let mut text = "version = 4\n".to_owned();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, version) = line.split_once('@').ok_or("a line is not NAME@VERSION")?;
        let [source, _] = LOCKED_AS;
        writeln!(text, "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"")?;
    }
    Ok(text)
}

/// What the mill prints of a release.
type Show<'a> = &'a mut dyn FnMut(&str) -> Result<String, Box<dyn Error>>;

/// The table, then every row that did not come out with the published bytes.
fn report(
    list: &str,
    summary: &Value,
    watched: &measure::Watched,
    show: Show<'_>,
) -> Result<(), Box<dyn Error>> {
    let empty = Vec::new();
    let rows = summary.get("rows").and_then(Value::as_array).unwrap_or(&empty);
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut assisted, mut same) = (0, 0);
    let mut others = Vec::new();
    for row in rows {
        let verdict = text(row, "verdict");
        *counts.entry(verdict.clone()).or_default() += 1;
        if matches!(verdict.as_str(), "identical" | "replayed" | "normalised") {
            same += 1;
            let shown = show(&text(row, "purl"))?;
            assisted += usize::from(shown.contains("published-lock-assisted"));
        } else {
            let detail: String = text(row, "detail").chars().take(140).collect();
            others.push(format!("    {}  {verdict}  {detail}", text(row, "purl")));
        }
    }
    println!(
        "{list}: {} crates, {same} verified against git: {} source-only, {assisted} with the published lock",
        rows.len(),
        same - assisted
    );
    println!("    verdicts: {counts:?}; {} ms CPU, peak {} MiB", watched.cpu_ms, watched.peak_rss_kib >> 10);
    others.iter().for_each(|line| println!("{line}"));
    Ok(())
}
