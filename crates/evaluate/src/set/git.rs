//! Sets in git repositories: objects are read through one `git cat-file --batch`, into memory, so that an archive of
//! malware never lies on a disk where another program could open it.

use super::{Item, SetError, Source, name, named};
use crate::label::Label;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use trustmill_core::port::scanner::Context;

/// No package is larger; a larger object is not read.
const LARGEST: u64 = 512 << 20;

/// Which objects of a repository are the set.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The label of what has none by its path.
    pub label: Option<Label>,
    /// Only files below this folder.
    pub below: String,
    /// Only files that were added on this day or later: `YYYY-MM-DD`.
    pub since: Option<String>,
    /// Only files that were added before this day.
    pub until: Option<String>,
}

/// The packages of the newest commit.
///
/// # Errors
/// [`SetError`] if git cannot read the repository, or nothing in it has a label.
pub fn items(repository: &Path, wanted: &Wanted) -> Result<Vec<Item>, SetError> {
    let tree = git(repository, &["ls-tree", "-r", "-z", "HEAD"])?;
    let dates =
        if wanted.since.is_some() || wanted.until.is_some() { added(repository)? } else { BTreeMap::new() };
    let mut items: Vec<Item> = tree
        .split('\0')
        .filter_map(|line| {
            let (head, path) = line.split_once('\t')?;
            let mut head = head.split(' ').skip(1);
            let id = head.next().filter(|kind| *kind == "blob").and(head.next())?;
            item(repository, id, path, wanted, dates.get(path).map(String::as_str))
        })
        .collect();
    if items.is_empty() {
        return Err(SetError::Empty { path: repository.to_owned() });
    }
    items.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(items)
}

fn item(repository: &Path, id: &str, path: &str, wanted: &Wanted, date: Option<&str>) -> Option<Item> {
    let file = path.rsplit('/').next().unwrap_or(path);
    if !path.starts_with(&wanted.below) || (name::archive_stem(file).is_none() && !name::is_code(file)) {
        return None;
    }
    let early = wanted.since.as_deref().is_some_and(|since| date.is_none_or(|date| date < since));
    let late = wanted.until.as_deref().is_some_and(|until| date.is_none_or(|date| date >= until));
    let label = Label::of_path(path).or(wanted.label).filter(|_| !early && !late)?;
    let told = named(path);
    Some(Item {
        path: path.to_owned(),
        label,
        ecosystem: told.ecosystem,
        name: told.name,
        version: told.version,
        current: Source::Blob { repository: repository.to_owned(), id: id.to_owned(), name: file.to_owned() },
        previous: None,
        context: Context::default(),
    })
}

/// The day on which each path was added first.
fn added(repository: &Path) -> Result<BTreeMap<String, String>, SetError> {
    let log = git(
        repository,
        &[
            "-c",
            "core.quotePath=false",
            "log",
            "--reverse",
            "--diff-filter=A",
            "--no-renames",
            "--name-only",
            "--format=@%cs",
        ],
    )?;
    let mut dates = BTreeMap::new();
    let mut day = "";
    for line in log.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix('@').filter(|rest| rest.len() == "2026-01-31".len() && !rest.contains('/')) {
            Some(date) => day = date,
            None => {
                dates.entry(line.to_owned()).or_insert_with(|| day.to_owned());
            }
        }
    }
    Ok(dates)
}

fn command(repository: &Path) -> Command {
    let mut git = Command::new("git");
    // What the repository or the user configures is nothing to this.
    git.arg("--git-dir")
        .arg(repository)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    git
}

fn git(repository: &Path, arguments: &[&str]) -> Result<String, SetError> {
    let failed = |why: String| SetError::Git { path: repository.to_owned(), why };
    let output = command(repository).args(arguments).output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Readers of objects, one per repository; each thread has its own.
#[derive(Debug, Default)]
pub struct Blobs(BTreeMap<PathBuf, Reader>);

#[derive(Debug)]
struct Reader {
    child: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Blobs {
    /// The bytes of an object.
    ///
    /// # Errors
    /// [`SetError::Git`] if there is no such object, or it is larger than any package.
    pub fn read(&mut self, repository: &Path, id: &str) -> Result<Bytes, SetError> {
        let failed = |why: String| SetError::Git { path: repository.to_owned(), why };
        if !self.0.contains_key(repository) {
            let reader = Reader::start(repository).map_err(|error| failed(error.to_string()))?;
            self.0.insert(repository.to_owned(), reader);
        }
        let reader = self.0.get_mut(repository).ok_or_else(|| failed("no reader".into()))?;
        reader.read(id).map_err(|error| failed(error.to_string()))
    }
}

impl Reader {
    fn start(repository: &Path) -> std::io::Result<Self> {
        let mut child = command(repository)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || std::io::Error::other("git has no standard streams");
        let ask = child.stdin.take().ok_or_else(missing)?;
        let answer = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Self { child, ask, answer })
    }

    fn read(&mut self, id: &str) -> std::io::Result<Bytes> {
        writeln!(self.ask, "{id}")?;
        self.ask.flush()?;
        let mut head = String::new();
        self.answer.read_line(&mut head)?;
        // `ID blob SIZE`, the bytes, a line end; or `ID missing`.
        let size: u64 = head
            .split_ascii_whitespace()
            .nth(2)
            .and_then(|size| size.parse().ok())
            .filter(|size| *size <= LARGEST)
            .ok_or_else(|| std::io::Error::other(format!("no object that can be read: {}", head.trim())))?;
        let mut bytes = Vec::new();
        (&mut self.answer).take(size + 1).read_to_end(&mut bytes)?;
        bytes.pop();
        Ok(Bytes::from(bytes))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It ends by itself when its input does; waiting for that would wait for a git that hangs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
