//! A summary as people read it.

use crate::label::Label;
use crate::measure::{Measured, Outcome};
use crate::summary::{Rates, Summary, wrong};
use std::fmt::Write;

/// The summary as text; with `list`, every package that was judged wrongly, and why.
pub fn text(summary: &Summary, measured: &Measured, list: bool) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, summary);
    if list {
        for outcome in wrong(measured) {
            let _ = mistake(&mut out, outcome);
        }
    }
    out
}

fn write(out: &mut String, summary: &Summary) -> std::fmt::Result {
    writeln!(out, "rules {}; 95 % intervals in brackets", summary.rules)?;
    for (name, rates) in &summary.ecosystems {
        group(out, name, rates)?;
    }
    if summary.paired.caught.of + summary.paired.wrongly_held.of > 0 {
        group(out, "compared with the release before", &summary.paired)?;
    }
    let cost = &summary.cost;
    let ms = millis;
    writeln!(
        out,
        "\ncost\n  CPU per package  median {}, p95 {}, p99 {}, max {}; {} in all",
        ms(cost.median_us),
        ms(cost.p95_us),
        ms(cost.p99_us),
        ms(cost.max_us),
        ms(cost.total_us)
    )?;
    writeln!(
        out,
        "  throughput       {:.1} packages/s on {} threads, {} MiB as published",
        cost.packages_per_second,
        cost.threads,
        cost.bytes >> 20
    )?;
    for (path, micros) in &cost.slowest {
        writeln!(out, "  {:>9}  {path}", ms(*micros))?;
    }
    writeln!(
        out,
        "\nrules: packages with a finding\n  {:32} {:>6} {:>6} {:>8}",
        "", "bad", "good", "wrongly"
    )?;
    for (rule, hits) in &summary.hits {
        writeln!(out, "  {rule:32} {:>6} {:>6} {:>8}", hits.bad, hits.good, hits.wrongly)?;
    }
    if summary.repeated > 0 {
        writeln!(out, "\n{} packages are left aside: their code was seen before", summary.repeated)?;
    }
    if summary.broken > 0 {
        writeln!(out, "\nthe scanner broke on {} packages", summary.broken)?;
    }
    for (path, why) in &summary.unread {
        writeln!(out, "not read: {path}: {why}")?;
    }
    Ok(())
}

fn group(out: &mut String, name: &str, rates: &Rates) -> std::fmt::Result {
    writeln!(out, "\n{name}")?;
    if rates.caught.of > 0 {
        writeln!(out, "  malicious  caught  {}", rates.caught)?;
        writeln!(out, "             blocked {}", rates.blocked)?;
        writeln!(out, "             held    {}", rates.held)?;
    }
    if rates.wrongly_held.of > 0 {
        writeln!(out, "  benign     blocked {}", rates.wrongly_blocked)?;
        writeln!(out, "             held    {}", rates.wrongly_held)?;
    }
    Ok(())
}

fn mistake(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let word = match outcome.label {
        Label::Malicious => "missed",
        Label::Benign => "alarm ",
    };
    writeln!(out, "\n{word} {} [{}] {}", outcome.path, outcome.conclusion.as_str(), outcome.reason)?;
    for finding in outcome.findings.iter().take(4) {
        writeln!(
            out,
            "    {:3} {} ({}{}) {} {}",
            finding.weight,
            finding.rule,
            finding.family.as_str(),
            if finding.new { ", new" } else { "" },
            finding.place,
            finding.what
        )?;
    }
    Ok(())
}

fn millis(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        10_000..10_000_000 => format!("{} ms", micros / 1000),
        _ => format!("{} s", micros / 1_000_000),
    }
}
