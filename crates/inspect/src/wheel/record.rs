//! `RECORD`: every file of a wheel with its digest (PyPA "Recording installed projects", PEP 376, PEP 427).

use crate::archive::path::shown;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::BTreeSet;
use trustmill_core::content::{Contents, Member};
use trustmill_core::port::Coded;

/// Rows at most; a reader of the archive allows no more members.
const ROWS: usize = 200_000;
/// Problems that are listed; the rest would say the same.
const PROBLEMS: usize = 50;

/// Something that `RECORD` says wrongly, or does not say. Names are escaped for display.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordProblem {
    /// There is none.
    #[error("the wheel has no RECORD")]
    Absent,
    /// It is not CSV with three fields a row.
    #[error("RECORD is malformed: {why}")]
    Malformed {
        /// What the CSV reader says.
        why: String,
    },
    /// A file is not listed.
    #[error("RECORD does not list {name}")]
    Missing {
        /// The file.
        name: String,
    },
    /// A listed file is not there.
    #[error("RECORD lists {name}, which is not in the wheel")]
    Extra {
        /// The file.
        name: String,
    },
    /// A file is listed twice.
    #[error("RECORD lists {name} twice")]
    Twice {
        /// The file.
        name: String,
    },
    /// A digest is wrong.
    #[error("RECORD states another digest of {name}")]
    Digest {
        /// The file.
        name: String,
    },
    /// A size is wrong.
    #[error("RECORD states another size of {name}")]
    Size {
        /// The file.
        name: String,
    },
    /// A file has no digest, or one that is not SHA-256.
    #[error("RECORD states no SHA-256 of {name}")]
    NoDigest {
        /// The file.
        name: String,
    },
}

impl Coded for RecordProblem {
    fn code(&self) -> &'static str {
        "TM0353"
    }

    fn help(&self) -> String {
        "the wheel was changed after it was packed, or its packer is broken; do not install it unseen".into()
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The file.
    pub path: String,
    /// `sha256=...`, or empty.
    pub digest: String,
    /// Bytes, or empty.
    pub size: String,
}

/// The path of the wheel's `RECORD`: the one in its one `*.dist-info` folder.
pub fn path(contents: &Contents) -> Option<&str> {
    let mut found = contents.members.keys().filter(|path| is_record(path));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Whether `path` is the `RECORD` of a wheel.
pub fn is_record(path: &str) -> bool {
    path.split_once('/').is_some_and(|(top, file)| top.ends_with(".dist-info") && file == "RECORD")
}

/// Files that `RECORD` need not list: itself and the signatures over it.
fn is_exempt(path: &str, record: &str) -> bool {
    let rest = path.strip_prefix(record);
    rest.is_some_and(|rest| matches!(rest, "" | ".jws" | ".p7s"))
}

/// Parses `RECORD`.
///
/// # Errors
/// What the CSV reader says, or that there are too many rows.
pub fn parse(bytes: &[u8]) -> Result<Vec<Row>, RecordProblem> {
    let malformed = |why: String| RecordProblem::Malformed { why };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(false).from_reader(bytes);
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| malformed(error.to_string()))?;
        let [path, digest, size] = [row.get(0), row.get(1), row.get(2)].map(|field| field.map(str::to_owned));
        let (Some(path), Some(digest), Some(size), 3) = (path, digest, size, row.len()) else {
            return Err(malformed("a row has not three fields".into()));
        };
        rows.push(Row { path, digest, size });
        if rows.len() > ROWS {
            return Err(malformed(format!("it has more than {ROWS} rows")));
        }
    }
    Ok(rows)
}

/// The `sha256=` field of `bytes`.
pub fn digest(member: &Member) -> String {
    format!("sha256={}", URL_SAFE_NO_PAD.encode(member.digest().as_bytes()))
}

/// Checks every row against the wheel, and every file against the rows; the first fifty problems.
pub fn check(contents: &Contents) -> Vec<RecordProblem> {
    let Some(record) = path(contents) else { return vec![RecordProblem::Absent] };
    let rows = match contents.get(record).map(|member| parse(&member.bytes)) {
        Some(Ok(rows)) => rows,
        Some(Err(problem)) => return vec![problem],
        None => return vec![RecordProblem::Absent],
    };
    let mut listed = BTreeSet::new();
    let mut problems: Vec<RecordProblem> =
        rows.iter().filter_map(|row| check_row(row, record, contents, &mut listed)).collect();
    let unlisted = contents.members.keys().filter(|path| !listed.contains(path.as_str()));
    problems.extend(
        unlisted
            .filter(|path| !is_exempt(path, record))
            .map(|path| RecordProblem::Missing { name: shown(path) }),
    );
    problems.truncate(PROBLEMS);
    problems
}

fn check_row<'a>(
    row: &'a Row,
    record: &str,
    contents: &Contents,
    listed: &mut BTreeSet<&'a str>,
) -> Option<RecordProblem> {
    let name = shown(&row.path);
    if !listed.insert(&row.path) {
        return Some(RecordProblem::Twice { name });
    }
    let Some(member) = contents.get(&row.path) else { return Some(RecordProblem::Extra { name }) };
    if is_exempt(&row.path, record) {
        return None;
    }
    if !row.digest.starts_with("sha256=") {
        return Some(RecordProblem::NoDigest { name });
    }
    if row.digest.trim_end_matches('=') != digest(member) {
        return Some(RecordProblem::Digest { name });
    }
    let sized = row.size.is_empty() || row.size.parse() == Ok(member.bytes.len());
    (!sized).then_some(RecordProblem::Size { name })
}

/// Writes the `RECORD` of `ours` in the row order and with the line ends of `published`.
///
/// `None` where `published` lists what we do not have, or is no CSV. Only the order of rows comes from it:
/// each digest and each size is computed from `ours`.
pub(crate) fn in_order_of(published: &[u8], record: &str, ours: &Contents) -> Option<Vec<u8>> {
    let crlf = published.ends_with(b"\r\n");
    let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
    for row in parse(published).ok()? {
        let member = ours.get(&row.path)?;
        if is_exempt(&row.path, record) && row.digest.is_empty() {
            writer.write_record([row.path.as_str(), "", ""]).ok()?;
        } else {
            let size = member.bytes.len().to_string();
            writer.write_record([row.path.as_str(), &digest(member), &size]).ok()?;
        }
    }
    writer.into_inner().ok()
}
