//! The view of `trustmill doctor`.

use super::advisories::age;
use crate::cmd::Findings;
use crate::out::say;
use trustmill_core::port::sandbox::LayerStatus;

/// Prints what was found, the problems last.
pub(crate) fn print(findings: &Findings) {
    for backend in &findings.sandboxes {
        let chosen = if backend.chosen { " (in use)" } else { "" };
        say!("sandbox {}{chosen}", backend.name);
        layers(&backend.layers);
    }
    let scanner = &findings.scanner;
    say!("\nscanner: {}, rules {}", scanner.mode, scanner.rules);
    layers(&scanner.layers);
    if let Some(problem) = &scanner.problem {
        say!("  {problem}");
    }
    say!("\ninterpreters");
    for found in &findings.interpreters {
        say!("  {:10} {}", found.version, found.path);
    }
    say!("\nsource repositories");
    match &findings.git {
        None => say!("  off ([source] git)"),
        Some(git) => {
            let state = git.error.as_deref().unwrap_or("is used");
            say!("  git {}: {state}", git.version.as_deref().unwrap_or("-"));
        }
    }
    say!("\nupstreams");
    for upstream in &findings.upstreams {
        let state = upstream.error.as_deref().unwrap_or("answers");
        say!("  {}  {} ({}): {state}", upstream.ecosystem, upstream.address, upstream.origin);
    }
    say!("\nadvisories");
    if findings.feeds.is_empty() {
        say!("  no feeds ([[feeds]]): nothing is known against any release");
    }
    for feed in &findings.feeds {
        say!("  {}  {} records, read {}", feed.name, feed.records, age(feed));
    }
    say!("\npolicies\n  {}", findings.policies);
    let free =
        findings.data.free_bytes.map_or_else(|| "unknown".into(), |bytes| format!("{} GiB", bytes >> 30));
    say!("\ndata folder {}: {free} free", findings.data.path);
    if let Some(error) = &findings.data.error {
        say!("  {error}");
    }
    if findings.problems.is_empty() {
        say!("\neverything the mill needs is here");
    } else {
        say!("\nto be mended:");
        for problem in &findings.problems {
            say!("  {problem}");
        }
    }
}

fn layers(layers: &[LayerStatus]) {
    for status in layers {
        let mark = if status.active { "on " } else { "OFF" };
        say!("  {mark}  {:18} {}", status.layer.as_str(), status.detail);
        if let Some(fix) = status.fix.as_ref().filter(|_| !status.active) {
            say!("       fix: {fix}");
        }
    }
}
