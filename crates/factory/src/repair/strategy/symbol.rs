//! `symbol`: By the names of functions, classes and imports.

use super::{NotCarried, Strategy, carried};
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Patch;
use trustmill_patch::carry::Means;

/// The strategy.
pub(super) struct Symbol;

impl Strategy for Symbol {
    fn name(&self) -> &'static str {
        "symbol"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
        carried::fix(task, material, workshop, Means::Symbol)
    }

    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
        carried::tests(task, material, workshop, Means::Symbol)
    }
}
