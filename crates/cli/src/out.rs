//! Standard output and standard error, for whoever still reads them.
//!
//! `println!` panics where the reader has gone (`trustmill show … | head`) and where the disk is full. Here a reader
//! that has gone is no failure: nothing more is printed, and the verb ends as it would have, `up` goes on serving. Any
//! other failure is told at the end, because a report that was cut must not pass for a whole one.

use crate::error::Failure;
use crate::exit::Exit;
use std::fmt::{Arguments, Write as _};
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;
use trustmill_core::port::Coded;

/// Prints a line to standard output.
macro_rules! say {
    () => { $crate::out::write("\n") };
    ($($text:tt)*) => { $crate::out::line(format_args!($($text)*)) };
}

/// Prints a line to standard error.
macro_rules! complain {
    ($($text:tt)*) => { $crate::out::complaint(format_args!($($text)*)) };
}

pub(crate) use {complain, say};

/// Why nothing more is printed to standard output.
static STOPPED: OnceLock<io::Error> = OnceLock::new();

/// The output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the output cannot be written")]
struct Unwritten(#[source] io::Error);

impl Coded for Unwritten {
    fn code(&self) -> &'static str {
        "TM0814"
    }

    fn help(&self) -> String {
        "the work was done, and what was printed of it is not whole: make room where standard output goes, and repeat".into()
    }
}

/// See [`say`].
pub(crate) fn line(text: Arguments<'_>) {
    let mut line = String::new();
    // Formatting into a string fails only where a `Display` of ours does.
    if writeln!(line, "{text}").is_ok() {
        write(&line);
    }
}

/// Prints `text` as it is, at once.
pub(crate) fn write(text: &str) {
    if STOPPED.get().is_none()
        && let Err(error) = io::stdout().lock().write_all(text.as_bytes())
    {
        STOPPED.get_or_init(|| error);
    }
}

/// See [`complain`]. Where standard error cannot be written there is nobody to tell.
pub(crate) fn complaint(text: Arguments<'_>) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// The last word: writes what is left, and tells if something of the output was lost.
pub(crate) fn finish(exit: Exit) -> Exit {
    if STOPPED.get().is_none()
        && let Err(error) = io::stdout().lock().flush()
    {
        STOPPED.get_or_init(|| error);
    }
    match STOPPED.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            let cause = io::Error::new(error.kind(), error.to_string());
            Failure::new(Exit::Infrastructure, Unwritten(cause)).report()
        }
        _ => exit,
    }
}
