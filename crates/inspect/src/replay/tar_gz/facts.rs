//! What a tar.gz may carry beside its members and still be replayed: numbers, owners' names, and the members'
//! own paths. Anything that could hold a payload is refused by name.

use super::ReplayRefusal;
use crate::archive::path::shown;
use crate::archive::tar::extension::records;
use crate::archive::tar_gz::header::field;
use crate::archive::tar_gz::{Archive, Entry, Extension, Gzip, Header, Layout};
use std::collections::BTreeSet;
use std::ops::Range;

/// What was found that is no fact.
type Finding = Result<(), &'static str>;

/// Bytes of an owner's name in a pax record at most; a header has room for 32.
const OWNER_BYTES: usize = 64;
/// Characters of a number in a pax record at most: seconds with nanoseconds have thirty.
const NUMBER_CHARS: usize = 40;

/// The container holds facts only, and they are true.
pub(super) fn check(archive: &Archive) -> Result<(), ReplayRefusal> {
    gzip(&archive.gzip, &archive.top).map_err(|what| ReplayRefusal::Extra { what, at: None })?;
    let parents: BTreeSet<&str> = archive
        .entries
        .iter()
        .filter(|entry| !entry.directory)
        .flat_map(|entry| entry.path.match_indices('/').filter_map(|(at, _)| entry.path.get(..at)))
        .collect();
    for entry in &archive.entries {
        let at = || Some(shown(&entry.path));
        check_entry(archive, entry).map_err(|what| ReplayRefusal::Extra { what, at: at() })?;
        if entry.directory && !parents.contains(entry.path.as_str()) {
            return Err(ReplayRefusal::Extra { what: "an empty folder", at: at() });
        }
    }
    Ok(())
}

fn gzip(gzip: &Gzip, top: &str) -> Finding {
    if gzip.comment.is_some() || gzip.extra.is_some() || gzip.header_crc.is_some() || gzip.text {
        return Err("a comment, an extra field or an unusual flag in its gzip header");
    }
    let Some(name) = &gzip.name else { return Ok(()) };
    // Cargo writes `NAME-VERSION.crate`; gzip(1) writes the name of the tar that it was given.
    let rest = name.strip_prefix(top.as_bytes());
    match rest {
        Some(b"" | b".crate" | b".tar" | b".tgz") => Ok(()),
        _ => Err("a file name in its gzip header that is not its own"),
    }
}

fn check_entry(archive: &Archive, entry: &Entry) -> Finding {
    let mut renamed = false;
    for extension in &entry.extensions {
        check_header(&extension.header)?;
        check_extension(archive, extension, entry)?;
        check_extension_name(&extension.header.name(), &entry.path)?;
        renamed |= names(archive, extension);
    }
    check_header(&entry.header)?;
    let name = entry.header.name();
    // A packer that writes a long name elsewhere leaves as much of it here as fits.
    let honest = if renamed { !name.is_empty() && is_start(&name, &entry.path) } else { true };
    if honest { Ok(()) } else { Err("a second name") }
}

/// Whether the extension gives the member its name.
fn names(archive: &Archive, extension: &Extension) -> bool {
    let data = archive.piece(&extension.data);
    let pax = || records(data).is_ok_and(|records| records.iter().any(|(key, _)| *key == b"path"));
    extension.header.kind() == b'L' || pax()
}

/// Whether `name` is what `path` starts with, as packers spell paths.
fn is_start(name: &[u8], path: &str) -> bool {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    path.as_bytes().starts_with(name.strip_suffix(b"/").unwrap_or(name))
}

/// Every byte of a header is a number, a printable name or zero.
fn check_header(header: &Header) -> Finding {
    for range in [field::MODE, field::UID, field::GID, field::SIZE, field::MTIME, field::CHECKSUM] {
        header.number(range).ok_or("a header field that is no number")?;
    }
    if header.get(field::LINK).iter().any(|byte| *byte != 0) {
        return Err("the name of a link");
    }
    padded(header.get(field::NAME))?;
    match header.layout() {
        Layout::V7 => return Ok(()),
        Layout::Unknown => return Err("a header of an unknown layout"),
        Layout::Ustar => posix_tail(header)?,
        Layout::Gnu => gnu_tail(header)?,
    }
    for range in [field::DEV_MAJOR, field::DEV_MINOR] {
        if header.number(range) != Some(0) {
            return Err("a device number");
        }
    }
    for range in [field::UNAME, field::GNAME] {
        padded(header.get(range.clone()))?;
        printable(header.text(range))?;
    }
    Ok(())
}

/// POSIX: a prefix and nothing; or, as Node's tar writes it, a shorter prefix and two times.
fn posix_tail(header: &Header) -> Finding {
    const SHORT: Range<usize> = 345..475;
    const BETWEEN: Range<usize> = 475..476;
    const ATIME: Range<usize> = 476..488;
    const CTIME: Range<usize> = 488..500;
    const REST: Range<usize> = 500..512;
    zero(header, REST)?;
    let plain = padded(header.get(field::PREFIX));
    if plain.is_ok() {
        return plain;
    }
    padded(header.get(SHORT))?;
    zero(header, BETWEEN)?;
    times(header, [ATIME, CTIME])
}

/// GNU: two times, and nothing of what describes sparse files and volumes.
fn gnu_tail(header: &Header) -> Finding {
    const ATIME: Range<usize> = 345..357;
    const CTIME: Range<usize> = 357..369;
    const REST: Range<usize> = 369..512;
    zero(header, REST)?;
    times(header, [ATIME, CTIME])
}

fn times(header: &Header, ranges: [Range<usize>; 2]) -> Finding {
    let known = ranges.into_iter().all(|range| header.number(range).is_some());
    if known { Ok(()) } else { Err("a header field that is no number") }
}

fn zero(header: &Header, range: Range<usize>) -> Finding {
    let zero = header.get(range).iter().all(|byte| *byte == 0);
    if zero { Ok(()) } else { Err("bytes in an unused part of a header") }
}

/// After the first NUL of a name there is nothing.
fn padded(field: &[u8]) -> Finding {
    let zero = field.iter().skip_while(|byte| **byte != 0).all(|byte| *byte == 0);
    if zero { Ok(()) } else { Err("bytes behind a name in a header") }
}

fn printable(text: &[u8]) -> Finding {
    let printable = text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if printable { Ok(()) } else { Err("an owner's name that is no text") }
}

/// An extension says the member's own name, numbers and owners.
fn check_extension(archive: &Archive, extension: &Extension, entry: &Entry) -> Finding {
    let data = archive.piece(&extension.data);
    match extension.header.kind() {
        b'L' if own_name(data.strip_suffix(b"\0").unwrap_or(data), entry) => Ok(()),
        b'L' => Err("bytes behind a long name"),
        b'x' => {
            let mut seen = BTreeSet::new();
            for (key, value) in records(data).map_err(|_| "a malformed pax record")? {
                if !seen.insert(key) {
                    return Err("a pax record twice");
                }
                pax(key, value, entry)?;
            }
            Ok(())
        }
        b'g' => Err("a global pax header"),
        _ => Err("a long name of a link"),
    }
}

fn own_name(said: &[u8], entry: &Entry) -> bool {
    let said = said.strip_prefix(b"./").unwrap_or(said);
    let said = if entry.directory { said.strip_suffix(b"/").unwrap_or(said) } else { said };
    said == entry.path.as_bytes()
}

fn pax(key: &[u8], value: &[u8], entry: &Entry) -> Finding {
    match key {
        b"path" if own_name(value, entry) => Ok(()),
        b"path" => Err("a second name"),
        b"uname" | b"gname" if value.len() <= OWNER_BYTES => printable(value),
        b"size"
        | b"mtime"
        | b"atime"
        | b"ctime"
        | b"uid"
        | b"gid"
        | b"LIBARCHIVE.creationtime"
        | b"SCHILY.dev"
        | b"SCHILY.ino"
        | b"SCHILY.nlink" => {
            let digits = value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
            if digits && value.len() <= NUMBER_CHARS { Ok(()) } else { Err("a pax record that is no number") }
        }
        _ => Err("an unknown pax record"),
    }
}

/// The name of an extension's own header: no reader uses it, so it holds what packers put there and no more.
fn check_extension_name(name: &[u8], path: &str) -> Finding {
    if matches!(name, b"././@LongLink" | b"././@PaxHeader") {
        return Ok(());
    }
    let Ok(name) = std::str::from_utf8(name) else { return Err("an unknown name of an extended header") };
    let (folder, base) = path.rsplit_once('/').unwrap_or(("", path));
    let mut known = name.split('/').filter(|part| {
        let marks = matches!(*part, "." | "PaxHeader" | "PaxHeaders")
            || part.strip_prefix("PaxHeaders.").is_some_and(|pid| pid.bytes().all(|b| b.is_ascii_digit()));
        !marks
    });
    let last = known.next_back().unwrap_or_default();
    // What is left is the member's own path, cut where it does not fit.
    let own_folder = known.zip(folder.split('/')).all(|(part, own)| part == own);
    let own_base = path.split('/').any(|part| part.starts_with(last));
    let deep = name.split('/').count() > path.split('/').count() + 2;
    if name.contains("PaxHeader") && own_folder && own_base && !deep && !base.is_empty() {
        Ok(())
    } else {
        Err("an unknown name of an extended header")
    }
}
