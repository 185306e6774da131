//! Locate: from what a release says of its repository to one commit, by the strongest evidence there is.
//!
//! A recorded commit counts only if a branch or tag leads to it: forges answer for the commits of every fork,
//! so that a commit alone says nothing about who put it there. A tag counts as it was first seen.

use super::step;
use crate::facts::{self, Alarm, Problem, TagSeen};
use crate::{StepError, World};
use std::sync::Arc;
use trustmill_core::content::Contents;
use trustmill_core::port::Coded;
use trustmill_core::port::repositories::{Ref, Repositories, RepositoryError};
use trustmill_core::source::{FoundBy, ObjectId, SourceClaim, SourceProblem, Tree};
use trustmill_core::{Purl, Timestamp};
use trustmill_inspect::source::{directory_of, held};

/// Commits whose trees are looked at where nothing names the commit.
const COMMITS: usize = 24;

/// A commit, and what part of the claim did not hold.
pub(super) struct Located {
    pub(super) tree: Arc<Tree>,
    pub(super) found_by: FoundBy,
    pub(super) problem: Option<Problem>,
}

/// What is known of the release whose commit is wanted.
pub(super) struct Wanted<'a> {
    pub(super) world: &'a World,
    pub(super) repositories: &'a dyn Repositories,
    pub(super) purl: &'a Purl,
    pub(super) claim: &'a SourceClaim,
    pub(super) uploaded: Option<Timestamp>,
    /// The files to look for in trees: the source archive's, else those of the published file.
    pub(super) files: &'a Contents,
}

/// The commit of the release, or why there is none.
pub(super) async fn locate(wanted: &Wanted<'_>) -> Result<Result<Located, Problem>, StepError> {
    let recorded = match wanted.recorded().await {
        Some(Ok(tree)) => return Ok(Ok(Located { tree, found_by: FoundBy::Recorded, problem: None })),
        Some(Err(problem)) if ends_the_search(problem.class) => return Ok(Err(problem)),
        Some(Err(problem)) => Some(problem),
        None => None,
    };
    let refs = match wanted.repositories.refs(&wanted.claim.repository).await {
        Ok(refs) => refs,
        Err(error) => return Ok(Err(recorded.unwrap_or_else(|| problem(&error)))),
    };
    match wanted.tagged(&refs).await? {
        Some(Ok((tree, tag))) => {
            return Ok(Ok(Located { tree, found_by: FoundBy::Tag(tag), problem: recorded }));
        }
        Some(Err(problem)) => return Ok(Err(problem)),
        None => {}
    }
    Ok(match wanted.by_content().await {
        Ok(Some((tree, found_by))) => Ok(Located { tree, found_by, problem: recorded }),
        Ok(None) => Err(recorded.unwrap_or_else(|| Problem {
            class: SourceProblem::NoCommit,
            detail: "no commit is recorded, no tag fits the version, and no commit holds the files"
                .to_owned(),
        })),
        Err(error) => Err(recorded.unwrap_or_else(|| problem(&error))),
    })
}

/// A problem as the repository's reader puts it.
pub(super) fn problem(error: &RepositoryError) -> Problem {
    Problem { class: error.class, detail: error.why.clone() }
}

/// Whether no other way into the repository can lead further.
const fn ends_the_search(class: SourceProblem) -> bool {
    !matches!(class, SourceProblem::CommitMissing | SourceProblem::CommitUnreached)
}

impl Wanted<'_> {
    async fn tree(&self, commit: &ObjectId) -> Result<Arc<Tree>, RepositoryError> {
        self.repositories.tree(&self.claim.repository, commit).await
    }

    /// The commit that the publisher's tool recorded.
    async fn recorded(&self) -> Option<Result<Arc<Tree>, Problem>> {
        let commit = self.claim.commit.as_ref()?;
        let found = async {
            let tree = self.tree(commit).await?;
            let reached = self.repositories.reaches(&self.claim.repository, commit).await?;
            Ok::<_, RepositoryError>((tree, reached))
        };
        Some(match found.await {
            Ok((tree, true)) => Ok(tree),
            Ok((_, false)) => Err(Problem {
                class: SourceProblem::CommitUnreached,
                detail: format!("no branch or tag leads to the recorded commit {}", commit.short()),
            }),
            Err(error) => Err(problem(&error)),
        })
    }

    /// The commit of the first tag that fits, as it was when the tag was first seen.
    async fn tagged(&self, refs: &[Ref]) -> Result<Option<Result<(Arc<Tree>, String), Problem>>, StepError> {
        let named = |tag: &String| refs.iter().find(|one| one.name.strip_prefix("refs/tags/") == Some(tag));
        let Some((tag, found)) = self.claim.tags.iter().find_map(|tag| Some((tag, named(tag)?))) else {
            return Ok(None);
        };
        step(self.world, self.purl, "tag");
        if let Some(problem) = self.moved(tag, &found.commit).await? {
            return Ok(Some(Err(problem)));
        }
        let tree = self.tree(&found.commit).await;
        Ok(Some(tree.map(|tree| (tree, tag.clone())).map_err(|error| problem(&error))))
    }

    /// Remembers where the tag leads; a tag that led elsewhere before raises an alarm.
    async fn moved(&self, tag: &str, commit: &ObjectId) -> Result<Option<Problem>, StepError> {
        let (records, now) = (self.world.records.as_ref(), self.world.clock.now());
        let project = self.purl.without_version();
        let subject = format!("{}#{tag}", self.claim.repository);
        let seen = facts::all::<TagSeen>(records, &project).await?;
        let first = seen.into_iter().find(|(fact, _)| fact.subject.as_deref() == Some(&subject));
        let Some((_, first)) = first else {
            let seen = TagSeen { commit: commit.clone() };
            records.append(&[facts::fact(&project, Some(&subject), now, &seen)?]).await?;
            return Ok(None);
        };
        if first.commit == *commit {
            return Ok(None);
        }
        let detail = format!(
            "tag {tag} leads to {}, and led to {} when it was first seen",
            commit.short(),
            first.commit.short()
        );
        let error = RepositoryError {
            repository: self.claim.repository.clone(),
            class: SourceProblem::TagMoved,
            why: detail.clone(),
        };
        let alarm = Alarm { code: error.code().to_owned(), what: error.to_string() };
        records.append(&[facts::fact(self.purl, Some(&subject), now, &alarm)?]).await?;
        Ok(Some(Problem { class: SourceProblem::TagMoved, detail }))
    }

    /// The newest commit before the upload that holds the most of the files; at least nine in ten of those
    /// that any commit can be asked for.
    async fn by_content(&self) -> Result<Option<(Arc<Tree>, FoundBy)>, RepositoryError> {
        let Some(uploaded) = self.uploaded else { return Ok(None) };
        step(self.world, self.purl, "search commits");
        let commits = self.repositories.commits(&self.claim.repository, uploaded, COMMITS).await?;
        let mut best: Option<(Arc<Tree>, u32, u32)> = None;
        for commit in &commits {
            let tree = self.tree(commit).await?;
            let directory = directory_of(self.files, &tree).unwrap_or_else(|| self.claim.directory.clone());
            let (count, of) = held(self.files, &tree, &directory);
            if best.as_ref().is_none_or(|(_, before, _)| count > *before) {
                best = Some((tree, count, of));
            }
        }
        let enough = best.filter(|(_, count, of)| *count > 0 && u64::from(*count) * 10 >= u64::from(*of) * 9);
        Ok(enough.map(|(tree, held, of)| (tree, FoundBy::Content { held, of })))
    }
}
