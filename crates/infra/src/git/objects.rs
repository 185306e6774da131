//! Objects out of a bare repository, by one `git cat-file` that is asked and answers.
//!
//! Every object that is read is hashed here, from the commit down to each file: what leaves this module is what the
//! commit's name stands for, whatever the program did.

use super::failure::Failure;
use super::parse::{self, Kind};
use super::program::{Bounds, Git, Job, Running};
use super::remote::borrows;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::Instant;
use trustmill_core::source::ObjectId;

/// Longest line before an object, in bytes.
const HEADER: u64 = 256;

/// A conversation with `git cat-file --batch-command`.
pub(super) struct Objects {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    until: Instant,
    /// Whether files may be missing: see [`borrows`].
    pub(super) partial: bool,
    _running: Running,
}

impl Objects {
    /// Starts a conversation about a bare repository.
    pub(super) fn open(git: &Git, bare: &Path, bounds: Bounds) -> Result<Self, Failure> {
        let job = Job::local(bare, vec!["cat-file".to_owned(), "--batch-command".to_owned()], bounds);
        let mut command = git.command(&job);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut running = Running::start(command, &bounds)?;
        let pipes = running.child.stdin.take().zip(running.child.stdout.take());
        let (questions, answers) = pipes.ok_or_else(|| Failure::malformed("git has no pipes"))?;
        let until = Instant::now() + bounds.wall;
        let answers = BufReader::with_capacity(64 << 10, answers);
        Ok(Self { questions, answers, until, partial: borrows(bare), _running: running })
    }

    /// What objects are there, with kind and size.
    pub(super) async fn info(&mut self, ids: &[&ObjectId]) -> Result<Vec<Option<(Kind, u64)>>, Failure> {
        let Self { questions, answers, until, .. } = self;
        let asked = ask(questions, "info", ids);
        let heard = async {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.push(header(answers, id).await?);
            }
            Ok(found)
        };
        both(*until, asked, heard).await
    }

    /// The bytes of objects of one kind, none of them longer than `most`; each must be there.
    pub(super) async fn contents(
        &mut self,
        kind: Kind,
        ids: &[&ObjectId],
        most: u64,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let Self { questions, answers, until, .. } = self;
        let asked = ask(questions, "contents", ids);
        let heard = async {
            let mut all = Vec::with_capacity(ids.len());
            for id in ids {
                all.push(content(answers, kind, id, most).await?);
            }
            Ok(all)
        };
        both(*until, asked, heard).await
    }
}

/// Asks and listens at the same time, so that neither side waits for the other's pipe.
async fn both<T>(
    until: Instant,
    asked: impl Future<Output = std::io::Result<()>>,
    heard: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let both = async {
        // Git may stop listening because it failed, and then its answer says more.
        let (_, heard) = tokio::join!(asked, heard);
        heard
    };
    let late = |_| Failure::too_large("reading the commit takes too long");
    tokio::time::timeout_at(until, both).await.map_err(late)?
}

async fn ask(questions: &mut ChildStdin, word: &str, ids: &[&ObjectId]) -> std::io::Result<()> {
    for some in ids.chunks(1_000) {
        let lines: String = some.iter().map(|id| format!("{word} {id}\n")).collect();
        questions.write_all(lines.as_bytes()).await?;
    }
    questions.flush().await
}

async fn header(answers: &mut BufReader<ChildStdout>, id: &ObjectId) -> Result<Option<(Kind, u64)>, Failure> {
    let mut line = Vec::new();
    let read = (&mut *answers).take(HEADER).read_until(b'\n', &mut line).await;
    read.map_err(|error| Failure::here("git cannot be read", &error))?;
    match line.strip_suffix(b"\n") {
        Some(line) => parse::header(line, id),
        None => Err(Failure::malformed("git ended before it answered")),
    }
}

async fn content(
    answers: &mut BufReader<ChildStdout>,
    kind: Kind,
    id: &ObjectId,
    most: u64,
) -> Result<Vec<u8>, Failure> {
    let missing = || Failure::malformed(format!("its {} {} is missing", kind.as_str(), id.short()));
    let (found, size) = header(answers, id).await?.ok_or_else(missing)?;
    if found != kind {
        return Err(Failure::malformed(format!("{} is no {}", id.short(), kind.as_str())));
    }
    if size > most {
        return Err(Failure::too_large(format!("a {} has {size} bytes; the limit is {most}", kind.as_str())));
    }
    let cut = || Failure::malformed("git ended in the middle of an object");
    let mut bytes = Vec::new();
    let read = (&mut *answers).take(size + 1).read_to_end(&mut bytes).await;
    read.map_err(|error| Failure::here("git cannot be read", &error))?;
    if bytes.pop() != Some(b'\n') || u64::try_from(bytes.len()) != Ok(size) {
        return Err(cut());
    }
    if !id.names(kind.as_str(), &bytes) {
        return Err(Failure::malformed(format!("the bytes of {} are not what its name says", id.short())));
    }
    Ok(bytes)
}
