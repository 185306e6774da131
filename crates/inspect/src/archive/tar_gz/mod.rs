//! The containers of npm (`.tgz`) and crates.io (`.crate`): a gzip-compressed tar, read strictly, every byte
//! accounted for, nothing of the container lost.
//!
//! Source archives have a reader of their own in [`super::tar`], which forgives what old packers did. Here a
//! client unpacks the very file, so links, several gzip members, and bytes outside of members are refused.

mod error;
pub(crate) mod gzip;
pub(crate) mod header;

pub use error::TarGzError;
pub use gzip::Gzip;
pub use header::{Header, Layout};

use super::path::{Name, check, check_set, shown};
use super::tar::SdistError;
use super::tar::extension::{Pending, RECORD_BYTES, is_extension, text};
use super::{LimitError, Limits, sdist};
use ::tar::EntryType;
use bytes::Bytes;
use header::{BLOCK, field};
use std::collections::BTreeSet;
use std::ops::Range;
use trustmill_core::content::{Contents, Member};

/// A tar.gz that was read whole.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The published bytes.
    pub bytes: Bytes,
    /// The gzip header.
    pub gzip: Gzip,
    /// What the gzip file inflates to.
    pub tar: Bytes,
    /// Files and folders in order.
    pub entries: Vec<Entry>,
    /// Zero bytes after the last member: end-of-archive blocks and the padding of the last record.
    pub end: usize,
    /// The one folder at the top.
    pub top: String,
    /// The regular files, the top folder removed.
    pub contents: Contents,
}

/// A file or folder of a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The checked path, the top folder included, without `./` before and `/` behind.
    pub path: String,
    /// Whether it is a folder.
    pub directory: bool,
    /// Its header as written.
    pub header: Header,
    /// What was said about it before its header, in order.
    pub extensions: Vec<Extension>,
    /// Where its data is in the tar.
    pub data: Range<usize>,
}

/// A pax header or a GNU long name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its header as written.
    pub header: Header,
    /// Where its data is in the tar.
    pub data: Range<usize>,
}

impl Archive {
    /// The deflate stream, as published.
    pub fn stream(&self) -> &[u8] {
        self.bytes.get(self.gzip.stream.clone()).unwrap_or_default()
    }

    /// A piece of the tar.
    pub(crate) fn piece(&self, range: &Range<usize>) -> &[u8] {
        self.tar.get(range.clone()).unwrap_or_default()
    }
}

/// Reads the regular files of a tar.gz, its single top folder removed.
///
/// # Errors
/// [`TarGzError`] for whatever is malformed, ambiguous, hostile or over a limit.
pub fn read(bytes: &Bytes, limits: &Limits) -> Result<Contents, TarGzError> {
    open(bytes, limits).map(|archive| archive.contents)
}

/// Reads a tar.gz with the facts of its container.
///
/// # Errors
/// [`TarGzError`] for whatever is malformed, ambiguous, hostile or over a limit.
pub fn open(bytes: &Bytes, limits: &Limits) -> Result<Archive, TarGzError> {
    let (gzip, tar) = gzip::read(bytes, limits)?;
    let tar = Bytes::from(tar);
    let mut scan = Scan { tar: &tar, at: 0, blocks: 0, limits };
    let entries = scan.entries()?;
    let end = scan.end()?;
    let (folders, files): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.directory);
    // A folder may be listed again; a file may not.
    let folders: BTreeSet<&str> = folders.into_iter().map(|entry| entry.path.as_str()).collect();
    let files = files.into_iter().map(|entry| Name { path: &entry.path, directory: false });
    check_set(files.chain(folders.into_iter().map(|path| Name { path, directory: true })))?;
    let top = sdist::top(entries.iter().map(|entry| (entry.path.as_str(), entry.directory)))?.to_owned();
    let contents = contents(&tar, &entries, &top)?;
    Ok(Archive { bytes: bytes.clone(), gzip, tar, entries, end, top, contents })
}

fn contents(tar: &Bytes, entries: &[Entry], top: &str) -> Result<Contents, TarGzError> {
    let mut contents = Contents::default();
    for entry in entries.iter().filter(|entry| !entry.directory) {
        let name = || shown(&entry.path);
        let path = entry.path.strip_prefix(top).and_then(|path| path.strip_prefix('/'));
        let path = path.ok_or_else(|| SdistError::TopFolder { found: format!("the file {}", name()) })?;
        let mode = entry.header.number(field::MODE).and_then(|mode| u32::try_from(mode).ok());
        // Old packers wrote the type of the file above the permission bits.
        let mode = mode.ok_or_else(|| malformed(&entry.path, "an unreadable mode"))? & 0o7777;
        if mode & 0o7000 != 0 {
            return Err(SdistError::SpecialMode { name: name(), mode }.into());
        }
        let mtime = entry.header.number(field::MTIME).and_then(|seconds| i64::try_from(seconds).ok());
        contents.order.push(path.to_owned());
        let member = Member { bytes: tar.slice(entry.data.clone()), mode: Some(mode), mtime };
        contents.members.insert(path.to_owned(), member);
    }
    Ok(contents)
}

fn malformed(path: &str, what: &str) -> TarGzError {
    SdistError::Malformed { why: format!("member {} has {what}", shown(path)) }.into()
}

/// Walks over the blocks of a tar.
struct Scan<'a> {
    tar: &'a [u8],
    at: usize,
    blocks: usize,
    limits: &'a Limits,
}

impl Scan<'_> {
    fn entries(&mut self) -> Result<Vec<Entry>, TarGzError> {
        let mut entries = Vec::new();
        let mut pending = Pending::default();
        let mut extensions = Vec::new();
        while let Some(header) = self.header()? {
            let kind = EntryType::new(header.kind());
            if is_extension(kind) {
                let name = shown(&String::from_utf8_lossy(&header.name()));
                let data = self.data(&header, &name, RECORD_BYTES)?;
                let said = self.tar.get(data.clone()).unwrap_or_default();
                pending.say(kind, said).map_err(|why| SdistError::Extension { name, why })?;
                extensions.push(Extension { header, data });
                continue;
            }
            let pending = std::mem::take(&mut pending);
            entries.push(self.entry(header, &pending, std::mem::take(&mut extensions))?);
        }
        if !extensions.is_empty() {
            let why = "an extended header describes no member".into();
            return Err(SdistError::Malformed { why }.into());
        }
        Ok(entries)
    }

    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, TarGzError> {
        let rest = self.tar.get(self.at..).unwrap_or_default();
        let Some(header) = rest.get(..BLOCK).and_then(Header::new) else { return Ok(None) };
        if header.0.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        self.blocks += 1;
        if self.blocks > self.limits.members {
            return Err(LimitError::Members { limit: self.limits.members }.into());
        }
        if !header.is_sound() {
            let why = format!("the header at byte {} has a wrong checksum", self.at);
            return Err(SdistError::Malformed { why }.into());
        }
        self.at += BLOCK;
        Ok(Some(header))
    }

    fn entry(
        &mut self,
        header: Header,
        pending: &Pending,
        extensions: Vec<Extension>,
    ) -> Result<Entry, TarGzError> {
        let name = text(&pending.path.clone().unwrap_or_else(|| header.name()))?;
        // `package/./dist/a.js`: some versions of pnpm spell the entries of `files` so. Every client reads it as
        // without, and whatever is then there twice is refused.
        let name = name.strip_prefix("./").unwrap_or(&name).replacen("/./", "/", 1);
        let path = name.strip_suffix('/').unwrap_or(&name);
        check(path, self.limits.path_bytes)?;
        let directory = match header.kind() {
            b'0' | 0 => path.len() < name.len(),
            b'5' => true,
            b'1' => return Err(TarGzError::Link { name: shown(path), kind: "hard" }),
            b'2' => return Err(TarGzError::Link { name: shown(path), kind: "symbolic" }),
            b'3' | b'4' | b'6' => return Err(SdistError::Device { name: shown(path) }.into()),
            b'S' => return Err(SdistError::Sparse { name: shown(path) }.into()),
            other => {
                return Err(SdistError::UnknownType { name: shown(path), kind: char::from(other) }.into());
            }
        };
        let data = self.data(&header, &shown(path), self.limits.member_bytes)?;
        pending.check(path, data.len() as u64)?;
        if directory && !data.is_empty() {
            return Err(malformed(path, "data though it is no file"));
        }
        Ok(Entry { path: path.to_owned(), directory, header, extensions, data })
    }

    /// Where the data is that `header` announces; what pads it to whole blocks is zero.
    fn data(&mut self, header: &Header, name: &str, limit: u64) -> Result<Range<usize>, TarGzError> {
        let size = header.number(field::SIZE).ok_or_else(|| malformed(name, "an unreadable size"))?;
        let limit = limit.min(self.limits.member_bytes);
        if size > limit {
            return Err(LimitError::MemberBytes { name: name.to_owned(), limit }.into());
        }
        let cut = || malformed(name, "less data than its header says");
        let len = usize::try_from(size).map_err(|_| cut())?;
        let end = self.at.checked_add(len).ok_or_else(cut)?;
        let padded = end.checked_next_multiple_of(BLOCK).ok_or_else(cut)?;
        let padding = self.tar.get(end..padded).ok_or_else(cut)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(TarGzError::Padding { name: name.to_owned() });
        }
        let data = self.at..end;
        self.at = padded;
        Ok(data)
    }

    /// The zero bytes that the rest consists of.
    fn end(&self) -> Result<usize, TarGzError> {
        let rest = self.tar.get(self.at..).unwrap_or_default();
        if rest.iter().any(|byte| *byte != 0) {
            let why = "there is data after the end of the archive".into();
            return Err(SdistError::Malformed { why }.into());
        }
        Ok(rest.len())
    }
}
