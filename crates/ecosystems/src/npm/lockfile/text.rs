//! The text of a lockfile, with limits, and the places in it.

use super::error;
use std::io::Read as _;
use std::path::Path;
use trustmill_core::lockfile::LockfileError;

/// Bytes of one file. The largest public lockfiles are near 10 MB.
const MAX_BYTES: usize = 64 << 20;
/// Entries of one file.
pub(super) const MAX_ENTRIES: usize = 500_000;
/// Characters of foreign text that are shown to the user.
const SHOWN: usize = 160;

/// The text of one file, and what to call it in messages.
#[derive(Debug)]
pub(super) struct Text {
    name: String,
    pub(super) text: String,
    /// Byte offsets at which lines begin.
    starts: Vec<usize>,
}

impl Text {
    /// Reads a regular file; a pipe or a device would block or never end.
    pub(super) fn open(path: &Path) -> Result<Self, LockfileError> {
        let name = path.display().to_string();
        let bytes = bounded(path).map_err(|cause| {
            error::unreadable(&name, format!("cannot be read: {cause}"), "check the path and its permissions")
        })?;
        Self::of(&name, bytes)
    }

    /// Checks and decodes bytes.
    pub(super) fn of(name: &str, bytes: Vec<u8>) -> Result<Self, LockfileError> {
        if bytes.len() > MAX_BYTES {
            return Err(error::limit(name, format!("larger than {} MiB", MAX_BYTES >> 20)));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| error::unreadable(name, "is not UTF-8".to_owned(), "save the file as UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts: Vec<usize> = std::iter::once(0).chain(newlines).collect();
        let text = Self { name: name.to_owned(), text, starts };
        text.refuse_merge()?;
        Ok(text)
    }

    /// Every format here indents what it holds, so that a marker at a line's begin is nothing else.
    fn refuse_merge(&self) -> Result<(), LockfileError> {
        let marker = |line: &str| {
            ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|marker| line.starts_with(marker))
        };
        match self.text.lines().position(marker) {
            Some(at) => Err(error::merge(&self.line(at + 1))),
            None => Ok(()),
        }
    }

    /// `FILE:LINE`, lines counted from 1.
    pub(super) fn line(&self, line: usize) -> String {
        format!("{}:{line}", self.name)
    }

    /// `FILE:LINE` of a part of this text, found by its address; of another text, the first line.
    pub(super) fn place(&self, part: &str) -> String {
        let offset = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        self.line(self.starts.partition_point(|start| *start <= offset).max(1))
    }
}

fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut out = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)?.take(limit).read_to_end(&mut out)?;
    Ok(out)
}

/// Foreign text for a person: cut, without control characters, and without what may be a credential.
pub(super) fn shown(text: &str) -> String {
    let mut out: String = text.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    if let Some((scheme, rest)) = out.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if let Some((_, host)) = authority.rsplit_once('@') {
            let tail = rest.strip_prefix(authority).unwrap_or_default();
            out = format!("{scheme}://{host}{tail}");
        }
    }
    out.split('?').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("git+https://me:secret@host.example/a?token=x"), "git+https://host.example/a");
        assert_eq!(shown("a@npm:1\u{1b}[31m"), "a@npm:1[31m");
    }

    #[test]
    fn merge_markers_are_named_by_line() {
        let error = Text::of("yarn.lock", b"a:\n  version 1\n<<<<<<< HEAD\n".to_vec()).unwrap_err();
        assert_eq!((error.code, error.origin.as_str()), ("TM0230", "yarn.lock:3"));
    }
}
