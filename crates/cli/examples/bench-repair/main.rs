//! How many vulnerable releases get their fix by strategies alone, and how many sabotaged patches the oracle accepts.
//!
//! `cargo xtask bench repair [work|held-out] [pypi|pypi-more|npm|crates]` runs `trustmill repair` over the lists in `bench/repair`;
//! `sabotage` spoils the repairs that were proven and puts them before the oracle again; `loop` measures what the loop of models
//! costs by itself, and needs neither of these: `TRUSTMILL_OSV` names the advisory archive,
//! `TRUSTMILL_CONFIG` a configuration whose mirrors reach the repositories. Results go to `target/bench/repair`, one line
//! each, and what is there already is not run again.

#[path = "../measure/mod.rs"]
#[expect(dead_code, reason = "shared by all benches")]
mod measure;
mod sabotage;
mod turns;

use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A boxed error: a bench ends with it.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One line of the list.
struct Case {
    purl: String,
    advisory: String,
    /// What hits it, where no archive of advisories says so: since when, and the release that fixes it.
    range: Option<(String, String)>,
    summary: String,
    /// Whether nobody looks at it, where the list says so.
    held_out: Option<bool>,
}

/// The lists.
const LISTS: [&str; 4] = ["pypi", "pypi-more", "npm", "crates"];

impl Case {
    fn key(&self) -> String {
        format!("{} {}", self.purl, self.advisory)
    }

    /// Where the list says nothing, a third of the cases is held out: nobody looks at them one by one.
    fn is_held_out(&self) -> bool {
        let digest = trustmill_core::Sha256::of(self.key().as_bytes());
        self.held_out.unwrap_or_else(|| digest.as_bytes().first().is_some_and(|byte| byte % 3 == 0))
    }
}

/// Where things are.
pub(crate) struct Bench {
    binary: PathBuf,
    folder: PathBuf,
}

impl Bench {
    /// Runs a verb with the bench's own data folder; its JSON.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(arguments).arg("--json").stderr(Stdio::piped()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let value: Value =
            serde_json::from_str(&text).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
        match value.pointer("/error/message").and_then(Value::as_str) {
            Some(message) => Err(message.into()),
            None => Ok(value),
        }
    }

    /// What a verb prints.
    pub(crate) fn text(&self, arguments: &[&str]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.command(arguments).output()?.stdout).into_owned())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--data-dir").arg(self.folder.join("data")).args(arguments);
        command
    }

    /// The file of results.
    pub(crate) fn results(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.jsonl"))
    }
}

fn main() -> Result<()> {
    let argument = std::env::args().nth(1);
    let root = measure::root();
    if argument.as_deref() == Some("loop") {
        println!("{}", measure::describe());
        return turns::run(&root.join("target/bench/repair/loop"));
    }
    let bench = Bench { binary: measure::release_binary(&root)?, folder: root.join("target/bench/repair") };
    fs::create_dir_all(&bench.folder)?;
    println!("{}", measure::describe());
    if !bench.folder.join("data/advisories.db").is_file() {
        let osv = std::env::var("TRUSTMILL_OSV").map_err(|_| "TRUSTMILL_OSV names no advisory archive")?;
        bench.text(&["advisories", "update", "--from", &osv])?;
    }
    if argument.as_deref() == Some("sabotage") {
        return sabotage::run(&bench);
    }
    let only = std::env::args().nth(2);
    let mut cases = Vec::new();
    for list in LISTS.iter().filter(|list| only.as_deref().is_none_or(|only| only == **list)) {
        cases.extend(self::cases(&root.join(format!("bench/repair/{list}.toml")))?);
    }
    told(&bench, &cases)?;
    let wanted = |case: &&Case| match argument.as_deref() {
        Some("held-out") => case.is_held_out(),
        Some("work") => !case.is_held_out(),
        _ => true,
    };
    let mut results = read(&bench.results("results"))?;
    for case in cases.iter().filter(wanted) {
        if let std::collections::btree_map::Entry::Vacant(free) = results.entry(case.key()) {
            free.insert(run(&bench, case)?);
        }
    }
    for (name, held_out) in [("work", false), ("held-out", true)] {
        let of: Vec<_> = cases.iter().filter(wanted).filter(|case| case.is_held_out() == held_out).collect();
        let found: Vec<&Value> = of.iter().filter_map(|case| results.get(&case.key())).collect();
        report(name, &found);
    }
    Ok(())
}

fn cases(path: &Path) -> Result<Vec<Case>> {
    let table: toml::Table = fs::read_to_string(path)?.parse()?;
    let all = table.get("case").and_then(toml::Value::as_array).into_iter().flatten();
    let text = |case: &toml::Value, key: &str| case.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let read = |case: &toml::Value| {
        Some(Case {
            purl: text(case, "purl")?,
            advisory: text(case, "advisory")?,
            range: text(case, "introduced").zip(text(case, "fixed")),
            summary: text(case, "summary").unwrap_or_default(),
            held_out: case.get("held_out").and_then(toml::Value::as_bool),
        })
    };
    Ok(all.filter_map(read).collect())
}

/// Records in the OSV schema of the ranges that stand in lists, in a feed of their own.
fn told(bench: &Bench, cases: &[Case]) -> Result<()> {
    let mut records: BTreeMap<&str, (String, Vec<Value>)> = BTreeMap::new();
    for case in cases {
        let Some((introduced, fixed)) = &case.range else { continue };
        let name = case.purl.strip_prefix("pkg:npm/").and_then(|rest| rest.rsplit_once('@'));
        let Some((name, _)) = name else { continue };
        let events = [serde_json::json!({"introduced": introduced}), serde_json::json!({"fixed": fixed})];
        let range = serde_json::json!({
            "package": {"ecosystem": "npm", "name": name.replace("%40", "@")},
            "ranges": [{"type": "SEMVER", "events": events}],
        });
        let (_, ranges) = records.entry(&case.advisory).or_insert_with(|| (case.summary.clone(), Vec::new()));
        if !ranges.contains(&range) {
            ranges.push(range);
        }
    }
    if records.is_empty() {
        return Ok(());
    }
    let folder = bench.folder.join("listed");
    fs::create_dir_all(&folder)?;
    for (id, (summary, affected)) in records {
        let record = serde_json::json!({
            "schema_version": "1.6.0",
            "id": id,
            "modified": "2026-01-01T00:00:00Z",
            "summary": summary,
            "affected": affected,
        });
        fs::write(folder.join(format!("{id}.json")), record.to_string())?;
    }
    bench.text(&["advisories", "update", "--from", &folder.display().to_string(), "listed"])?;
    Ok(())
}

/// What was found before.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Value>> {
    let Ok(text) = fs::read_to_string(path) else { return Ok(BTreeMap::new()) };
    let mut all = BTreeMap::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line)?;
        let key = value.get("case").and_then(Value::as_str).unwrap_or_default().to_owned();
        all.insert(key, value);
    }
    Ok(all)
}

/// Adds a line to a file of results.
pub(crate) fn keep(path: &Path, value: &Value) -> Result<()> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "{value}")?;
    Ok(())
}

fn run(bench: &Bench, case: &Case) -> Result<Value> {
    let started = Instant::now();
    let answer = bench.run(&["repair", &case.purl, "--advisory", &case.advisory]);
    let row = match &answer {
        Ok(rows) => rows.get(0).cloned().unwrap_or(Value::Null),
        Err(error) => Value::from(error.to_string()),
    };
    let seconds = started.elapsed().as_secs();
    let result = serde_json::json!({"case": case.key(), "seconds": seconds, "row": row});
    println!("{:4} s  {:12} {}", seconds, class(&result), case.key());
    keep(&bench.results("results"), &result)?;
    Ok(result)
}

/// The ruling, or the class of the miss.
fn class(result: &Value) -> String {
    let of = |path: &str| result.pointer(path).and_then(Value::as_str).map(str::to_owned);
    of("/row/repaired/ruling").or_else(|| of("/row/missed/class")).unwrap_or_else(|| "error".to_owned())
}

fn report(name: &str, results: &[&Value]) {
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    for result in results {
        *classes.entry(class(result)).or_default() += 1;
    }
    let count = |class: &str| classes.get(class).copied().unwrap_or(0);
    let (proven, unproven) = (count("proven"), count("unproven"));
    let percent = |part: usize| part * 100 / results.len().max(1);
    println!(
        "{name}: {} cases, accepted {} ({} %), proven {proven} ({} %)",
        results.len(),
        proven + unproven,
        percent(proven + unproven),
        percent(proven)
    );
    for (class, count) in classes {
        println!("    {class:16} {count}");
    }
}
