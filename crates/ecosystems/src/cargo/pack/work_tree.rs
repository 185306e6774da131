//! What git writes into a work tree for the bytes that a commit holds: line ends.
//!
//! Cargo packs the work tree. Where the publisher's git ends lines with CR and LF (`core.autocrlf`, as on Windows, or `eol=crlf` in
//! `.gitattributes` anywhere), the crate differs from the commit in every line. The rules are those of
//! <https://git-scm.com/docs/gitattributes#_end_of_line_conversion>; filters and encodings are not applied.

use bytes::Bytes;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use trustmill_core::content::{Contents, Member};

/// The file that sets attributes for its folder and what is below.
const ATTRIBUTES: &str = ".gitattributes";
/// Lines of all such files; what exceeds them sets nothing.
const MAX_LINES: usize = 2_000;
/// Bytes of one such file, as git limits it less generously than this.
const MAX_FILE: usize = 1 << 20;

/// How the publisher's git ended lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LineEnds {
    /// As they were committed, but for `eol=crlf`.
    #[default]
    Committed,
    /// With CR and LF, as git on Windows does it.
    Crlf,
}

/// The files as they stand in a work tree.
pub fn checked_out(tree: &Contents, line_ends: LineEnds) -> Contents {
    let attributes = Attributes::of(tree);
    let mut files = tree.clone();
    if attributes.lines.is_empty() && line_ends == LineEnds::Committed {
        return files;
    }
    for (path, member) in &mut files.members {
        if let Some(bytes) = converted(&member.bytes, attributes.action(path, line_ends)) {
            *member = Member { bytes, ..member.clone() };
        }
    }
    files
}

/// The line ends with which more of a published package's files come out as they were published.
pub fn line_ends_of(tree: &Contents, directory: &str, published: &Contents) -> LineEnds {
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let same = |line_ends| {
        let files = checked_out(tree, line_ends);
        let theirs = published.members.iter().filter_map(|(path, theirs)| {
            let path = if path == super::ORIGINAL { super::MANIFEST } else { path };
            Some((files.get(&format!("{prefix}{path}"))?, theirs))
        });
        theirs.filter(|(ours, theirs)| ours.bytes == theirs.bytes).count()
    };
    if same(LineEnds::Crlf) > same(LineEnds::Committed) { LineEnds::Crlf } else { LineEnds::Committed }
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Nothing,
    /// Every line ends with CR and LF.
    Crlf,
    /// The same, if it looks like text and has no CR yet.
    CrlfIfText,
}

/// `text`, or its old name `crlf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Set,
    Unset,
    Auto,
    Input,
}

/// What one line says of the files that it fits.
struct Line {
    /// The folder that it counts in, with a `/` at its end, or empty.
    folder: String,
    pattern: Gitignore,
    /// `Some(None)` takes back what was said before.
    text: Option<Option<Text>>,
    /// Whether `eol` is `crlf`.
    eol: Option<Option<bool>>,
}

/// All lines, those that count more behind the others.
struct Attributes {
    lines: Vec<Line>,
}

impl Attributes {
    fn of(tree: &Contents) -> Self {
        let mut files: Vec<(&str, &str)> = tree
            .members
            .iter()
            .filter_map(|(path, member)| {
                let folder = path.strip_suffix(ATTRIBUTES)?;
                let own = folder.is_empty() || folder.ends_with('/');
                (own && member.bytes.len() <= MAX_FILE).then_some(())?;
                Some((folder, member.text()?))
            })
            .collect();
        files.sort_by_key(|(folder, _)| folder.matches('/').count());
        let lines = files.iter().flat_map(|(folder, text)| text.lines().map(move |line| (*folder, line)));
        Self { lines: lines.take(MAX_LINES).filter_map(|(folder, line)| Line::of(folder, line)).collect() }
    }

    fn action(&self, path: &str, line_ends: LineEnds) -> Action {
        let (mut text, mut eol) = (None, None);
        for line in self.lines.iter().filter(|line| line.fits(path)) {
            text = line.text.unwrap_or(text);
            eol = line.eol.unwrap_or(eol);
        }
        let windows = line_ends == LineEnds::Crlf;
        let crlf = eol.unwrap_or(windows);
        match text {
            Some(Text::Unset) => Action::Nothing,
            Some(Text::Input) if eol != Some(true) => Action::Nothing,
            Some(Text::Set | Text::Input) if crlf => Action::Crlf,
            Some(Text::Auto) if crlf => Action::CrlfIfText,
            Some(_) => Action::Nothing,
            // `eol` alone makes a file text.
            None if eol == Some(true) => Action::Crlf,
            None if eol.is_none() && windows => Action::CrlfIfText,
            None => Action::Nothing,
        }
    }
}

impl Line {
    fn of(folder: &str, line: &str) -> Option<Self> {
        let line = line.trim_start_matches([' ', '\t']);
        let (pattern, words) = line.split_once([' ', '\t'])?;
        // A rule may not be negative; a macro, or a quoted path with spaces, sets nothing here.
        if pattern.is_empty() || pattern.starts_with(['#', '!', '[', '"']) || pattern.ends_with('/') {
            return None;
        }
        let (mut text, mut eol) = (None, None);
        for word in words.split_ascii_whitespace() {
            match word {
                "text" | "crlf" => text = Some(Some(Text::Set)),
                "-text" | "-crlf" | "binary" => text = Some(Some(Text::Unset)),
                "!text" | "!crlf" => text = Some(None),
                "text=auto" | "crlf=auto" => text = Some(Some(Text::Auto)),
                "text=input" | "crlf=input" => text = Some(Some(Text::Input)),
                "eol=crlf" => eol = Some(Some(true)),
                "eol=lf" => eol = Some(Some(false)),
                "!eol" | "-eol" => eol = Some(None),
                _ => {}
            }
        }
        if text.is_none() && eol.is_none() {
            return None;
        }
        let mut builder = GitignoreBuilder::new("");
        builder.add_line(None, pattern).ok()?;
        Some(Self { folder: folder.to_owned(), pattern: builder.build().ok()?, text, eol })
    }

    fn fits(&self, path: &str) -> bool {
        path.strip_prefix(&self.folder).is_some_and(|path| self.pattern.matched(path, false).is_ignore())
    }
}

/// The bytes with CR before each LF that has none; `None` where nothing changes.
fn converted(bytes: &Bytes, action: Action) -> Option<Bytes> {
    if action == Action::Nothing {
        return None;
    }
    let found = Found::of(bytes);
    if found.lone_lf == 0 || (action == Action::CrlfIfText && (found.crlf > 0 || found.is_binary())) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() + found.lone_lf);
    let mut before = 0;
    for &byte in bytes {
        if byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        before = byte;
    }
    Some(Bytes::from(out))
}

/// What git counts to tell text from other files.
#[derive(Default)]
struct Found {
    nul: usize,
    lone_cr: usize,
    lone_lf: usize,
    crlf: usize,
    printable: usize,
    other: usize,
}

impl Found {
    fn of(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = bytes.iter().copied().peekable();
        while let Some(byte) = rest.next() {
            match byte {
                b'\r' if rest.next_if_eq(&b'\n').is_some() => found.crlf += 1,
                b'\r' => found.lone_cr += 1,
                b'\n' => found.lone_lf += 1,
                8 | b'\t' | 27 | 12 => found.printable += 1,
                0 => (found.nul, found.other) = (found.nul + 1, found.other + 1),
                127 | 1..32 => found.other += 1,
                _ => found.printable += 1,
            }
        }
        // The mark at the end of a file of DOS.
        if bytes.last() == Some(&26) {
            found.other = found.other.saturating_sub(1);
        }
        found
    }

    fn is_binary(&self) -> bool {
        self.lone_cr > 0 || self.nul > 0 || (self.printable >> 7) < self.other
    }
}
