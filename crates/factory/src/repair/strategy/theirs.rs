//! `theirs`: where the release and the fix changed the same lines, the fix's are taken. Only a test of the fix can say that
//! nothing of the release was lost by that.

use super::{NotCarried, Strategy, carried};
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Patch;
use trustmill_patch::carry::Means;

/// The strategy.
pub(super) struct Theirs;

impl Strategy for Theirs {
    fn name(&self) -> &'static str {
        "theirs"
    }

    fn version(&self) -> u32 {
        1
    }

    fn needs_proof(&self) -> bool {
        true
    }

    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
        carried::fix(task, material, workshop, Means::Theirs)
    }

    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
        carried::tests(task, material, workshop, Means::Symbol)
    }
}
