//! `context`: Hunk by hunk, by what is left of the surroundings, within the function that the fix changed.

use super::{NotCarried, Strategy, carried};
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Patch;
use trustmill_patch::carry::Means;

/// The strategy.
pub(super) struct Context;

impl Strategy for Context {
    fn name(&self) -> &'static str {
        "context"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
        carried::fix(task, material, workshop, Means::Context)
    }

    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
        carried::tests(task, material, workshop, Means::Context)
    }
}
