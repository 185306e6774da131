//! Locks a process in that only thinks: it reads what it was given, writes its answer, and may do nothing else.
//!
//! Nothing is started and nothing is mounted, so this is simpler than the sandbox of builds and stricter: the
//! system-call filter lists what is allowed. What stops what:
//!
//! | wanted | refused by |
//! |---|---|
//! | a file, a device, a socket by its name | seccomp, Landlock, no descriptor may be opened (`RLIMIT_NOFILE`) |
//! | the network | seccomp, an empty network namespace, no descriptor |
//! | another program or process | seccomp (threads of its own it may have), `no_new_privs` |
//! | another process's memory | seccomp, user namespace, no capability |
//! | memory that is executed | seccomp |
//! | all of the memory or the processor | `RLIMIT_AS`, `RLIMIT_CPU`, and the parent's clock |

use crate::spec::{Fault, Step};
use crate::{UNPRIVILEGED, caps, doctor, filter, landlock, namespaces, sys};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::set_no_new_privs;
use trustmill_core::port::sandbox::{Layer, LayerStatus};

/// What a confined process may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of CPU, over its whole life.
    pub cpu_seconds: u64,
}

/// The layers that [`confine`] tries, in the order in which it says them.
pub const LAYERS: [Layer; 7] = [
    Layer::Seccomp,
    Layer::Landlock,
    Layer::NoNewPrivileges,
    Layer::NoCapabilities,
    Layer::Rlimits,
    Layer::UserNamespace,
    Layer::NetworkNamespace,
];

/// Whether a process may be trusted with hostile bytes though this layer is missing: what the namespaces keep away is
/// refused by the system-call filter too.
pub const fn is_optional(layer: Layer) -> bool {
    matches!(layer, Layer::UserNamespace | Layer::NetworkNamespace)
}

/// Gives every right of this process away, for good, and says what is on. The process must have one thread.
pub fn confine(profile: &Profile) -> Vec<LayerStatus> {
    let hidden = sys::close_from(3)
        .step(None, "close what was inherited")
        .and_then(|()| namespaces::leave_root(UNPRIVILEGED));
    let own_namespaces = sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET | libc::CLONE_NEWIPC);
    let namespace = |layer| {
        own_namespaces.map_err(|errno| Fault {
            layer: Some(layer),
            step: "enter it".into(),
            errno: errno.raw_os_error(),
        })
    };
    // An ordinary user without namespaces cannot empty the bounding set, and has no capability to lose.
    let privileges = set_no_new_privs(true).step(Layer::NoNewPrivileges, "set no_new_privs");
    let capabilities = caps::drop_all().or_else(|fault| caps::none().then_some(()).ok_or(fault));
    let landlock = landlock::restrict(&[], None);
    // After Landlock, which is set up through a descriptor.
    let limits = limits(profile).and_then(|()| {
        set_dumpable_behavior(DumpableBehavior::NotDumpable).step(Layer::Rlimits, "hide its memory")
    });
    let seccomp = filter::apply();
    vec![
        status(Layer::Seccomp, seccomp),
        status(Layer::Landlock, landlock),
        status(Layer::NoNewPrivileges, privileges),
        status(Layer::NoCapabilities, capabilities.and(hidden)),
        status(Layer::Rlimits, limits),
        status(Layer::UserNamespace, namespace(Layer::UserNamespace)),
        status(Layer::NetworkNamespace, namespace(Layer::NetworkNamespace)),
    ]
}

fn limits(profile: &Profile) -> Result<(), Fault> {
    let limits = [
        (Resource::Core, 0),
        (Resource::As, profile.memory),
        (Resource::Cpu, profile.cpu_seconds),
        (Resource::Fsize, 0),
        (Resource::Nofile, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    for (resource, value) in limits {
        let value = getrlimit(resource).maximum.map_or(value, |most| value.min(most));
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
            .step(Layer::Rlimits, format!("set the limit on {resource:?}"))?;
    }
    Ok(())
}

fn status(layer: Layer, result: Result<(), Fault>) -> LayerStatus {
    let fault = result.err();
    LayerStatus {
        layer,
        active: fault.is_none(),
        detail: fault.as_ref().map_or_else(|| "works".to_owned(), ToString::to_string),
        // Where it is missing the parent says what to do: this process can look at nothing any more.
        fix: None,
    }
}

/// The same list, as a person is told: with what to do for what is missing.
pub fn with_fixes(mut layers: Vec<LayerStatus>) -> Vec<LayerStatus> {
    for status in layers.iter_mut().filter(|status| !status.active) {
        status.fix = Some(doctor::fix(status.layer, libc::EPERM));
    }
    layers
}
