//! `merge`: A three-way merge whose base is what the fix was made to.

use super::{NotCarried, Strategy, carried};
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Patch;
use trustmill_patch::carry::Means;

/// The strategy.
pub(super) struct Merge;

impl Strategy for Merge {
    fn name(&self) -> &'static str {
        "merge"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
        carried::fix(task, material, workshop, Means::Merge)
    }

    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
        carried::tests(task, material, workshop, Means::Merge)
    }
}
