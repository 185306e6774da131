//! The view of `trustmill show`.

use super::clean;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::comparison::{Comparison, Replay};
use trustmill_factory::report::{FileReport, ReleaseReport};

/// Prints everything known about a release.
pub(crate) fn print(report: &ReleaseReport) {
    println!("{}", report.purl);
    for alarm in &report.alarms {
        println!("  ALARM [{}] {}", alarm.code, clean(&alarm.what));
    }
    for file in &report.files {
        print_file(file);
    }
}

fn print_file(file: &FileReport) {
    let judgement = &file.judgement;
    println!("\n{}", clean(&file.name));
    println!("  verdict    {}: {}", judgement.verdict, clean(&judgement.detail));
    println!("  served by  {}", judgement.serves.as_str());
    if let Some(digest) = &judgement.published {
        println!("  published  sha256:{digest}");
    }
    if let Some(digest) = &judgement.rebuilt {
        println!("  rebuilt    sha256:{digest}");
    }
    println!("  judged     {}", file.at);
    for (index, attempt) in file.attempts.iter().enumerate() {
        print_attempt(index + 1, attempt);
    }
}

fn print_attempt(number: usize, attempt: &Attempt) {
    let recipe = &attempt.recipe;
    println!(
        "  attempt {number}  from {}, {:.1} s CPU to build, {:.1} s for its environment",
        recipe.source.as_str(),
        seconds(attempt.build_usage.cpu_ms),
        seconds(attempt.environment_usage.cpu_ms)
    );
    for reason in &recipe.reasons {
        println!("    because  {}", clean(reason));
    }
    if !recipe.requirements.is_empty() {
        println!("    needs    {} (as of {})", clean(&recipe.requirements.join(", ")), recipe.as_of);
    }
    if !recipe.constraints.is_empty() {
        println!("    within   {}", clean(&recipe.constraints.join(", ")));
    }
    match &attempt.result {
        AttemptResult::Failed { class, detail } => {
            println!("    failed   {}: {}", class.as_str(), clean(detail));
        }
        AttemptResult::Built { filename, sha256 } => println!("    built    {filename} sha256:{sha256}"),
        AttemptResult::Compared(comparison) => print_comparison(comparison),
    }
}

fn print_comparison(comparison: &Comparison) {
    println!("    result   {}", comparison.verdict);
    match &comparison.replay {
        None => {}
        Some(Replay::Reproduced { notes }) => {
            notes.iter().for_each(|note| println!("    replay   {}", clean(note)));
        }
        Some(Replay::Failed { why }) => println!("    replay   {}", clean(why)),
    }
    for rule in &comparison.normalisations {
        println!("    normal   {} in {} ({})", rule.id, rule.members.join(", "), rule.cites);
    }
    for difference in &comparison.differences {
        println!(
            "    differs  {} [{}] {}",
            clean(&difference.member),
            difference.class.as_str(),
            clean(&difference.detail)
        );
        for line in difference.diff.iter().flat_map(|diff| diff.lines()) {
            println!("      {}", clean(line));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of CPU are far below 2^52")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

/// Log bytes for a terminal: invalid UTF-8 replaced, control characters but line feeds and tabs shown as `?`.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '?' } else { c })
        .collect()
}
