//! Files: out of the blob store, brought there by one download whose digest was checked and locked.

use super::answers::{broken, chain, failed, refused};
use super::judged::{Judged, Served, Source};
use super::metadata::{self, MAX_METADATA};
use super::state::{METADATA_KIND, State};
use super::{Inner, alarm};
use crate::rulings::Asker;
use crate::stop::Stop;
use std::sync::Arc;
use trustmill_core::digest::Checksum;
use trustmill_core::fact::Fact;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::records::FirstSeen;
use trustmill_core::port::registry::{Answer, FileAnswer};
use trustmill_core::shelf::OwnFile;
use trustmill_core::{Purl, Sha256, Timestamp};
use url::Url;

const OCTETS: &str = "application/octet-stream";
/// JSON Lines of DSSE envelopes (in-toto attestation bundle).
const BUNDLE: &str = "application/vnd.in-toto.bundle";

impl Inner {
    /// `files/{name}/{filename}`. Runs detached from the request: a client that gives up waiting for a cold
    /// file finds it warm when it comes again.
    pub(super) async fn file(
        self: &Arc<Self>,
        asker: &Asker,
        filename: &str,
        as_of: Option<Timestamp>,
    ) -> Answer {
        let judged = match self.judged(asker).await {
            Ok((_, judged)) => judged,
            Err(answer) => return answer,
        };
        let Some(file) = judged.file(filename, as_of) else { return no_file(filename) };
        if let Some(stop) = file.stop {
            return refused(stop);
        }
        if let Some(answer) = judged.state.answered(filename) {
            return Answer::File(judged.warned(&file, answer));
        }
        let (inner, shared, wanted) = (self.clone(), judged.clone(), filename.to_owned());
        let task = tokio::spawn(async move { inner.bring(&shared, &wanted).await });
        match task.await {
            Ok(Ok(answer)) => Answer::File(judged.warned(&file, answer)),
            Ok(Err(answer)) => answer,
            Err(_) => Answer::Unavailable { why: "the download was cut short".into(), retry_after: None },
        }
    }

    /// Brings a file that nothing stops into the store, checked and locked.
    async fn bring(self: &Arc<Self>, judged: &Judged, filename: &str) -> Result<FileAnswer, Answer> {
        let _turn = self.flights.enter(filename).await;
        let state = &judged.state;
        if let Some(answer) = state.answered(filename) {
            return Ok(answer);
        }
        let file = judged.file(filename, None).ok_or_else(|| no_file(filename))?;
        let answer = match file.source {
            Source::Own(own) => self.bring_own(own, filename).await?,
            Source::Upstream(_) => self.bring_upstream(state, &file).await?,
        };
        self.lock(state, &file, answer.digest).await?;
        let answer = FileAnswer { of: judged.identity(&file), ..answer };
        state.remember(filename, answer.clone());
        Ok(answer)
    }

    async fn bring_own(&self, own: &OwnFile, filename: &str) -> Result<FileAnswer, Answer> {
        self.stored(&own.sha256, OCTETS).await?.ok_or_else(|| {
            tracing::error!(filename, sha256 = %own.sha256, "the mill's own file is not in the blob store");
            Answer::Unavailable {
                why: "TM0706: the mill's own file is not in its store".into(),
                retry_after: None,
            }
        })
    }

    async fn bring_upstream(&self, state: &State, file: &Served<'_>) -> Result<FileAnswer, Answer> {
        let Source::Upstream(listed) = file.source else { return Err(no_file(file.entry.filename)) };
        // What was locked counts, or else what the page states; where neither says, the first bytes will.
        let locked =
            self.records.locked("pypi", file.entry.filename).await.map_err(|error| broken(&error))?;
        if let (Some(first), Some(now)) = (locked, listed.artifact.sha256)
            && first != now
        {
            return Err(self.moved(state, file, Stop::moved(first, now)).await);
        }
        let expected = locked.or(listed.artifact.sha256);
        if let Some(digest) = expected
            && let Some(answer) = self.stored(&digest, OCTETS).await?
        {
            return Ok(answer);
        }
        let promised = expected.map(Checksum::Sha256);
        match self.fetch.file(&listed.artifact.url, promised.as_ref(), self.options.max_file).await {
            Ok((digest, size)) => Ok(FileAnswer::new(digest, size, OCTETS)),
            Err(FetchError::Digest {
                expected: Checksum::Sha256(expected),
                got: Checksum::Sha256(got),
                ..
            }) => Err(self.moved(state, file, Stop::moved(expected, got)).await),
            Err(error) => Err(failed(error)),
        }
    }

    /// Locks the digest that is about to be served.
    async fn lock(&self, state: &State, file: &Served<'_>, digest: Sha256) -> Result<(), Answer> {
        let seen = self.records.lock("pypi", file.entry.filename, &digest, self.clock.now()).await;
        match seen.map_err(|error| broken(&error))? {
            FirstSeen::Locked | FirstSeen::Same => Ok(()),
            FirstSeen::Conflict { first } => Err(self.moved(state, file, Stop::moved(first, digest)).await),
        }
    }

    /// Raises the alarm about a file that is not what it was, and refuses it.
    async fn moved(&self, state: &State, file: &Served<'_>, stop: Stop) -> Answer {
        let alarm = alarm(&state.page.name, file.entry.version, file.entry.filename, &stop, self.clock.now());
        if let Err(error) = self.records.append(&[alarm]).await {
            return broken(&error);
        }
        refused(&stop)
    }

    /// `files/{name}/{filename}.metadata`.
    pub(super) async fn metadata(
        self: &Arc<Self>,
        asker: &Asker,
        filename: &str,
        as_of: Option<Timestamp>,
    ) -> Answer {
        let judged = match self.judged(asker).await {
            Ok((_, judged)) => judged,
            Err(answer) => return answer,
        };
        let Some(file) = judged.file(filename, as_of).filter(|file| file.entry.filename.ends_with(".whl"))
        else {
            return no_file(filename);
        };
        // An installer that reads of a wheel what it may not have asks for no other.
        if let Some(stop) = file.stop {
            return refused(stop);
        }
        let known = match file.entry.metadata {
            Some(digest) => self.known_metadata(file.source, digest).await,
            None => None,
        };
        let answer = match known {
            Some(answer) => answer,
            None => self.extracted(asker, &judged, &file, as_of).await,
        };
        answer.map_or_else(|answer| answer, Answer::File)
    }

    /// Metadata whose digest is known: from the store, or from upstream. `None`: try the wheel itself.
    async fn known_metadata(&self, source: Source<'_>, digest: Sha256) -> Option<Result<FileAnswer, Answer>> {
        match self.stored(&digest, OCTETS).await {
            Ok(Some(answer)) => return Some(Ok(answer)),
            Ok(None) => {}
            Err(answer) => return Some(Err(answer)),
        }
        let Source::Upstream(listed) = source else { return None };
        let url = listed.artifact.metadata_sha256.and_then(|_| metadata_url(&listed.artifact.url))?;
        match self.fetch.file(&url, Some(&digest.into()), MAX_METADATA).await {
            Ok((digest, size)) => Some(Ok(FileAnswer::new(digest, size, OCTETS))),
            Err(FetchError::NotFound { .. }) => None,
            Err(error) => Some(Err(failed(error))),
        }
    }

    /// Metadata taken out of the wheel, remembered as a fact so that the page can advertise it.
    async fn extracted(
        self: &Arc<Self>,
        asker: &Asker,
        judged: &Judged,
        wheel: &Served<'_>,
        as_of: Option<Timestamp>,
    ) -> Result<FileAnswer, Answer> {
        let (filename, expected) = (wheel.entry.filename, wheel.entry.metadata);
        let file = match self.file(asker, filename, as_of).await {
            Answer::File(file) => file,
            other => return Err(other),
        };
        let project = judged.state.page.name.as_str();
        let bytes = metadata::extract(self.blobs.clone(), file.digest, file.size, project).await.map_err(
            |error| {
                tracing::warn!(project, filename, error = %chain(&error), "no metadata for a wheel");
                Answer::NotFound(format!("{filename} has no readable metadata"))
            },
        )?;
        let digest = Sha256::of(&bytes);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(refused(&Stop::moved(expected, digest)));
        }
        let size = bytes.len() as u64;
        self.blobs.put(bytes).await.map_err(|error| broken(&error))?;
        if expected.is_none() {
            let fact = Fact {
                format: Fact::FORMAT,
                about: Purl::release("pypi", project, wheel.entry.version),
                kind: METADATA_KIND.into(),
                subject: Some(filename.to_owned()),
                at: self.clock.now(),
                body: serde_json::json!({ "sha256": digest }),
            };
            self.records.append(&[fact]).await.map_err(|error| broken(&error))?;
        }
        Ok(FileAnswer::new(digest, size, OCTETS))
    }

    /// `files/{name}/{filename}.provenance`.
    pub(super) async fn provenance(&self, asker: &Asker, filename: &str, as_of: Option<Timestamp>) -> Answer {
        let judged = match self.judged(asker).await {
            Ok((_, judged)) => judged,
            Err(answer) => return answer,
        };
        let Some(digest) = judged.file(filename, as_of).and_then(|file| file.provenance) else {
            return Answer::NotFound(format!("there are no statements about {filename}"));
        };
        match self.stored(&digest, BUNDLE).await {
            // A later run may add statements under the same URL.
            Ok(Some(answer)) => Answer::File(FileAnswer { immutable: false, ..answer }),
            Ok(None) => Answer::NotFound(format!("the statements about {filename} are not in the store")),
            Err(answer) => answer,
        }
    }

    async fn stored(
        &self,
        digest: &Sha256,
        content_type: &'static str,
    ) -> Result<Option<FileAnswer>, Answer> {
        let size = self.blobs.size(digest).await.map_err(|error| broken(&error))?;
        Ok(size.map(|size| FileAnswer::new(*digest, size, content_type)))
    }
}

/// PEP 658: `.metadata` appended to the path of the file's URL.
fn metadata_url(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    let path = format!("{}.metadata", url.path());
    url.set_path(&path);
    Some(url.into())
}

fn no_file(filename: &str) -> Answer {
    Answer::NotFound(format!("{filename} is not a file of this project"))
}
