//! `dependency`: A later release of something that the package needs: its bound, as upstream moved it, or the copy of it
//! that the package carries, where the release has the very copy that upstream replaced.

use super::carried::edit;
use super::{NotCarried, Strategy, carried};
use crate::repair::find::{bounds, changed};
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Patch, Role};
use trustmill_patch::carry::Means;

/// Its name: what it alone may change, the oracle allows to nobody else.
pub(super) const NAME: &str = "dependency";

/// The strategy.
pub(super) struct Dependency;

impl Strategy for Dependency {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
        let of_dependencies = of(task, material, workshop)?;
        if of_dependencies.is_empty() {
            return Ok(Patch::default());
        }
        let mut patch = carried::fix(task, material, workshop, Means::Symbol)?;
        patch.edits.extend(of_dependencies.edits);
        Ok(patch)
    }

    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
        carried::tests(task, material, workshop, Means::Symbol)
    }
}

fn of(task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
    let mut patch = Patch::default();
    let fails = |path: &str| NotCarried {
        hunks: 1,
        of: 1,
        why: format!("{path}: what it asks for, or carries, is not what upstream had"),
    };
    for path in changed(&material.before, &material.after) {
        let role = workshop.role(path);
        let (before, after) = (material.before.text(path), material.after.text(path));
        match (role, before, after) {
            (Role::Metadata, Some(before), Some(after)) => {
                let Some(target) = task.tree.text(path) else { continue };
                let text = bounds::carried(before, after, target).ok_or_else(|| fails(path))?;
                if text != target {
                    patch.edits.insert(path.clone(), edit(Some(target), Some(&text)));
                }
            }
            (Role::Vendored, Some(before), Some(after)) => {
                let target = task.tree.text(path).filter(|target| *target == before);
                let target = target.ok_or_else(|| fails(path))?;
                patch.edits.insert(path.clone(), edit(Some(target), Some(after)));
            }
            (Role::Vendored, None, Some(after)) if task.tree.get(path).is_none() => {
                patch.edits.insert(path.clone(), edit(None, Some(after)));
            }
            _ => {}
        }
    }
    Ok(patch)
}
