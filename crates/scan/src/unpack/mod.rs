//! Opens archives in memory, once, within one budget: what cannot be read is said, and is not the end.
//!
//! The strict reader of [`trustmill_inspect::archive`] goes first; what it accepts means one thing to every installer.
//! What it refuses is salvaged: everything that *any* installer could take from the bytes is shown, a name that means
//! two things as `name` and `name#2`. Archives within archives are opened to a depth, joined with `!/`.

mod budget;
mod format;
mod names;
mod oddity;
mod salvage;
pub mod sealed;
mod stream;
mod tar;
mod zip;

pub use oddity::{Odd, Oddity};

use budget::Budget;
use bytes::Bytes;
use format::Format;
use salvage::{Salvage, Told};
use std::collections::{BTreeSet, HashMap, HashSet};
use stream::{Coding, End};
use trustmill_core::Sha256;
use trustmill_core::port::Coded;
use trustmill_inspect::archive::{self, Limits, published, sdist};

/// What was found in an archive.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// Path and bytes of every regular file; no path is there twice.
    pub files: Vec<(String, Bytes)>,
    /// What is odd.
    pub oddities: Vec<Oddity>,
}

/// What the scanner opens at most, of the published file and all archives in it together.
pub const LIMITS: Limits = Limits {
    members: 100_000,
    member_bytes: 128 << 20,
    total_bytes: 512 << 20,
    ratio: 400,
    path_bytes: 4096,
};

/// How many archives may be around one that is opened.
const DEPTH: u8 = 3;

/// Opens a published file by its name; what is no archive is a package of one file.
pub fn unpack(name: &str, bytes: &Bytes) -> Unpacked {
    within(name, bytes, LIMITS)
}

/// The name of which `path` is a further content: `setup.py` of `setup.py#2`.
pub fn first_name(path: &str) -> Option<&str> {
    let (first, number) = path.rsplit_once('#')?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(first)
}

fn within(name: &str, bytes: &Bytes, limits: Limits) -> Unpacked {
    let mut opening = Opening::new(Budget::new(limits, bytes.len() as u64));
    match Format::of_name(name).or_else(|| Format::of_magic(bytes)) {
        Some(format) => opening.published(name, bytes, format),
        None => {
            let mut salvage = opening.salvage("", 0);
            let kept = bytes.get(..bytes.len().min(salvage.budget.room())).unwrap_or_default();
            if kept.len() < bytes.len() {
                salvage.cut(name);
            }
            salvage.push(name, bytes.slice_ref(kept));
            let members = salvage.members;
            opening.settle(members, "", 0, Top::Keep);
        }
    }
    Unpacked { files: opening.files, oddities: opening.told.oddities }
}

/// What is done with the folder at the top of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Top {
    /// Nothing: wheels, and archives within archives.
    Keep,
    /// It goes if everything is below it, as pip does.
    StripOne,
    /// As before, and its absence is odd.
    Expect,
    /// Whatever comes first in a path goes, as npm does.
    StripAny,
}

impl Top {
    fn of(name: &str, format: Format) -> Self {
        let ends = |suffix: &str| name.to_ascii_lowercase().ends_with(suffix);
        match format {
            Format::Zip if ends(".whl") || ends(".egg") => Self::Keep,
            Format::Zip => Self::StripOne,
            Format::Stream(_) if ends(".tgz") => Self::StripAny,
            Format::Stream(_) => Self::Expect,
        }
    }
}

/// What is shown at a path: which file first, and the digests of all, once there are several.
struct Seen {
    first: usize,
    digests: HashSet<Sha256>,
}

/// A published file that is being opened.
struct Opening {
    budget: Budget,
    told: Told,
    files: Vec<(String, Bytes)>,
    /// What is at a path, so that a name with two contents is shown twice and one with one once.
    seen: HashMap<String, Seen>,
    /// Archives that were opened, anywhere.
    opened: BTreeSet<Sha256>,
    /// Archives around the one that is being opened.
    around: Vec<Bytes>,
}

impl Opening {
    fn new(budget: Budget) -> Self {
        Self {
            budget,
            told: Told::default(),
            files: Vec::new(),
            seen: HashMap::new(),
            opened: BTreeSet::new(),
            around: Vec::new(),
        }
    }

    fn salvage<'a>(&'a mut self, archive: &'a str, depth: u8) -> Salvage<'a> {
        Salvage::new(&mut self.budget, &mut self.told, archive, depth)
    }

    fn published(&mut self, name: &str, bytes: &Bytes, format: Format) {
        self.around.push(bytes.clone());
        let strict = strict(name, bytes, format, &self.budget.left());
        let polyglot = format != Format::Zip && zip::has_directory(bytes);
        match strict {
            Ok(members) => {
                let mut salvage = self.salvage(name, 0);
                for (path, bytes) in members {
                    salvage.push(&path, bytes);
                }
                let members = salvage.members;
                let top = if name.to_ascii_lowercase().ends_with(".zip") { Top::StripOne } else { Top::Keep };
                self.settle(members, "", 0, top);
            }
            Err(why) => {
                self.told.say(Odd::Refused, 0, name, why);
                self.open(name, bytes, format, 0, Top::of(name, format));
                let other = Format::of_magic(bytes).filter(|other| *other != format);
                if let Some(other) = other.filter(|other| !(polyglot && *other == Format::Zip)) {
                    self.told.say(Odd::Polyglot, 0, name, "its first bytes are those of another format");
                    self.open(name, bytes, other, 0, Top::of(name, other));
                }
            }
        }
        if polyglot {
            self.told.say(Odd::Polyglot, 0, name, "it is a zip file too, and pip would unpack that");
            self.open(name, bytes, Format::Zip, 0, Top::StripOne);
        }
    }

    /// Opens an archive tolerantly, and what is in it.
    fn open(&mut self, name: &str, bytes: &Bytes, format: Format, depth: u8, top: Top) {
        let mut salvage = self.salvage(name, depth);
        let limits = salvage.budget.left();
        match format {
            Format::Zip => match archive::zip::read(bytes, &limits).ok().filter(|_| depth > 0) {
                Some(contents) => contents.members.into_iter().for_each(|(path, member)| {
                    salvage.push(&path, member.bytes);
                }),
                None => zip::salvage(bytes, &mut salvage),
            },
            Format::Stream(coding) => stream_or_tar(name, bytes, coding, &mut salvage),
        }
        let members = salvage.members;
        let prefix = if depth == 0 { String::new() } else { format!("{name}!/") };
        self.settle(members, &prefix, depth, top);
    }

    /// Gives members their paths, and opens those that are archives.
    fn settle(&mut self, members: Vec<(String, Bytes)>, prefix: &str, depth: u8, top: Top) {
        let limit = self.budget.limits().path_bytes;
        let mut named: Vec<(String, Bytes)> = Vec::with_capacity(members.len());
        for (raw, bytes) in members {
            let path = names::normal(&raw, limit);
            for odd in names::oddities(&raw, limit) {
                self.told.say(odd, depth, &format!("{prefix}{path}"), format!("the name is {raw:?}"));
            }
            named.push((path, bytes));
        }
        self.strip(&mut named, top, depth);
        for (path, bytes) in named {
            let path = self.place(format!("{prefix}{path}"), &bytes, depth);
            let Some(path) = path else { continue };
            let format = Format::of_magic(&bytes);
            self.files.push((path.clone(), bytes.clone()));
            if let Some(format) = format {
                self.nested(&path, &bytes, format, depth + 1);
            }
        }
    }

    fn strip(&mut self, named: &mut [(String, Bytes)], top: Top, depth: u8) {
        if top == Top::Keep {
            return;
        }
        let first = |path: &str| path.split_once('/').map(|(first, _)| first.to_owned());
        let tops: BTreeSet<Option<String>> = named.iter().map(|(path, _)| first(path)).collect();
        let one = tops.len() == 1 && !tops.contains(&None);
        if !one && top != Top::StripOne && !named.is_empty() {
            self.told.say(Odd::NoTopFolder, depth, "", "not everything is below one folder");
        }
        if one || top == Top::StripAny {
            for (path, _) in named {
                if let Some((_, below)) = path.split_once('/') {
                    *path = below.to_owned();
                }
            }
        }
    }

    /// The path that a content is shown under; `None` where it is shown already.
    fn place(&mut self, path: String, bytes: &Bytes, depth: u8) -> Option<String> {
        let Some(seen) = self.seen.get_mut(&path) else {
            // Most paths are there once, and need no digest.
            self.seen.insert(path.clone(), Seen { first: self.files.len(), digests: HashSet::new() });
            return Some(path);
        };
        if seen.digests.is_empty() {
            seen.digests.extend(self.files.get(seen.first).map(|(_, bytes)| Sha256::of(bytes)));
        }
        if !seen.digests.insert(Sha256::of(bytes)) {
            return None;
        }
        let number = seen.digests.len();
        self.told.say(Odd::DuplicateName, depth, &path, "the name has two contents");
        Some(format!("{path}#{number}"))
    }

    fn nested(&mut self, path: &str, bytes: &Bytes, format: Format, depth: u8) {
        if self.around.contains(bytes) {
            self.told.say(Odd::Quine, depth, path, "it is an archive that holds itself");
        } else if depth > DEPTH {
            self.told.say(Odd::TooDeep, depth, path, format!("more than {DEPTH} archives are around it"));
        } else if self.opened.insert(Sha256::of(bytes)) {
            self.around.push(bytes.clone());
            self.open(path, bytes, format, depth, Top::Keep);
            self.around.pop();
        }
    }
}

/// A compressed stream: a tar, or one file.
fn stream_or_tar(name: &str, bytes: &Bytes, coding: Coding, salvage: &mut Salvage<'_>) {
    let room = usize::try_from(salvage.budget.left().total_bytes).unwrap_or(usize::MAX);
    let (content, used, end) = if coding == Coding::Plain {
        (bytes.clone(), bytes.len(), End::Whole)
    } else {
        let out = stream::read(coding, bytes, room);
        (Bytes::from(out.bytes), out.used, out.end)
    };
    match end {
        End::Whole => {}
        End::Truncated => salvage.odd(Odd::Truncated, "its compressed stream ends before it should"),
        End::Corrupt => salvage.odd(Odd::Corrupt, "its compressed stream cannot be read to the end"),
        End::Limit => salvage.odd(Odd::Bomb, format!("it inflates to more than {room} bytes")),
    }
    let rest = bytes.get(used..).unwrap_or_default();
    if end == End::Whole && rest.iter().any(|byte| *byte != 0) {
        salvage.odd(Odd::Trailing, format!("{} bytes follow its compressed stream", rest.len()));
        salvage.push("trailing", bytes.slice_ref(rest));
    }
    if format::is_tar(&content) {
        tar::salvage(&content, salvage);
    } else if !content.is_empty() {
        let kept = content.get(..content.len().min(salvage.budget.room())).unwrap_or_default();
        let stem = format::stem(name);
        if kept.len() < content.len() {
            salvage.cut(stem);
        }
        salvage.push(stem, content.slice_ref(kept));
    }
}

/// The members by the strict reader, or its refusal with its code.
fn strict(
    name: &str,
    bytes: &Bytes,
    format: Format,
    limits: &Limits,
) -> Result<Vec<(String, Bytes)>, String> {
    let lower = name.to_ascii_lowercase();
    let say = |error: &dyn Coded| format!("{}: {error}", error.code());
    let contents = if lower.ends_with(".egg") {
        archive::zip::read(bytes, limits).map_err(|error| say(&error))
    } else {
        published::read(name, bytes, limits).map_err(|error| say(&error)).or_else(|refused| {
            // A source archive may have links within itself; its own reader resolves them.
            let source = lower.ends_with(".tar.gz") || lower.contains(".tar.bz2") || lower.ends_with(".tar");
            if source && format != Format::Zip {
                sdist::read(name, bytes, limits).map_err(|error| say(&error))
            } else {
                Err(refused)
            }
        })
    }?;
    Ok(contents.members.into_iter().map(|(path, member)| (path, member.bytes)).collect())
}

#[cfg(test)]
mod tests;
