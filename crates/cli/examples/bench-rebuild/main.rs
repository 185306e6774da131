//! How many published files come out again: `trustmill secure` over lists of pinned packages.
//!
//! `recent` and `mid2022` are the lists that recipes were developed on; the `heldout-…` lists were chosen by
//! rule and never looked at one by one. Each list runs in a data folder of its own, started empty, so CPU
//! and memory are those of a first run; fetched wheels of build dependencies are shared within a list.

#[path = "../measure/mod.rs"]
mod measure;

use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::process::{Command, Stdio};

const LISTS: [&str; 6] =
    ["recent", "mid2022", "heldout-recent", "heldout-2022", "heldout2-recent", "heldout2-2022"];

/// Runs the lists named as arguments, or all of them.
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let root = measure::root();
    let binary = measure::release_binary(&root)?;
    println!("{}", measure::describe());
    println!(
        "list             files  identical  replayed  same    other               attempts  env CPU  build CPU  mill CPU  overhead  peak RSS"
    );
    for list in LISTS.iter().filter(|list| args.is_empty() || args.iter().any(|arg| arg == *list)) {
        let folder = root.join("target/bench").join(list);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let output = folder.join("summary.json");
        let mut child = Command::new(&binary)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["secure", "--json"])
            .arg(root.join("bench/lists").join(format!("{list}.txt")))
            .stdout(fs::File::create(&output)?)
            .stderr(Stdio::inherit())
            .spawn()?;
        let watched = measure::watch(&mut child)?;
        let summary: Value = serde_json::from_str(&fs::read_to_string(&output)?)?;
        report(list, &summary, &watched);
    }
    Ok(())
}

/// One line, then every row that did not come out with the published bytes.
fn report(list: &str, summary: &Value, watched: &measure::Watched) {
    let empty = Vec::new();
    let rows = summary.get("rows").and_then(Value::as_array).unwrap_or(&empty);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(text_of(row, "verdict").unwrap_or("failed")).or_default() += 1;
    }
    let sum = |key: &str| rows.iter().filter_map(|row| row.get(key)?.as_u64()).sum::<u64>();
    let (identical, replayed) = (count(&counts, "identical"), count(&counts, "replayed"));
    let (environment, build) = (sum("environment_cpu_ms"), sum("build_cpu_ms"));
    let mill = watched.cpu_ms;
    println!(
        "{list:15} {:6} {identical:10} {replayed:9} {:4} %  {:18} {:9} {:6.1} s {:8.1} s {:7.1} s {:7} %  {:5} MiB",
        rows.len(),
        percent(identical + replayed, rows.len()),
        others(&counts),
        sum("attempts"),
        seconds(environment),
        seconds(build),
        seconds(mill),
        percent(usize::try_from(environment + mill).unwrap_or(0), usize::try_from(build).unwrap_or(0)),
        watched.peak_rss_kib >> 10,
    );
    let unclassed = rows.iter().filter(|row| is_unclassed(row)).count();
    println!("    failures with no class: {unclassed}");
    for row in rows {
        if !matches!(text_of(row, "verdict"), Some("identical" | "replayed")) {
            let text = |key: &str| text_of(row, key).unwrap_or("-").chars().take(150).collect::<String>();
            println!("    {}  {}  {}", text("purl"), text("verdict"), text("detail"));
        }
    }
}

/// A failure that no class explains: the work was not done, or nobody knows why the build failed.
fn is_unclassed(row: &Value) -> bool {
    match text_of(row, "verdict") {
        None => true,
        Some("build-failed") => text_of(row, "detail").is_none_or(|detail| detail.starts_with("other:")),
        Some(_) => false,
    }
}

fn text_of<'a>(row: &'a Value, key: &str) -> Option<&'a str> {
    row.get(key)?.as_str()
}

fn count(counts: &BTreeMap<&str, usize>, verdict: &str) -> usize {
    counts.get(verdict).copied().unwrap_or(0)
}

/// What neither came out identical nor replayed, as `2 normalised, 1 explained`.
fn others(counts: &BTreeMap<&str, usize>) -> String {
    let others: Vec<_> = counts
        .iter()
        .filter(|(verdict, _)| !matches!(**verdict, "identical" | "replayed"))
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    others.join(", ")
}

fn percent(part: usize, whole: usize) -> usize {
    (part * 100).checked_div(whole).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of CPU are far below 2^52")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}
