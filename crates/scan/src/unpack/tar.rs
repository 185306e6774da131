//! Tars that the strict reader refuses: every block that looks like a header begins a member, before and after the end
//! of the archive (POSIX, "pax Interchange Format"; GNU tar's long names).

use super::names;
use super::oddity::Odd;
use super::salvage::Salvage;
use bytes::Bytes;
use std::collections::HashMap;

const BLOCK: usize = 512;
/// Where the checksum is, and how long.
const SUM: std::ops::Range<usize> = 148..156;
/// The longest extension record that is read.
const RECORD: usize = 1 << 20;
/// Links to links that are gone along.
const HOPS: usize = 4;

/// Whether bytes begin with a header whose checksum is right.
pub(super) fn is_header(bytes: &[u8]) -> bool {
    let Some(block) = bytes.get(..BLOCK) else { return false };
    let Some(stated) = octal(block.get(SUM).unwrap_or_default()) else { return false };
    let outside = block.iter().enumerate().map(|(at, byte)| if SUM.contains(&at) { b' ' } else { *byte });
    outside.map(u64::from).sum::<u64>() == stated && stated != 8 * u64::from(b' ')
}

/// An octal number, or one in base 256 as GNU tar writes large ones.
fn octal(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        let first = field.first().map(|first| u64::from(first & 0x7f)).unwrap_or_default();
        return field
            .iter()
            .skip(1)
            .try_fold(first, |sum, b| sum.checked_mul(256)?.checked_add(u64::from(*b)));
    }
    let digits = field.iter().skip_while(|b| **b == b' ').take_while(|b| (b'0'..=b'7').contains(*b));
    let mut any = false;
    let value = digits.fold(0u64, |sum, b| {
        any = true;
        sum.saturating_mul(8).saturating_add(u64::from(b - b'0'))
    });
    (any || field.iter().all(|b| matches!(b, 0 | b' '))).then_some(value)
}

fn string(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

/// What extension records say of the next member.
#[derive(Default)]
struct Pending {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl Pending {
    fn take(&mut self, kind: u8, data: &[u8]) {
        match kind {
            b'L' => self.path = Some(string(data)),
            b'K' => self.link = Some(string(data)),
            _ => self.pax(data),
        }
    }

    /// Records `LENGTH KEY=VALUE\n`.
    fn pax(&mut self, mut data: &[u8]) {
        while let Some(space) = memchr::memchr(b' ', data) {
            let digits = std::str::from_utf8(data.get(..space).unwrap_or_default()).unwrap_or_default();
            let Ok(len) = digits.parse::<usize>() else { return };
            let Some(record) = data.get(space + 1..len.max(space + 1)) else { return };
            let record = String::from_utf8_lossy(record);
            if let Some((key, value)) = record.strip_suffix('\n').unwrap_or(&record).split_once('=') {
                match key {
                    "path" | "GNU.sparse.name" => self.path = Some(value.to_owned()),
                    "linkpath" => self.link = Some(value.to_owned()),
                    "size" => self.size = value.parse().ok(),
                    _ => {}
                }
            }
            data = data.get(len.max(1)..).unwrap_or_default();
        }
    }
}

struct Link {
    name: String,
    target: String,
    hard: bool,
}

/// A walk over the blocks.
struct Walk<'a, 'b> {
    tar: &'a Bytes,
    at: usize,
    pending: Pending,
    links: Vec<Link>,
    /// Whether the end of the archive has been passed.
    ended: bool,
    salvage: &'a mut Salvage<'b>,
}

/// Collects the members of a tar.
pub(super) fn salvage(tar: &Bytes, salvage: &mut Salvage<'_>) {
    let mut walk = Walk { tar, at: 0, pending: Pending::default(), links: Vec::new(), ended: false, salvage };
    let (mut lost, mut after) = (false, false);
    while !walk.salvage.is_full() {
        let Some(block) = tar.get(walk.at..).and_then(|rest| rest.get(..BLOCK)) else { break };
        if block.iter().all(|byte| *byte == 0) {
            walk.ended = true;
            walk.at += BLOCK;
        } else if is_header(block) {
            if walk.ended && !std::mem::replace(&mut after, true) {
                walk.salvage.odd(Odd::Trailing, "there are members after the end of the archive");
            }
            walk.member(block);
        } else {
            if !std::mem::replace(&mut lost, true) {
                let odd = if walk.ended { Odd::Trailing } else { Odd::Corrupt };
                walk.salvage.odd(odd, format!("the block at byte {} is no header", walk.at));
            }
            walk.at += BLOCK;
        }
    }
    let links = std::mem::take(&mut walk.links);
    resolve(links, salvage);
}

impl Walk<'_, '_> {
    fn member(&mut self, block: &[u8]) {
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let kind = field(156, 157).first().copied().unwrap_or_default();
        let stated = octal(field(124, 136)).unwrap_or_default();
        self.at += BLOCK;
        if matches!(kind, b'x' | b'g' | b'L' | b'K' | b'X') {
            let data = self.data(stated, "an extension record");
            self.pending.take(kind, data.get(..data.len().min(RECORD)).unwrap_or_default());
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let name = pending.path.unwrap_or_else(|| {
            let (name, prefix) = (string(field(0, 100)), string(field(345, 500)));
            let posix = field(257, 263) == b"ustar\0" && !prefix.is_empty();
            if posix { format!("{prefix}/{name}") } else { name }
        });
        if pending.size.is_some_and(|size| size != stated && stated != 0) {
            let what = "its header and its extended header give it two sizes, so that readers lose step";
            self.salvage.odd_member(Odd::Disagreement, &name, what);
        }
        let size = pending.size.unwrap_or(stated);
        let mode = octal(field(100, 108)).unwrap_or_default();
        if mode & 0o7000 != 0 && kind != b'5' {
            self.salvage.odd_member(Odd::SpecialMode, &name, format!("its mode is {:o}", mode & 0o7777));
        }
        match kind {
            b'1' | b'2' => {
                let target = pending.link.unwrap_or_else(|| string(field(157, 257)));
                self.links.push(Link { name, target, hard: kind == b'1' });
            }
            b'3' | b'4' | b'6' => {
                self.salvage.odd_member(Odd::Device, &name, "it is a device, pipe or socket");
            }
            b'5' => {}
            b'0' | 0 if name.ends_with('/') => {}
            kind => {
                if kind == b'S' {
                    self.salvage.odd_member(
                        Odd::Method,
                        &name,
                        "it is a sparse file, and is shown as stored",
                    );
                }
                let mut data = self.data(size, &name);
                let room = self.salvage.budget.room();
                if data.len() > room {
                    self.salvage.cut(&name);
                    data = data.slice_ref(data.get(..room).unwrap_or_default());
                }
                self.salvage.push(&name, data);
            }
        }
    }

    /// The data of a member, as much as is there.
    fn data(&mut self, size: u64, name: &str) -> Bytes {
        let rest = self.tar.get(self.at..).unwrap_or_default();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let data = rest.get(..size.min(rest.len())).unwrap_or_default();
        if data.len() < size {
            self.salvage.odd_member(Odd::Truncated, name, "its data ends before it should");
        }
        self.at = self.at.saturating_add(data.len().next_multiple_of(BLOCK));
        self.tar.slice_ref(data)
    }
}

/// Says where links lead. One to a member of the archive shows that member under the link's name, as whoever opens it
/// sees it; nothing is followed out of the archive.
fn resolve(mut links: Vec<Link>, salvage: &mut Salvage<'_>) {
    let limit = salvage.budget.limits().path_bytes;
    for link in &links {
        let inside = inside(link);
        let (odd, to) = if inside { (Odd::Link, "") } else { (Odd::LinkLeaves, " out of the archive") };
        salvage.odd_member(odd, &link.name, format!("it is a link{to}, to {:?}", shown(&link.target)));
    }
    links.retain(inside);
    let mut known: HashMap<String, Bytes> =
        salvage.members.iter().map(|(name, bytes)| (names::normal(name, limit), bytes.clone())).collect();
    for _ in 0..HOPS {
        links.retain(|link| {
            let Some(bytes) = known.get(&names::normal(&place(link), limit)).cloned() else { return true };
            known.insert(names::normal(&link.name, limit), bytes.clone());
            salvage.push(&link.name, bytes);
            false
        });
    }
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Where a link leads, as a path of the archive.
fn place(link: &Link) -> String {
    if link.hard {
        return link.target.clone();
    }
    let folder = link.name.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{}", link.target)
}

fn inside(link: &Link) -> bool {
    if link.target.starts_with(['/', '\\']) || link.target.get(1..2) == Some(":") {
        return false;
    }
    let mut depth = 0i64;
    place(link).split('/').all(|part| {
        depth += match part {
            "" | "." => 0,
            ".." => -1,
            _ => 1,
        };
        depth >= 0
    })
}
