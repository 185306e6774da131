//! What this machine gives, layer by layer, and what to do about the rest.

use crate::cgroup::Cgroups;
use crate::mounts::{self, Access, Place};
use crate::namespaces::{self, NAMESPACES};
use crate::spec::{Bounds, Fault, Spec, Stage};
use crate::{InitCommand, caps, channel, landlock, limits, seccomp, sys};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
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
    let findings = probe();
    let bytes = channel::encode(&findings)?;
    let mut out = io::stdout().lock();
    out.write_all(&bytes)?;
    out.flush()
}

fn probe() -> Vec<Finding> {
    let entered = namespaces::leave_root(crate::UNPRIVILEGED).and_then(|()| namespaces::enter());
    if let Err(fault) = entered {
        let missing = fault.layer.unwrap_or(Layer::UserNamespace);
        return own_layers()
            .map(|layer| {
                let works = NAMESPACES.iter().any(|(_, one)| *one == layer && *one < missing);
                Finding { layer, fault: (!works).then(|| fault.clone()) }
            })
            .collect();
    }
    // The child is the first process of its namespace, as a job's init is. It tells by its exit code how far
    // it came, since what it learns beyond that is the same for every layer that is missing.
    let steps = steps();
    let reached = match sys::fork() {
        Ok(sys::Fork::Child) => sys::exit_now(i32::try_from(first_failure(&steps)).unwrap_or(0)),
        Ok(sys::Fork::Parent(_)) => {
            sys::wait_any(true).ok().flatten().map_or(0, |(_, status)| libc::WEXITSTATUS(status))
        }
        Err(_) => 0,
    };
    let reached = usize::try_from(reached).unwrap_or(0);
    own_layers()
        .map(|layer| {
            let failed = steps.get(reached).filter(|step| step.0.contains(&layer));
            let fault =
                failed.map(|step| Fault { layer: Some(layer), step: step.1.into(), errno: libc::EPERM });
            Finding { layer, fault }
        })
        .collect()
}

type TryStep = fn() -> Result<(), Fault>;

/// The steps of a job's init after it has its namespaces, and the layers that each one gives.
fn steps() -> [(&'static [Layer], &'static str, TryStep); 5] {
    [
        (&[Layer::MinimalRoot, Layer::BoundedScratch], "make the minimal root", || {
            mounts::enter_root(&trial(), None).map(drop)
        }),
        (&[Layer::Rlimits], "set resource limits", || limits::apply(&trial().bounds)),
        (&[Layer::NoCapabilities, Layer::NoNewPrivileges], "drop capabilities", caps::drop_all),
        (&[Layer::Landlock], "restrict itself with Landlock", || {
            landlock::restrict(&[Place { path: "/".into(), access: Access::List, folder: true }], None)
        }),
        (&[Layer::Seccomp], "install the system-call filter", || seccomp::apply(&seccomp::program()?)),
    ]
}

fn first_failure(steps: &[(&[Layer], &str, TryStep)]) -> usize {
    steps.iter().position(|(_, _, attempt)| attempt().is_err()).unwrap_or(steps.len())
}

fn trial() -> Spec {
    Spec {
        stage: Stage::Whole { drop_to: crate::UNPRIVILEGED },
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
pub(crate) fn layers(init: &InitCommand, cgroups: &Cgroups) -> Vec<LayerStatus> {
    let probed = ask(init);
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
                fix: Some("check that the program is whole and may be executed".into()),
            },
        })
        .collect()
}

fn ask(init: &InitCommand) -> io::Result<Vec<Finding>> {
    let answer = Command::new(&init.program)
        .args(&init.args)
        .arg(crate::init::PROBE)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    Ok(channel::decode(&answer.stdout)?)
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
