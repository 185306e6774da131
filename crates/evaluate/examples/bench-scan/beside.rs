//! GuardDog on the same files, one after the other: `--beside PROGRAM` is its executable.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use trustmill_evaluate::measure::{Measured, Outcome};
use trustmill_evaluate::set::{Item, Source};

/// Clock ticks of a second in `/proc`: what Linux shows to programs, whatever its own clock (proc(5)).
const TICKS: u64 = 100;

/// What the other scanner said of one file.
struct Said {
    cpu: Duration,
    issues: u64,
    high: bool,
}

/// Runs `program` on every `step`-th file of its ecosystems, and gives both scanners' figures on these.
pub(crate) fn compare(
    program: &Path,
    items: &[Item],
    measured: &Measured,
    step: usize,
) -> Result<String, String> {
    let (mut theirs, mut ours, mut broken) = (Vec::new(), Vec::new(), 0);
    let own = |item: &Item| measured.outcomes.iter().find(|outcome| outcome.path == item.path);
    let known = items.iter().filter(|item| matches!(item.ecosystem.as_str(), "npm" | "pypi"));
    let known = known.filter_map(|item| Some((item, own(item)?)));
    for (item, outcome) in known.step_by(step.max(1)) {
        let Source::File(path) = &item.current else { continue };
        match one(program, &item.ecosystem, path)? {
            Some(said) => {
                theirs.push(said);
                ours.push(outcome);
            }
            None => broken += 1,
        }
    }
    Ok(render(&mut theirs, &mut ours, broken))
}

fn one(program: &Path, ecosystem: &str, path: &Path) -> Result<Option<Said>, String> {
    let before = children()?;
    let output = Command::new(program)
        .args([ecosystem, "scan"])
        .arg(path)
        .args(["--output-format", "json"])
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let cpu = children()?.saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.trim().lines().last().unwrap_or_default();
    let Ok(said) = serde_json::from_str::<serde_json::Value>(last) else { return Ok(None) };
    let issues = said.get("issues").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let label = said.pointer("/risk_score/label").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ok(Some(Said { cpu, issues, high: label.starts_with("high") }))
}

/// The CPU time of all child processes that have ended.
fn children() -> Result<Duration, String> {
    let text =
        std::fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    // The name of the program is in brackets and may hold anything.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok());
    Ok(Duration::from_millis(ticks.sum::<u64>() * 1000 / TICKS))
}

fn render(theirs: &mut [Said], ours: &mut [&Outcome], broken: usize) -> String {
    theirs.sort_by_key(|said| said.cpu);
    ours.sort_by_key(|outcome| outcome.cpu);
    let issue = theirs.iter().filter(|said| said.issues > 0).count();
    let high = theirs.iter().filter(|said| said.high).count();
    let held =
        ours.iter().filter(|outcome| outcome.conclusion >= trustmill_core::scan::Conclusion::Hold).count();
    let row = |name: &str, all: Duration, median: Option<Duration>, most: Option<Duration>, says: &str| {
        let ms = |time: Option<Duration>| time.unwrap_or_default().as_millis();
        format!(
            "  {name:10} {:>8.1} s in all, median {} ms, slowest {} ms; {says}\n",
            all.as_secs_f64(),
            ms(median),
            ms(most)
        )
    };
    let middle = theirs.len() / 2;
    let their = theirs.iter().map(|said| said.cpu);
    let our = ours.iter().map(|outcome| outcome.cpu);
    format!(
        "\nthe same {} files by both, CPU ({broken} that the other could not read are left out)\n{}{}",
        theirs.len(),
        row(
            "the other",
            their.clone().sum(),
            their.clone().nth(middle),
            their.clone().next_back(),
            &format!("{issue} with an issue, {high} of high risk")
        ),
        row(
            "trustmill",
            our.clone().sum(),
            our.clone().nth(middle),
            our.clone().next_back(),
            &format!("{held} held or blocked")
        ),
    )
}
