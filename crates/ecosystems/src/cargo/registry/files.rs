//! Files: out of the blob store, brought there by one download whose digest was checked and locked.

use super::Inner;
use super::answers::{failed, refused};
use super::judged::Judged;
use super::state::State;
use crate::cargo::index::Release;
use crate::cargo::names;
use crate::rulings::Asker;
use crate::stop::{Stop, broken};
use std::sync::Arc;
use trustmill_core::digest::Checksum;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::records::FirstSeen;
use trustmill_core::port::registry::{Answer, FileAnswer};
use trustmill_core::{Sha256, Timestamp};

const CRATE: &str = "application/gzip";
/// JSON Lines of DSSE envelopes (in-toto attestation bundle).
const BUNDLE: &str = "application/vnd.in-toto.bundle";

impl Inner {
    /// `files/{name}/{name}-{version}.crate`. Runs detached from the request: a client that gives up waiting
    /// for a cold file finds it warm when it comes again.
    pub(super) async fn file(
        self: &Arc<Self>,
        asker: &Asker,
        name: &str,
        version: &str,
        as_of: Option<Timestamp>,
    ) -> Answer {
        let judged = match self.found(asker, name).await {
            Ok(judged) => judged,
            Err(answer) => return answer,
        };
        let Some(served) = judged.release(version, as_of) else { return no_release(name, version) };
        if let Some(stop) = served.stop {
            return refused(stop);
        }
        if let Some(answer) = judged.state.answered(version) {
            return Answer::File(judged.warned(served, answer));
        }
        let (inner, state, release) = (self.clone(), judged.state.clone(), served.release.clone());
        let task = tokio::spawn(async move { inner.bring(&state, &release).await });
        match task.await {
            Ok(Ok(answer)) => Answer::File(judged.warned(served, answer)),
            Ok(Err(answer)) => answer,
            Err(_) => Answer::Unavailable { why: "the download was cut short".into(), retry_after: None },
        }
    }

    /// The crate of that very name.
    async fn found(&self, asker: &Asker, name: &str) -> Result<Judged, Answer> {
        let (_, judged) = self.judged(asker).await?;
        if judged.state.file.name == name {
            return Ok(judged);
        }
        Err(Answer::NotFound(format!("there is no crate {name}: {} is", judged.state.file.name)))
    }

    /// Brings a file that nothing stops into the store, checked and locked.
    async fn bring(&self, state: &State, release: &Release) -> Result<FileAnswer, Answer> {
        let filename = names::filename(&state.file.name, &release.version);
        let _turn = self.flights.enter(&filename).await;
        if let Some(answer) = state.answered(&release.version) {
            return Ok(answer);
        }
        let answer = match self.stored(&release.sha256, CRATE).await? {
            Some(answer) => answer,
            None => self.download(state, release).await?,
        };
        let now = self.ports.clock.now();
        let seen = self.ports.records.lock("cargo", &filename, &answer.digest, now).await;
        if let FirstSeen::Conflict { first } = seen.map_err(|error| broken(&error))? {
            return Err(self.moved(state, release, Stop::moved(first, answer.digest)).await);
        }
        let of = Some(Arc::new((state.project.at(&release.version), filename)));
        let answer = FileAnswer { of, ..answer };
        state.remember(&release.version, answer.clone());
        Ok(answer)
    }

    async fn download(&self, state: &State, release: &Release) -> Result<FileAnswer, Answer> {
        let config = self.upstream.config().await.map_err(failed)?;
        let url = config.download(&state.file.name, release);
        let promised = Checksum::Sha256(release.sha256);
        match self.ports.fetch.file(&url, Some(&promised), self.options.max_file).await {
            Ok((digest, size)) => Ok(FileAnswer::new(digest, size, CRATE)),
            Err(FetchError::Digest { got: Checksum::Sha256(got), .. }) => {
                Err(self.moved(state, release, Stop::moved(release.sha256, got)).await)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Raises the alarm about a file that is not what it was, and refuses it.
    async fn moved(&self, state: &State, release: &Release, stop: Stop) -> Answer {
        let filename = names::filename(&state.file.name, &release.version);
        let alarm = stop.alarm(state.project.at(&release.version), &filename, self.ports.clock.now());
        match self.ports.records.append(&[alarm]).await {
            Ok(()) => refused(&stop),
            Err(error) => broken(&error),
        }
    }

    /// `files/{name}/{name}-{version}.crate.provenance`.
    pub(super) async fn provenance(
        &self,
        asker: &Asker,
        name: &str,
        version: &str,
        as_of: Option<Timestamp>,
    ) -> Answer {
        let judged = match self.found(asker, name).await {
            Ok(judged) => judged,
            Err(answer) => return answer,
        };
        let Some(served) = judged.release(version, as_of) else { return no_release(name, version) };
        let Some(digest) = judged.state.provenance(served.release) else {
            return Answer::NotFound(format!("there are no statements about {name} {version}"));
        };
        match self.stored(&digest, BUNDLE).await {
            // A later run may add statements under the same URL.
            Ok(Some(answer)) => Answer::File(FileAnswer { immutable: false, ..answer }),
            Ok(None) => {
                Answer::NotFound(format!("the statements about {name} {version} are not in the store"))
            }
            Err(answer) => answer,
        }
    }

    async fn stored(
        &self,
        digest: &Sha256,
        content_type: &'static str,
    ) -> Result<Option<FileAnswer>, Answer> {
        let size = self.ports.blobs.size(digest).await.map_err(|error| broken(&error))?;
        Ok(size.map(|size| FileAnswer::new(*digest, size, content_type)))
    }
}

fn no_release(name: &str, version: &str) -> Answer {
    Answer::NotFound(format!("{name} has no release {version}"))
}
