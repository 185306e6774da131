//! A package's folder in a commit, asked as cargo asks a disk.

use super::PackError;
use std::collections::BTreeSet;
use trustmill_core::content::{Contents, Member};

/// One folder of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package<'a> {
    pub(super) tree: &'a Contents,
    /// Clean, `/`-separated; empty at the root.
    pub(super) directory: &'a str,
}

impl<'a> Package<'a> {
    /// The whole tree's path of a path in the package.
    pub(super) fn path(&self, relative: &str) -> String {
        if self.directory.is_empty() { relative.to_owned() } else { format!("{}/{relative}", self.directory) }
    }

    /// The file at a path of the package.
    pub(super) fn get(&self, relative: &str) -> Option<&'a Member> {
        self.tree.get(&self.path(relative))
    }

    pub(super) fn has(&self, relative: &str) -> bool {
        self.get(relative).is_some()
    }

    /// The text of a manifest.
    pub(super) fn text(&self, relative: &str) -> Result<String, PackError> {
        let path = self.path(relative);
        let Some(member) = self.tree.get(&path) else { return Err(PackError::NoManifest { path }) };
        let text = member.text().map(str::to_owned);
        text.ok_or_else(|| PackError::Manifest { path, why: "not UTF-8".to_owned() })
    }

    /// Every file below the package, by its path in it.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'a str, &'a Member)> + use<'a> {
        let prefix = if self.directory.is_empty() { String::new() } else { format!("{}/", self.directory) };
        let from = self.tree.members.range::<String, _>(prefix.clone()..);
        from.map_while(move |(path, member)| Some((path.strip_prefix(&prefix)?, member)))
    }

    /// The names directly in a folder of the package: files, then folders.
    pub(super) fn list(&self, folder: &str) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
        let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
        let prefix = format!("{folder}/");
        let inside = self.files().filter_map(|(path, _)| path.strip_prefix(&prefix));
        for rest in inside {
            match rest.split_once('/') {
                Some((name, _)) => folders.insert(name),
                None => files.insert(rest),
            };
        }
        (files, folders)
    }

    /// A path that a manifest of the package names, as a path of the whole tree: `.` and `..` resolved; `None`
    /// where it leaves the tree.
    pub(super) fn resolve(&self, relative: &str) -> Option<String> {
        clean(&self.path(relative))
    }
}

/// A path with `.` and `..` resolved as text; `None` where it is absolute or leads above its root.
pub(super) fn clean(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            plain => segments.push(plain),
        }
    }
    Some(segments.join("/"))
}
