//! Runs what is not trusted; the only crate that may say unsafe.
//!
//! [`Own`] builds the sandbox out of Linux's own primitives; [`Bubblewrap`] lets an external program build
//! the outer part. Both are driven by the same supervisor and pass the same escape tests. `docs/sandbox.md`
//! says which layer stops what, and what none of them stops.
//!
//! [`scanner`] keeps processes that read hostile bytes and run nothing: they are locked in more tightly ([`confine`]).

#[cfg(not(target_os = "linux"))]
compile_error!("the sandbox is made of Linux namespaces");

mod allocator;
mod bubblewrap;
mod caps;
mod cgroup;
mod channel;
mod check;
pub mod confine;
mod doctor;
mod exchange;
mod filter;
mod idmap;
mod init;
mod landlock;
mod limits;
mod mounts;
mod namespaces;
mod own;
mod pid1;
pub mod scanner;
mod seccomp;
mod spec;
mod supervise;
mod sys;
mod watch;

pub use allocator::give_memory_back;
pub use bubblewrap::Bubblewrap;
pub use init::init_main;
pub use own::Own;

use std::path::PathBuf;

/// The host's id that root takes for its jobs: `nobody`, who owns nothing.
const UNPRIVILEGED: u32 = 65534;

/// How to start this binary as the sandbox's init: it must call [`init_main`] when it sees these arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitCommand {
    /// The program; `/proc/self/exe` for the binary that is running.
    pub program: PathBuf,
    /// The arguments by which it knows that it is to be the init.
    pub args: Vec<String>,
}
