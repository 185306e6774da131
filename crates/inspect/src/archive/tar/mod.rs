//! Source archives in tar: streamed through a decompressor under limits, links resolved inside the tree.
//!
//! The `tar` crate reads headers and blocks in its raw mode; extension records, names and links are ours,
//! because their limits and refusals are.

mod error;
pub(crate) mod extension;
mod gunzip;
mod links;
mod stream;

pub use error::SdistError;
pub use stream::Compression;

use super::path::{Name, check, check_set, shown};
use super::{LimitError, Limits};
use ::tar::EntryType;
use extension::Pending;
use links::Link;
use std::collections::{BTreeSet, HashMap};
use std::io::Read as _;
use trustmill_core::content::{Contents, Member};

/// One member as the tar lists it.
enum Node {
    File(Member),
    Directory,
    Link(Link),
}

/// Reads the regular files of a tar, its single top folder removed.
///
/// A link to a file or folder of the archive becomes a copy of it; any other link is refused.
///
/// # Errors
/// [`SdistError`] for whatever is malformed, ambiguous, hostile or over a limit.
pub fn read(bytes: &[u8], compression: Compression, limits: &Limits) -> Result<Contents, SdistError> {
    let mut nodes = scan(bytes, compression, limits)?;
    drop_repeats(&mut nodes);
    let directories: BTreeSet<&str> =
        nodes.iter().filter(|n| matches!(n.1, Node::Directory)).map(|n| n.0.as_str()).collect();
    let files = nodes.iter().filter(|n| !matches!(n.1, Node::Directory));
    let names = files.map(|n| Name { path: &n.0, directory: false });
    check_set(names.chain(directories.iter().map(|path| Name { path, directory: true })))?;
    let top =
        super::sdist::top(nodes.iter().map(|n| (n.0.as_str(), matches!(n.1, Node::Directory))))?.to_owned();
    let mut contents = Contents::default();
    let mut links = Vec::new();
    for (path, node) in nodes {
        let Some(path) = path.strip_prefix(&top).and_then(|p| p.strip_prefix('/')) else { continue };
        match node {
            Node::Directory => {}
            Node::Link(link) => links.push((path.to_owned(), link)),
            Node::File(member) => {
                contents.order.push(path.to_owned());
                contents.members.insert(path.to_owned(), member);
            }
        }
    }
    links::resolve(&mut contents, links, &top, limits)?;
    Ok(contents)
}

/// Drops a file that is listed again with the same bytes and mode, as some back ends do: every reader ends
/// with the same tree. A repeat that differs stays, and is refused as a duplicate.
fn drop_repeats(nodes: &mut Vec<(String, Node)>) {
    let mut seen: HashMap<String, Member> = HashMap::new();
    nodes.retain(|(path, node)| match node {
        Node::File(member) => match seen.get(path) {
            Some(first) => first.bytes != member.bytes || first.mode != member.mode,
            None => seen.insert(path.clone(), member.clone()).is_none(),
        },
        Node::Directory | Node::Link(_) => true,
    });
}

fn scan(bytes: &[u8], compression: Compression, limits: &Limits) -> Result<Vec<(String, Node)>, SdistError> {
    let mut archive = ::tar::Archive::new(stream::open(bytes, compression, limits));
    let mut nodes = Vec::new();
    let mut pending = Pending::default();
    let mut count = 0;
    for entry in archive.entries().map_err(stream::error)?.raw(true) {
        let mut entry = entry.map_err(stream::error)?;
        count += 1;
        if count > limits.members {
            return Err(LimitError::Members { limit: limits.members }.into());
        }
        if extension::is_extension(entry.header().entry_type()) {
            pending.take(&mut entry, limits)?;
            continue;
        }
        let pending = std::mem::take(&mut pending);
        nodes.push(node(&mut entry, &pending, limits)?);
    }
    if pending.is_some() {
        return Err(SdistError::Malformed { why: "an extended header describes no member".into() });
    }
    stream::check_end(archive.into_inner())?;
    Ok(nodes)
}

type Entry<'a, 'b> = ::tar::Entry<'a, stream::Stream<'b>>;

fn node(entry: &mut Entry<'_, '_>, pending: &Pending, limits: &Limits) -> Result<(String, Node), SdistError> {
    let raw = pending.path.clone().unwrap_or_else(|| entry.path_bytes().into_owned());
    let name = extension::text(&raw)?;
    // `tar -C dir .` writes `./` before every path.
    let name = name.strip_prefix("./").unwrap_or(&name);
    let path = name.strip_suffix('/').unwrap_or(name);
    check(path, limits.path_bytes)?;
    let header = entry.header();
    let malformed = |what: &str| SdistError::Malformed { why: format!("member {} has {what}", shown(path)) };
    let size = header.entry_size().map_err(|_| malformed("an unreadable size"))?;
    let mode = header.mode().map_err(|_| malformed("an unreadable mode"))? & 0o7777;
    pending.check(path, size)?;
    let kind = header.entry_type();
    let node = match kind {
        EntryType::Regular | EntryType::Continuous if !name.ends_with('/') => {
            if mode & 0o7000 != 0 {
                return Err(SdistError::SpecialMode { name: shown(path), mode });
            }
            let mtime = header.mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
            Node::File(Member { bytes: bytes(entry, path, size, limits)?, mode: Some(mode), mtime })
        }
        _ if size != 0 => return Err(malformed("data though it is no file")),
        EntryType::Directory | EntryType::Regular => Node::Directory,
        EntryType::Symlink | EntryType::Link => {
            let raw =
                pending.link.clone().or_else(|| entry.link_name_bytes().map(std::borrow::Cow::into_owned));
            let target = extension::text(&raw.unwrap_or_default())?;
            Node::Link(Link { target, hard: kind == EntryType::Link })
        }
        EntryType::GNUSparse => return Err(SdistError::Sparse { name: shown(path) }),
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            return Err(SdistError::Device { name: shown(path) });
        }
        other => {
            return Err(SdistError::UnknownType { name: shown(path), kind: char::from(other.as_byte()) });
        }
    };
    Ok((path.to_owned(), node))
}

fn bytes(
    entry: &mut Entry<'_, '_>,
    path: &str,
    size: u64,
    limits: &Limits,
) -> Result<bytes::Bytes, SdistError> {
    if size > limits.member_bytes {
        return Err(LimitError::MemberBytes { name: shown(path), limit: limits.member_bytes }.into());
    }
    // The size is only a claim: what really comes out decides how much is allocated.
    let mut data = Vec::with_capacity(usize::try_from(size.min(1 << 16)).unwrap_or_default());
    entry.read_to_end(&mut data).map_err(stream::error)?;
    if data.len() as u64 != size {
        return Err(SdistError::Malformed { why: format!("member {} is cut short", shown(path)) });
    }
    Ok(data.into())
}
