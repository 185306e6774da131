//! Readers of what git prints: bytes that a stranger's repository decides. Each is strict, and none recurses.

use super::failure::Failure;
use jiff::Timestamp;
use trustmill_core::port::repositories::{Ref, Said};
use trustmill_core::source::ObjectId;

/// Most branches and tags of one repository.
const MOST_REFS: usize = 500_000;

/// Most parents of one commit: merges of dozens of branches exist.
const PARENTS: usize = 128;

/// The kinds of objects that the mill reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    /// The word in an object's header.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// `ls-remote`: lines of object, tab, name. An annotated tag has a second line, `^{}`, with what it leads to.
pub(super) fn refs(output: &[u8]) -> Result<Vec<Ref>, Failure> {
    let mut refs: Vec<Ref> = Vec::new();
    for line in output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let malformed = || Failure::malformed("the list of branches and tags is malformed");
        let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(malformed)?;
        let (id, name) = line.split_at(tab);
        let id: ObjectId = text(id).and_then(|id| id.parse().ok()).ok_or_else(malformed)?;
        // A name that is not text is one that nobody's version is called by.
        let Some(name) = name.get(1..).and_then(text) else { continue };
        if name.chars().any(char::is_control) {
            return Err(malformed());
        }
        if let Some(bare) = name.strip_suffix("^{}") {
            match refs.last_mut().filter(|last| last.name == bare) {
                Some(last) => last.commit = id,
                None => return Err(malformed()),
            }
        } else if name.starts_with("refs/heads/") || name.starts_with("refs/tags/") {
            refs.push(Ref { name: name.to_owned(), commit: id });
        }
        if refs.len() > MOST_REFS {
            return Err(Failure::too_large(format!("it has more than {MOST_REFS} branches and tags")));
        }
    }
    Ok(refs)
}

/// `cat-file`: the line before an object. `None` if the object is not there.
pub(super) fn header(line: &[u8], asked: &ObjectId) -> Result<Option<(Kind, u64)>, Failure> {
    let malformed = || Failure::malformed("git's answer about an object is malformed");
    let line = text(line).ok_or_else(malformed)?;
    let rest = line.strip_prefix(&asked.to_string()).and_then(|rest| rest.strip_prefix(' '));
    let rest = rest.ok_or_else(malformed)?;
    if rest == "missing" {
        return Ok(None);
    }
    let (kind, size) = rest.split_once(' ').ok_or_else(malformed)?;
    let kind = match kind {
        "commit" => Kind::Commit,
        "tree" => Kind::Tree,
        "blob" => Kind::Blob,
        "tag" => Kind::Tag,
        _ => return Err(malformed()),
    };
    let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    let size = if digits { size.parse().ok() } else { None };
    size.map(|size| Some((kind, size))).ok_or_else(malformed)
}

/// What the mill reads of a commit object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) tree: ObjectId,
    /// By the committer's clock.
    pub(super) committed: Timestamp,
    pub(super) parents: Vec<ObjectId>,
}

/// A commit object.
pub(super) fn commit(bytes: &[u8]) -> Result<Commit, Failure> {
    let malformed = || Failure::malformed("the commit is malformed");
    let mut lines = bytes.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let tree = lines.next().and_then(|line| line.strip_prefix(b"tree ".as_slice())).and_then(text);
    let tree: ObjectId = tree.and_then(|tree| tree.parse().ok()).ok_or_else(malformed)?;
    let mut lines = lines.peekable();
    let mut parents = Vec::new();
    while let Some(parent) = lines.peek().and_then(|line| line.strip_prefix(b"parent ".as_slice())) {
        if parents.len() == PARENTS {
            return Err(malformed());
        }
        parents.push(text(parent).and_then(|parent| parent.parse().ok()).ok_or_else(malformed)?);
        lines.next();
    }
    let committer =
        lines.find_map(|line| line.strip_prefix(b"committer ".as_slice())).ok_or_else(malformed)?;
    // `Name <mail> seconds zone`: names may hold anything, so it is read from behind.
    let mut words = committer.rsplit(|byte| *byte == b' ');
    let seconds =
        words.nth(1).and_then(text).and_then(|word| word.parse::<i64>().ok()).ok_or_else(malformed)?;
    let committed = Timestamp::from_second(seconds).map_err(|_| malformed())?;
    Ok(Commit { tree, committed, parents })
}

/// One entry of a tree object, its name as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) mode: u32,
    pub(super) name: &'a [u8],
    pub(super) id: ObjectId,
}

/// A tree object: entries of octal mode, space, name, NUL, and the object's `width` bytes.
pub(super) fn tree(bytes: &[u8], width: usize) -> Result<Vec<Entry<'_>>, Failure> {
    let malformed = || Failure::malformed("a tree object is malformed");
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let space = rest.iter().take(8).position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let (mode, after) = rest.split_at(space);
        let mode = text(mode).and_then(|mode| u32::from_str_radix(mode, 8).ok()).ok_or_else(malformed)?;
        let after = after.get(1..).ok_or_else(malformed)?;
        let nul = after.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
        let (name, after) = after.split_at(nul);
        let id = after.get(1..=width).ok_or_else(malformed)?;
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        entries.push(Entry { mode, name, id: hex.parse().map_err(|_| malformed())? });
        rest = after.get(width + 1..).ok_or_else(malformed)?;
    }
    Ok(entries)
}

/// `rev-list --timestamp`: seconds and a commit per line.
pub(super) fn commits(output: &[u8]) -> Result<Vec<(i64, ObjectId)>, Failure> {
    let malformed = || Failure::malformed("the list of commits is malformed");
    let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (time, id) = text(line).and_then(|line| line.split_once(' ')).ok_or_else(malformed)?;
            // Git counts from 0; what it cannot read is 0.
            let time = time.parse().map_err(|_| malformed())?;
            Ok((time, id.parse().map_err(|_| malformed())?))
        })
        .collect()
}

/// `git log -z --format=%H%n%B`.
pub(super) fn messages(output: &[u8]) -> Result<Vec<Said>, Failure> {
    let malformed = || Failure::malformed("the list of messages is malformed");
    let records = output.split(|byte| *byte == 0).filter(|record| !record.is_empty());
    records
        .map(|record| {
            let record = String::from_utf8_lossy(record);
            let (id, message) = record.split_once('\n').ok_or_else(malformed)?;
            Ok(Said { commit: id.parse().map_err(|_| malformed())?, message: message.trim().to_owned() })
        })
        .collect()
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "ce013625030ba8dba906f756967f9e9ca394464a";

    #[test]
    fn annotated_tags_are_peeled() {
        let output =
            format!("{ID}\trefs/heads/main\n{}\trefs/tags/v1\n{ID}\trefs/tags/v1^{{}}\n", "1".repeat(40));
        let refs = refs(output.as_bytes()).unwrap();
        let found: Vec<_> = refs.iter().map(|one| (one.name.as_str(), one.commit.to_string())).collect();
        assert_eq!(found, [("refs/heads/main", ID.to_owned()), ("refs/tags/v1", ID.to_owned())]);
    }

    #[test]
    fn what_no_git_prints_is_refused() {
        for output in [
            "x\trefs/heads/a",
            "refs/heads/a",
            &format!("{ID}\trefs/tags/v1^{{}}"),
            &format!("{ID} refs/heads/a"),
        ] {
            assert!(refs(output.as_bytes()).is_err(), "{output}");
        }
        let id: ObjectId = ID.parse().unwrap();
        for line in [
            "",
            "x blob 1",
            &format!("{ID} blob"),
            &format!("{ID} blob -1"),
            &format!("{ID} file 1"),
            &format!("{ID} blob +1"),
        ] {
            assert!(header(line.as_bytes(), &id).is_err(), "{line}");
        }
        for bytes in [
            b"".as_slice(),
            b"parent x\n",
            b"tree x\n",
            b"tree ce013625030ba8dba906f756967f9e9ca394464a\n\ncommitter a <b> 1 +0000\n",
        ] {
            assert!(commit(bytes).is_err());
        }
        for bytes in [b"100644 a".as_slice(), b"100644 a\0short", b"9 a\0aaaaaaaaaaaaaaaaaaaa", b"100644"] {
            assert!(tree(bytes, 20).is_err());
        }
    }

    #[test]
    fn a_commit_says_its_tree_and_its_time() {
        let text = format!(
            "tree {ID}\nparent {ID}\nauthor A <a> 5 +0000\ncommitter B > <b 9 1700000000 -0130\ngpgsig x\n\ncommitter no <no> 1 +0000\n"
        );
        let Commit { tree, committed: at, parents } = commit(text.as_bytes()).unwrap();
        assert_eq!(parents.len(), 1);
        assert_eq!((tree.to_string().as_str(), at.as_second()), (ID, 1_700_000_000));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let id: ObjectId = ID.parse().unwrap();
            let _ = (refs(&bytes), header(&bytes, &id), commit(&bytes), tree(&bytes, 20), tree(&bytes, 32), commits(&bytes));
        }

        #[test]
        fn what_is_nearly_right_does_not_panic(cut in 0_usize..200, flip in 0_usize..200, byte: u8) {
            let listing = format!("{ID}\trefs/heads/main\n{ID}\trefs/tags/v1\n{ID}\trefs/tags/v1^{{}}\n");
            let object = [b"100644 a\0aaaaaaaaaaaaaaaaaaaa40000 b\0bbbbbbbbbbbbbbbbbbbb".to_vec(), format!("tree {ID}\ncommitter a <b> 1 +0000\n\n").into_bytes()];
            for mut bytes in [listing.into_bytes()].into_iter().chain(object) {
                bytes.truncate(cut.min(bytes.len()));
                if let Some(at) = bytes.get_mut(flip) { *at = byte; }
                let _ = (refs(&bytes), commit(&bytes), tree(&bytes, 20));
            }
        }

        #[test]
        fn a_tree_is_read_as_it_was_written(names in prop::collection::vec("[a-z]{1,9}", 0..9)) {
            let mut bytes = Vec::new();
            for name in &names {
                bytes.extend_from_slice(format!("100644 {name}\0").as_bytes());
                bytes.extend_from_slice(&[7; 20]);
            }
            let read: Vec<_> = tree(&bytes, 20).unwrap().into_iter().map(|entry| entry.name.to_vec()).collect();
            prop_assert_eq!(read, names.into_iter().map(String::into_bytes).collect::<Vec<_>>());
        }
    }
}
