//! `exact`: The same lines in the same surroundings: what a person would apply without looking twice.

use super::{NotCarried, Strategy, carried};
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Patch;
use trustmill_patch::carry::Means;

/// The strategy.
pub(super) struct Exact;

impl Strategy for Exact {
    fn name(&self) -> &'static str {
        "exact"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
        carried::fix(task, material, workshop, Means::Exact)
    }

    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
        carried::tests(task, material, workshop, Means::Exact)
    }
}
