//! Files: out of the blob store, brought there by one download whose digest was checked and locked.

use super::Inner;
use super::answers::{failed, not_found, refused};
use super::judged::{Judged, Served};
use super::state::{State, statement};
use crate::npm::names;
use crate::rulings::Asker;
use crate::stop::{Stop, broken};
use std::sync::Arc;
use trustmill_core::digest::{Checksum, ChecksumHasher};
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::records::FirstSeen;
use trustmill_core::port::registry::{Answer, FileAnswer};
use trustmill_core::{Purl, Sha256, Timestamp};

const OCTETS: &str = "application/octet-stream";
/// JSON Lines of DSSE envelopes (in-toto attestation bundle).
const BUNDLE: &str = "application/vnd.in-toto.bundle";
/// Bytes that are read from the store at once.
const CHUNK: u64 = 256 << 10;

impl Inner {
    /// `{name}/-/{file}`. Runs detached from the request: a client that gives up waiting for a cold file finds it
    /// warm when it comes again.
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
        let Some(file) = judged.file(filename, as_of) else { return not_found() };
        if let Some(stop) = file.stop {
            return refused(stop);
        }
        if let Some(answer) = judged.state.answered(file.index) {
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
    async fn bring(&self, judged: &Judged, filename: &str) -> Result<FileAnswer, Answer> {
        let file = judged.file(filename, None).ok_or_else(not_found)?;
        let state = &judged.state;
        let known_as = names::filename(&state.packument.name, &file.listed.version);
        let _turn = self.flights.enter(&known_as).await;
        if let Some(answer) = state.answered(file.index) {
            return Ok(answer);
        }
        if let Some(own) = state.repaired.get(&*file.listed.version) {
            let size = self.blobs.size(&own.sha256).await.map_err(|error| broken(&error))?;
            let size = size.ok_or_else(not_found)?;
            let of = Some(Arc::new((state.project.at(&file.listed.version), known_as)));
            let answer = FileAnswer { of, ..FileAnswer::new(own.sha256, size, OCTETS) };
            state.remember(file.index, answer.clone());
            return Ok(answer);
        }
        let (digest, size) = match file.locked {
            Some(locked) => self.locked(state, &file, &known_as, locked).await?,
            None => self.download(state, &file, &known_as, file.listed.promised.as_ref()).await?,
        };
        self.lock(state, &file, &known_as, digest).await?;
        let of = Some(Arc::new((state.project.at(&file.listed.version), known_as)));
        let answer = FileAnswer { of, ..FileAnswer::new(digest, size, OCTETS) };
        state.remember(file.index, answer.clone());
        Ok(answer)
    }

    /// A file that was seen before: from the store if it is there, and whatever happens, those bytes.
    async fn locked(
        &self,
        state: &State,
        file: &Served<'_>,
        known_as: &str,
        locked: Sha256,
    ) -> Result<(Sha256, u64), Answer> {
        let Some(size) = self.blobs.size(&locked).await.map_err(|error| broken(&error))? else {
            return self.download(state, file, known_as, Some(&Checksum::Sha256(locked))).await;
        };
        if let Some(promised) = file.listed.promised.as_ref().filter(|_| !file.confirmed)
            && !self.holds(&locked, size, promised).await?
        {
            let stop =
                Stop::new("TM0704", "the registry states a digest that the file first seen does not have");
            return Err(self.alarm(state, file, known_as, stop).await);
        }
        Ok((locked, size))
    }

    /// Whether a blob has the digest that upstream states.
    async fn holds(&self, digest: &Sha256, size: u64, promised: &Checksum) -> Result<bool, Answer> {
        let mut hasher = ChecksumHasher::like(Some(promised));
        let mut at = 0;
        while at < size {
            let end = size.min(at.saturating_add(CHUNK));
            let piece = self.blobs.read(digest, at..end).await.map_err(|error| broken(&error))?;
            let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { return Ok(false) };
            hasher.update(&piece);
            at = at.saturating_add(piece.len() as u64);
        }
        Ok(hasher.finish().1 == *promised)
    }

    async fn download(
        &self,
        state: &State,
        file: &Served<'_>,
        known_as: &str,
        expected: Option<&Checksum>,
    ) -> Result<(Sha256, u64), Answer> {
        let url = self.upstream.file_url(&state.packument, file.listed).ok_or_else(not_found)?;
        match self.fetch.file(&url, expected, self.options.max_file).await {
            Ok((digest, size)) => {
                if let (Some(Checksum::Sha256(_)), Some(promised)) = (expected, &file.listed.promised)
                    && !file.confirmed
                    && !self.holds(&digest, size, promised).await?
                {
                    let stop = Stop::new(
                        "TM0704",
                        "the registry states a digest that the file first seen does not have",
                    );
                    return Err(self.alarm(state, file, known_as, stop).await);
                }
                Ok((digest, size))
            }
            Err(FetchError::Digest {
                expected: Checksum::Sha256(first), got: Checksum::Sha256(now), ..
            }) => Err(self.alarm(state, file, known_as, Stop::moved(first, now)).await),
            Err(error) => {
                if matches!(error, FetchError::Digest { .. }) {
                    tracing::error!(file = known_as, %error, "upstream sends other bytes than it states");
                }
                Err(failed(error))
            }
        }
    }

    /// Locks the digest that is about to be served, and the one that upstream states for it.
    async fn lock(
        &self,
        state: &State,
        file: &Served<'_>,
        known_as: &str,
        digest: Sha256,
    ) -> Result<(), Answer> {
        if let Some(stop) = self.conflict(known_as, &digest).await? {
            return Err(self.alarm(state, file, known_as, stop).await);
        }
        let Some(promised) = &file.listed.promised else { return Ok(()) };
        let (name, stated) = statement(known_as, promised);
        match self.conflict(&name, &stated).await? {
            Some(stop) => Err(self.alarm(state, file, known_as, stop).await),
            None => Ok(()),
        }
    }

    async fn conflict(&self, name: &str, digest: &Sha256) -> Result<Option<Stop>, Answer> {
        let seen = self.records.lock("npm", name, digest, self.clock.now()).await;
        Ok(match seen.map_err(|error| broken(&error))? {
            FirstSeen::Locked | FirstSeen::Same => None,
            FirstSeen::Conflict { first } => Some(Stop::moved(first, *digest)),
        })
    }

    /// Raises the alarm about a file that is not what it was, and refuses it.
    async fn alarm(&self, state: &State, file: &Served<'_>, known_as: &str, stop: Stop) -> Answer {
        let release = Purl::release("npm", &state.packument.name, &file.listed.version);
        match self.records.append(&[stop.alarm(release, known_as, self.clock.now())]).await {
            Ok(()) => refused(&stop),
            Err(error) => broken(&error),
        }
    }

    /// `{name}/-/{file}.provenance`.
    pub(super) async fn provenance(&self, asker: &Asker, filename: &str, as_of: Option<Timestamp>) -> Answer {
        let judged = match self.judged(asker).await {
            Ok((_, judged)) => judged,
            Err(answer) => return answer,
        };
        let Some(file) = judged.file(filename, as_of) else { return not_found() };
        // Statements speak of certain bytes; about others the mill has said nothing.
        let speaks_of = |of: &Option<Sha256>| of.is_none_or(|of| Some(of) == file.locked);
        let Some((digest, _)) = file.provenance.filter(|(_, of)| speaks_of(of)) else { return not_found() };
        match self.blobs.size(&digest).await {
            // A later run may add statements under the same URL.
            Ok(Some(size)) => {
                Answer::File(FileAnswer { immutable: false, ..FileAnswer::new(digest, size, BUNDLE) })
            }
            Ok(None) => not_found(),
            Err(error) => broken(&error),
        }
    }
}
