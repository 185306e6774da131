//! What a benchmark ran on, and what a process used.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// One line about the machine.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = load();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    format!("{model}, {cores} cores, Linux {}, load before {load}", kernel.trim())
}

/// The load of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// Builds the binary that users run, and says where it is. `TRUSTMILL_BIN` names one that is built already.
pub(crate) fn release_binary(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    if let Some(built) = std::env::var_os("TRUSTMILL_BIN") {
        return Ok(PathBuf::from(built));
    }
    let mut cargo = Command::new(env!("CARGO"));
    let built =
        cargo.current_dir(root).args(["build", "--release", "--locked", "--package", "trustmill-cli"]);
    if !built.status()?.success() {
        return Err("the release binary does not build".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/trustmill"))
}

/// What a process used over its life. Its children are not in it.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// User and system CPU of the process itself, in milliseconds.
    pub(crate) cpu_ms: u64,
    /// Largest resident set of the process itself, in KiB.
    pub(crate) peak_rss_kib: u64,
}

/// Samples a process until it ends.
pub(crate) fn watch(child: &mut Child) -> Result<Watched, Box<dyn Error>> {
    let mut watched = Watched::default();
    while child.try_wait()?.is_none() {
        if let Some(sample) = sample(child.id()) {
            watched = sample;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(watched)
}

/// CPU and peak memory of a running process so far.
pub(crate) fn sample(pid: u32) -> Option<Watched> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Fields 14 and 15, counted after the command name, which may hold spaces: clock ticks of 10 ms.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak_rss_kib = peak.split_whitespace().next()?.parse().ok()?;
    Some(Watched { cpu_ms: ticks * 10, peak_rss_kib })
}
