//! `replace`: a file as the fix left it, where the release has nearly the file that the fix was made to. It brings along
//! what else happened to the file in between, which is why it comes last.

use super::{NotCarried, Strategy, carried};
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Patch;
use trustmill_patch::carry::Means;

/// The strategy.
pub(super) struct Replace;

impl Strategy for Replace {
    fn name(&self) -> &'static str {
        "replace"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
        carried::replaced(task, material, workshop)
    }

    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
        carried::tests(task, material, workshop, Means::Symbol)
    }
}
