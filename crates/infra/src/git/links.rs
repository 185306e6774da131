//! Where the symbolic links of a tree lead. The tree is the whole world: what leads out of it leads nowhere.

use std::collections::{BTreeMap, VecDeque};
use trustmill_core::source::{TreeFile, TreeKind};

/// Links that one path may pass through, as many as Linux allows.
const HOPS: u32 = 40;
/// Components that wait to be walked.
const PENDING: usize = 4_096;
/// Longest target of a link, in bytes.
pub(super) const TARGET: u64 = 4_096;

/// What a link leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A file that is no link.
    File(String),
    /// A folder.
    Folder(String),
}

/// Follows the link at `path`; `targets` has the target of every link. `None` where it leads out of the tree,
/// nowhere, to the root, or round in a circle.
pub(super) fn follow(
    path: &str,
    files: &BTreeMap<String, TreeFile>,
    targets: &BTreeMap<&str, String>,
) -> Option<End> {
    let mut done: Vec<String> = Vec::new();
    let mut pending: VecDeque<String> = path.split('/').map(str::to_owned).collect();
    let mut hops = 0;
    while let Some(component) = pending.pop_front() {
        match component.as_str() {
            "" | "." => continue,
            ".." => {
                done.pop()?;
                continue;
            }
            _ => done.push(component),
        }
        let here = done.join("/");
        match files.get(&here).map(|file| file.kind) {
            Some(TreeKind::Symlink) => {
                let target = targets.get(here.as_str()).filter(|target| !target.starts_with('/'))?;
                hops += 1;
                done.pop();
                for component in target.split('/').rev() {
                    pending.push_front(component.to_owned());
                }
                if hops > HOPS || pending.len() > PENDING {
                    return None;
                }
            }
            Some(TreeKind::Submodule) => return None,
            Some(_) => return pending.is_empty().then_some(End::File(here)),
            None => {}
        }
    }
    let folder = done.join("/");
    (!folder.is_empty() && below(files, &folder).next().is_some()).then_some(End::Folder(folder))
}

/// The entries below a folder, each with its path from there.
pub(super) fn below<'a>(
    files: &'a BTreeMap<String, TreeFile>,
    folder: &str,
) -> impl Iterator<Item = (&'a str, &'a TreeFile)> {
    let prefix = format!("{folder}/");
    let from = files.range(prefix.clone()..);
    from.map_while(move |(path, file)| Some((path.strip_prefix(&prefix)?, file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::source::ObjectId;

    #[test]
    fn links_end_in_the_tree_or_nowhere() {
        let links = [
            ("a/up", "../b/file"),
            ("a/twice", "up"),
            ("a/out", "../../etc/passwd"),
            ("a/absolute", "/etc/passwd"),
            ("a/self", "self"),
            ("a/round", "about"),
            ("a/about", "round"),
            ("a/folder", "../b"),
            ("a/through", "folder/file"),
            ("a/deep", "folder/../b/./file"),
            ("a/beyond", "../b/file/x"),
            ("a/none", "../c"),
            ("a/root", ".."),
            ("a/grow", "grow/x/x/x"),
            ("a/module", "../m/x"),
        ];
        let entry = |kind| TreeFile { id: ObjectId::blob(b""), kind, size: 0 };
        let mut files: BTreeMap<_, _> =
            links.iter().map(|(path, _)| ((*path).to_owned(), entry(TreeKind::Symlink))).collect();
        files.insert("b/file".to_owned(), entry(TreeKind::File));
        files.insert("m".to_owned(), entry(TreeKind::Submodule));
        let targets = links.iter().map(|(path, target)| (*path, (*target).to_owned())).collect();
        let ends: Vec<String> = links
            .iter()
            .map(|(path, _)| match follow(path, &files, &targets) {
                None => "-".to_owned(),
                Some(End::File(file)) => file,
                Some(End::Folder(folder)) => format!("{folder}/"),
            })
            .collect();
        let expected =
            ["b/file", "b/file", "-", "-", "-", "-", "-", "b/", "b/file", "b/file", "-", "-", "-", "-", "-"];
        assert_eq!(ends, expected);
    }
}
