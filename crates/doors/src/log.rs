//! The record on disk: `record.jsonl`, one record a line.
//!
//! A line that is complete and follows from the one before counts. The last line of a file may be torn by a crash: nobody
//! was told that it stands, so it is taken off. Anything else that does not fit is an error, and the guard does not start:
//! a record that somebody edited must not decide.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use trustmill_core::Sha256;
use trustmill_core::port::Coded;
use trustmill_guard::record::Record;
use trustmill_guard::session::{Broken, State};

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 64 << 20;

/// Why the record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another guard uses it.
    #[error("another guard works in {}", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// A line is no record, or does not follow from those before it.
    #[error("{} line {line} is not what was recorded: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// It cannot be read or written.
    #[error("{} cannot be {what}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `written`, `opened`.
        what: &'static str,
        /// The cause.
        source: std::io::Error,
    },
}

impl Coded for LogError {
    fn code(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "TM1302",
            Self::Damaged { .. } => "TM1303",
            Self::Io { .. } => "TM1304",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Taken { .. } => "use the guard that runs already, or name another folder with --state".into(),
            Self::Damaged { .. } => {
                "keep the file for whoever looks into it, and begin with another folder (--state): a record that was \
                 changed decides nothing"
                    .into()
            }
            Self::Io { .. } => "mend the disk or its rights: what cannot be recorded is not allowed".into(),
        }
    }
}

/// The record, open for more. Whoever has it is the only one.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    /// Bytes that stand for sure; what a failed write left behind is taken off before the next.
    length: u64,
    failed: bool,
}

impl Log {
    /// Opens the record in a folder, which is made where it is missing, and reads it from the beginning.
    pub fn open(folder: &Path) -> Result<(Self, State), LogError> {
        let path = folder.join("record.jsonl");
        let io = |what, source| LogError::Io { path: path.clone(), what, source };
        private_folder(folder).map_err(|error| io("opened", error))?;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|e| io("opened", e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(LogError::Taken { path: folder.to_owned() });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(io("opened", error)),
        }
        let (state, length) = read(&path, &file, drop)?;
        file.set_len(length).map_err(|error| io("written", error))?;
        Ok((Self { file, path, length, failed: false }, state))
    }

    /// Reads a record that somebody else may be writing: for looking only. Gives what its records come to, and the records.
    pub fn look(folder: &Path) -> Result<(State, Vec<Record>), LogError> {
        let path = folder.join("record.jsonl");
        let io = |source| LogError::Io { path: path.clone(), what: "read", source };
        let mut records = Vec::new();
        let (state, _) = read(&path, &File::open(&path).map_err(io)?, |record| records.push(record))?;
        Ok((state, records))
    }

    /// Appends a record; an urgent one is on disk when this returns. After a failure nothing counts as written.
    /// `line` is the record's own ([`Record::line`]).
    pub fn append(&mut self, record: &Record, line: &str) -> Result<(), LogError> {
        let written = self.write(record, line);
        self.failed = written.is_err();
        written.map_err(|source| LogError::Io { path: self.path.clone(), what: "written", source })
    }

    fn write(&mut self, record: &Record, line: &str) -> std::io::Result<()> {
        if self.failed {
            self.file.set_len(self.length)?;
        }
        let line = format!("{line}\n");
        self.file.write_all(line.as_bytes())?;
        if record.event.is_urgent() {
            self.file.sync_data()?;
        }
        self.length += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

/// Folds the lines of a file, and hands on each record; gives the state and the length of what counts.
fn read(path: &Path, file: &File, mut each: impl FnMut(Record)) -> Result<(State, u64), LogError> {
    let io = |source| LogError::Io { path: path.to_owned(), what: "read", source };
    let mut reader = BufReader::new(file);
    let (mut state, mut length, mut number, mut line) = (State::default(), 0, 0, Vec::new());
    loop {
        line.clear();
        let took =
            std::io::Read::take(&mut reader, LONGEST_LINE as u64).read_until(b'\n', &mut line).map_err(io)?;
        if took == 0 {
            return Ok((state, length));
        }
        number += 1;
        let damaged = |why: String| LogError::Damaged { path: path.to_owned(), line: number, why };
        if line.last() != Some(&b'\n') {
            let at_end = reader.fill_buf().map_err(io)?.is_empty();
            // Only the last line can be torn.
            return if at_end { Ok((state, length)) } else { Err(damaged("it is too long".into())) };
        }
        let record: Record = serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
        // The hash of what stands there: a fraction that an agent named may be another one when it is written again.
        let hash = line.strip_suffix(b"\n").map(Sha256::of);
        state.apply_hashed(&record, hash).map_err(|Broken { why, .. }| damaged(why.into()))?;
        length += took as u64;
        each(record);
    }
}

/// A folder for the guard's user alone.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_guard::record::Event;

    fn opened(name: &str) -> Event {
        Event::Opened { session: name.into(), agent: "agent".into(), owner: "ann".into(), parent: None }
    }

    fn filled(folder: &Path) -> State {
        let (mut log, mut state) = Log::open(folder).unwrap();
        for name in ["one", "two", "three"] {
            let record = state.record(jiff::Timestamp::now(), opened(name));
            log.append(&record, &record.line()).unwrap();
            state.apply(&record).unwrap();
        }
        state
    }

    #[test]
    fn what_was_recorded_is_there_again_and_one_at_a_time_writes() {
        let folder = tempfile::tempdir().unwrap();
        let before = filled(folder.path());
        let (_log, state) = Log::open(folder.path()).unwrap();
        assert_eq!((state.head, state.sessions.len()), (before.head, 3));
        assert!(matches!(Log::open(folder.path()), Err(LogError::Taken { .. })));
        assert_eq!(Log::look(folder.path()).unwrap().0.head, before.head);
    }

    #[test]
    fn a_number_that_no_reader_gives_back_exactly_ends_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = filled(folder.path());
        let line = r#"{"event":"allowed","session":"one","call":{"tool":"x/y","effect":"access",
            "digest":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","summary":""},"rule":"leased",
            "lease":null,"amount":null,"undo":{"server":"x","tool":"z","arguments":{}}}"#;
        let mut event: Event = serde_json::from_str(line).unwrap();
        let Event::Allowed { undo: Some(undo), .. } = &mut event else { unreachable!() };
        undo.arguments.insert("by".into(), serde_json::json!(7.890687237158369e-234));
        let (mut log, _) = Log::open(folder.path()).unwrap();
        let record = state.record(jiff::Timestamp::now(), event);
        let text = record.line();
        assert_ne!(serde_json::from_str::<Record>(&text).unwrap().line(), text, "or this shows nothing");
        log.append(&record, &text).unwrap();
        state.apply(&record).unwrap();
        let record = state.record(jiff::Timestamp::now(), opened("four"));
        log.append(&record, &record.line()).unwrap();
        drop(log);
        assert_eq!(Log::open(folder.path()).unwrap().1.sessions.len(), 4);
    }

    #[test]
    fn cut_at_any_byte_the_complete_lines_count() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let whole = std::fs::read(folder.path().join("record.jsonl")).unwrap();
        for cut in 0..whole.len() {
            let other = tempfile::tempdir().unwrap();
            std::fs::write(other.path().join("record.jsonl"), &whole[..cut]).unwrap();
            let complete = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            let (mut log, mut state) = Log::open(other.path()).unwrap();
            assert_eq!(state.sessions.len(), complete);
            let record = state.record(jiff::Timestamp::now(), opened("later"));
            log.append(&record, &record.line()).unwrap();
            state.apply(&record).unwrap();
            drop(log);
            assert_eq!(Log::look(other.path()).unwrap().0.head, state.head);
        }
    }

    #[test]
    fn a_record_that_was_edited_taken_out_or_swapped_is_found() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let path = folder.path().join("record.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for edited in [
            text.replace("\"session\":\"one\"", "\"session\":\"eve\""),
            format!("{}\n{}\n", lines[0], lines[2]),
            format!("{}\n{}\n{}\n", lines[1], lines[0], lines[2]),
            format!("{}\n{}\n{}\n", lines[0], lines[0], lines[1]),
            format!("{}\n\n{}\n", lines[0], lines[1]),
        ] {
            std::fs::write(&path, edited).unwrap();
            assert!(matches!(Log::open(folder.path()), Err(LogError::Damaged { .. })));
        }
    }
}
