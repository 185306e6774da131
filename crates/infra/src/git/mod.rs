//! Source repositories, read through the system's git and never obeyed.
//!
//! Git moves bytes, and that is all: each repository is bare, so that no hook, filter, attribute or submodule has
//! anything to act on; no configuration but ours is read; and every object is hashed again.

mod address;
mod cache;
mod checkout;
mod config;
mod failure;
mod links;
mod objects;
mod parse;
mod path;
mod program;
mod remote;
mod ssh;

pub use config::GitConfig;
pub use ssh::is_usable as is_usable_for_ssh;

use address::Address;
use async_trait::async_trait;
use cache::{Cache, Part, Place};
use failure::Failure;
use jiff::Timestamp;
use objects::Objects;
use remote::Remote;
use std::path::Path;
use std::sync::Arc;
use trustmill_core::content::Contents;
use trustmill_core::port::repositories::{Ref, Repositories, RepositoryError, Said};
use trustmill_core::source::{ObjectId, SourceProblem, Tree};

/// Repositories behind the system's git. Clones share cache and memory.
#[derive(Debug, Clone)]
pub struct GitRepositories {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: GitConfig,
    cache: Cache,
    remote: Remote,
}

impl GitRepositories {
    /// Repositories as `config` says. Nothing is started or written before the first question.
    pub fn new(config: GitConfig) -> Self {
        let cache = Cache::new(config.folder.clone(), config.cache_bytes);
        let remote = Remote::new(&config, cache.home());
        Self { shared: Arc::new(Shared { config, cache, remote }) }
    }

    /// What `git version` says, or why git cannot be had.
    pub async fn version(&self) -> Result<String, String> {
        self.shared.remote.version().await.map_err(|failure| failure.why)
    }
}

#[async_trait]
impl Repositories for GitRepositories {
    async fn refs(&self, repository: &str) -> Result<Vec<Ref>, RepositoryError> {
        let shared = &self.shared;
        let refs = async { shared.remote.refs(&shared.address(repository)?).await };
        let refs = refs.await.map_err(|failure| about(failure, repository))?;
        Ok(refs.as_ref().clone())
    }

    async fn tree(&self, repository: &str, commit: &ObjectId) -> Result<Arc<Tree>, RepositoryError> {
        let tree = self.shared.tree(repository, commit).await;
        tree.map(Arc::new).map_err(|failure| about(failure, repository))
    }

    async fn read(
        &self,
        repository: &str,
        tree: &Tree,
        wanted: &(dyn for<'p> Fn(&'p str) -> bool + Send + Sync),
    ) -> Result<Contents, RepositoryError> {
        let contents = self.shared.read(repository, tree, wanted).await;
        contents.map_err(|failure| about(failure, repository))
    }

    async fn reaches(&self, repository: &str, commit: &ObjectId) -> Result<bool, RepositoryError> {
        self.shared.reaches(repository, commit).await.map_err(|failure| about(failure, repository))
    }

    async fn commits(
        &self,
        repository: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<ObjectId>, RepositoryError> {
        let commits = self.shared.commits(repository, before, limit).await;
        commits.map_err(|failure| about(failure, repository))
    }

    async fn messages(
        &self,
        repository: &str,
        base: &ObjectId,
        tip: &ObjectId,
        limit: usize,
    ) -> Result<Vec<Said>, RepositoryError> {
        let said = self.shared.messages(repository, base, tip, limit).await;
        said.map_err(|failure| about(failure, repository))
    }
}

fn about(failure: Failure, repository: &str) -> RepositoryError {
    failure.about(&address::shown(repository))
}

impl Shared {
    fn address(&self, repository: &str) -> Result<Address, Failure> {
        Address::of(repository, &self.config.mirrors)
    }

    /// The repository's folder, nobody else's until it is dropped.
    async fn place(&self, address: &Address) -> Result<Place, Failure> {
        self.remote.prepare()?;
        self.cache.place(&address.key(), self.config.wall).await
    }

    /// The bare repository with a commit and its files, fetched if it is not there.
    async fn with_commit(
        &self,
        address: &Address,
        place: &Place,
        commit: &ObjectId,
    ) -> Result<Objects, Failure> {
        let bare = place.bare(Part::Trees, commit.width())?;
        if !remote::holds(&bare, commit) {
            let fetched = self.remote.fetch(address, &bare, commit).await;
            self.settle(place, fetched.as_ref().err());
            fetched?;
        } else {
            place.used(false);
        }
        self.remote.objects(&bare)
    }

    /// Notes what a fetch added, and keeps the cache within its bounds.
    fn settle(&self, place: &Place, failure: Option<&Failure>) {
        // What is half there or hostile is not built upon.
        if failure.is_some_and(|failure| {
            matches!(failure.class, SourceProblem::TooLarge | SourceProblem::Malformed)
        }) {
            return place.forget();
        }
        place.used(true);
        if let Err(error) = self.cache.give_up() {
            tracing::warn!(%error, "the cache of repositories cannot be tidied");
        }
    }

    async fn tree(&self, repository: &str, commit: &ObjectId) -> Result<Tree, Failure> {
        let address = self.address(repository)?;
        let place = self.place(&address).await?;
        let mut objects = self.with_commit(&address, &place, commit).await?;
        checkout::tree(&mut objects, commit, &self.config).await
    }

    async fn read(
        &self,
        repository: &str,
        tree: &Tree,
        wanted: checkout::Wanted<'_>,
    ) -> Result<Contents, Failure> {
        let address = self.address(repository)?;
        let place = self.place(&address).await?;
        let mut objects = self.with_commit(&address, &place, &tree.commit).await?;
        checkout::read(&mut objects, tree, wanted, &self.config).await
    }

    async fn reaches(&self, repository: &str, commit: &ObjectId) -> Result<bool, Failure> {
        let address = self.address(repository)?;
        let refs = self.remote.refs(&address).await?;
        if refs.iter().any(|one| one.commit == *commit) {
            return Ok(true);
        }
        let place = self.place(&address).await?;
        let bare = self.history(&address, &place, &refs, commit.width()).await?;
        if self.remote.history(&bare).await?.iter().any(|(_, id)| id == commit) {
            return Ok(true);
        }
        match is_cut(&bare) {
            false => Ok(false),
            true => Err(self.history_is_cut()),
        }
    }

    async fn commits(
        &self,
        repository: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<ObjectId>, Failure> {
        let address = self.address(repository)?;
        let refs = self.remote.refs(&address).await?;
        let Some(width) = refs.first().map(|one| one.commit.width()) else { return Ok(Vec::new()) };
        let place = self.place(&address).await?;
        let bare = self.history(&address, &place, &refs, width).await?;
        let mut commits = self.remote.history(&bare).await?;
        commits.retain(|(at, _)| *at <= before.as_second());
        // Of equals in a fixed order, so that the answer is the same each time.
        commits.sort_unstable_by(|a, b| b.cmp(a));
        if commits.len() < limit && is_cut(&bare) {
            return Err(self.history_is_cut());
        }
        let newest: Vec<ObjectId> = commits.into_iter().take(limit).map(|(_, id)| id).collect();
        // Whoever asks will look at their trees: one fetch instead of one for each.
        let trees = place.bare(Part::Trees, width)?;
        let missing: Vec<&ObjectId> = newest.iter().filter(|id| !remote::holds(&trees, id)).collect();
        if !missing.is_empty() {
            match self.remote.fetch_all(&address, &trees, &missing).await {
                Ok(()) => self.settle(&place, None),
                Err(failure) => tracing::debug!(why = failure.why, "commits are fetched one by one"),
            }
        }
        Ok(newest)
    }

    async fn messages(
        &self,
        repository: &str,
        base: &ObjectId,
        tip: &ObjectId,
        limit: usize,
    ) -> Result<Vec<Said>, Failure> {
        let address = self.address(repository)?;
        let refs = self.remote.refs(&address).await?;
        let place = self.place(&address).await?;
        let bare = self.history(&address, &place, &refs, tip.width()).await?;
        self.remote.messages(&bare, base, tip, limit).await
    }

    /// The bare repository with all commits, as of the branches and tags.
    async fn history(
        &self,
        address: &Address,
        place: &Place,
        refs: &[Ref],
        width: usize,
    ) -> Result<std::path::PathBuf, Failure> {
        let bare = place.bare(Part::History, width)?;
        if self.remote.is_current(&bare, refs)? {
            place.used(false);
            return Ok(bare);
        }
        let fetched = self.remote.fetch_history(address, &bare, refs).await;
        self.settle(place, fetched.as_ref().err());
        fetched.map(|()| bare)
    }

    fn history_is_cut(&self) -> Failure {
        Failure::too_large(format!("its history is deeper than {} commits", self.config.history))
    }
}

/// Whether the history goes further back than what was fetched.
fn is_cut(bare: &Path) -> bool {
    bare.join("shallow").metadata().is_ok_and(|metadata| metadata.len() > 0)
}
