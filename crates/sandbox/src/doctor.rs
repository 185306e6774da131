//! What this machine gives, layer by layer, and what to do about the rest.

use crate::cgroup::Cgroups;
use crate::mounts;
use crate::namespaces::{self, NAMESPACES};
use crate::spec::{Bounds, Fault, Spec, Stage};
use crate::sys::{self, Fork};
use crate::{UNPRIVILEGED, caps, channel, landlock, limits, seccomp};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use trustmill_core::port::sandbox::{Layer, LayerStatus};

/// One line of a probe.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Finding {
    layer: Layer,
    fault: Option<Fault>,
}

/// In the init: tries everything that a job would get, and prints how each went.
pub(crate) fn print_probe() -> io::Result<()> {
    let entered = namespaces::leave_root(UNPRIVILEGED).and_then(|()| namespaces::enter());
    print(&match entered {
        Ok(()) => in_child(&[&root_steps()[..], &inner_steps()].concat()),
        Err(fault) => without_namespaces(&fault),
    })
}

/// The same within what bubblewrap made.
pub(crate) fn print_inner_probe() -> io::Result<()> {
    print(&in_child(&inner_steps()))
}

fn print(findings: &[Finding]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(&channel::encode(&findings)?)?;
    out.flush()
}

/// The namespaces before the one that failed work; nothing else can be had without it.
fn without_namespaces(fault: &Fault) -> Vec<Finding> {
    let missing = fault.layer.unwrap_or(Layer::UserNamespace);
    own_layers()
        .map(|layer| {
            let works = NAMESPACES.iter().any(|(_, one)| *one == layer && *one < missing);
            Finding { layer, fault: (!works).then(|| fault.clone()) }
        })
        .collect()
}

type Step = (&'static [Layer], fn() -> Result<(), Fault>);

/// Tries the steps in a child, which becomes the first process of a pid namespace where one was entered, as
/// a job's init does; what fails is told through a pipe.
fn in_child(steps: &[Step]) -> Vec<Finding> {
    let told = || -> io::Result<Vec<u8>> {
        let (mut told, tell) = io::pipe()?;
        match sys::fork()? {
            Fork::Child => {
                let faults: Vec<Option<Fault>> = steps.iter().map(|(_, attempt)| attempt().err()).collect();
                let sent = channel::encode(&faults)
                    .map_err(io::Error::from)
                    .and_then(|bytes| (&tell).write_all(&bytes));
                sys::exit_now(i32::from(sent.is_err()))
            }
            Fork::Parent(_) => drop(tell),
        }
        let mut bytes = Vec::new();
        told.read_to_end(&mut bytes)?;
        sys::wait_any(true)?;
        Ok(bytes)
    };
    let faults: Result<Vec<Option<Fault>>, io::Error> = told().and_then(|bytes| Ok(channel::decode(&bytes)?));
    let silent =
        Fault { layer: None, step: "try it: the init ended without a word".into(), errno: libc::EIO };
    own_layers()
        .map(|layer| {
            let fault = match (&faults, steps.iter().position(|(layers, _)| layers.contains(&layer))) {
                (Ok(faults), Some(step)) => faults.get(step).cloned().unwrap_or_else(|| Some(silent.clone())),
                (Ok(_), None) => None,
                (Err(_), _) => Some(silent.clone()),
            };
            Finding { layer, fault }
        })
        .collect()
}

/// What a job's init does after it has its namespaces, and the layers that each step gives.
fn root_steps() -> [Step; 1] {
    [(&[Layer::MinimalRoot, Layer::BoundedScratch], || mounts::enter_root(&trial(), None).map(drop))]
}

fn inner_steps() -> [Step; 4] {
    [
        (&[Layer::Rlimits], || limits::apply(&trial().bounds)),
        (&[Layer::NoCapabilities, Layer::NoNewPrivileges], caps::drop_all),
        (&[Layer::Landlock], || landlock::restrict(&mounts::places(&[]), None)),
        (&[Layer::Seccomp], || seccomp::apply(&seccomp::program()?)),
    ]
}

fn trial() -> Spec {
    Spec {
        stage: Stage::Whole { drop_to: UNPRIVILEGED },
        argv: Vec::new(),
        env: Vec::new(),
        cwd: "/".into(),
        mounts: Vec::new(),
        gateway: None,
        bounds: Bounds {
            scratch_bytes: 1 << 20,
            scratch_inodes: 256,
            processes: 16,
            cpu_seconds: 10,
            watch_memory: None,
            watch_processes: false,
            watch_inodes: false,
        },
        umask: 0o022,
        filter: Vec::new(),
    }
}

fn own_layers() -> impl Iterator<Item = Layer> {
    Layer::ALL
        .into_iter()
        .filter(|layer| !matches!(layer, Layer::CgroupMemory | Layer::CgroupPids | Layer::CgroupCpu))
}

/// What a job run now would have.
pub(crate) fn layers(probe: io::Result<Command>, cgroups: &Cgroups) -> Vec<LayerStatus> {
    let probed = probe.and_then(|mut probe| ask(&mut probe));
    Layer::ALL
        .into_iter()
        .map(|layer| match (layer, &probed) {
            (Layer::CgroupMemory | Layer::CgroupPids | Layer::CgroupCpu, _) => cgroup_status(layer, cgroups),
            (_, Ok(findings)) => {
                let fault = findings.iter().find(|one| one.layer == layer).and_then(|one| one.fault.as_ref());
                status(layer, fault)
            }
            (_, Err(error)) => LayerStatus {
                layer,
                active: false,
                detail: format!("the init could not be asked: {error}"),
                fix: Some(fix(layer, error.raw_os_error().unwrap_or(libc::EPERM))),
            },
        })
        .collect()
}

fn ask(probe: &mut Command) -> io::Result<Vec<Finding>> {
    let answer = probe.stdin(Stdio::null()).output()?;
    if answer.status.success() {
        return Ok(channel::decode(&answer.stdout)?);
    }
    let words = String::from_utf8_lossy(&answer.stderr);
    Err(io::Error::other(words.trim().chars().take(400).collect::<String>()))
}

fn status(layer: Layer, fault: Option<&Fault>) -> LayerStatus {
    LayerStatus {
        layer,
        active: fault.is_none(),
        detail: fault.map_or_else(|| detail(layer), ToString::to_string),
        fix: fault.map(|fault| fix(layer, fault.errno)),
    }
}

fn detail(layer: Layer) -> String {
    match layer {
        Layer::Landlock => landlock::version(),
        Layer::Seccomp => seccomp::program().map_or_else(
            |fault| fault.to_string(),
            |program| format!("a filter of {} instructions", program.len()),
        ),
        Layer::UserNamespace => {
            let most = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
            format!("up to {} on this machine", most.trim())
        }
        _ => "works".into(),
    }
}

fn cgroup_status(layer: Layer, cgroups: &Cgroups) -> LayerStatus {
    let version = cgroups.version(layer);
    LayerStatus {
        layer,
        active: version.is_some(),
        detail: version.map_or_else(
            || {
                "no control group that this user may write to; limits per process and a watch hold instead"
                    .into()
            },
            |version| format!("control groups, version {version}"),
        ),
        fix: version.is_none().then(|| fix(layer, libc::EACCES)),
    }
}

/// What to do to get a layer.
pub(crate) fn fix(layer: Layer, errno: i32) -> String {
    let reads = |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    match layer {
        Layer::CgroupMemory | Layer::CgroupPids | Layer::CgroupCpu => {
            "run it as a systemd service with `Delegate=yes` and `DelegateSubgroup=main`, or as root".into()
        }
        Layer::Landlock => "boot with `lsm=landlock,…` on a kernel of 5.13 or newer built with \
                            CONFIG_SECURITY_LANDLOCK"
            .into(),
        Layer::Seccomp => "use a kernel built with CONFIG_SECCOMP_FILTER, on x86-64 or arm64".into(),
        _ if errno == libc::ENOSYS => "use a kernel of 5.12 or newer: mount_setattr is missing".into(),
        _ if reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") => {
            "AppArmor refuses user namespaces: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or give \
             the program a profile with the line `userns,`"
                .into()
        }
        _ if reads("/proc/sys/user/max_user_namespaces", "0") => "`sysctl user.max_user_namespaces=15000`".into(),
        _ if reads("/proc/sys/kernel/unprivileged_userns_clone", "0") => {
            "`sysctl kernel.unprivileged_userns_clone=1`".into()
        }
        _ if in_container() => "the container's own confinement refuses it: start it with `--security-opt \
                                seccomp=unconfined --security-opt apparmor=unconfined --security-opt \
                                systempaths=unconfined`, or run outside the container"
            .into(),
        _ => "allow user namespaces for this user (`sysctl user.max_user_namespaces`, `sysctl \
              kernel.unprivileged_userns_clone`)"
            .into(),
    }
}

fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| fs::exists(path).unwrap_or(false))
}
