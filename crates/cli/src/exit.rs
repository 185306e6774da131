//! The exit codes: one public list (`docs/exit-codes.md`).

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done, and every gate holds.
    Success = 0,
    /// The work was done, and a gate does not hold: a verdict is too weak, a file does not verify, an
    /// isolation layer that was required is missing.
    Gate = 1,
    /// The command line, the configuration or an input file is wrong.
    Usage = 2,
    /// The world around failed: upstream, disk, sandbox. Trying again may help.
    Infrastructure = 3,
    /// Another process uses the data folder, or the port is taken.
    Busy = 4,
    /// A signal ended the run before it was done.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
