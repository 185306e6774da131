//! Replay: our member bytes in the published container. If the SHA-256 is then the published one, the
//! published file holds nothing but what the source builds.
//!
//! From upstream come container facts only: order, times, attributes, versions, flags, and the *name* of the
//! compressor. Never a member's bytes: each byte of a member, and each byte of `RECORD`, is ours. What could
//! carry a payload past this (comments, unknown extra fields, folders of their own) is refused, and the
//! readers in [`crate::archive`] refused what lies between members.
//!
//! [`replay`] does so for wheels, [`tar_gz`] for `.tgz` and `.crate` files.
//!
//! One publisher in two hundred compresses with a zlib that nobody has identified. There a stream that
//! inflates to our bytes, ends where they end and is no longer than a compressor makes it counts as an
//! encoding of our bytes; the result lists each such member, so that a policy can tell the two apart.

mod chromium;
mod deflate;
mod error;
pub mod tar_gz;
mod write;

pub use deflate::Compressor;
pub use error::ReplayRefusal;

use crate::archive;
use crate::archive::path::shown;
use crate::archive::zip::{Archive, Entry, ExtraField, Header};
use crate::wheel::record;
use bytes::Bytes;
use deflate::Engine;
use std::borrow::Cow;
use trustmill_core::Sha256;
use trustmill_core::content::{Contents, Member};
use write::Ours;

/// How much a replay may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the published archive.
    pub archive_bytes: u64,
    /// Bytes handed to compressors, every try counted.
    pub effort_bytes: u64,
}

impl From<&archive::Limits> for Limits {
    /// An archive as large as its reader allows, and four tries at each of its bytes.
    fn from(limits: &archive::Limits) -> Self {
        Self { archive_bytes: limits.total_bytes, effort_bytes: limits.total_bytes.saturating_mul(4) }
    }
}

impl Limits {
    fn check(&self, archive: &[u8]) -> Result<(), ReplayRefusal> {
        if archive.len() as u64 > self.archive_bytes {
            return Err(ReplayRefusal::TooLarge { limit: self.archive_bytes, what: "written" });
        }
        Ok(())
    }
}

/// A replay that gave the published digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The file.
    pub bytes: Bytes,
    /// Its digest, which is the published one.
    pub sha256: Sha256,
    /// Whether `RECORD` had to be written again from our members in the published row order.
    pub record_rewritten: bool,
    /// The compressors that were needed, in order of their first use.
    pub compressors: Vec<Compressor>,
    /// Members whose published stream inflates to our bytes and comes from no compressor that is known.
    pub streams_taken: Vec<String>,
    /// Whether the one stream of a tar.gz inflates to our tar and comes from no compressor that is known.
    pub gzip_taken: bool,
}

impl Replayed {
    /// What was done beyond order, times, modes and compression parameters, for a reader.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.record_rewritten {
            notes
                .push("RECORD was written again from the rebuilt members, in the published row order".into());
        }
        if let Some(first) = self.streams_taken.first() {
            notes.push(format!(
                "an unknown compressor packed {} of the members ({} and so on): each of those published streams \
                 inflates to our bytes and was taken over as it is",
                self.streams_taken.len(),
                shown(first)
            ));
        }
        if self.gzip_taken {
            notes.push(
                "an unknown compressor packed the tar: the published stream inflates to our tar, byte for byte, and \
                 was taken over as it is"
                    .into(),
            );
        }
        notes
    }
}

/// Puts `rebuilt` into the container of `published`.
///
/// # Errors
/// [`ReplayRefusal`] if a member or an executable bit differs, if the container carries more than facts, if
/// no compressor fits, or if the result has another digest.
pub fn replay(published: &Archive, rebuilt: &Contents, limits: &Limits) -> Result<Replayed, ReplayRefusal> {
    limits.check(&published.bytes)?;
    check_container(published)?;
    let record = our_record(&published.contents, rebuilt)?;
    check_members(&published.contents, rebuilt, record.as_ref().map(|(path, _)| path.as_str()))?;
    let mut search = Search::new(Compressor::all(), limits);
    let mut members = Vec::with_capacity(published.entries.len());
    for entry in published.physical() {
        let bytes: Cow<'_, [u8]> = match &record {
            Some((path, bytes)) if *path == entry.path => Cow::Borrowed(bytes),
            _ => Cow::Borrowed(rebuilt.get(&entry.path).map_or(&[], |member| &member.bytes)),
        };
        members.push(search.ours(published, entry, &bytes)?);
    }
    let bytes = write::write(published, &members)?;
    let sha256 = Sha256::of(&bytes);
    if sha256 != Sha256::of(&published.bytes) {
        return Err(ReplayRefusal::Digest);
    }
    Ok(Replayed {
        bytes: bytes.into(),
        sha256,
        record_rewritten: record.is_some(),
        compressors: search.used,
        streams_taken: search.taken,
        gzip_taken: false,
    })
}

/// The container holds facts only.
fn check_container(published: &Archive) -> Result<(), ReplayRefusal> {
    let extra = |what, at: Option<&str>| Err(ReplayRefusal::Extra { what, at: at.map(shown) });
    if !published.end.comment.is_empty() {
        return extra("a comment", None);
    }
    for entry in &published.entries {
        let at = Some(entry.path.as_str());
        if !entry.central.comment.is_empty() {
            return extra("a comment", at);
        }
        if !is_zip64_only(&entry.central.header, 1) || !is_zip64_only(&entry.local, 0) {
            return extra("an unknown extra field", at);
        }
        // Bits 1 and 2 hint at the level, 3 is the data descriptor, 11 marks UTF-8.
        if (entry.local.flags | entry.central.header.flags) & !0b1000_0000_1110 != 0 {
            return extra("an unknown flag", at);
        }
        let below = format!("{}/", entry.path);
        let mut members = published.contents.members.range(below.clone()..);
        if entry.directory && !members.next().is_some_and(|(path, _)| path.starts_with(&below)) {
            return extra("an empty folder", at);
        }
    }
    Ok(())
}

/// No extra field, or one zip64 field that says just what the header defers to it.
fn is_zip64_only(header: &Header, offsets: usize) -> bool {
    let Some((head, data)) = header.extra.split_at_checked(4) else { return header.extra.is_empty() };
    let id = head.first_chunk().map(|id| ExtraField(u16::from_le_bytes(*id)));
    let deferred = [header.size, header.compressed].iter().filter(|field| **field == u32::MAX).count();
    let fits = data.len() == deferred * 8 || (offsets == 1 && data.len() == deferred * 8 + 8);
    id == Some(ExtraField::ZIP64) && fits && deferred > 0
}

/// Our `RECORD` where it is not the published one: written from our members, in the published row order.
fn our_record(published: &Contents, rebuilt: &Contents) -> Result<Option<(String, Vec<u8>)>, ReplayRefusal> {
    let Some(path) = record::path(published) else { return Ok(None) };
    let (Some(theirs), Some(ours)) = (published.get(path), rebuilt.get(path)) else { return Ok(None) };
    if theirs.bytes == ours.bytes {
        return Ok(None);
    }
    // A RECORD that leaves files out, or states what is wrong, is none that our members give.
    if !record::check(published).is_empty() {
        return Err(ReplayRefusal::Record);
    }
    let written = record::in_order_of(&theirs.bytes, path, rebuilt).ok_or(ReplayRefusal::Record)?;
    if written == theirs.bytes { Ok(Some((path.to_owned(), written))) } else { Err(ReplayRefusal::Record) }
}

fn check_members(
    published: &Contents,
    rebuilt: &Contents,
    rewritten: Option<&str>,
) -> Result<(), ReplayRefusal> {
    if let Some(name) = rebuilt.members.keys().find(|path| published.get(path).is_none()) {
        return Err(ReplayRefusal::OnlyRebuilt { name: shown(name) });
    }
    for (path, theirs) in &published.members {
        let name = || shown(path);
        let ours = rebuilt.get(path).ok_or_else(|| ReplayRefusal::OnlyPublished { name: name() })?;
        if theirs.bytes != ours.bytes && rewritten != Some(path.as_str()) {
            return Err(ReplayRefusal::Bytes { name: name() });
        }
        if is_executable(theirs) != is_executable(ours) {
            return Err(ReplayRefusal::ExecutableBit { name: name() });
        }
    }
    Ok(())
}

/// Whether anybody may execute the member, as an installer reads its mode.
pub(crate) fn is_executable(member: &Member) -> bool {
    member.mode.is_some_and(|mode| mode & 0o111 != 0)
}

/// The search for compressors; what fitted last is tried first.
struct Search<'a> {
    order: Vec<Compressor>,
    /// What fitted last, ready to run again.
    engine: Option<Engine>,
    used: Vec<Compressor>,
    taken: Vec<String>,
    effort: u64,
    limits: &'a Limits,
}

impl<'l> Search<'l> {
    fn new(order: Vec<Compressor>, limits: &'l Limits) -> Self {
        Self { order, engine: None, used: Vec::new(), taken: Vec::new(), effort: 0, limits }
    }

    fn ours<'a>(
        &mut self,
        published: &'a Archive,
        entry: &'a Entry,
        bytes: &[u8],
    ) -> Result<Ours<'a>, ReplayRefusal> {
        let theirs = published.raw(entry);
        let fits = match entry.central.header.method {
            0 => bytes == theirs,
            _ => self.find(bytes, theirs)? || self.take(published, entry, bytes, theirs),
        };
        if !fits {
            return Err(ReplayRefusal::Compressor { name: shown(&entry.path) });
        }
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        // Our compressor has just written these very bytes, or they inflate to ours: read where they lie.
        Ok(Ours { entry, stream: theirs, crc: crc.sum(), size: bytes.len() as u64 })
    }

    fn find(&mut self, bytes: &[u8], stream: &[u8]) -> Result<bool, ReplayRefusal> {
        for at in 0..self.order.len() {
            self.effort = self.effort.saturating_add(bytes.len() as u64);
            if self.effort > self.limits.effort_bytes {
                return Err(ReplayRefusal::TooLarge { limit: self.limits.effort_bytes, what: "compressed" });
            }
            let Some(candidate) = self.order.get(at).copied() else { break };
            let ready = self.engine.take_if(|engine| engine.compressor() == candidate);
            let mut engine = ready.unwrap_or_else(|| Engine::new(candidate));
            let fits = engine.gives(bytes, stream);
            if fits || at == 0 {
                self.engine = Some(engine);
            }
            if fits {
                self.order.remove(at);
                self.order.insert(0, candidate);
                if !self.used.contains(&candidate) {
                    self.used.push(candidate);
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The reader inflated the stream to its end; what is left is that this gave our bytes.
    fn take(&mut self, published: &Archive, entry: &Entry, bytes: &[u8], stream: &[u8]) -> bool {
        let inflated = published.contents.get(&entry.path).map_or(&[][..], |member| &member.bytes);
        let fits = inflated == bytes && deflate::is_plausible(bytes, stream);
        if fits {
            self.taken.push(entry.path.clone());
        }
        fits
    }
}
