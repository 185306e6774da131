//! The members of a wheel that the mill built. A build is hostile, so that its wheel is read within bounds.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Stated;

/// The most bytes that a wheel inflates to.
const MOST_BYTES: u64 = 512 << 20;
/// The most members.
const MOST_MEMBERS: usize = 50_000;

/// What the metadata of a wheel says.
pub(super) fn stated(filename: &str, contents: &Contents) -> Result<Stated, String> {
    let text = |file: &str| {
        let ending = format!(".dist-info/{file}");
        let mut found = contents.members.iter().filter(|(path, _)| path.ends_with(&ending));
        found.find(|(path, _)| path.matches('/').count() == 1).and_then(|(_, member)| member.text())
    };
    let metadata = text("METADATA").ok_or_else(|| format!("{filename} has no METADATA"))?;
    let field = |name: &str| {
        let head = metadata.lines().take_while(|line| !line.is_empty());
        let values = head.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        values.collect::<Vec<_>>().join("\n")
    };
    let named = |name: &str| (name.to_owned(), field(name));
    let mut other: BTreeMap<String, String> =
        ["Name", "Requires-Python", "Provides-Extra"].map(named).into_iter().collect();
    other.insert("entry_points.txt".to_owned(), text("entry_points.txt").unwrap_or_default().to_owned());
    let dependencies = BTreeMap::from([named("Requires-Dist")]);
    Ok(Stated { version: field("Version"), dependencies, other })
}

/// A wheel, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wheel {
    /// Its members by path.
    pub(super) members: BTreeMap<String, Bytes>,
}

impl Wheel {
    /// Reads a wheel; `None` where it is none, or too large.
    pub(super) fn read(bytes: &Bytes) -> Option<Self> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
        if archive.len() > MOST_MEMBERS {
            return None;
        }
        let mut members = BTreeMap::new();
        let mut left = MOST_BYTES;
        for index in 0..archive.len() {
            let mut member = archive.by_index(index).ok()?;
            if member.is_dir() {
                continue;
            }
            let name = member.name().ok()?.into_owned();
            let clean = !name.is_empty()
                && !name.contains(['\\', '\0'])
                && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
            let mut bytes = Vec::new();
            let read = member.by_ref().take(left + 1).read_to_end(&mut bytes).ok()?;
            left = left.checked_sub(read as u64)?;
            if !clean || members.insert(name, Bytes::from(bytes)).is_some() {
                return None;
            }
        }
        Some(Self { members })
    }

    /// The text of a file of the `dist-info` folder.
    pub(super) fn info(&self, name: &str) -> Option<&str> {
        let ending = format!(".dist-info/{name}");
        let (_, bytes) = self
            .members
            .iter()
            .find(|(path, _)| path.ends_with(&ending) && path.matches('/').count() == 1)?;
        std::str::from_utf8(bytes).ok()
    }

    /// The values of a field of `METADATA`.
    pub(super) fn fields(&self, name: &str) -> Vec<String> {
        let text = self.info("METADATA").unwrap_or_default();
        let head = text.lines().take_while(|line| !line.is_empty());
        head.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(|value| value.trim().to_owned())
            .collect()
    }

    /// Packages and modules at the top of what is installed.
    pub(super) fn tops(&self) -> Vec<String> {
        let mut tops: Vec<String> = self
            .members
            .keys()
            .map(|path| path.split('/').next().unwrap_or_default().to_owned())
            .filter(|top| !top.ends_with(".dist-info") && !top.ends_with(".data"))
            .collect();
        tops.dedup();
        tops
    }
}
