//! Source: what the release was made from is opened when the first rebuild asks for it, and then shared. The
//! uploaded archive, the commit in the repository, or both; and whether the one holds what the other does.

use super::fetch::{Opened, Refused, open};
use super::locate::{Located, Wanted, locate, problem};
use super::{Archive, blocking, long_step, step};
use crate::facts::{self, Problem, SourceReport};
use crate::{StepError, World};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::content::Contents;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::ecosystem::{Ecosystem, Published};
use trustmill_core::port::repositories::Repositories;
use trustmill_core::source::{
    Checkout, Source, SourceCheck, SourceFindingClass, SourceFrom, SourceProblem, Sources, TreeFile, TreeKind,
};
use trustmill_inspect::archive::{self, Limits};
use trustmill_inspect::source::{below, check, directory_of};

/// The source of a release, opened at most once.
pub(crate) struct Sourcing<'a> {
    world: &'a World,
    purl: &'a Purl,
    artifact: Option<&'a Artifact>,
    opened: Option<Result<Found, Refused>>,
}

/// What there is to build from.
#[derive(Clone, Default)]
pub(crate) struct Found {
    pub(crate) sources: Sources,
    /// Why there is no commit, or what part of the claim about it did not hold.
    pub(crate) problem: Option<Problem>,
}

impl Found {
    /// Whether there is anything to build from.
    pub(crate) const fn is_empty(&self) -> bool {
        self.sources.archive.is_none() && self.sources.git.is_none()
    }
}

impl<'a> Sourcing<'a> {
    pub(super) const fn new(world: &'a World, purl: &'a Purl, artifact: Option<&'a Artifact>) -> Self {
        Self { world, purl, artifact, opened: None }
    }

    /// Whether the release has an uploaded source, or may have a repository.
    pub(super) const fn is_possible(&self) -> bool {
        self.artifact.is_some() || self.world.repositories.is_some()
    }

    /// The opened sources, or why the uploaded archive is refused. `published` is the file to rebuild.
    pub(super) async fn open(
        &mut self,
        published: Option<&Archive>,
    ) -> Result<Result<Found, Refused>, StepError> {
        if let Some(opened) = &self.opened {
            return Ok(opened.clone());
        }
        let opened = match self.archive().await? {
            Some(Err(refused)) => Err(refused),
            None => Ok(self.with_git(None, published).await?),
            Some(Ok(archive)) => Ok(self.with_git(Some(archive), published).await?),
        };
        Ok(self.opened.insert(opened).clone())
    }

    /// The uploaded archive.
    async fn archive(&self) -> Result<Option<Result<Archive, Refused>>, StepError> {
        let Some(artifact) = self.artifact else { return Ok(None) };
        step(self.world, self.purl, "fetch source");
        let read = |name: &str, bytes: &bytes::Bytes| archive::sdist::read(name, bytes, &Limits::default());
        Ok(Some(match open(self.world, self.purl, artifact, read).await? {
            Opened::Archive(archive) => Ok(*archive),
            Opened::Hostile(refused) => Err(refused),
        }))
    }

    /// Adds the commit, and writes down what was found out about it.
    async fn with_git(
        &self,
        archive: Option<Archive>,
        published: Option<&Archive>,
    ) -> Result<Found, StepError> {
        let ecosystem = self.world.ecosystem(self.purl)?;
        let release = Published {
            purl: self.purl,
            file: published.map(|file| (&file.artifact, file.contents.as_ref())),
            archive: archive.as_ref().map(|file| (&file.artifact, file.contents.as_ref())),
        };
        let mut report = SourceReport { claim: ecosystem.source_claim(&release), ..SourceReport::default() };
        let git = match (&report.claim, &self.world.repositories) {
            (Some(_), Some(repositories)) => {
                self.checkout(ecosystem.as_ref(), repositories.as_ref(), &release, &mut report).await?
            }
            (None, Some(_)) => {
                report.problem = Some(Problem {
                    class: SourceProblem::NoRepository,
                    detail: "the metadata names no repository".to_owned(),
                });
                None
            }
            (_, None) => None,
        };
        if let Some(git) = &git {
            // What the registry calls source is checked against the commit: an sdist, or a crate itself.
            let crated = published.filter(|file| file.artifact.kind == ArtifactKind::Source);
            if let Some(file) = archive.as_ref().or(crated) {
                report.checked = Some(checked(ecosystem, file, git).await?);
            }
        }
        if self.world.repositories.is_some() {
            let fact = facts::fact(self.purl, None, self.world.clock.now(), &report)?;
            self.world.records.append(&[fact]).await?;
        }
        let archive = archive.map(|Archive { artifact, digest, contents, .. }| {
            Arc::new(Source::uploaded(artifact, digest, contents))
        });
        Ok(Found { sources: Sources { archive, git }, problem: report.problem })
    }

    /// The commit with its files, or `None` and the reason in the report.
    async fn checkout(
        &self,
        ecosystem: &dyn Ecosystem,
        repositories: &dyn Repositories,
        release: &Published<'_>,
        report: &mut SourceReport,
    ) -> Result<Option<Arc<Source>>, StepError> {
        let Some(claim) = report.claim.clone() else { return Ok(None) };
        let nothing = Contents::default();
        let files = release.archive.or(release.file).map_or(&nothing, |(_, contents)| contents);
        let uploaded = release.file.or(release.archive).and_then(|(artifact, _)| artifact.upload_time);
        let wanted =
            Wanted { world: self.world, repositories, purl: self.purl, claim: &claim, uploaded, files };
        let Located { tree, found_by, problem: partial } =
            match long_step(self.world, self.purl, "find commit", locate(&wanted)).await? {
                Ok(located) => located,
                Err(problem) => {
                    report.problem = Some(problem);
                    return Ok(None);
                }
            };
        report.commit = Some(tree.commit.clone());
        report.found_by = Some(found_by.clone());
        report.problem = partial;
        let claimed = !claim.directory.is_empty();
        let directory =
            if claimed { claim.directory } else { directory_of(files, &tree).unwrap_or_default() };
        let prefix = below(&directory, "");
        if claimed && !tree.files.keys().any(|path| path.starts_with(&prefix)) {
            let detail = format!("the commit has no folder {directory}");
            report.problem = Some(Problem { class: SourceProblem::NoDirectory, detail });
            return Ok(None);
        }
        let in_scope = |path: &str| ecosystem.in_scope(&directory, path);
        let read = repositories.read(&claim.repository, &tree, &in_scope);
        let contents = match long_step(self.world, self.purl, "read commit", read).await {
            Ok(contents) => Arc::new(contents),
            Err(error) => {
                report.problem = Some(problem(&error));
                return Ok(None);
            }
        };
        report.directory = Some(directory.clone());
        let checkout = Checkout { repository: claim.repository, tree, directory, found_by };
        Ok(Some(Arc::new(Source { from: SourceFrom::Git(checkout), contents })))
    }
}

/// How what the registry calls source compares with the commit.
async fn checked(
    ecosystem: &Arc<dyn Ecosystem>,
    file: &Archive,
    git: &Arc<Source>,
) -> Result<(String, SourceCheck), StepError> {
    let (ecosystem, contents, git) = (Arc::clone(ecosystem), Arc::clone(&file.contents), Arc::clone(git));
    let found = blocking(move || {
        let directory = git.checkout().map_or("", |checkout| checkout.directory.as_str());
        let generated = |path: &str, bytes: &[u8]| ecosystem.generated(path, bytes);
        let mut found = check(&contents, &git.contents, directory, &generated);
        if let Some(checkout) = git.checkout() {
            equal_by_name(&mut found, &contents, checkout);
        }
        found
    })
    .await?;
    Ok((file.artifact.filename.clone(), found))
}

/// A file whose bytes a partial mirror lacks has its name in the tree, and the name is a hash of the bytes.
fn equal_by_name(check: &mut SourceCheck, archive: &Contents, checkout: &Checkout) {
    let before = check.findings.len();
    check.findings.retain(|finding| {
        let theirs = checkout.tree.files.get(&below(&checkout.directory, &finding.path));
        let plain = |file: &&TreeFile| matches!(file.kind, TreeKind::File | TreeKind::Executable);
        let theirs = theirs.filter(|_| finding.class == SourceFindingClass::Extra).filter(plain);
        let ours = archive.get(&finding.path);
        !theirs.zip(ours).is_some_and(|(theirs, ours)| theirs.id.names("blob", &ours.bytes))
    });
    let equal = u32::try_from(before - check.findings.len()).unwrap_or(u32::MAX);
    check.equal = check.equal.saturating_add(equal);
}
