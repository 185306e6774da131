//! A throw-away installation of the mill, and the clients that talk to it.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use trustmill_testkit::once::made_once;

/// One data folder, and commands on it. The environment is scrubbed but for what reaches the registry.
pub(crate) struct Mill {
    folder: tempfile::TempDir,
}

impl Mill {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Writes a file beside the data folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trustmill"));
        command.env_remove("TRUSTMILL_CONFIG").arg("--data-dir").arg(self.data());
        command.stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run(self.command().args(args).output().unwrap())
    }

    /// Starts `trustmill up` on a free port and waits until it serves.
    pub(crate) fn up(&self, args: &[&str]) -> Server {
        self.up_with(&[], args)
    }

    /// The same with further variables.
    pub(crate) fn up_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Server {
        self.up_as(variables, args, Stdio::inherit())
    }

    /// The same, with its log elsewhere.
    pub(crate) fn up_logging(&self, args: &[&str], log: impl Into<Stdio>) -> Server {
        self.up_as(&[], args, log)
    }

    fn up_as(&self, variables: &[(&str, &str)], args: &[&str], log: impl Into<Stdio>) -> Server {
        let mut command = self.command();
        command.envs(variables.iter().copied()).stderr(log);
        command.args(["up", "--json", "--listen", "127.0.0.1:0"]).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let origin = first["origin"].as_str().unwrap().to_owned();
        // Whatever else it says is read, so that the pipe never fills.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, origin }
    }
}

/// A finished run.
pub(crate) struct Run(Output);

impl Run {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self(command.output().unwrap())
    }

    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Standard output as JSON, after checking the exit code.
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!(self.code(), code, "stdout: {}\nstderr: {}", self.stdout(), self.stderr());
        serde_json::from_str(&self.stdout()).unwrap_or_else(|error| panic!("{error}: {}", self.stdout()))
    }
}

/// A running `trustmill up`; ended hard when dropped.
pub(crate) struct Server {
    child: Child,
    origin: String,
}

impl Server {
    /// The index that clients are pointed at.
    pub(crate) fn index(&self) -> String {
        self.url("/pypi/simple/")
    }

    /// An address below the server's root.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM and waits; the exit code.
    pub(crate) fn terminate(mut self) -> i32 {
        signal(self.pid(), "TERM");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
}

/// The folder of a virtual environment with pip and a pinned uv, made once per target folder.
pub(crate) fn tools() -> PathBuf {
    made_once(Path::new(env!("CARGO_TARGET_TMPDIR")), "python-tools", |folder| {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder));
        let mut pip = Command::new(folder.join("bin/pip"));
        retry(pip.args(["install", "--quiet", "--retries", "10", "uv==0.13.9"]));
    })
}

/// A fresh virtual environment.
pub(crate) fn venv(mill: &Mill, name: &str) -> PathBuf {
    let folder = mill.path().join(name);
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    folder
}

/// Runs a command that must succeed; its standard output.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Runs a command that reaches the registry: three tries.
pub(crate) fn retry(command: &mut Command) -> String {
    for _ in 0..2 {
        if let Ok(output) = command.stdin(Stdio::null()).output()
            && output.status.success()
        {
            return String::from_utf8_lossy(&output.stdout).into_owned();
        }
    }
    succeed(command)
}
