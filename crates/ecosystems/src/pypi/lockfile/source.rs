//! The text of a lockfile, with limits, and the places in it.

use super::error;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use trustmill_core::Sha256;
use trustmill_core::lockfile::LockfileError;

/// Bytes of one file. The largest public `uv.lock` files are near 5 MB.
pub(crate) const MAX_BYTES: u64 = 32 << 20;
/// Lines of one file.
pub(crate) const MAX_LINES: usize = 400_000;
/// Digests of one entry. The releases with the most files have a few hundred.
const MAX_DIGESTS: usize = 10_000;
/// Characters of an entry that are shown to the user.
const SHOWN: usize = 160;

/// Where files and environment variables come from: the disk, or memory in tests.
pub trait Files {
    /// The bytes at `path`, at most `limit` and one more.
    ///
    /// # Errors
    /// What the operating system says; a path that is no regular file is an error too.
    fn bytes(&self, path: &Path, limit: u64) -> std::io::Result<Vec<u8>>;

    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The real disk and the environment of this process.
pub(crate) struct Disk;

impl Files for Disk {
    fn bytes(&self, path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
        // A pipe or a device would block or never end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        let mut out = Vec::new();
        std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut out)?;
        Ok(out)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Files and variables in memory: for tests and fuzzing.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    /// Content by path.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
}

impl MemoryFiles {
    /// One file and no variables.
    pub fn one(path: &str, bytes: &[u8]) -> Self {
        Self { files: BTreeMap::from([(path.into(), bytes.to_vec())]), variables: BTreeMap::new() }
    }
}

impl Files for MemoryFiles {
    fn bytes(&self, path: &Path, _limit: u64) -> std::io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// The text of one file, and what to call it in messages.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Byte offsets at which lines begin.
    starts: Vec<usize>,
}

impl Source {
    /// Reads and decodes `path`.
    pub(crate) fn read(path: &Path, files: &dyn Files) -> Result<Self, LockfileError> {
        let origin = path.display().to_string();
        let bytes = files.bytes(path, MAX_BYTES).map_err(|cause| {
            error::unreadable(
                &origin,
                format!("cannot be read: {cause}"),
                "check the path and its permissions",
            )
        })?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
            let what = format!("larger than {} MiB", MAX_BYTES >> 20);
            return Err(error::unreadable(&origin, what, "no lockfile is that large: check the path"));
        }
        let text = decode(bytes).map_err(|what| {
            error::unreadable(
                &origin,
                what.into(),
                "save the file as UTF-8 (PowerShell: `| Out-File -Encoding utf8`)",
            )
        })?;
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts: Vec<usize> = std::iter::once(0).chain(newlines).collect();
        if starts.len() > MAX_LINES {
            let what = format!("more than {MAX_LINES} lines");
            return Err(error::unreadable(&origin, what, "no lockfile is that long: check the path"));
        }
        Ok(Self { path: path.to_owned(), text, starts })
    }

    /// `FILE:LINE`, lines counted from 1.
    pub(crate) fn line(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// `FILE:LINE` of a span of bytes.
    pub(crate) fn at(&self, span: &Range<usize>) -> String {
        self.line(self.starts.partition_point(|start| *start <= span.start).max(1))
    }

    /// A TOML document.
    pub(crate) fn toml<T: serde::de::DeserializeOwned>(&self) -> Result<T, LockfileError> {
        toml::from_str(&self.text).map_err(|cause| {
            let origin = cause.span().map_or_else(|| self.path.display().to_string(), |span| self.at(&span));
            let what = cause.message().replace('\n', ", ");
            error::syntax(
                &origin,
                what,
                "the file was edited or cut short: lock again with the tool that wrote it",
            )
        })
    }
}

/// UTF-8, with or without its byte order mark. UTF-16, which PowerShell's `>` writes, is named.
fn decode(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("is UTF-16, not UTF-8");
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    if text.contains('\0') {
        return Err("holds NUL characters: UTF-16, or not a text");
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// An entry as a message shows it: one line, cut, with no password of a URL and no control character.
pub(crate) fn shown(entry: &str) -> String {
    let one_line = entry.split_whitespace().map(without_credentials).collect::<Vec<_>>().join(" ");
    let mut out: String =
        one_line.chars().take(SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect();
    if one_line.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// `https://user:secret@host/…` without `user:secret`.
fn without_credentials(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((user, _)) => {
            let tail: String = rest.chars().skip(user.chars().count()).collect();
            format!("{scheme}://***{tail}")
        }
        None => word.to_owned(),
    }
}

/// The digests of one entry: the SHA-256 ones, and whether others stood beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub(crate) sha256: Vec<Sha256>,
    /// Names of other algorithms, in order.
    pub(crate) others: Vec<String>,
}

impl Hashes {
    /// Adds `algorithm:hex`.
    pub(crate) fn add(&mut self, algorithm: &str, hex: &str) -> Result<(), String> {
        let algorithm = algorithm.to_ascii_lowercase();
        if algorithm != "sha256" {
            if !self.others.contains(&algorithm) {
                self.others.push(algorithm);
            }
            return Ok(());
        }
        if self.sha256.len() >= MAX_DIGESTS {
            return Err(format!("has more than {MAX_DIGESTS} digests"));
        }
        let digest = hex.parse::<Sha256>().map_err(|cause| cause.to_string())?;
        if !self.sha256.contains(&digest) {
            self.sha256.push(digest);
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sha256.is_empty() && self.others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("-i https://me:pass@files.example/simple"), "-i https://***@files.example/simple");
        assert_eq!(shown("a @ https://files.example/a@1"), "a @ https://files.example/a@1");
        assert!(!shown(&format!("x://{}@h", "sécret".repeat(3))).contains("sécret"));
    }

    #[test]
    fn utf_16_is_named_and_a_byte_order_mark_is_taken_off() {
        assert!(decode(b"\xFF\xFEa\0".to_vec()).unwrap_err().contains("UTF-16"));
        assert_eq!(decode(b"\xEF\xBB\xBFa==1".to_vec()).unwrap(), "a==1");
        assert!(decode(b"\xC3".to_vec()).is_err());
    }

    #[test]
    fn spans_become_lines() {
        let source = Source::read(Path::new("f"), &MemoryFiles::one("f", b"a\nb\n\nc")).unwrap();
        assert_eq!(source.at(&(0..1)), "f:1");
        assert_eq!(source.at(&(2..3)), "f:2");
        assert_eq!(source.at(&(5..6)), "f:4");
    }
}
