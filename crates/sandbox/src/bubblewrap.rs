//! The second backend: the external program `bwrap` makes namespaces and root, for those who would rather
//! trust a program that many distributions ship. The init is the first process inside: it listens for the
//! gateway, gives its rights away, adds Landlock and the system-call filter, and runs the job.

use crate::cgroup::Cgroups;
use crate::init::PROBE_INNER;
use crate::mounts::{DEVICES, LINKS, PROGRAMS, SETTINGS, SYNTHESISED, TMP_SHARE};
use crate::spec::{Bind, INSIDE_ID, Stage};
use crate::supervise::{self, Start};
use crate::{InitCommand, UNPRIVILEGED, check, doctor};
use async_trait::async_trait;
use rustix::process::geteuid;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use trustmill_core::port::sandbox::{Job, LayerStatus, Limits, Report, Sandbox, SandboxError};

/// Where the init is inside.
const INIT: &str = "/.init";
/// Where distributions put the program. `PATH` is not asked: it may be anybody's.
const PLACES: [&str; 3] = ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];

/// Runs jobs in what `bwrap` makes.
///
/// Weaker than [`Own`](crate::Own) in three points: `/proc` is whole, the number of inodes is watched, not
/// bounded, and where the mill is root a mount must be open to `nobody`, since no ids are mapped.
#[derive(Debug)]
pub struct Bubblewrap {
    program: PathBuf,
    init: InitCommand,
    cgroups: Cgroups,
    /// Holds the files of `/etc` that say the same on every machine.
    settings: TempDir,
}

impl Bubblewrap {
    /// The backend, if `bwrap` is installed and answers.
    pub fn detect(init: InitCommand) -> Option<Self> {
        let program = PLACES.iter().map(Path::new).find(|place| {
            let answer = Command::new(place).arg("--version").env_clear().stdin(Stdio::null()).output();
            answer.is_ok_and(|answer| answer.status.success())
        })?;
        let settings = settings().ok()?;
        Some(Self { program: program.to_path_buf(), init, cgroups: Cgroups::detect(), settings })
    }

    fn command(&self, mounts: &[Bind], limits: &Limits) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(self.arguments(mounts, limits)?).env_clear().current_dir("/");
        if geteuid().is_root() {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        Ok(command)
    }

    fn arguments(&self, mounts: &[Bind], limits: &Limits) -> io::Result<Vec<OsString>> {
        let id = INSIDE_ID.to_string();
        let mut line = Line::default();
        line.add(["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]);
        line.add(["--unshare-cgroup-try", "--as-pid-1", "--new-session", "--hostname", "build"]);
        line.add(["--uid", &id, "--gid", &id]);
        // The rights with which the init adds Landlock's and the filter's bounds; it drops them itself.
        line.add(["--cap-add", "CAP_SETPCAP", "--clearenv"]);
        root(&mut line)?;
        for (name, _) in SYNTHESISED {
            line.add(["--ro-bind"]);
            line.0.push(self.settings.path().join(name).into_os_string());
            line.add([&format!("/etc/{name}")]);
        }
        line.add(["--size", &limits.scratch_bytes.to_string(), "--tmpfs", Job::SCRATCH]);
        line.add([
            "--size",
            &(limits.scratch_bytes / TMP_SHARE).to_string(),
            "--perms",
            "1777",
            "--tmpfs",
            "/tmp",
        ]);
        for mount in mounts {
            line.add([if mount.writable { "--bind" } else { "--ro-bind" }, &mount.source, &mount.target]);
        }
        let init = std::fs::canonicalize(&self.init.program)?;
        line.add(["--ro-bind"]);
        line.0.push(init.into_os_string());
        line.add([INIT, "--remount-ro", "/", "--chdir", "/", "--", INIT]);
        line.0.extend(self.init.args.iter().map(OsString::from));
        Ok(line.0)
    }
}

/// Readable by all: the job is another user.
fn settings() -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir()?;
    for (name, text) in SYNTHESISED {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o644))?;
    }
    Ok(folder)
}

#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }
}

/// The same root as [`Own`](crate::Own)'s.
fn root(line: &mut Line) -> io::Result<()> {
    for name in PROGRAMS {
        let path = format!("/{name}");
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                line.add(["--symlink"]);
                line.0.push(std::fs::read_link(&path)?.into_os_string());
                line.add([&path]);
            }
            Ok(_) => line.add(["--ro-bind", &path, &path]),
            Err(_) => {}
        }
    }
    for name in SETTINGS {
        let path = format!("/etc/{name}");
        line.add(["--ro-bind-try", &path, &path]);
    }
    line.add(["--dir", "/dev"]);
    for name in DEVICES {
        let path = format!("/dev/{name}");
        line.add(["--dev-bind", &path, &path]);
    }
    for (source, target) in LINKS {
        line.add(["--symlink", source, &format!("/{target}")]);
    }
    line.add(["--proc", "/proc"]);
    Ok(())
}

/// Root's folder is read-only to the job, which would fail far from here and say nothing.
fn refuse_closed(mounts: &[Bind]) -> Result<(), SandboxError> {
    if !geteuid().is_root() {
        return Ok(());
    }
    for mount in mounts.iter().filter(|mount| mount.writable) {
        let step = format!(
            "let the job write to {}: bubblewrap maps no ids, and another user owns it",
            mount.source
        );
        let found = std::fs::metadata(&mount.source).map_err(|source| supervise::failed(&step, source))?;
        if found.uid() != UNPRIVILEGED {
            return Err(supervise::failed(&step, io::ErrorKind::PermissionDenied.into()));
        }
    }
    Ok(())
}

#[async_trait]
impl Sandbox for Bubblewrap {
    fn name(&self) -> &'static str {
        "bubblewrap"
    }

    fn layers(&self) -> Vec<LayerStatus> {
        let probe = self.command(&[], &Limits::default()).map(|mut command| {
            command.arg(PROBE_INNER);
            command
        });
        doctor::layers(probe, &self.cgroups)
    }

    async fn run(&self, job: Job) -> Result<Report, SandboxError> {
        let mounts = check::job(&job)?;
        refuse_closed(&mounts)?;
        let command = self
            .command(&mounts, &job.limits)
            .map_err(|source| supervise::failed("find its own program", source))?;
        let start = Start { command, stage: Stage::Inner, cgroups: &self.cgroups, ids: UNPRIVILEGED };
        supervise::run(start, job).await
    }
}
