//! Resource limits per process: what holds when no control group does.

use crate::spec::{Bounds, Fault, Step};
use rustix::process::{Resource, Rlimit, setrlimit};
use trustmill_core::port::sandbox::Layer;

/// Open files of one process: what builds of large trees were seen to need, times four.
const OPEN_FILES: u64 = 4096;
/// Bytes of memory that may be locked: what a key store or a runtime asks for, and no more.
const LOCKED: u64 = 64 << 10;
/// Bytes in POSIX message queues; queues are memory that no size of a file system bounds.
const QUEUES: u64 = 64 << 10;

/// Applies the limits to this process and what it starts.
pub(crate) fn apply(bounds: &Bounds) -> Result<(), Fault> {
    // The init's two processes count too; where a control group counts, it is to be the one that refuses.
    let spare = if bounds.watch_processes { 2 } else { 3 };
    let mut limits = vec![
        (Resource::Core, 0),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Fsize, bounds.scratch_bytes),
        (Resource::Cpu, bounds.cpu_seconds),
        (Resource::Memlock, LOCKED),
        (Resource::Msgqueue, QUEUES),
        (Resource::Nproc, u64::from(bounds.processes) + spare),
    ];
    if let Some(memory) = bounds.watch_memory {
        limits.push((Resource::As, memory));
    }
    for (resource, value) in limits {
        let old = rustix::process::getrlimit(resource);
        let value = old.maximum.map_or(value, |most| value.min(most));
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
            .step(Layer::Rlimits, format!("set the limit on {resource:?}"))?;
    }
    Ok(())
}
