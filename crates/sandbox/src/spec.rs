//! What the parent and the init say to each other: one job description down, a few short replies up.

use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;
use trustmill_core::port::sandbox::Layer;

/// The user and group id of the job, seen from inside.
pub(crate) const INSIDE_ID: u32 = 1000;

/// What the init is told. Everything in it was checked by the parent (see `supervise::checked`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Who makes the root and the namespaces.
    pub(crate) stage: Stage,
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
    /// `NAME=value`.
    pub(crate) env: Vec<String>,
    /// Working folder, inside.
    pub(crate) cwd: String,
    /// Host paths that the job sees.
    pub(crate) mounts: Vec<Bind>,
    /// Port on which the gateway listens inside.
    pub(crate) gateway: Option<u16>,
    /// Bounds.
    pub(crate) bounds: Bounds,
    /// File mode creation mask.
    pub(crate) umask: u32,
    /// The compiled system-call filter, one instruction per number.
    pub(crate) filter: Vec<u64>,
}

/// How much of the sandbox the init builds by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// All of it; as root it first becomes this user and group.
    Whole {
        /// The unprivileged user and group id that root gives itself.
        drop_to: u32,
    },
    /// Namespaces and root were made by bubblewrap, and this process is the first one inside.
    Inner,
}

/// A host path and where the job sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bind {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) writable: bool,
}

/// The bounds that the init enforces; the parent enforces the others.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// Bytes of the scratch file system.
    pub(crate) scratch_bytes: u64,
    /// Inodes of the scratch file system.
    pub(crate) scratch_inodes: u64,
    /// Processes and threads.
    pub(crate) processes: u32,
    /// CPU seconds of one process.
    pub(crate) cpu_seconds: u64,
    /// Bytes of the tree's memory, where no control group bounds it.
    pub(crate) watch_memory: Option<u64>,
    /// Whether the number of processes is watched, since no control group bounds it.
    pub(crate) watch_processes: bool,
    /// Whether the number of inodes is watched, since the scratch file system does not bound it.
    pub(crate) watch_inodes: bool,
}

/// What the init says, in this order: `Ready`, `Confined`, `Ended`; or `Failed` at any time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The root stands. Carries a pidfd of the first process, the scratch folder's descriptor and, with a
    /// gateway, the listener's.
    Ready,
    /// No right is left; what is on.
    Confined {
        /// The layers.
        layers: Vec<Layer>,
    },
    /// The job's first process ended, and so did every other.
    Ended {
        /// How.
        end: End,
        /// User and system CPU of the whole tree, in milliseconds.
        cpu_ms: u64,
        /// Largest resident set, in KiB.
        max_rss_kib: u64,
    },
    /// A step could not be done; nothing of the job has run.
    Failed(Fault),
}

/// How the job's first process ended, as the init saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// By itself; and which limit was in force at that moment.
    Code { code: i32, no_more_processes: bool, scratch_full: bool },
    /// By a signal.
    Signal(i32),
    /// The parent asked for the end.
    Stopped,
    /// The tree had more memory than it may.
    OutOfMemory,
    /// The scratch folders had more inodes than they may.
    OutOfScratch,
}

/// A step of the set-up that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// The layer that cannot be had therefore.
    pub(crate) layer: Option<Layer>,
    /// Words that follow "could not".
    pub(crate) step: String,
    /// The error number.
    pub(crate) errno: i32,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.step, self.error())
    }
}

impl Fault {
    /// The cause.
    pub(crate) fn error(&self) -> std::io::Error {
        std::io::Error::from_raw_os_error(self.errno)
    }
}

/// Gives an error number the step that it came from.
pub(crate) trait Step<T> {
    /// Names the step, and the layer that is lost with it.
    fn step(self, layer: impl Into<Option<Layer>>, step: impl Into<String>) -> Result<T, Fault>;
}

impl<T> Step<T> for Result<T, Errno> {
    fn step(self, layer: impl Into<Option<Layer>>, step: impl Into<String>) -> Result<T, Fault> {
        self.map_err(|errno| Fault { layer: layer.into(), step: step.into(), errno: errno.raw_os_error() })
    }
}

impl<T> Step<T> for std::io::Result<T> {
    fn step(self, layer: impl Into<Option<Layer>>, step: impl Into<String>) -> Result<T, Fault> {
        self.map_err(|error| Fault {
            layer: layer.into(),
            step: step.into(),
            errno: error.raw_os_error().unwrap_or(libc::EIO),
        })
    }
}
