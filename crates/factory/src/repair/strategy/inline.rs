//! Tests that stand beside the code that they test: those of the fix come with it, one by one where the lines around them
//! are others.

use super::carried::{edit, path_in};
use crate::repair::find::changed;
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Patch, Role};

/// The change with the tests that the fix brings to files of code and that it lacks; `None` where it lacks none.
pub(super) fn completed(
    fix: &Patch,
    task: &Task,
    material: &Material,
    workshop: &dyn Workshop,
) -> Option<Patch> {
    let mut patch = fix.clone();
    for path in changed(&material.before, &material.after).filter(|path| workshop.role(path) == Role::Code) {
        let (Some(before), Some(after)) = (material.before.text(path), material.after.text(path)) else {
            continue;
        };
        let Some(there) = path_in(&task.tree, path, before) else { continue };
        let Some(published) = task.tree.text(&there) else { continue };
        let now = fix.edits.get(&there).and_then(|edit| edit.after.as_deref());
        let now = now.map_or(Ok(published), std::str::from_utf8);
        let text = now.ok().and_then(|now| workshop.with_new_tests(path, now, before, after));
        if let Some(text) = text {
            patch.edits.insert(there, edit(Some(published), Some(&text)));
        }
    }
    (patch != *fix).then_some(patch)
}
