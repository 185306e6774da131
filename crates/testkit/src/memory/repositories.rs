//! Repositories in memory.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use trustmill_core::content::{Contents, Member};
use trustmill_core::port::repositories::{Ref, Repositories, RepositoryError, Said};
use trustmill_core::source::{ObjectId, SourceProblem, Tree, TreeFile, TreeKind};

/// Repositories that a test writes down. What is not written down is gone.
#[derive(Debug, Default)]
pub struct MemRepositories(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    repositories: BTreeMap<String, Repository>,
    failing: BTreeMap<String, SourceProblem>,
    asked: Vec<String>,
}

#[derive(Debug, Default)]
struct Repository {
    refs: BTreeMap<String, ObjectId>,
    commits: BTreeMap<ObjectId, Commit>,
}

#[derive(Debug)]
struct Commit {
    parent: Option<ObjectId>,
    committed: Timestamp,
    files: BTreeMap<String, Bytes>,
    message: String,
}

impl MemRepositories {
    /// No repository at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// A commit with these files, on top of `parent`. Its name follows from all of it.
    pub fn commit(
        &self,
        repository: &str,
        parent: Option<&ObjectId>,
        committed: Timestamp,
        files: &[(&str, &[u8])],
    ) -> ObjectId {
        let id = ObjectId::blob(format!("{repository} {parent:?} {committed} {files:?}").as_bytes());
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), Bytes::copy_from_slice(bytes)));
        let message = String::new();
        let commit = Commit { parent: parent.cloned(), committed, files: files.collect(), message };
        let mut state = self.0.lock().unwrap();
        state.repositories.entry(repository.to_owned()).or_default().commits.insert(id.clone(), commit);
        id
    }

    /// Gives a commit a message; its name stays.
    pub fn say(&self, repository: &str, commit: &ObjectId, message: &str) {
        let mut state = self.0.lock().unwrap();
        let commits = &mut state.repositories.entry(repository.to_owned()).or_default().commits;
        message.clone_into(&mut commits.get_mut(commit).unwrap().message);
    }

    /// Points a branch or tag, by its full name, to a commit.
    pub fn point(&self, repository: &str, name: &str, commit: &ObjectId) {
        let mut state = self.0.lock().unwrap();
        let refs = &mut state.repositories.entry(repository.to_owned()).or_default().refs;
        refs.insert(name.to_owned(), commit.clone());
    }

    /// Answers everything about a repository with a problem, or no longer.
    pub fn fail(&self, repository: &str, problem: Option<SourceProblem>) {
        let failing = &mut self.0.lock().unwrap().failing;
        match problem {
            Some(problem) => failing.insert(repository.to_owned(), problem),
            None => failing.remove(repository),
        };
    }

    /// What was asked so far, as the operation's name and the repository.
    pub fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    fn of<T>(
        &self,
        operation: &str,
        repository: &str,
        answer: impl FnOnce(&Repository) -> Result<T, SourceProblem>,
    ) -> Result<T, RepositoryError> {
        let mut state = self.0.lock().unwrap();
        state.asked.push(format!("{operation} {repository}"));
        let found = match (state.failing.get(repository), state.repositories.get(repository)) {
            (Some(problem), _) => Err(*problem),
            (None, None) => Err(SourceProblem::RepositoryGone),
            (None, Some(repository)) => answer(repository),
        };
        found.map_err(|class| RepositoryError {
            repository: repository.to_owned(),
            class,
            why: format!("the test says {}", class.as_str()),
        })
    }
}

impl Repository {
    fn commit(&self, id: &ObjectId) -> Result<&Commit, SourceProblem> {
        self.commits.get(id).ok_or(SourceProblem::CommitMissing)
    }

    /// Every commit that a branch or tag leads to.
    fn reached(&self) -> BTreeMap<&ObjectId, &Commit> {
        let mut reached = BTreeMap::new();
        for tip in self.refs.values() {
            let mut next = Some(tip);
            while let Some((id, commit)) = next.and_then(|id| Some((id, self.commits.get(id)?))) {
                reached.insert(id, commit);
                next = commit.parent.as_ref();
            }
        }
        reached
    }
}

#[async_trait]
impl Repositories for MemRepositories {
    async fn refs(&self, repository: &str) -> Result<Vec<Ref>, RepositoryError> {
        self.of("refs", repository, |found| {
            let refs = found.refs.iter();
            Ok(refs.map(|(name, commit)| Ref { name: name.clone(), commit: commit.clone() }).collect())
        })
    }

    async fn tree(&self, repository: &str, commit: &ObjectId) -> Result<Arc<Tree>, RepositoryError> {
        self.of("tree", repository, |found| {
            let Commit { parent, committed, files, .. } = found.commit(commit)?;
            let file = |bytes: &Bytes| TreeFile {
                id: ObjectId::blob(bytes),
                kind: TreeKind::File,
                size: bytes.len() as u64,
            };
            let files = files.iter().map(|(path, bytes)| (path.clone(), file(bytes))).collect();
            Ok(Arc::new(Tree {
                commit: commit.clone(),
                committed: *committed,
                parents: parent.iter().cloned().collect(),
                files,
                refused: Vec::new(),
            }))
        })
    }

    async fn read(
        &self,
        repository: &str,
        tree: &Tree,
        wanted: &(dyn for<'p> Fn(&'p str) -> bool + Send + Sync),
    ) -> Result<Contents, RepositoryError> {
        self.of("read", repository, |found| {
            let files = &found.commit(&tree.commit)?.files;
            let chosen = files.iter().filter(|(path, _)| wanted(path));
            let member = |bytes: &Bytes| Member { bytes: bytes.clone(), mode: Some(0o644), mtime: None };
            let members: BTreeMap<_, _> = chosen.map(|(path, bytes)| (path.clone(), member(bytes))).collect();
            Ok(Contents { order: members.keys().cloned().collect(), members })
        })
    }

    async fn reaches(&self, repository: &str, commit: &ObjectId) -> Result<bool, RepositoryError> {
        self.of("reaches", repository, |found| Ok(found.reached().contains_key(commit)))
    }

    async fn commits(
        &self,
        repository: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<ObjectId>, RepositoryError> {
        self.of("commits", repository, |found| {
            let mut commits: Vec<_> =
                found.reached().into_iter().filter(|(_, commit)| commit.committed <= before).collect();
            commits.sort_by_key(|(_, commit)| std::cmp::Reverse(commit.committed));
            Ok(commits.into_iter().take(limit).map(|(id, _)| id.clone()).collect())
        })
    }

    async fn messages(
        &self,
        repository: &str,
        base: &ObjectId,
        tip: &ObjectId,
        limit: usize,
    ) -> Result<Vec<Said>, RepositoryError> {
        self.of("messages", repository, |found| {
            let line = |from: &ObjectId| {
                let mut line = Vec::new();
                let mut next = Some(from.clone());
                while let Some(id) = next {
                    next = found.commits.get(&id).and_then(|commit| commit.parent.clone());
                    line.push(id);
                }
                line
            };
            let known = line(base);
            let new = line(tip).into_iter().filter(|id| !known.contains(id)).take(limit);
            let said = |id: ObjectId| {
                let message = found.commit(&id)?.message.clone();
                Ok(Said { commit: id, message })
            };
            new.map(said).collect()
        })
    }
}
