//! The view of `trustmill doctor`.

use super::advisories::age;
use crate::cmd::Findings;
use trustmill_core::port::sandbox::LayerStatus;

/// Prints what was found, the problems last.
pub(crate) fn print(findings: &Findings) {
    for backend in &findings.sandboxes {
        let chosen = if backend.chosen { " (in use)" } else { "" };
        println!("sandbox {}{chosen}", backend.name);
        layers(&backend.layers);
    }
    let scanner = &findings.scanner;
    println!("\nscanner: {}, rules {}", scanner.mode, scanner.rules);
    layers(&scanner.layers);
    if let Some(problem) = &scanner.problem {
        println!("  {problem}");
    }
    println!("\ninterpreters");
    for found in &findings.interpreters {
        println!("  {:10} {}", found.version, found.path);
    }
    println!("\nsource repositories");
    match &findings.git {
        None => println!("  off ([source] git)"),
        Some(git) => {
            let state = git.error.as_deref().unwrap_or("is used");
            println!("  git {}: {state}", git.version.as_deref().unwrap_or("-"));
        }
    }
    println!("\nupstreams");
    for upstream in &findings.upstreams {
        let state = upstream.error.as_deref().unwrap_or("answers");
        println!("  {}  {} ({}): {state}", upstream.ecosystem, upstream.address, upstream.origin);
    }
    println!("\nadvisories");
    if findings.feeds.is_empty() {
        println!("  no feeds ([[feeds]]): nothing is known against any release");
    }
    for feed in &findings.feeds {
        println!("  {}  {} records, read {}", feed.name, feed.records, age(feed));
    }
    println!("\npolicies\n  {}", findings.policies);
    let free =
        findings.data.free_bytes.map_or_else(|| "unknown".into(), |bytes| format!("{} GiB", bytes >> 30));
    println!("\ndata folder {}: {free} free", findings.data.path);
    if let Some(error) = &findings.data.error {
        println!("  {error}");
    }
    if findings.problems.is_empty() {
        println!("\neverything the mill needs is here");
    } else {
        println!("\nto be mended:");
        for problem in &findings.problems {
            println!("  {problem}");
        }
    }
}

fn layers(layers: &[LayerStatus]) {
    for status in layers {
        let mark = if status.active { "on " } else { "OFF" };
        println!("  {mark}  {:18} {}", status.layer.as_str(), status.detail);
        if let Some(fix) = status.fix.as_ref().filter(|_| !status.active) {
            println!("       fix: {fix}");
        }
    }
}
