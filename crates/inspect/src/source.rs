//! A source archive against the commit that it is said to come from: no build, no network, every file answered.

use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::content::{Contents, Member};
use trustmill_core::source::{ObjectId, SourceCheck, SourceFinding, SourceFindingClass, Tree, TreeKind};

/// Most folders that are considered as the package's own.
const MOST_FOLDERS: usize = 10_000;

/// Compares an uploaded archive with a commit's files below `directory`. `generated` names the tool that writes
/// a file of the archive, given its path and bytes, where one does.
pub fn check(
    archive: &Contents,
    commit: &Contents,
    directory: &str,
    generated: &dyn Fn(&str, &[u8]) -> Option<&'static str>,
) -> SourceCheck {
    let mut elsewhere: BTreeMap<trustmill_core::Sha256, &str> = BTreeMap::new();
    let mut check = SourceCheck::default();
    for (path, member) in &archive.members {
        let theirs = commit.get(&below(directory, path));
        if theirs.is_some_and(|theirs| theirs.bytes == member.bytes) {
            check.equal += 1;
            if let Some(finding) = theirs.and_then(|theirs| made_executable(path, member, theirs)) {
                check.findings.push(finding);
            }
            continue;
        }
        if elsewhere.is_empty() {
            elsewhere =
                commit.members.iter().map(|(path, member)| (member.digest(), path.as_str())).collect();
        }
        let (class, detail) = match (theirs, generated(path, &member.bytes)) {
            (Some(theirs), _) if is_same_text(&theirs.bytes, &member.bytes) => {
                (SourceFindingClass::LineEndings, "the same text with other line endings".to_owned())
            }
            (Some(_), Some(tool)) => {
                (SourceFindingClass::Rewritten, format!("{tool} writes it when it makes the archive"))
            }
            (None, Some(tool)) => {
                (SourceFindingClass::Generated, format!("{tool} writes it when it makes the archive"))
            }
            (Some(_), None) => (SourceFindingClass::Modified, "the commit holds other bytes".to_owned()),
            (None, None) => match elsewhere.get(&member.digest()).filter(|_| !member.bytes.is_empty()) {
                Some(other) if is_read_by_people(path) || is_rules_from_above(path, other, directory) => {
                    (SourceFindingClass::Moved, format!("the commit holds it at {other}"))
                }
                // A test's data in the place of a module is how a harmless file becomes a payload.
                Some(other) => (SourceFindingClass::Extra, format!("the commit holds it only at {other}")),
                None => (SourceFindingClass::Extra, "nowhere in the commit".to_owned()),
            },
        };
        check.findings.push(SourceFinding { path: path.clone(), class, detail });
    }
    check
}

/// The folder of the tree that the archive was made from: the one below which most of its files stand, byte for
/// byte. `None` where no file of the archive is in the tree.
pub fn directory_of(archive: &Contents, tree: &Tree) -> Option<String> {
    let mut votes: BTreeMap<&str, u32> = BTreeMap::new();
    let mut by_name: BTreeMap<&str, Vec<(&str, &ObjectId)>> = BTreeMap::new();
    let files =
        tree.files.iter().filter(|(_, file)| matches!(file.kind, TreeKind::File | TreeKind::Executable));
    for (path, file) in files {
        by_name.entry(basename(path)).or_default().push((path, &file.id));
    }
    for (path, member) in archive.members.iter().filter(|(_, member)| !member.bytes.is_empty()) {
        let Some(candidates) = by_name.get(basename(path)) else { continue };
        let id = ObjectId::blob(&member.bytes);
        let folders: BTreeSet<&str> = candidates
            .iter()
            .filter(|(_, theirs)| **theirs == id)
            .filter_map(|(theirs, _)| folder_above(theirs, path))
            .collect();
        for folder in folders {
            if votes.len() < MOST_FOLDERS || votes.contains_key(folder) {
                *votes.entry(folder).or_default() += 1;
            }
        }
    }
    // Of equals the one nearest to the root.
    let best = votes.into_iter().max_by_key(|(folder, count)| (*count, std::cmp::Reverse(folder.len())));
    best.map(|(folder, _)| folder.to_owned())
}

/// How many files of the archive the tree holds at their place below `directory`, of how many.
pub fn held(archive: &Contents, tree: &Tree, directory: &str) -> (u32, u32) {
    let held = archive.members.iter().filter(|(path, member)| {
        tree.files.get(&below(directory, path)).is_some_and(|file| file.id == ObjectId::blob(&member.bytes))
    });
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (count(held.count()), count(archive.members.len()))
}

/// `path` below `directory`, which is empty at the root.
pub fn below(directory: &str, path: &str) -> String {
    if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") }
}

/// Licences and read-me files, which packages of one repository share and no tool executes.
fn is_read_by_people(path: &str) -> bool {
    let name = basename(path).to_ascii_lowercase();
    [
        "license",
        "licence",
        "copying",
        "notice",
        "authors",
        "readme",
        "changelog",
        "changes",
        "history",
        "security",
    ]
    .iter()
    .any(|stem| {
        name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
    })
}

/// Whether it is the `.gitignore` of a folder around the package: back ends that heed it copy it into the archive.
fn is_rules_from_above(path: &str, other: &str, directory: &str) -> bool {
    path == ".gitignore"
        && other.strip_suffix(path).is_some_and(|folder| {
            let folder = folder.trim_end_matches('/');
            folder.is_empty() || directory.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        })
}

/// Whether two files are the same text but for the characters that end their lines.
fn is_same_text(a: &[u8], b: &[u8]) -> bool {
    let text = |bytes| std::str::from_utf8(bytes).ok().filter(|text: &&str| !text.contains('\0'));
    let (Some(a), Some(b)) = (text(a), text(b)) else { return false };
    let bare = |line: &str| line.strip_suffix('\r').unwrap_or(line).len();
    a.split('\n').count() == b.split('\n').count()
        && a.split('\n').zip(b.split('\n')).all(|(a, b)| a.get(..bare(a)) == b.get(..bare(b)))
}

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder below which `path` stands at `at`; empty for the root.
fn folder_above<'a>(at: &'a str, path: &str) -> Option<&'a str> {
    let head = at.strip_suffix(path)?;
    if head.is_empty() { Some(head) } else { head.strip_suffix('/') }
}

fn made_executable(path: &str, member: &Member, theirs: &Member) -> Option<SourceFinding> {
    let executable = |member: &Member| member.mode.is_some_and(|mode| mode & 0o111 != 0);
    (executable(member) && !executable(theirs)).then(|| SourceFinding {
        path: path.to_owned(),
        class: SourceFindingClass::MadeExecutable,
        detail: "the commit holds it without the executable bit".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use SourceFindingClass as C;
    use trustmill_core::source::TreeFile;

    fn contents(files: &[(&str, &str)]) -> Contents {
        let member = |text: &str| Member {
            bytes: text.as_bytes().to_vec().into(),
            mode: Some(if text.starts_with("#!") { 0o755 } else { 0o644 }),
            mtime: None,
        };
        Contents {
            members: files.iter().map(|(path, text)| ((*path).to_owned(), member(text))).collect(),
            order: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        }
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |text: &str| TreeFile {
            id: ObjectId::blob(text.as_bytes()),
            kind: TreeKind::File,
            size: text.len() as u64,
        };
        Tree {
            commit: ObjectId::blob(b"commit"),
            committed: trustmill_core::Timestamp::UNIX_EPOCH,
            parents: Vec::new(),
            files: files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect(),
            refused: Vec::new(),
        }
    }

    fn classes(check: &SourceCheck) -> Vec<(&str, C)> {
        check.findings.iter().map(|finding| (finding.path.as_str(), finding.class)).collect()
    }

    #[test]
    fn every_file_of_the_archive_is_answered() {
        let commit = contents(&[
            ("pkg/a.py", "a"),
            ("pkg/crlf.py", "x\ny\n"),
            ("pkg/setup.cfg", "[x]"),
            ("pkg/changed.py", "good"),
            ("LICENSE", "MIT"),
        ]);
        let archive = contents(&[
            ("a.py", "a"),
            ("crlf.py", "x\r\ny\r\n"),
            ("setup.cfg", "[x]\n[egg_info]"),
            ("PKG-INFO", "Name: pkg"),
            ("changed.py", "evil"),
            ("LICENSE", "MIT"),
            ("hook.m4", "eval"),
            ("setup.py", "x\ny\n"),
        ]);
        let generated =
            |path: &str, _: &[u8]| matches!(path, "PKG-INFO" | "setup.cfg").then_some("setuptools");
        let found = check(&archive, &commit, "pkg", &generated);
        assert_eq!(found.equal, 1);
        let expected = [
            ("LICENSE", C::Moved),
            ("PKG-INFO", C::Generated),
            ("changed.py", C::Modified),
            ("crlf.py", C::LineEndings),
            ("hook.m4", C::Extra),
            ("setup.cfg", C::Rewritten),
            ("setup.py", C::Extra),
        ];
        assert_eq!(classes(&found), expected);
        assert!(!found.holds());
    }

    #[test]
    fn the_rules_of_a_folder_around_the_package_may_come_along() {
        let archive = contents(&[(".gitignore", "*.pyc"), ("a.py", "a")]);
        let class = |at: &str, directory: &str| {
            let commit = contents(&[(at, "*.pyc"), (&format!("{directory}/a.py"), "a")]);
            classes(&check(&archive, &commit, directory, &|_, _| None)).first().map(|(_, class)| *class)
        };
        assert_eq!(class(".gitignore", "pkg"), Some(C::Moved));
        assert_eq!(class("sdk/.gitignore", "sdk/pkg"), Some(C::Moved));
        for at in ["sdk/.gitignore", "pkg/sub/.gitignore", "pk/.gitignore", "x.gitignore"] {
            assert_eq!(class(at, "pkg"), Some(C::Extra), "{at}");
        }
    }

    #[test]
    fn an_added_executable_bit_is_reported() {
        let mut archive = contents(&[("run", "echo")]);
        archive.members.get_mut("run").unwrap().mode = Some(0o755);
        let found = check(&archive, &contents(&[("run", "echo")]), "", &|_, _| None);
        assert_eq!(classes(&found), [("run", C::MadeExecutable)]);
        assert!(!found.holds());
    }

    #[test]
    fn the_folder_is_where_most_files_are() {
        let tree = tree(&[
            ("README.md", "top"),
            ("crates/a/src/lib.rs", "a"),
            ("crates/a/Cargo.toml", "same"),
            ("crates/b/src/lib.rs", "b"),
            ("crates/b/Cargo.toml", "same"),
        ]);
        let archive = contents(&[("src/lib.rs", "b"), ("Cargo.toml", "same"), ("x", "new")]);
        assert_eq!(directory_of(&archive, &tree).as_deref(), Some("crates/b"));
        assert_eq!(held(&archive, &tree, "crates/b"), (2, 3));
        assert_eq!(directory_of(&contents(&[("src/lib.rs", "other")]), &tree), None);
    }
}
