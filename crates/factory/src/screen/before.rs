//! What is known beside a file: the release before it, and what the registry says of the project.
//!
//! Nothing here may stop a scan. A release before that cannot be had within a moment is left out, and a hijack is then
//! judged by what it does and not by what it changed.

use super::Screen;
use crate::facts::{self, SourceReport};
use crate::pipeline::attempts;
use std::cmp::Ordering;
use std::time::Duration;
use trustmill_core::attempt::AttemptResult;
use trustmill_core::comparison::{Difference, DifferenceClass};
use trustmill_core::package::Artifact;
use trustmill_core::port::scanner::{Context, File, Previous};
use trustmill_core::release::Project;
use trustmill_core::source::{FoundBy, SourceProblem};
use trustmill_core::version::VersionScheme;
use trustmill_core::{Purl, Sha256};

/// How long the release before may take to come.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);
/// The largest file that is fetched for a comparison alone.
const MOST_BYTES: u64 = 64 << 20;
const DAY: i64 = 86_400;

/// With what a file is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against<'a> {
    /// The release before.
    Before,
    /// The release that a person names.
    Version(&'a str),
}

impl Screen {
    /// The release before, and what is known of this one.
    pub(super) async fn before(
        &self,
        release: &Purl,
        file: &str,
        digest: Sha256,
        against: &Against<'_>,
    ) -> (Option<Previous>, Context) {
        let (ty, name) = (release.ty(), release.name());
        let mut context = Context {
            popular: Some(self.settings.popular.lists(ty, &name)),
            resembles: self.settings.popular.resembles(ty, &name),
            ..Context::default()
        };
        self.tell_source(&mut context, release, file, digest).await;
        let (Some(ecosystem), Some(scheme), Some(version)) =
            (self.ecosystem(ty), self.scheme(ty), release.version())
        else {
            return (None, context);
        };
        let reading = tokio::time::timeout(PATIENCE, ecosystem.project(&name));
        let Ok(Ok(project)) = reading.await else { return (None, context) };
        self.tell(&mut context, &project);
        let Some(artifact) = previous(&project, scheme, version, file, against) else {
            return (None, context);
        };
        compare(&mut context, &project, artifact, version, file);
        let bytes = tokio::time::timeout(PATIENCE, self.bytes(artifact)).await.ok().flatten();
        let previous = bytes.map(|bytes| Previous {
            version: artifact.version.clone(),
            file: File { name: artifact.filename.clone(), bytes },
        });
        (previous, context)
    }

    /// What the search for its source found: whether the repository has a tag for it, and which members no rebuild
    /// gave; of an uploaded source, the files that its commit has not.
    async fn tell_source(&self, context: &mut Context, release: &Purl, file: &str, digest: Sha256) {
        let records = &*self.ports.records;
        let source = facts::all::<SourceReport>(records, release).await.unwrap_or_default();
        let source = source.into_iter().next_back().map(|(_, report)| report).unwrap_or_default();
        context.tagged = match (&source.found_by, source.problem.map(|problem| problem.class)) {
            (Some(FoundBy::Tag(_)), _) => Some(true),
            (None, Some(SourceProblem::NoCommit)) => Some(false),
            _ => None,
        };
        let attempts = attempts(records, release).await.unwrap_or_default();
        let compared = attempts.iter().filter_map(|(_, attempt)| match &attempt.result {
            AttemptResult::Compared(comparison) if comparison.published == digest => Some(comparison),
            _ => None,
        });
        let best = compared.min_by_key(|comparison| comparison.differences.len());
        context.not_in_source = match (best, source.checked.filter(|(of, _)| of == file)) {
            (Some(best), _) => {
                best.differences.iter().filter(|one| is_new(one)).map(|one| one.member.clone()).collect()
            }
            (None, Some((_, check))) => {
                let foreign = check.findings.into_iter().filter(|one| !one.class.is_accounted_for());
                foreign.map(|finding| finding.path).collect()
            }
            (None, None) => Vec::new(),
        };
    }

    fn tell(&self, context: &mut Context, project: &Project) {
        context.releases = u32::try_from(project.versions.len()).ok();
        context.project_age_days = self.age(project);
    }

    /// Days since a project's first release, where its registry says.
    pub(super) fn age(&self, project: &Project) -> Option<u32> {
        let first = project.files.iter().filter_map(|file| file.upload_time).min()?;
        u32::try_from((self.ports.clock.now().as_second() - first.as_second()) / DAY).ok()
    }

    pub(super) async fn bytes(&self, artifact: &Artifact) -> Option<bytes::Bytes> {
        if artifact.size.is_some_and(|size| size > MOST_BYTES) {
            return None;
        }
        let here = match &artifact.sha256 {
            Some(digest) => self.ports.blobs.get(digest).await.ok().flatten(),
            None => None,
        };
        if here.is_some() {
            return here;
        }
        let promised = artifact.promised();
        let fetched = self.ports.fetch.file(&artifact.url, promised.as_ref(), MOST_BYTES).await;
        let (digest, _) = fetched.ok()?;
        self.ports.blobs.get(&digest).await.ok().flatten()
    }
}

/// Whether a member is the publisher's alone, or has contents that no source gives.
const fn is_new(difference: &Difference) -> bool {
    matches!(difference.class, DifferenceClass::OnlyPublished | DifferenceClass::Content)
}

/// The file of the same kind of the newest lower release that is no prerelease and was not withdrawn.
fn previous<'a>(
    project: &'a Project,
    scheme: &dyn VersionScheme,
    version: &str,
    file: &str,
    against: &Against<'_>,
) -> Option<&'a Artifact> {
    let wanted = |artifact: &Artifact| match against {
        Against::Version(named) => scheme.compare(&artifact.version, named) == Some(Ordering::Equal),
        Against::Before => {
            scheme.compare(&artifact.version, version) == Some(Ordering::Less)
                && !scheme.is_prerelease(&artifact.version)
                && artifact.yanked.is_none()
        }
    };
    let lower = |artifact: &&Artifact| wanted(artifact) && kind(&artifact.filename) == kind(file);
    let order = |a: &&Artifact, b: &&Artifact| {
        let versions = scheme.compare(&a.version, &b.version).unwrap_or(Ordering::Equal);
        let alike = |artifact: &Artifact| alike(&artifact.filename, file);
        versions.then_with(|| alike(a).cmp(&alike(b)))
    };
    project.files.iter().filter(lower).max_by(order)
}

/// What the two releases say of their publishing, where the registry says.
fn compare(context: &mut Context, project: &Project, before: &Artifact, version: &str, file: &str) {
    let Some(now) = project.files_of(version).find(|artifact| artifact.filename == file) else { return };
    let hint = |artifact: &Artifact, name: &str| artifact.hints.get(name).cloned();
    if let (Some(was), Some(is)) = (hint(before, Artifact::PUBLISHER), hint(now, Artifact::PUBLISHER)) {
        context.other_publisher = Some(was != is);
    }
    let proven = |artifact| hint(artifact, Artifact::PROVENANCE).is_some();
    if proven(before) || proven(now) {
        context.lost_provenance = Some(proven(before) && !proven(now));
    }
}

/// Wheels are compared with wheels, and source with source.
fn kind(filename: &str) -> &str {
    let ends = |end: &str| filename.len() > end.len() && filename.ends_with(end);
    [".whl", ".egg", ".crate"].into_iter().find(|end| ends(end)).unwrap_or("source")
}

/// How many of a wheel's tags two names share, from the end.
fn alike(a: &str, b: &str) -> usize {
    a.rsplit('-').zip(b.rsplit('-')).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::package::ArtifactKind;
    use trustmill_testkit::Dotted;

    fn artifact(filename: &str, version: &str) -> Artifact {
        Artifact {
            filename: filename.into(),
            kind: ArtifactKind::Portable,
            version: version.into(),
            sha256: None,
            integrity: None,
            size: None,
            upload_time: None,
            url: format!("https://files.example/{filename}"),
            yanked: None,
            requires_runtime: None,
            metadata_sha256: None,
            hints: std::collections::BTreeMap::new(),
        }
    }

    fn project(files: &[(&str, &str)]) -> Project {
        let files: Vec<_> = files.iter().map(|(name, version)| artifact(name, version)).collect();
        Project { name: "a".into(), versions: files.iter().map(|file| file.version.clone()).collect(), files }
    }

    #[test]
    fn a_release_is_compared_with_the_newest_lower_one_and_a_wheel_with_its_like() {
        let mut project = project(&[
            ("a-1.0.tar.gz", "1.0"),
            ("a-1.2-cp312-cp312-manylinux.whl", "1.2"),
            ("a-1.2-py3-none-any.whl", "1.2"),
            ("a-1.3.tar.gz", "1.3"),
            ("a-1.4-py3-none-any.whl", "1.4"),
        ]);
        let before = |project: &Project, file: &str| {
            previous(project, &Dotted("npm"), "1.4", file, &Against::Before)
                .map(|artifact| artifact.filename.clone())
        };
        assert_eq!(before(&project, "a-1.4-py3-none-any.whl").as_deref(), Some("a-1.2-py3-none-any.whl"));
        assert_eq!(
            before(&project, "a-1.4-cp312-cp312-manylinux.whl").as_deref(),
            Some("a-1.2-cp312-cp312-manylinux.whl")
        );
        assert_eq!(before(&project, "a-1.4.tar.gz").as_deref(), Some("a-1.3.tar.gz"));
        assert_eq!(before(&project, "a-1.4.crate"), None);
        let named = previous(&project, &Dotted("npm"), "1.4", "a-1.4.tar.gz", &Against::Version("1.0"));
        assert_eq!(named.map(|artifact| artifact.version.as_str()), Some("1.0"));
        project.files[3].yanked = Some(String::new());
        assert_eq!(before(&project, "a-1.4.tar.gz").as_deref(), Some("a-1.0.tar.gz"), "withdrawn");
    }

    #[test]
    fn another_publisher_and_a_lost_statement_are_told() {
        let mut project = project(&[("a-1.0.tgz", "1.0"), ("a-1.1.tgz", "1.1")]);
        project.files[0].hints.insert(Artifact::PUBLISHER.into(), "ann".into());
        project.files[0].hints.insert(Artifact::PROVENANCE.into(), "yes".into());
        project.files[1].hints.insert(Artifact::PUBLISHER.into(), "mallory".into());
        let mut context = Context::default();
        compare(&mut context, &project, &project.files[0], "1.1", "a-1.1.tgz");
        assert_eq!((context.other_publisher, context.lost_provenance), (Some(true), Some(true)));
        let mut unknown = Context::default();
        let silent = self::project(&[("a-1.0.tgz", "1.0"), ("a-1.1.tgz", "1.1")]);
        compare(&mut unknown, &silent, &silent.files[0], "1.1", "a-1.1.tgz");
        assert_eq!((unknown.other_publisher, unknown.lost_provenance), (None, None), "nothing is said");
    }
}
