//! The git program, started with nothing of this machine's or a repository's configuration, and stopped when it takes
//! too long, too much, or says nothing.

use super::address::{Address, Scheme};
use super::config::GitConfig;
use super::failure::Failure;
use super::ssh;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How often a running command is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often a command that takes long is spoken of.
const SPOKEN: Duration = Duration::from_secs(10);
/// Bytes of messages that are kept: the last ones.
const MESSAGES: usize = 64 << 10;
/// Address space of one git process; a header may claim four thousand million objects.
const ADDRESS_SPACE: u64 = 8 << 30;

/// Settings of every command. Whatever the command line says beats every file, and no file is read anyway.
const SETTINGS: &[(&str, &str)] = &[
    ("protocol.allow", "never"),
    ("protocol.version", "2"),
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.pager", "cat"),
    ("core.bigFileThreshold", "16m"),
    ("credential.helper", ""),
    ("credential.interactive", "false"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("pack.threads", "1"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("fetch.unpackLimit", "1"),
    ("transfer.unpackLimit", "1"),
    ("transfer.bundleURI", "false"),
    ("fetch.uriProtocols", ""),
    ("fetch.writeCommitGraph", "false"),
    ("fetch.fsckObjects", "true"),
    ("log.showSignature", "false"),
];

/// What git finds fault with and the mill's own reader either refuses by path or never looks at: old commits of honest
/// projects have all of these.
const FORGIVEN: &[&str] = &[
    "badDateOverflow",
    "badEmail",
    "badFilemode",
    "badName",
    "badTimezone",
    "emptyName",
    "fullPathname",
    "gitattributesBlob",
    "gitattributesLarge",
    "gitattributesLineLength",
    "gitattributesMissing",
    "gitignoreSymlink",
    "gitattributesSymlink",
    "gitmodulesBlob",
    "gitmodulesLarge",
    "gitmodulesMissing",
    "gitmodulesName",
    "gitmodulesParse",
    "gitmodulesPath",
    "gitmodulesSymlink",
    "gitmodulesUpdate",
    "gitmodulesUrl",
    "hasDot",
    "hasDotdot",
    "hasDotgit",
    "largePathname",
    "mailmapSymlink",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingTaggerEntry",
    "multipleAuthors",
    "nulInCommit",
    "nullSha1",
    "symlinkTargetBlob",
    "symlinkTargetLength",
    "symlinkTargetMissing",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
];

/// Variables of this process that reach git: where programs are, how the network is reached, who is trusted.
const PASSED: &[&str] = &[
    "PATH",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// The program and the environment that it gets.
#[derive(Debug, Clone)]
pub(super) struct Git {
    program: PathBuf,
    home: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// One command.
pub(super) struct Job<'a> {
    /// The bare repository that it works on, if it does.
    pub(super) folder: Option<&'a Path>,
    /// The address that it may speak to; without one it may speak to nobody.
    pub(super) address: Option<&'a Address>,
    pub(super) arguments: Vec<String>,
    /// Further settings.
    pub(super) settings: Vec<(String, String)>,
    /// Further variables.
    pub(super) environment: Vec<(&'static str, &'static str)>,
    pub(super) bounds: Bounds,
}

/// What one command may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) wall: Duration,
    /// Silence, on the disk and in messages, after which it is stopped.
    pub(super) idle: Duration,
    /// Bytes that the repository's folder may grow by.
    pub(super) disk: u64,
    /// Bytes of output.
    pub(super) output: u64,
}

/// What a command that ended by itself left behind.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    pub(super) messages: String,
}

impl<'a> Job<'a> {
    /// A command on a repository that is here.
    pub(super) fn local(folder: &'a Path, arguments: Vec<String>, bounds: Bounds) -> Self {
        let (settings, environment) = (Vec::new(), Vec::new());
        Self { folder: Some(folder), address: None, arguments, settings, environment, bounds }
    }
}

impl Git {
    /// `home` is an empty private folder.
    pub(super) fn new(config: &GitConfig, home: PathBuf) -> Self {
        let passed = PASSED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
        let mut environment: Vec<_> = passed.collect();
        let machine = || ["GIT_SSL_CAINFO", "SSL_CERT_FILE"].iter().find_map(std::env::var_os);
        let roots = config.roots.clone().map(OsString::from);
        if roots.is_some() {
            // The folder of certificates that git was built for would be read beside the file.
            environment.retain(|(name, _)| name != "SSL_CERT_FILE" && name != "SSL_CERT_DIR");
            environment.push(("GIT_SSL_CAPATH".into(), home.clone().into()));
        }
        environment.extend(roots.or_else(machine).map(|roots| (OsString::from("GIT_SSL_CAINFO"), roots)));
        environment.extend(ssh::variables(config));
        Self { program: config.program.clone(), home, environment }
    }

    /// A command that is ready to be started, without pipes.
    pub(super) fn command(&self, job: &Job<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("HOME", &self.home).env("XDG_CONFIG_HOME", &self.home).env("LC_ALL", "C");
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "/bin/false"),
            ("SSH_ASKPASS", "/bin/false"),
            ("GIT_SSH_COMMAND", ssh::COMMAND),
            ("GIT_SSH_VARIANT", "ssh"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_PAGER", "cat"),
        ] {
            command.env(name, value);
        }
        command.envs(job.environment.iter().copied());
        if job.address.is_some_and(|address| address.scheme == Scheme::File) {
            // The other end of a local mirror is a git of its own, which asks who owns the folder. The operator named it.
            command.env("GIT_CONFIG_GLOBAL", self.home.join(LOCAL));
        }
        for (name, value) in self.settings(job) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        if let Some(folder) = job.folder {
            command.arg("--git-dir").arg(folder);
        }
        command.args(&job.arguments).current_dir(&self.home).process_group(0).kill_on_drop(true);
        command
    }

    fn settings(&self, job: &Job<'_>) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> =
            SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settings.extend(FORGIVEN.iter().map(|name| (format!("fetch.fsck.{name}"), "ignore".to_owned())));
        if let Some(address) = job.address {
            settings.push((format!("protocol.{}.allow", address.scheme.as_str()), "always".to_owned()));
            settings.push(("remote.mill.url".to_owned(), address.mapped.clone()));
            let idle = job.bounds.idle.as_secs().max(1);
            settings.push(("http.lowSpeedTime".to_owned(), idle.to_string()));
            if address.scheme == Scheme::Http {
                // This machine is never behind a proxy.
                settings.push(("http.proxy".to_owned(), String::new()));
            }
        }
        settings.extend(job.settings.iter().cloned());
        settings
    }

    /// Writes what [`Self::command`] refers to.
    pub(super) fn prepare(&self) -> std::io::Result<()> {
        crate::store::fs::make_private(&self.home)?;
        let local = self.home.join(LOCAL);
        if std::fs::read_to_string(&local).is_ok_and(|text| text == OTHER_END) {
            return Ok(());
        }
        // Another process may be reading it.
        let new = self.home.join(format!("{LOCAL}.{}", std::process::id()));
        std::fs::write(&new, OTHER_END)?;
        std::fs::rename(new, local)
    }

    /// Runs a command to its end, or stops it and everything that it started.
    pub(super) async fn run(&self, job: Job<'_>) -> Result<Ended, Failure> {
        let bounds = job.bounds;
        let mut command = self.command(&job);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::start(command, &bounds)?;
        let heard = AtomicU64::new(0);
        let (output, messages) = (running.child.stdout.take(), running.child.stderr.take());
        let ended = {
            let mut all = std::pin::pin!(async {
                let read = read_up_to(output, bounds.output, &heard);
                let (output, messages) = tokio::join!(read, read_last(messages, &heard));
                (running.child.wait().await, output, messages)
            });
            let mut watch = Watch::new(&job);
            loop {
                tokio::select! {
                    (status, output, messages) = &mut all => {
                        let status = status.map_err(|error| Failure::here("git cannot be waited for", &error))?;
                        let output = output.ok_or_else(|| Failure::too_large("git's answer is longer than it may be"))?;
                        // The kernel stops a file at the limit, and git only sees that its child is gone.
                        if !status.success() {
                            watch.look_at_the_disk()?;
                        }
                        break Ended { status, output, messages };
                    }
                    () = tokio::time::sleep(TICK) => watch.look(heard.load(Ordering::Relaxed))?,
                }
            }
        };
        running.group = None;
        Ok(ended)
    }
}

/// What a running command has taken so far.
struct Watch<'a> {
    job: &'a Job<'a>,
    before: u64,
    began: Instant,
    alive: (Instant, u64),
    spoken: Instant,
}

impl<'a> Watch<'a> {
    fn new(job: &'a Job<'a>) -> Self {
        let (before, now) = (job.folder.map_or(0, size_of_packs), Instant::now());
        Self { job, before, began: now, alive: (now, 0), spoken: now }
    }

    /// Looks at the disk and the clock; `heard` grows with everything that the command says.
    fn look(&mut self, heard: u64) -> Result<(), Failure> {
        let bounds = &self.job.bounds;
        let grown = self.look_at_the_disk()?;
        let alive = grown.wrapping_add(heard);
        if alive != self.alive.1 {
            self.alive = (Instant::now(), alive);
        }
        if self.began.elapsed() > bounds.wall {
            return Err(Failure::too_large(format!("it takes longer than {} s", bounds.wall.as_secs())));
        }
        if self.job.address.is_some() && self.alive.0.elapsed() > bounds.idle {
            let silent = bounds.idle.as_secs();
            return Err(Failure::host(format!(
                "the forge cannot be reached: it says nothing for {silent} s"
            )));
        }
        if self.spoken.elapsed() > SPOKEN {
            self.spoken = Instant::now();
            let repository = self.job.address.map_or("", |address| address.shown.as_str());
            tracing::info!(
                repository,
                mib = grown >> 20,
                seconds = self.began.elapsed().as_secs(),
                "git is still at it"
            );
        }
        Ok(())
    }

    /// Bytes that were added so far.
    fn look_at_the_disk(&self) -> Result<u64, Failure> {
        let most = self.job.bounds.disk;
        let grown = self.job.folder.map_or(0, size_of_packs).saturating_sub(self.before);
        match grown < most {
            true => Ok(grown),
            false => Err(Failure::too_large(format!("it takes more than {} MiB on the disk", most >> 20))),
        }
    }
}

/// What the git at the other end of a local mirror is told: it may read a folder of another owner, and leave out what
/// is not wanted. Nothing of the mirror's own configuration can start a program there.
const OTHER_END: &str = "[safe]\n\tdirectory = *\n[uploadpack]\n\tallowFilter = true\n";

/// The file in the home that lets git read a local mirror of another owner.
const LOCAL: &str = "local-mirrors.gitconfig";

/// A process group that ends with this value.
pub(super) struct Running {
    pub(super) child: Child,
    /// `None` when it has ended by itself.
    group: Option<Pid>,
}

impl Running {
    /// Starts a command as the first of its own group.
    pub(super) fn start(mut command: Command, bounds: &Bounds) -> Result<Self, Failure> {
        let child = command.spawn().map_err(|error| Failure::here("git cannot be started", &error))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // What git starts inherits these; it starts nothing before it has spoken to somebody.
        let seconds = bounds.wall.as_secs().saturating_mul(2).max(1);
        for (resource, most) in [
            (Resource::Fsize, bounds.disk.max(1 << 20)),
            (Resource::As, ADDRESS_SPACE),
            (Resource::Cpu, seconds),
            (Resource::Core, 0),
        ] {
            // A process that has ended already needs no limit.
            let _ = prlimit(group, resource, Rlimit { current: Some(most), maximum: Some(most) });
        }
        Ok(Self { child, group })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The first of the group was not waited for, so its number cannot be another's yet.
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Everything, or `None` where there is more than `most`.
async fn read_up_to(from: Option<impl AsyncRead + Unpin>, most: u64, heard: &AtomicU64) -> Option<Vec<u8>> {
    let mut from = from?;
    let (mut all, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    let mut within = true;
    while let Ok(count) = from.read(&mut piece).await {
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        heard.fetch_add(1, Ordering::Relaxed);
        within &= u64::try_from(all.len() + count).is_ok_and(|total| total <= most);
        if within {
            all.extend_from_slice(read);
        }
    }
    within.then_some(all)
}

/// The last messages.
async fn read_last(from: Option<impl AsyncRead + Unpin>, heard: &AtomicU64) -> String {
    let Some(mut from) = from else { return String::new() };
    let (mut last, mut piece) = (Vec::new(), vec![0; 8 << 10]);
    while let Ok(count) = from.read(&mut piece).await {
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        heard.fetch_add(1, Ordering::Relaxed);
        last.extend_from_slice(read);
        if last.len() > 2 * MESSAGES {
            last.drain(..last.len() - MESSAGES);
        }
    }
    // Progress comes with carriage returns.
    String::from_utf8_lossy(&last).replace('\r', "\n")
}

/// Bytes of the packs of a bare repository, those being written included.
pub(super) fn size_of_packs(repository: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(repository.join("objects/pack")) else { return 0 };
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|metadata| metadata.len()).sum()
}
