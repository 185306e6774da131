//! How uv is called: two jobs in the sandbox that reach the gateway and nothing else, one from
//! requirements to a lockfile, one from a lockfile to a folder.

use super::pylock::{self, Wheel};
use super::tree::WORKSHOP;
use super::{LocalWheel, Wanted, lines};
use crate::pypi::interpreter::Interpreter;
use crate::pypi::uv::Uv;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::attempt::{FailureClass, RecordedRequest};
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::sandbox::{
    Exit, Gateways, InputFile, Job, Limits, Mount, Network, Report, Sandbox, SandboxError,
};

/// Where the workshop stands inside.
const INSIDE: &str = "/uv";
/// Where the executable's folder stands inside.
const TOOLS: &str = "/tools";
/// Where the resolver's files are; they come back.
const OUT: &str = "/build/out";
/// What the resolver writes.
const LOCKFILE: &str = "pylock.toml";
/// Where the mill's own wheels stand inside, each in a folder of its digest: uv takes what it cached of a path for what
/// is there.
const LOCAL: &str = "/build/wheels";

/// A uv that may be run.
pub(super) struct Tool<'a> {
    pub(super) root: &'a Path,
    pub(super) sandbox: &'a dyn Sandbox,
    pub(super) gateways: &'a dyn Gateways,
    pub(super) uv: &'a Uv,
}

/// A job that ended.
pub(super) struct Ran {
    pub(super) report: Report,
    pub(super) requests: Vec<RecordedRequest>,
}

/// The index inside the sandbox: the mill's view as of the end of the recipe's year, from which uv leaves
/// out what was uploaded at the recipe's instant or later.
///
/// A view has addresses of its own, for pages and for files. With one view per instant nothing that uv
/// cached for one build would serve another; with one per year nearly everything does, and a build still
/// sees no present.
fn index(as_of: Timestamp) -> String {
    let year = as_of.to_zoned(TimeZone::UTC).year().saturating_add(1);
    format!("http://127.0.0.1:{}/pypi/@{year}-01-01/simple/", Job::GATEWAY_PORT)
}

impl Tool<'_> {
    /// Requirements to a lockfile.
    pub(super) async fn resolve(&self, wanted: Wanted<'_>) -> Result<Ran, SandboxError> {
        let python = wanted.interpreter.inside();
        let lockfile = format!("{OUT}/{LOCKFILE}");
        let (requirements, constraints) =
            (format!("{OUT}/requirements.in"), format!("{OUT}/constraints.txt"));
        let (index, instant) = (index(wanted.as_of), wanted.as_of.to_string());
        let argv = [
            "pip",
            "compile",
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--only-binary",
            ":all:",
            "--python",
            &python,
            "--index-url",
            &index,
            "--exclude-newer",
            &instant,
            "--format",
            "pylock.toml",
            "--output-file",
            &lockfile,
            "--constraints",
            &constraints,
            &requirements,
        ];
        let folders: Vec<String> = wanted.local.iter().map(|wheel| folder(wheel)).collect();
        let argv: Vec<&str> = argv
            .into_iter()
            .chain(folders.iter().flat_map(|folder| ["--find-links", folder.as_str()]))
            .collect();
        let mut inputs = vec![
            input(requirements.clone(), lines(wanted.requirements)),
            input(constraints.clone(), lines(wanted.constraints)),
        ];
        inputs.extend(local(wanted));
        self.run(&argv, wanted.interpreter, inputs, vec![OUT.to_owned()]).await
    }

    /// A lockfile to a folder below the workshop's staging folder.
    pub(super) async fn install(
        &self,
        wanted: Wanted<'_>,
        wheels: &[Wheel],
        staging: &str,
    ) -> Result<Ran, SandboxError> {
        let python = wanted.interpreter.inside();
        let lockfile = format!("{}/{LOCKFILE}", Job::SCRATCH);
        let prefix = format!("{INSIDE}/staging/{staging}");
        let argv = [
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build",
            "--link-mode",
            "hardlink",
            "--python",
            &python,
            "--prefix",
            &prefix,
            "--requirements",
            &lockfile,
        ];
        let mut inputs = vec![input(lockfile.clone(), Bytes::from(pylock::render(wheels)))];
        inputs.extend(local(wanted));
        self.run(&argv, wanted.interpreter, inputs, Vec::new()).await
    }

    async fn run(
        &self,
        args: &[&str],
        interpreter: &Interpreter,
        inputs: Vec<InputFile>,
        collect: Vec<String>,
    ) -> Result<Ran, SandboxError> {
        let workshop = self.root.join(WORKSHOP);
        let made = tokio::fs::create_dir_all(workshop.join("cache")).await;
        made.map_err(|source| super::setup("make the folder of uv's cache", source))?;
        let gateway = self.gateways.open();
        let tools = self.uv.path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let mut mounts = vec![
            Mount { source: tools, target: TOOLS.to_owned(), writable: false },
            Mount { source: workshop, target: INSIDE.to_owned(), writable: true },
        ];
        mounts.extend(interpreter.mount());
        let mut argv = vec![format!("{TOOLS}/uv")];
        argv.extend(args.iter().map(ToString::to_string));
        let job = Job {
            argv,
            env: env(interpreter),
            cwd: Job::SCRATCH.to_owned(),
            mounts,
            inputs,
            collect,
            network: Network::Gateway(gateway.clone()),
            limits: Limits::default(),
            umask: 0o022,
        };
        let report = self.sandbox.run(job).await?;
        Ok(Ran { report, requests: gateway.requests() })
    }
}

fn folder(wheel: &LocalWheel) -> String {
    format!("{LOCAL}/{}", wheel.sha256)
}

fn local(wanted: Wanted<'_>) -> impl Iterator<Item = InputFile> {
    let file =
        |wheel: &Arc<LocalWheel>| input(format!("{}/{}", folder(wheel), wheel.filename), wheel.bytes.clone());
    wanted.local.iter().map(file)
}

fn input(path: String, bytes: Bytes) -> InputFile {
    InputFile { path, bytes, mode: 0o644, mtime: None }
}

/// Everything that uv reads from its environment: no configuration, no downloads of interpreters, no
/// credentials.
fn env(interpreter: &Interpreter) -> Vec<(String, String)> {
    let fixed = [
        ("HOME", "/build/home"),
        ("TMPDIR", "/build"),
        ("PATH", "/usr/bin:/bin"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("UV_CACHE_DIR", "/uv/cache"),
        ("UV_NO_CONFIG", "1"),
        ("UV_NO_PROGRESS", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
        ("UV_KEYRING_PROVIDER", "disabled"),
        ("UV_HTTP_RETRIES", "2"),
        ("NO_COLOR", "1"),
    ];
    let mut env: Vec<_> = fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    env.extend(interpreter.loader_env());
    env
}

impl Ran {
    /// The wheels that the resolver chose.
    pub(super) fn resolved(&self) -> Result<Result<Vec<Wheel>, BuildFailure>, SandboxError> {
        if let Err(failure) = self.ended()? {
            return Ok(Err(failure));
        }
        let lockfile = self.report.files.iter().find(|file| file.path.ends_with(LOCKFILE));
        let text = lockfile.and_then(|file| std::str::from_utf8(&file.bytes).ok()).unwrap_or_default();
        let wheels = pylock::parse(text);
        Ok(wheels.map_err(|bad| BuildFailure {
            class: FailureClass::UnresolvableRequirements,
            detail: bad.to_string(),
        }))
    }

    /// Whether the installation went well.
    pub(super) fn installed(&self) -> Result<Result<(), BuildFailure>, SandboxError> {
        self.ended()
    }

    fn ended(&self) -> Result<Result<(), BuildFailure>, SandboxError> {
        if self.report.exit == Exit::Code(0) {
            return Ok(Ok(()));
        }
        let log = String::from_utf8_lossy(&self.report.log);
        if let Some(why) = self.outage(&log) {
            return Err(super::setup("reach the package index in the fetch phase", io::Error::other(why)));
        }
        Ok(Err(classify(self.report.exit, &log)))
    }

    /// A failing index says nothing of the recipe.
    fn outage(&self, log: &str) -> Option<String> {
        let failing = self.requests.iter().find(|request| request.status >= 500 || request.status == 429);
        if let Some(request) = failing {
            return Some(format!("{} was answered with status {}", request.path, request.status));
        }
        let broken =
            ["error sending request", "Connection refused", "operation timed out", "connection closed"];
        broken.iter().any(|sign| log.contains(sign)).then(|| last_cause(log))
    }

    /// Names of the projects whose pages were asked for.
    pub(super) fn projects_asked(&self) -> BTreeSet<String> {
        self.requests
            .iter()
            .filter_map(|request| request.path.split_once("/simple/"))
            .filter_map(|(_, rest)| rest.split('/').next())
            .filter(|name| !name.is_empty())
            .map(|name| Purl::project("pypi", name).name())
            .collect()
    }
}

fn classify(exit: Exit, log: &str) -> BuildFailure {
    let class = match exit {
        Exit::TimedOut => FailureClass::TimedOut,
        Exit::OutOfMemory => FailureClass::OutOfMemory,
        Exit::TooManyProcesses => FailureClass::TooManyProcesses,
        Exit::OutputLimit => FailureClass::OutputLimit,
        Exit::Signal(_) => FailureClass::Killed,
        Exit::Code(_) if log.contains("Python interpreter") || log.contains("Python executable") => {
            FailureClass::MissingTool
        }
        Exit::Code(_) => FailureClass::UnresolvableRequirements,
    };
    BuildFailure { class, detail: last_cause(log) }
}

/// The most telling line of what uv printed: the innermost cause, else the error.
fn last_cause(log: &str) -> String {
    let line = log
        .lines()
        .map(str::trim)
        .rfind(|line| line.starts_with("cause:") || line.starts_with("Because") || line.starts_with("╰─▶"))
        .or_else(|| log.lines().map(str::trim).find(|line| line.starts_with("error:")))
        .unwrap_or("uv failed and said nothing");
    let text =
        ["cause:", "error:", "╰─▶"].iter().fold(line, |line, mark| line.trim_start_matches(mark).trim());
    text.chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::attempt::Usage;

    fn ran(exit: Exit, log: &'static str, requests: &[(&str, u16)]) -> Ran {
        let requests = requests
            .iter()
            .map(|(path, status)| RecordedRequest {
                method: "GET".into(),
                path: (*path).to_owned(),
                status: *status,
                sha256: None,
            })
            .collect();
        let report = Report {
            exit,
            log: Bytes::from_static(log.as_bytes()),
            files: Vec::new(),
            usage: Usage::default(),
            layers: Vec::new(),
        };
        Ran { report, requests }
    }

    const UNSOLVABLE: &str = "error: No solution found when resolving dependencies\n  cause: Because only setuptools<=57.0.0 is available and you require setuptools>=61, we can conclude that your requirements are unsatisfiable.\n\nhint: x\n";

    #[test]
    fn an_unsatisfiable_requirement_is_a_result() {
        let failure = ran(Exit::Code(1), UNSOLVABLE, &[("/pypi/@2022-01-01/simple/setuptools/", 200)])
            .resolved()
            .unwrap()
            .unwrap_err();
        assert_eq!(failure.class, FailureClass::UnresolvableRequirements);
        assert!(failure.detail.starts_with("Because only setuptools<=57.0.0"), "{}", failure.detail);
    }

    #[test]
    fn a_failing_index_is_nobodys_fault() {
        assert!(
            ran(Exit::Code(1), UNSOLVABLE, &[("/pypi/@2022-01-01/simple/setuptools/", 502)])
                .resolved()
                .is_err()
        );
        assert!(ran(Exit::Code(2), "error: error sending request for url", &[]).installed().is_err());
    }

    #[test]
    fn an_interpreter_that_uv_refuses_is_a_missing_tool() {
        let log = "error: Failed to inspect Python interpreter from provided path at `/python/bin/python2.7`\n  cause: Python executable does not support `-I` flag. Please use Python 3.6 or newer.\n";
        let failure = ran(Exit::Code(2), log, &[]).installed().unwrap().unwrap_err();
        assert_eq!(failure.class, FailureClass::MissingTool);
    }

    #[test]
    fn builds_of_one_year_share_a_view_that_ends_with_it() {
        let of = |text: &str| index(text.parse().unwrap());
        assert_eq!(of("2022-03-01T00:00:00Z"), of("2022-12-31T23:59:59Z"));
        assert!(of("2022-12-31T23:59:59Z").ends_with("/pypi/@2023-01-01/simple/"));
    }

    #[test]
    fn the_projects_asked_are_read_from_the_record() {
        let asked = [("/pypi/@2022-01-01/simple/Flit_Core/", 200), ("/files/x.whl", 200)];
        assert_eq!(ran(Exit::Code(0), "", &asked).projects_asked(), ["flit-core".to_owned()].into());
    }
}
