//! Zip files that the strict reader refuses: what readers of the central directory see, and what readers of the local
//! headers see (APPNOTE.TXT 6.3.10). Installers of both kinds exist, so both views are shown.

use super::oddity::Odd;
use super::salvage::Salvage;
use super::stream::{self, Coding, End};
use bytes::Bytes;
use memchr::memmem;
use std::collections::{HashMap, HashSet};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
/// Bytes of the fixed parts of a local and a central header, and of the end record.
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22;
/// Bytes from a zip64 end record to the small one, where both have their usual form.
const END64_BEFORE: usize = 56 + 20;
/// End records that are tried; an honest file has one.
const ENDS: usize = 4;
/// How far from the end of a file pip's `zipfile` looks for the end record.
const TAIL: usize = (1 << 16) + END_LEN;
/// The largest data descriptor.
const DESCRIPTOR: usize = 24;
/// Info-ZIP's second name of a member.
const UNICODE_PATH: u16 = 0x7075;
/// What a 32-bit field says that is written elsewhere.
const SEE64: u64 = u32::MAX as u64;

/// A member as one of the views describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) names: Vec<String>,
    /// Where its local header begins, and its data.
    pub(super) header: usize,
    pub(super) data: usize,
    /// Where its data ends; not known from a local header that leaves it to what follows.
    pub(super) end: Option<usize>,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) crc: Option<u32>,
    mode: u32,
}

/// Little-endian numbers at a place, 0 beyond the end.
fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let field = at.checked_add(len).and_then(|end| bytes.get(at..end)).unwrap_or_default();
    field.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::try_from(number(bytes, at, 2)).unwrap_or_default()
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::try_from(number(bytes, at, 4)).unwrap_or_default()
}

fn size(bytes: &[u8], at: usize, len: usize) -> usize {
    usize::try_from(number(bytes, at, len)).unwrap_or(usize::MAX)
}

fn text(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(text) => text.to_owned(),
        Err(_) => raw.iter().copied().map(char::from).collect(),
    }
}

/// The name of a header, and the second one that an extra field gives it.
fn names(bytes: &[u8], at: usize, name: usize, extra: usize) -> Option<Vec<String>> {
    let end = at.checked_add(name)?;
    let mut names = vec![text(bytes.get(at..end)?)];
    let mut rest = bytes.get(end..end.checked_add(extra)?)?;
    while rest.len() >= 4 {
        let len = usize::from(short(rest, 2));
        let field = rest.get(4..).unwrap_or_default();
        let field = field.get(..len.min(field.len())).unwrap_or_default();
        if short(rest, 0) == UNICODE_PATH && field.len() > 5 {
            let second = text(field.get(5..).unwrap_or_default());
            if !names.contains(&second) {
                names.push(second);
            }
        }
        rest = rest.get(4 + len..).unwrap_or_default();
    }
    Some(names)
}

/// The local header at `at`.
fn local(bytes: &[u8], at: usize) -> Option<Record> {
    let header = bytes.get(at..)?;
    if !header.starts_with(LOCAL) || header.len() < LOCAL_LEN {
        return None;
    }
    let (name, extra) = (usize::from(short(header, 26)), usize::from(short(header, 28)));
    let flags = short(header, 6);
    let names = names(header, LOCAL_LEN, name, extra)?;
    let data = at + LOCAL_LEN + name + extra;
    let compressed = wide(header, LOCAL_LEN + name, extra, [long(header, 22), long(header, 18)]);
    let later = flags >> 3 & 1 == 1 && compressed == 0;
    let end = if later { None } else { Some(data.checked_add(compressed)?) };
    let crc = (!later).then(|| long(header, 14));
    Some(Record { names, header: at, data, end, method: short(header, 8), flags, crc, mode: 0 })
}

/// The compressed size, from the zip64 extra field where the header says so (APPNOTE 4.5.3).
fn wide(header: &[u8], at: usize, extra: usize, [size, compressed]: [u32; 2]) -> usize {
    if u64::from(compressed) != SEE64 {
        return compressed as usize;
    }
    let mut rest = header.get(at..at.saturating_add(extra)).unwrap_or_default();
    while rest.len() >= 4 {
        if short(rest, 0) == 1 {
            let skip = if u64::from(size) == SEE64 { 8 } else { 0 };
            return self::size(rest, 4 + skip, 8);
        }
        rest = rest.get(4 + usize::from(short(rest, 2))..).unwrap_or_default();
    }
    usize::MAX
}

/// An end record: where it is, and where its directory is.
struct Directory {
    at: usize,
    start: usize,
    /// What stands before the first byte that offsets count from.
    prefix: usize,
}

fn directory(bytes: &[u8], at: usize) -> Option<Directory> {
    let record = bytes.get(at..)?;
    if record.len() < END_LEN {
        return None;
    }
    let (mut len, mut offset, mut stop) = (size(record, 12, 4), size(record, 16, 4), at);
    if let Some(wide) =
        at.checked_sub(END64_BEFORE).filter(|wide| bytes.get(*wide..).is_some_and(|b| b.starts_with(END64)))
    {
        let record = bytes.get(wide..)?;
        (len, offset, stop) = (size(record, 40, 8), size(record, 48, 8), wide);
    }
    // As Python's zipfile: the directory ends where the end record begins, whatever the offset says.
    let start = stop.checked_sub(len)?;
    let prefix = start.checked_sub(offset)?;
    let empty = len == 0 && start == stop;
    (empty || bytes.get(start..)?.starts_with(CENTRAL)).then_some(Directory { at, start, prefix })
}

/// Whether `zipfile.is_zipfile` says yes and there is something in it: pip then unpacks it as a zip whatever its name.
pub(super) fn has_directory(bytes: &[u8]) -> bool {
    let tail = bytes.len().saturating_sub(TAIL);
    let found = bytes.get(tail..).and_then(|tail| memmem::rfind(tail, END));
    found.and_then(|at| directory(bytes, tail + at)).is_some_and(|found| found.start < found.at)
}

/// What the central directories say. `None` where there is no end record.
pub(super) fn centrals(bytes: &[u8], most: usize, salvage: &mut Salvage<'_>) -> Option<Vec<Record>> {
    let mut found = Vec::new();
    let ends: Vec<Directory> =
        memmem::rfind_iter(bytes, END).take(ENDS).filter_map(|at| directory(bytes, at)).collect();
    let last = ends.first()?;
    let tail = last.at + END_LEN + usize::from(short(bytes, last.at + 20));
    if tail < bytes.len() {
        salvage.odd(Odd::Trailing, format!("{} bytes follow its end", bytes.len() - tail));
    }
    for end in &ends {
        // The end record of an archive that is a member is no second end of this one.
        if found
            .iter()
            .any(|record: &Record| record.data <= end.at && record.end.is_some_and(|stop| end.at < stop))
        {
            continue;
        }
        let mut at = end.start;
        while let Some(header) = bytes.get(at..).filter(|rest| rest.starts_with(CENTRAL)) {
            if found.len() >= most {
                break;
            }
            let lens = [28, 30, 32].map(|field| usize::from(short(header, field)));
            let [name, extra, comment] = lens;
            let Some(names) = names(header, CENTRAL_LEN, name, extra) else { break };
            found.extend(central(bytes, header, names, end.prefix));
            at += CENTRAL_LEN + name + extra + comment;
        }
    }
    Some(found)
}

fn central(bytes: &[u8], header: &[u8], names: Vec<String>, prefix: usize) -> Option<Record> {
    let at = prefix.checked_add(size(header, 42, 4))?;
    let there = local(bytes, at)?;
    let (name, extra) = (usize::from(short(header, 28)), usize::from(short(header, 30)));
    let compressed = wide(header, CENTRAL_LEN + name, extra, [long(header, 24), long(header, 20)]);
    Some(Record {
        names,
        header: at,
        data: there.data,
        end: Some(there.data.saturating_add(compressed).min(bytes.len())),
        method: short(header, 10),
        flags: short(header, 8),
        crc: Some(long(header, 16)),
        mode: long(header, 38) >> 16,
    })
}

/// Inflated members, by where their data begins: both views mostly mean the same bytes.
#[derive(Default)]
struct Inflater {
    known: HashMap<usize, (Bytes, usize, End)>,
    held: usize,
}

impl Inflater {
    /// The content of a record, and where its data ended.
    fn read(&mut self, bytes: &Bytes, record: &Record, room: usize) -> (Bytes, usize, End) {
        let input =
            bytes.get(record.data..record.end.unwrap_or(bytes.len()).min(bytes.len())).unwrap_or_default();
        let room = room.saturating_sub(self.held);
        let coding = match record.method {
            8 => {
                if let Some((content, used, end)) = self.known.get(&record.data)
                    && *used <= input.len()
                {
                    return (content.clone(), *used, *end);
                }
                let out = stream::deflate(input, room);
                self.held += out.bytes.len();
                let found = (Bytes::from(out.bytes), out.used, out.end);
                self.known.insert(record.data, found.clone());
                return found;
            }
            12 => Coding::Bzip2,
            20 | 93 => Coding::Zstd,
            95 => Coding::Xz,
            _ => {
                let end = if input.len() > room { End::Limit } else { End::Whole };
                let kept = input.get(..room.min(input.len())).unwrap_or_default();
                return (bytes.slice_ref(kept), input.len(), end);
            }
        };
        let out = stream::read(coding, input, room);
        (out.bytes.into(), out.used, out.end)
    }
}

/// What a reader sees that goes from one local header to the next.
fn locals(bytes: &Bytes, most: usize, inflater: &mut Inflater, salvage: &mut Salvage<'_>) -> Vec<Record> {
    let finder = memmem::Finder::new(LOCAL);
    let mut found: Vec<Record> = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes.get(at..).and_then(|rest| finder.find(rest)).map(|skip| at + skip) {
        if found.len() >= most || salvage.is_full() {
            break;
        }
        let Some(mut record) = local(bytes, next).filter(|record| is_likely(bytes, record)) else {
            at = next + LOCAL.len();
            continue;
        };
        gap(bytes, at, next, found.is_empty(), salvage);
        let end = match record.end {
            // What a cut file still has of its last member.
            Some(end) => end.min(bytes.len()),
            None if record.method == 8 => {
                let room = salvage.budget.room();
                record.data + inflater.read(bytes, &record, room).1
            }
            // A stored member of unknown length: up to what looks like the next header, as tolerant readers do.
            None => {
                let rest = bytes.get(record.data..).unwrap_or_default();
                record.data + memmem::find(rest, b"PK").unwrap_or(rest.len())
            }
        };
        record.end = Some(end);
        found.push(record);
        at = end.max(next + LOCAL_LEN);
    }
    found
}

/// Whether a header that was found by its first bytes is one: those also occur in data by chance.
fn is_likely(bytes: &[u8], record: &Record) -> bool {
    // APPNOTE 4.4.3.2: versions in use end at 6.3.
    let version = short(bytes.get(record.header..).unwrap_or_default(), 4) & 0xff;
    version <= 63 && is_read(record.method)
}

fn gap(bytes: &[u8], from: usize, to: usize, first: bool, salvage: &mut Salvage<'_>) {
    let between = bytes.get(from..to).unwrap_or_default();
    if between.len() <= DESCRIPTOR && !first || between.is_empty() {
        return;
    }
    if first {
        salvage.odd(Odd::Prefixed, format!("{} bytes precede the first member", between.len()));
    } else if memmem::find(between, CENTRAL).is_none() {
        salvage.odd(Odd::Gap, format!("{} bytes at offset {from} belong to no member", between.len()));
    }
}

/// Collects what either kind of reader sees.
pub(super) fn salvage(bytes: &Bytes, salvage: &mut Salvage<'_>) {
    let most = salvage.budget.left().members;
    let mut inflater = Inflater::default();
    let directory = centrals(bytes, most, salvage);
    let walked = locals(bytes, most, &mut inflater, salvage);
    if directory.is_none() {
        salvage.odd(Odd::Truncated, "its central directory is missing");
    }
    let both = directory.is_some();
    let directory = directory.unwrap_or_default();
    let by_header: HashMap<usize, &Record> = directory.iter().map(|record| (record.header, record)).collect();
    for record in &directory {
        take(bytes, record, &mut inflater, salvage);
    }
    for record in &walked {
        let other = by_header.get(&record.header).copied();
        if other.is_some_and(|other| alike(bytes, other, record, &mut inflater, salvage)) {
            continue;
        }
        if both {
            let name = record.names.first().map_or("", String::as_str);
            let what = "it is seen only by readers that go by the headers of the members";
            salvage.odd_member(Odd::Disagreement, name, what);
        }
        take(bytes, record, &mut inflater, salvage);
    }
    let starts: HashSet<usize> = walked.iter().map(|record| record.header).collect();
    for record in directory.iter().filter(|record| !starts.contains(&record.header)) {
        let name = record.names.first().map_or("", String::as_str);
        salvage.odd_member(Odd::Disagreement, name, "it is seen only by readers that go by the directory");
    }
}

/// Whether two views of one place give the same content under the same name.
fn alike(bytes: &Bytes, a: &Record, b: &Record, inflater: &mut Inflater, salvage: &Salvage<'_>) -> bool {
    if a.names != b.names || a.method != b.method {
        return false;
    }
    let room = salvage.budget.room();
    a.end == b.end || inflater.read(bytes, a, room).0 == inflater.read(bytes, b, room).0
}

fn is_directory(name: &str, content: &Bytes) -> bool {
    content.is_empty() && name.ends_with(['/', '\\'])
}

/// Collects one record under each of its names.
fn take(bytes: &Bytes, record: &Record, inflater: &mut Inflater, salvage: &mut Salvage<'_>) {
    let name = record.names.first().map_or("", String::as_str);
    if record.flags & 1 == 1 {
        salvage.odd_member(Odd::Encrypted, name, "it is encrypted");
    } else if !is_read(record.method) {
        let what = format!("it is compressed by method {}, which is not read", record.method);
        salvage.odd_member(Odd::Method, name, what);
    }
    let (content, _, end) = inflater.read(bytes, record, salvage.budget.room());
    let wrong = |crc| zlib_rs::crc32::crc32(0, &content) != crc;
    let plain = record.flags & 1 == 0;
    match end {
        End::Limit => salvage.cut(name),
        End::Truncated if plain => salvage.odd_member(Odd::Truncated, name, "its data ends before it should"),
        End::Corrupt if plain => {
            salvage.odd_member(Odd::Corrupt, name, "its data cannot be inflated to the end");
        }
        End::Whole if plain && is_read(record.method) && record.crc.is_some_and(wrong) => {
            salvage.odd_member(Odd::Corrupt, name, "its checksum is wrong");
        }
        End::Whole | End::Truncated | End::Corrupt => {}
    }
    mode(record, name, salvage);
    if record.names.len() > 1 {
        salvage.odd_member(Odd::Disagreement, name, "an extra field gives it a second name");
    }
    for name in record.names.iter().filter(|name| !is_directory(name, &content)) {
        salvage.push(name, content.clone());
    }
}

/// Stored, deflate, bzip2, zstd, xz.
const fn is_read(method: u16) -> bool {
    matches!(method, 0 | 8 | 12 | 20 | 93 | 95)
}

fn mode(record: &Record, name: &str, salvage: &mut Salvage<'_>) {
    match record.mode & 0o170_000 {
        0o120_000 => salvage.odd_member(Odd::Link, name, "it is a symbolic link"),
        0 | 0o100_000 | 0o040_000 => {}
        _ => salvage.odd_member(Odd::Device, name, "it is a device, pipe or socket"),
    }
    if record.mode & 0o7000 != 0 {
        salvage.odd_member(Odd::SpecialMode, name, format!("its mode is {:o}", record.mode & 0o7777));
    }
}
