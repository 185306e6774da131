//! Tests that the repository holds and the published archive does not, and what they need.

use crate::StepError;
use crate::repair::{Repairs, Task};
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Role;

/// The test files of the release's commit that its archive lacks; nothing where no commit can be found.
pub(in crate::repair) async fn beside(
    repairs: &Repairs,
    task: &Task,
    workshop: &dyn Workshop,
) -> Result<Contents, StepError> {
    let world = &repairs.world;
    let Some(repositories) = &world.repositories else { return Ok(Contents::default()) };
    let claim = super::tags::claim(repairs, task)?;
    // The repository of the fix is one that could be read; the metadata's may be gone.
    let of_fix = task.material.iter().filter_map(|material| material.origin.split_once('@'));
    let of_fix = of_fix.map(|(repository, _)| repository.to_owned()).find(|origin| origin.contains("://"));
    let addresses = of_fix.into_iter().chain(claim.as_ref().map(|claim| claim.repository.clone()));
    let version = task.release.version().unwrap_or_default();
    for address in addresses {
        let Ok(refs) = repositories.refs(&address).await else { continue };
        let Some(commit) = super::tags::tagged(&refs, claim.as_ref(), task, version) else { continue };
        let Ok(tree) = repositories.tree(&address, &commit).await else { continue };
        let wanted = |path: &str| {
            (workshop.role(path) == Role::Test || workshop.lists_needs(path)) && task.tree.get(path).is_none()
        };
        if let Ok(contents) = repositories.read(&address, &tree, &wanted).await {
            return Ok(contents);
        }
    }
    Ok(Contents::default())
}
