//! Landlock: the rules of the root a second time, in another part of the kernel.

use crate::mounts::{Access, Place};
use crate::spec::Fault;
use crate::sys;
use ::landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope, make_bitflags,
};
use trustmill_core::port::sandbox::Layer;

/// The newest version whose rights are asked for; an older kernel enforces those that it knows.
const ASKED: ABI = ABI::V7;

/// Bounds this process and what it starts to `places`, and TCP to connecting to `port`.
pub(crate) fn restrict(places: &[Place], port: Option<u16>) -> Result<(), Fault> {
    let status = build(places, port).map_err(|error| fault(&error.to_string()))?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(fault("the kernel has it not, or not switched on")),
        _ => Ok(()),
    }
}

/// The version of Landlock that is in force, in words.
pub(crate) fn version() -> String {
    match sys::landlock_version() {
        Ok(version) if version < ASKED as i32 => {
            format!("version {version}; the rights that later versions bring are not bounded")
        }
        Ok(version) => format!("version {version}"),
        Err(error) => error.to_string(),
    }
}

fn fault(why: &str) -> Fault {
    Fault {
        layer: Some(Layer::Landlock),
        step: format!("restrict file access with Landlock ({why})"),
        errno: libc::ENOSYS,
    }
}

fn build(places: &[Place], port: Option<u16>) -> Result<RestrictionStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ASKED))?
        .handle_access(AccessNet::from_all(ASKED))?
        .scope(Scope::from_all(ASKED))?
        .create()?;
    for place in places {
        rules = allow(rules, place)?;
    }
    if let Some(port) = port {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()
}

fn allow(rules: RulesetCreated, place: &Place) -> Result<RulesetCreated, RulesetError> {
    let Ok(fd) = PathFd::new(&place.path) else { return Ok(rules) };
    let mut rights = rights(place.access);
    if !place.folder {
        rights &= AccessFs::from_file(ASKED);
    }
    rules.add_rule(PathBeneath::new(fd, rights))
}

fn rights(access: Access) -> BitFlags<AccessFs> {
    match access {
        Access::List => make_bitflags!(AccessFs::{ReadDir}),
        Access::Read => make_bitflags!(AccessFs::{ReadFile | ReadDir}),
        Access::Execute => AccessFs::from_read(ASKED),
        Access::Device => make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate | IoctlDev}),
        Access::Write => {
            AccessFs::from_all(ASKED) & !make_bitflags!(AccessFs::{MakeChar | MakeBlock | IoctlDev})
        }
    }
}
