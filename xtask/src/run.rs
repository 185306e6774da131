//! Running programs: argument lists, never shell text.

use crate::report::Failure;
use crate::workspace;
use std::process::{Command, Stdio};

/// A program with its arguments, to be run at the top of the workspace.
pub(crate) struct Program {
    command: Command,
    line: String,
}

/// `cargo` with these arguments: the one that runs us.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Program {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    Program::new(&cargo, "cargo", arguments)
}

/// A program with these arguments.
pub(crate) fn program<'a>(name: &str, arguments: impl IntoIterator<Item = &'a str>) -> Program {
    Program::new(name, name, arguments)
}

impl Program {
    /// `shown` stands for the program in messages.
    fn new<'a>(name: &str, shown: &str, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = Command::new(name);
        let mut line = shown.to_owned();
        for argument in arguments {
            command.arg(argument);
            line.push(' ');
            line.push_str(argument);
        }
        command.current_dir(workspace::root()).stdin(Stdio::null());
        Self { command, line }
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it on this terminal.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        match self.command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(Failure::Program { command: self.line }),
            Err(source) => Err(self.not_started(source)),
        }
    }

    /// Runs it and returns what it printed.
    pub(crate) fn output(mut self) -> Result<String, Failure> {
        match self.command.stderr(Stdio::inherit()).output() {
            Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(_) => Err(Failure::Program { command: self.line }),
            Err(source) => Err(self.not_started(source)),
        }
    }

    /// Whether it can be run and ends well; it prints nothing.
    pub(crate) fn works(mut self) -> bool {
        let quiet = self.command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    fn not_started(self, source: std::io::Error) -> Failure {
        Failure::File { path: self.line, what: "started", source }
    }
}
