//! Tests that the repository holds and the published archives do not, and what they need.

use super::{releases, tags, trim};
use crate::StepError;
use crate::repair::{Extent, Material, Repairs, Task};
use trustmill_core::advisory::Finding;
use trustmill_core::content::Contents;
use trustmill_core::port::repositories::{Repositories, RepositoryError};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Role;
use trustmill_core::source::{ObjectId, SourceClaim};

/// The test files of the release's commit that its archive lacks; nothing where no commit can be found.
pub(in crate::repair) async fn beside(
    repairs: &Repairs,
    task: &Task,
    workshop: &dyn Workshop,
) -> Result<Contents, StepError> {
    let world = &repairs.world;
    let Some(repositories) = &world.repositories else { return Ok(Contents::default()) };
    let claim = tags::claim(repairs, task)?;
    let version = task.release.version().unwrap_or_default();
    for address in addresses(task, claim.as_ref()) {
        let Ok(refs) = repositories.refs(&address).await else { continue };
        let Some(commit) = tags::tagged(&refs, claim.as_ref(), task, version) else { continue };
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

/// What came to the repository's tests between the last release that is affected and the first that is not. A fix brings
/// its tests now and then in a commit of their own, and many archives hold none.
pub(in crate::repair) async fn between(
    repairs: &Repairs,
    finding: &Finding,
    task: &Task,
    workshop: &dyn Workshop,
) -> Result<Option<Material>, StepError> {
    let Some(repositories) = &repairs.world.repositories else { return Ok(None) };
    let claim = tags::claim(repairs, task)?;
    for (affected, fixed) in releases::around(repairs, finding, task).await? {
        for address in addresses(task, claim.as_ref()) {
            let Ok(refs) = repositories.refs(&address).await else { continue };
            let commit = |version: &str| tags::tagged(&refs, claim.as_ref(), task, version);
            let Some((base, tip)) = commit(&affected).zip(commit(&fixed)) else { continue };
            match changes(repositories.as_ref(), &address, [&base, &tip], workshop).await {
                Ok(material) if material.after.members.is_empty() => {}
                Ok(material) => return Ok(Some(material)),
                Err(error) => {
                    tracing::info!(%address, %error, "the tests of the fix's release cannot be read");
                }
            }
        }
    }
    Ok(None)
}

/// Where the release's repository may be read: the one of the fix could be, the one that metadata names may be gone.
fn addresses(task: &Task, claim: Option<&SourceClaim>) -> Vec<String> {
    let of_fix = task.material.iter().filter_map(|material| material.origin.split_once('@'));
    let of_fix = of_fix.map(|(repository, _)| repository.to_owned()).find(|origin| origin.contains("://"));
    let claimed =
        claim.map(|claim| claim.repository.clone()).filter(|claimed| Some(claimed) != of_fix.as_ref());
    of_fix.iter().cloned().chain(claimed).collect()
}

/// How two commits differ in tests.
async fn changes(
    repositories: &dyn Repositories,
    address: &str,
    [base, tip]: [&ObjectId; 2],
    workshop: &dyn Workshop,
) -> Result<Material, RepositoryError> {
    let (before, after) = (repositories.tree(address, base).await?, repositories.tree(address, tip).await?);
    let is_test = |path: &str| workshop.role(path) == Role::Test;
    let [old, new] = super::differing(repositories, address, [&before, &after], &is_test).await?;
    Ok(trim::material(format!("{address}@{tip}"), &old, &new, Extent::Part, workshop))
}
