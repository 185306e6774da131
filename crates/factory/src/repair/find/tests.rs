//! Tests that the repository holds and the published archive does not.

use crate::StepError;
use crate::repair::{Repairs, Task};
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::Published;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Role;
use trustmill_core::source::ObjectId;

/// The test files of the release's commit that its archive lacks; nothing where no commit can be found.
pub(in crate::repair) async fn beside(
    repairs: &Repairs,
    task: &Task,
    workshop: &dyn Workshop,
) -> Result<Contents, StepError> {
    let world = &repairs.world;
    let Some(repositories) = &world.repositories else { return Ok(Contents::default()) };
    let published = Published { purl: &task.release, file: None, archive: Some((&task.archive, &task.tree)) };
    let claim = world.ecosystem(&task.release)?.source_claim(&published);
    // The repository of the fix is one that could be read; the metadata's may be gone.
    let of_fix = task.material.iter().filter_map(|material| material.origin.split_once('@'));
    let of_fix = of_fix.map(|(repository, _)| repository.to_owned()).find(|origin| origin.contains("://"));
    let tags = claim.as_ref().map(|claim| claim.tags.clone()).unwrap_or_default();
    let addresses = of_fix.into_iter().chain(claim.map(|claim| claim.repository));
    for address in addresses {
        let Ok(refs) = repositories.refs(&address).await else { continue };
        let tagged = |tag: &String| -> Option<ObjectId> {
            let name = format!("refs/tags/{tag}");
            refs.iter().find(|one| one.name == name).map(|one| one.commit.clone())
        };
        let Some(commit) = plain(&tags, task).iter().find_map(tagged) else { continue };
        let Ok(tree) = repositories.tree(&address, &commit).await else { continue };
        let wanted = |path: &str| workshop.role(path) == Role::Test && task.tree.get(path).is_none();
        if let Ok(contents) = repositories.read(&address, &tree, &wanted).await {
            return Ok(contents);
        }
    }
    Ok(Contents::default())
}

/// The tags that a project may use, also where its metadata names no repository.
fn plain(tags: &[String], task: &Task) -> Vec<String> {
    let version = task.release.version().unwrap_or_default();
    let usual = [
        version.to_owned(),
        format!("v{version}"),
        format!("{}-{version}", task.release.name()),
        format!("release-{version}"),
    ];
    tags.iter().cloned().chain(usual).collect()
}
