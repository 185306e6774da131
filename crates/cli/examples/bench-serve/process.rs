//! Servers under measurement: started on the first core, watched with all their processes, always ended.

use crate::measure;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Why a figure cannot be had.
pub(crate) type Failure = Box<dyn Error>;

/// Time to listen after the start; one of the peers imports a web framework and makes a database first.
const START: Duration = Duration::from_secs(120);
/// Time to end before the server is killed.
const STOP: Duration = Duration::from_secs(10);

/// A program that gets SIGTERM when the bench ends, however it ends, and knows no proxy.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(name);
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1").stdin(Stdio::null());
    command
}

/// A program that is ended after `seconds`.
pub(crate) fn bounded(seconds: u32, name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = program("timeout");
    command.arg("--kill-after=5").arg(seconds.to_string()).arg(name);
    command
}

/// Runs a program to its successful end; its standard output.
pub(crate) fn succeed(command: &mut Command) -> Result<String, Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing said");
    Err(format!("{} ended with {}: {last}", command.get_program().display(), output.status).into())
}

/// Moves this process, and all that it starts, to the last core.
pub(crate) fn stay_on_last_core() -> Result<(), Failure> {
    let last = std::thread::available_parallelism()?.get().saturating_sub(1).to_string();
    let own = std::process::id().to_string();
    succeed(Command::new("taskset").args(["-a", "-c", "-p", &last, &own])).map(drop)
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// What all processes of a server used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system CPU, in milliseconds.
    pub(crate) cpu_ms: u64,
    /// Sum of the largest resident sets since the last [`Server::forget_peak`], in KiB.
    pub(crate) peak_rss_kib: u64,
}

impl Server {
    /// Starts `command` on the first core and waits until `port` is open. What it says goes into `log`.
    pub(crate) fn start(command: &Command, port: u16, log: &Path) -> Result<Self, Failure> {
        let out = File::create(log)?;
        let mut pinned = program("taskset");
        pinned.args(["-c", "0"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => pinned.env(name, value),
                None => pinned.env_remove(name),
            };
        }
        // A group of its own, so that no process of it is missed when it must be killed.
        let child = pinned.stdout(out.try_clone()?).stderr(out).process_group(0).spawn()?;
        let mut server = Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) };
        let begun = Instant::now();
        while TcpStream::connect(server.address).is_err() {
            if server.child.try_wait()?.is_some() || begun.elapsed() > START {
                return Err(format!("it does not start; see {}", log.display()).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// The server's process and all below it.
    fn tree(&self) -> Vec<u32> {
        let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent =
                stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
            parents.extend(parent.map(|parent: u32| (pid, parent)));
        }
        let mut tree = vec![self.child.id()];
        let mut next = 0;
        while let Some(pid) = tree.get(next).copied() {
            tree.extend(parents.iter().filter(|(_, parent)| **parent == pid).map(|(child, _)| *child));
            next += 1;
        }
        tree
    }

    /// What it used so far.
    pub(crate) fn usage(&self) -> Usage {
        self.tree().into_iter().filter_map(measure::sample).fold(Usage::default(), |sum, one| Usage {
            cpu_ms: sum.cpu_ms + one.cpu_ms,
            peak_rss_kib: sum.peak_rss_kib + one.peak_rss_kib,
        })
    }

    /// Peaks count from now on (proc(5), `clear_refs`).
    pub(crate) fn forget_peak(&self) -> Result<(), Failure> {
        for pid in self.tree() {
            fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        let begun = Instant::now();
        let _ = kill_process(pid, Signal::TERM);
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < STOP {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = self.child.wait();
    }
}
