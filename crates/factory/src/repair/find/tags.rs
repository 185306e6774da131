//! Which tag of a repository a version is.

use crate::StepError;
use crate::repair::{Repairs, Task};
use trustmill_core::port::ecosystem::Published;
use trustmill_core::port::repositories::Ref;
use trustmill_core::source::{ObjectId, SourceClaim};

/// What the release says of its repository.
pub(super) fn claim(repairs: &Repairs, task: &Task) -> Result<Option<SourceClaim>, StepError> {
    let published = Published { purl: &task.release, file: None, archive: Some((&task.archive, &task.tree)) };
    Ok(repairs.world.ecosystem(&task.release)?.source_claim(&published))
}

/// The commit of a version's tag: as the project names the release's, else as projects do.
pub(super) fn tagged(
    refs: &[Ref],
    claim: Option<&SourceClaim>,
    task: &Task,
    version: &str,
) -> Option<ObjectId> {
    let own = task.release.version().unwrap_or_default();
    let claimed = claim.into_iter().flat_map(|claim| &claim.tags).map(|tag| tag.replace(own, version));
    let usual = [
        version.to_owned(),
        format!("v{version}"),
        format!("{}-{version}", task.release.name()),
        format!("release-{version}"),
    ];
    claimed.chain(usual).find_map(|tag| {
        let name = format!("refs/tags/{tag}");
        refs.iter().find(|one| one.name == name).map(|one| one.commit.clone())
    })
}
