//! Running what is not trusted.

use crate::attempt::{RecordedRequest, Usage};
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A layer of isolation. The names stand in attestations and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Own user namespace; the ids inside mean nothing outside.
    UserNamespace,
    /// Own mount namespace.
    MountNamespace,
    /// Own process ids; the whole tree ends with the job.
    PidNamespace,
    /// Own network with a loopback device and no route.
    NetworkNamespace,
    /// Own System V and POSIX IPC.
    IpcNamespace,
    /// Own host name.
    UtsNamespace,
    /// A root made of what the job needs, read-only but for its scratch folders.
    MinimalRoot,
    /// Landlock: file access is bounded by paths, a second time.
    Landlock,
    /// System calls that builds never need are refused.
    Seccomp,
    /// No program gains privileges by being executed.
    NoNewPrivileges,
    /// Every capability set is empty.
    NoCapabilities,
    /// A control group bounds memory.
    CgroupMemory,
    /// A control group bounds the number of processes.
    CgroupPids,
    /// A control group bounds CPU.
    CgroupCpu,
    /// Resource limits per process.
    Rlimits,
    /// Scratch space has a size and a number of inodes that it cannot exceed.
    BoundedScratch,
}

impl Layer {
    /// Every layer, in the order in which `doctor` lists them.
    pub const ALL: [Self; 16] = [
        Self::UserNamespace,
        Self::MountNamespace,
        Self::PidNamespace,
        Self::NetworkNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::MinimalRoot,
        Self::Landlock,
        Self::Seccomp,
        Self::NoNewPrivileges,
        Self::NoCapabilities,
        Self::CgroupMemory,
        Self::CgroupPids,
        Self::CgroupCpu,
        Self::Rlimits,
        Self::BoundedScratch,
    ];
}

impl Layer {
    /// The word in attestations and in the doctor's list.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserNamespace => "user-namespace",
            Self::MountNamespace => "mount-namespace",
            Self::PidNamespace => "pid-namespace",
            Self::NetworkNamespace => "network-namespace",
            Self::IpcNamespace => "ipc-namespace",
            Self::UtsNamespace => "uts-namespace",
            Self::MinimalRoot => "minimal-root",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::NoNewPrivileges => "no-new-privileges",
            Self::NoCapabilities => "no-capabilities",
            Self::CgroupMemory => "cgroup-memory",
            Self::CgroupPids => "cgroup-pids",
            Self::CgroupCpu => "cgroup-cpu",
            Self::Rlimits => "rlimits",
            Self::BoundedScratch => "bounded-scratch",
        }
    }

    /// Whether builds may run without it: only control groups, which `layers` then does not list.
    pub const fn is_optional(&self) -> bool {
        matches!(self, Self::CgroupMemory | Self::CgroupPids | Self::CgroupCpu)
    }
}

/// Whether a layer can be had here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerStatus {
    /// The layer.
    pub layer: Layer,
    /// Whether a job run now would have it.
    pub active: bool,
    /// More about it: the Landlock ABI, the control group's version, the cause of its absence.
    pub detail: String,
    /// What to do to get it, where it is missing.
    pub fix: Option<String>,
}

/// A host folder or file that the job sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// On the host.
    pub source: PathBuf,
    /// Inside; absolute.
    pub target: String,
    /// Whether the job may write to it.
    pub writable: bool,
}

/// A file that is laid into the scratch space before the job starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Inside, absolute, under [`Job::SCRATCH`]; parents are made.
    pub path: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Permission bits, `0o777` at most.
    pub mode: u32,
    /// Modification time, seconds since 1970.
    pub mtime: Option<i64>,
}

/// A regular file that the job left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Its path below the collected folder, `/`-separated.
    pub path: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Its permission bits.
    pub mode: u32,
}

/// What the job can reach.
#[derive(Clone)]
pub enum Network {
    /// Nothing.
    None,
    /// One address, `127.0.0.1` with [`Job::GATEWAY_PORT`], answered by the gateway.
    Gateway(Arc<dyn Gateway>),
}

/// The far end of the only address that a fetch phase reaches.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Answers what arrives on `listener` until this future is dropped. The listener was made inside the
    /// job's network namespace; connections to it come from the job alone.
    async fn serve(&self, listener: TcpListener);
}

/// A gateway that keeps a record of what it was asked.
pub trait RecordingGateway: Gateway {
    /// The requests so far, in the order in which they were answered.
    fn requests(&self) -> Vec<RecordedRequest>;
}

/// Opens one gateway per job, so that each record belongs to one build.
pub trait Gateways: Send + Sync {
    /// A gateway with an empty record.
    fn open(&self) -> Arc<dyn RecordingGateway>;
}

/// Bounds of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of the whole tree, scratch space included, in bytes.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u32,
    /// CPU time of one process, in seconds.
    pub cpu_seconds: u64,
    /// Wall time.
    pub wall: Duration,
    /// Scratch space, in bytes.
    pub scratch_bytes: u64,
    /// Scratch space, in inodes.
    pub scratch_inodes: u64,
    /// Output on the terminal, in bytes; the job is ended beyond it.
    pub log_bytes: u64,
    /// Files collected, in bytes together.
    pub output_bytes: u64,
}

impl Default for Limits {
    /// Enough for every pure-Python build that was measured, times four.
    fn default() -> Self {
        Self {
            memory: 2 << 30,
            processes: 256,
            cpu_seconds: 300,
            wall: Duration::from_secs(300),
            scratch_bytes: 1 << 30,
            scratch_inodes: 200_000,
            log_bytes: 4 << 20,
            output_bytes: 256 << 20,
        }
    }
}

/// Something to run.
#[derive(Clone)]
pub struct Job {
    /// Program (absolute, inside) and arguments.
    pub argv: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Working folder, inside.
    pub cwd: String,
    /// What it sees beside the minimal root.
    pub mounts: Vec<Mount>,
    /// What is laid into the scratch space.
    pub inputs: Vec<InputFile>,
    /// Folders under [`Job::SCRATCH`] whose files come back.
    pub collect: Vec<String>,
    /// What it reaches.
    pub network: Network,
    /// Its bounds.
    pub limits: Limits,
    /// File mode creation mask.
    pub umask: u32,
}

impl Job {
    /// The writable folder inside: a bounded memory file system that starts empty.
    pub const SCRATCH: &str = "/build";
    /// The port of the gateway on `127.0.0.1` inside.
    pub const GATEWAY_PORT: u16 = 8080;
}

/// How the job's first process ended, or what ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It ended by itself.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// The limit on wall time.
    TimedOut,
    /// The limit on memory.
    OutOfMemory,
    /// The limit on processes was hit, and it failed.
    TooManyProcesses,
    /// The limit on scratch, log or collected bytes.
    OutputLimit,
}

/// What came of a job.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it ended.
    pub exit: Exit,
    /// Standard output and error as they came, cut at the limit.
    pub log: Bytes,
    /// The collected files, in path order; links and devices are left out.
    pub files: Vec<OutputFile>,
    /// What the tree used.
    pub usage: Usage,
    /// The layers that were on.
    pub layers: Vec<Layer>,
}

/// Runs jobs that may be hostile.
///
/// * The job MUST NOT see the home, the data folder, other processes, devices beyond null, zero, full,
///   random and urandom, or any network beyond its [`Network`].
/// * When `run` returns, or is dropped, no process of the job MUST be left.
/// * A layer that the job was to have and could not get MUST fail the run: nothing is left out silently.
///   Only control groups may be absent, and then `layers` MUST say so.
#[async_trait]
pub trait Sandbox: Send + Sync {
    /// The backend's name: `own`, `bubblewrap`.
    fn name(&self) -> &'static str;

    /// What this machine gives.
    fn layers(&self) -> Vec<LayerStatus>;

    /// Runs one job to its end.
    async fn run(&self, job: Job) -> Result<Report, SandboxError>;
}

/// Why a job could not be run at all: never the job's own failure.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A layer that is required is not to be had.
    #[error("isolation layer {layer:?} is missing: {why}")]
    LayerMissing {
        /// The layer.
        layer: Layer,
        /// Why.
        why: String,
        /// What to do.
        fix: String,
    },
    /// The sandbox could not be set up.
    #[error("the sandbox could not {step}")]
    Setup {
        /// The step that failed, in words that follow "could not".
        step: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The job asks for something that makes no sense: a relative path, a file outside the scratch space.
    #[error("the sandbox job is malformed: {0}")]
    BadJob(String),
}

impl super::Coded for SandboxError {
    fn code(&self) -> &'static str {
        match self {
            Self::LayerMissing { .. } => "TM0401",
            Self::Setup { .. } => "TM0402",
            Self::BadJob(_) => "TM0403",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::LayerMissing { fix, .. } => fix.clone(),
            Self::Setup { .. } => {
                "run `trustmill doctor`: it names the layer that this machine lacks, and the fix".into()
            }
            Self::BadJob(_) => "this is a defect of the mill: please report it with the log".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_written_as_it_is_shown() {
        for layer in Layer::ALL {
            assert_eq!(serde_json::to_value(layer).unwrap(), layer.as_str());
        }
    }
}
