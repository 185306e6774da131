//! A package as rules see it: its files with their facts, what runs when, and the release before.

mod between;
pub mod reach;
mod reading;

use crate::facts::Facts;
pub use crate::unpack::{Odd, Oddity};
use crate::{language, unpack};
use bytes::Bytes;
pub use reading::Reading;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::port::scanner::{File as Input, Job};
use trustmill_core::scan::{Place, When};

/// What kind of bytes a file is, by its name and its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Python source.
    Python,
    /// JavaScript or TypeScript source.
    JavaScript,
    /// Rust source.
    Rust,
    /// A shell script, a batch file, PowerShell.
    Shell,
    /// CPython bytecode.
    Bytecode,
    /// A pickle of Python, which is a program as well.
    Pickle,
    /// A program or library for a machine.
    Native,
    /// An archive that could not be opened, or is nested too deep.
    Archive,
    /// JSON, TOML, YAML, ini.
    Settings,
    /// Other text.
    Text,
    /// Other bytes.
    Data,
}

impl Kind {
    /// Whether it holds instructions.
    pub const fn is_code(self) -> bool {
        matches!(self, Self::Python | Self::JavaScript | Self::Rust | Self::Shell)
    }

    /// Whether people read it in lines.
    pub const fn is_text(self) -> bool {
        self.is_code() || matches!(self, Self::Settings | Self::Text)
    }
}

/// A file of a package.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path in the package, without the top folder; archives within archives are joined with `!/`.
    pub path: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// What it is.
    pub kind: Kind,
    /// When its code runs.
    pub when: When,
    /// What it does; files of the same bytes share it.
    pub facts: Arc<Facts>,
    /// Whether its facts were looked for.
    pub is_read: bool,
    /// What it does by itself, where `facts` say what it does with what other files give it.
    pub alone: Option<Arc<Facts>>,
}

impl File {
    /// The place of a byte offset.
    pub fn place(&self, at: u32) -> Place {
        let before = self.bytes.get(..at as usize).unwrap_or(&self.bytes);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        let column = String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count() + 1;
        Place {
            path: self.path.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// The place of the file as a whole.
    pub fn whole(&self) -> Place {
        Place { path: self.path.clone(), line: 0, column: 0 }
    }

    /// The line at an offset, cut around it, with what a terminal would obey made visible.
    pub fn excerpt(&self, at: u32) -> String {
        const BEFORE: usize = 40;
        const LENGTH: usize = 160;
        let at = (at as usize).min(self.bytes.len());
        let (before, after) = self.bytes.split_at(at);
        let line = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        let start = line.max(at.saturating_sub(BEFORE));
        let end = memchr::memchr(b'\n', after).map_or(self.bytes.len(), |end| at + end);
        let end = end.min(start + LENGTH);
        let text = String::from_utf8_lossy(self.bytes.get(start..end).unwrap_or_default());
        text.trim().chars().map(harmless).collect()
    }
}

/// A character as it may be shown: control, bidirectional and invisible ones as a question mark in a box.
pub fn harmless(c: char) -> char {
    let hidden =
        matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    if c == '\t' {
        ' '
    } else if c.is_control() || hidden {
        '\u{FFFD}'
    } else {
        c
    }
}

/// Something that installing or importing runs, because a manifest says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// What it is called: `postinstall`, `cmdclass install`, `.pth`, `binding.gyp`.
    pub name: String,
    /// The command or the file that it runs.
    pub command: String,
    /// When.
    pub when: When,
    /// Where it is declared.
    pub place: Place,
}

/// What the manifests say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The name it gives itself.
    pub name: String,
    /// The version it gives itself.
    pub version: String,
    /// What runs by itself.
    pub hooks: Vec<Hook>,
    /// What it needs at run time: name and requirement.
    pub dependencies: BTreeMap<String, String>,
    /// The repository it names.
    pub repository: Option<String>,
    /// Its description.
    pub description: String,
    /// Its licence, in its publisher's words.
    pub licence: Option<String>,
}

/// A package that was read.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// `pypi`, `npm`, `cargo`.
    pub ecosystem: String,
    /// The name that was asked for; empty where it is not known.
    pub name: String,
    /// The version that was asked for; empty where it is not known.
    pub version: String,
    /// Its files, in path order.
    pub files: Vec<File>,
    /// What its manifests say.
    pub manifest: Manifest,
    /// What is odd about its container.
    pub oddities: Vec<Oddity>,
    /// The release before, read the same way.
    pub previous: Option<Box<Package>>,
    /// What else is known.
    pub context: trustmill_core::port::scanner::Context,
    /// What was read, and how much more may be.
    pub reading: Reading,
}

impl Package {
    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files
            .binary_search_by(|file| file.path.as_str().cmp(path))
            .ok()
            .and_then(|at| self.files.get(at))
    }

    /// The package as its files are one by one; `None` where nothing is known of several at once.
    pub fn apart(&self) -> Option<Self> {
        let previous = self.previous.as_deref();
        let mut all = self.files.iter().chain(previous.iter().flat_map(|package| &package.files));
        all.any(|file| file.alone.is_some()).then(|| {
            let mut apart = self.clone();
            let previous = apart.previous.as_deref_mut().map(|package| package.files.iter_mut());
            for file in apart.files.iter_mut().chain(previous.into_iter().flatten()) {
                if let Some(alone) = file.alone.take() {
                    file.facts = alone;
                }
            }
            apart
        })
    }

    /// Files of code, and those that hold commands, that can run without a test being started.
    pub fn code(&self) -> impl Iterator<Item = &File> {
        let runs =
            |file: &&File| file.kind.is_code() || !file.facts.flows.is_empty() || !file.facts.uses.is_empty();
        self.files.iter().filter(|file| file.when > When::Never).filter(runs)
    }
}

/// Reads the file of a job, and the one of the release before; what both hold is read once.
pub fn read(job: &Job) -> Package {
    let mut package = read_one(job, &job.version, &job.file, Reading::default());
    package.context = job.context.clone();
    let reading = std::mem::take(&mut package.reading);
    package.previous = job
        .previous
        .as_ref()
        .map(|previous| Box::new(read_one(job, &previous.version, &previous.file, reading.renewed())));
    package
}

fn read_one(job: &Job, version: &str, input: &Input, reading: Reading) -> Package {
    let unpack::Unpacked { files, oddities } = unpack::unpack(&input.name, &input.bytes);
    let files = files.into_iter().map(|(path, bytes)| {
        let kind = language::kind(&path, &bytes);
        File { path, bytes, kind, when: When::Called, facts: Arc::default(), is_read: false, alone: None }
    });
    let mut package = Package {
        ecosystem: job.ecosystem.clone(),
        name: job.name.clone(),
        version: version.to_owned(),
        files: files.collect(),
        oddities,
        reading,
        ..Package::default()
    };
    package.files.sort_by(|a, b| a.path.cmp(&b.path));
    package.files.dedup_by(|a, b| a.path == b.path);
    // Tests, examples and documentation are half of what is published: they are read when something leads to them.
    reading::read(&mut package, |file| !reach::is_aside(&file.path));
    language::manifests(&mut package);
    second_contents(&mut package);
    reading::read(&mut package, |file| file.when > When::Never);
    between::join(&mut package);
    reading::skim(&mut package);
    say_cut(&mut package);
    package
}

/// Files that were cut when they were unpacked were not looked at whole.
fn say_cut(package: &mut Package) {
    let cut: Vec<&str> = package
        .oddities
        .iter()
        .filter(|oddity| oddity.kind == Odd::CutShort)
        .map(|oddity| oddity.path.as_str())
        .collect();
    for file in package.files.iter_mut().filter(|file| cut.contains(&file.path.as_str())) {
        Arc::make_mut(&mut file.facts).cut_short = true;
    }
}

/// The second content of a name (`setup.py#2`) runs when the first does: which of them an installer takes is its choice.
fn second_contents(package: &mut Package) {
    let first =
        |path: &str| unpack::first_name(path).and_then(|first| package.file(first)).map(|file| file.when);
    let whens: Vec<Option<When>> = package.files.iter().map(|file| first(&file.path)).collect();
    for (file, when) in package.files.iter_mut().zip(whens) {
        file.when = when.map_or(file.when, |when| file.when.max(when));
    }
}
