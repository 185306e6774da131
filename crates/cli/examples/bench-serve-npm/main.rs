//! What serving npm costs: a warm `npm ci` of a pinned tree (`bench/serve-npm`) through the mill, and through other
//! caching proxies before the same registry, on one core.
//!
//! The first install fills each server from the registry that this machine's npm is configured for; the warm ones,
//! which are measured, ask nothing of it. Servers run on the first core, npm on the last. The lockfile names no
//! addresses, so every package costs a page and a file. `--json` prints the figures as JSON; further arguments name
//! the peers to measure.

#[path = "../measure/mod.rs"]
#[expect(dead_code, reason = "another bench uses the rest")]
mod measure;
#[path = "../bench-serve/process.rs"]
mod process;

mod peers;
mod server;

use peers::Peer;
use process::{Failure, bounded, succeed};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

const WARM_RUNS: usize = 5;

/// All about one peer.
#[derive(Debug, Serialize)]
struct Figures {
    name: &'static str,
    cold_seconds: f64,
    cold_cpu_ms: u64,
    cold_peak_rss_kib: u64,
    warm_seconds: f64,
    /// The median run, and each.
    warm_cpu_ms: u64,
    warm_cpu_ms_each: Vec<u64>,
    warm_peak_rss_kib: u64,
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some((_, rest)) = args.split_first().filter(|(first, _)| *first == server::ARGUMENT) {
        return server::run(rest);
    }
    let json = args.iter().any(|arg| arg == "--json");
    let wanted: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != "--json").collect();
    let data = measure::root().join("bench/serve-npm");
    let machine = measure::describe();
    // Every thread and program started from here on inherits this core, but for the measured servers.
    process::stay_on_last_core()?;
    let mut figures = Vec::new();
    for peer in peers::all().iter().filter(|peer| wanted.is_empty() || wanted.contains(&peer.name)) {
        eprintln!("measuring {}", peer.name);
        match measured(peer, &data) {
            Ok(measured) => figures.push(measured),
            Err(error) => eprintln!("{} is left out: {error}", peer.name),
        }
    }
    if json {
        println!(
            "{}",
            serde_json::to_string_pretty(&serde_json::json!({"machine": machine, "peers": figures}))?
        );
    } else {
        print(&machine, &figures);
    }
    Ok(())
}

fn measured(peer: &Peer, data: &Path) -> Result<Figures, Failure> {
    let folder = tempfile::tempdir()?;
    let server = (peer.start)(data, folder.path())?;
    let registry = format!("http://{}{}", server.address, peer.path);
    let before = server.usage();
    let cold_seconds = install(&registry, data)?;
    let after = server.usage();
    server.forget_peak()?;
    let mut warm = Vec::new();
    for _ in 0..WARM_RUNS {
        let before = server.usage().cpu_ms;
        let seconds = install(&registry, data)?;
        warm.push((seconds, server.usage().cpu_ms.saturating_sub(before)));
    }
    let warm_cpu_ms_each: Vec<u64> = warm.iter().map(|(_, cpu)| *cpu).collect();
    Ok(Figures {
        name: peer.name,
        cold_seconds,
        cold_cpu_ms: after.cpu_ms.saturating_sub(before.cpu_ms),
        cold_peak_rss_kib: after.peak_rss_kib,
        warm_seconds: median(warm.iter().map(|(seconds, _)| *seconds).collect()),
        warm_cpu_ms: median(warm_cpu_ms_each.clone()),
        warm_cpu_ms_each,
        warm_peak_rss_kib: server.usage().peak_rss_kib,
    })
}

/// Installs the tree with an empty cache; how long it took.
fn install(registry: &str, data: &Path) -> Result<f64, Failure> {
    let project = scratch()?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(data.join(name), project.path().join(name))?;
    }
    let mut npm = bounded(600, "npm");
    npm.current_dir(project.path()).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    npm.arg("--cache").arg(project.path().join("cache")).args(["--registry", registry]);
    // Neither is there: nobody's settings count.
    for name in ["userconfig", "globalconfig"] {
        npm.env(format!("npm_config_{name}"), project.path().join(name));
    }
    let begun = Instant::now();
    succeed(&mut npm)?;
    Ok(begun.elapsed().as_secs_f64())
}

fn print(machine: &str, figures: &[Figures]) {
    let cpu = figures.iter().map(|peer| peer.warm_cpu_ms).min().unwrap_or(0);
    let memory = figures.iter().map(|peer| peer.warm_peak_rss_kib).min().unwrap_or(0);
    println!("{machine}, after {}\n", measure::load());
    println!(
        "| peer | warm server CPU | warm peak memory | cold server CPU | cold peak memory | warm `npm ci` |"
    );
    println!("|---|---|---|---|---|---|");
    for peer in figures {
        println!(
            "| {} | {:.2} s ({}) | {} MiB ({}) | {:.2} s | {} MiB | {:.1} s |",
            peer.name,
            float(peer.warm_cpu_ms) / 1000.0,
            times(peer.warm_cpu_ms, cpu),
            peer.warm_peak_rss_kib >> 10,
            times(peer.warm_peak_rss_kib, memory),
            float(peer.cold_cpu_ms) / 1000.0,
            peer.cold_peak_rss_kib >> 10,
            peer.warm_seconds,
        );
    }
    for peer in figures {
        println!("\n{}: CPU of each warm run {:?} ms", peer.name, peer.warm_cpu_ms_each);
    }
}

fn times(value: u64, best: u64) -> String {
    format!("{:.1} ×", float(value) / float(best.max(1)))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and KiB are far below 2^52")]
fn float(value: u64) -> f64 {
    value as f64
}

/// A folder in memory where there is one: the client's disk is not what is measured.
fn scratch() -> Result<tempfile::TempDir, Failure> {
    let memory = PathBuf::from("/dev/shm");
    Ok(if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? })
}

/// The middle one.
fn median<T: Copy + PartialOrd + Default>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}
