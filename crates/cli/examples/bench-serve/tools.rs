//! The programs that a measurement needs, each installed by its ordinary client when it is missing.

use crate::process::{Failure, bounded, succeed};
use std::fs;
use std::path::{Path, PathBuf};

/// Whose private function `bench/serve/record.py` wraps.
const PIP: &str = "pip==25.3";
/// The client that installs.
const UV: &str = "uv==0.13.9";

/// Where things are.
pub(crate) struct Tools {
    /// Everything that the bench writes.
    pub(crate) folder: PathBuf,
    /// The committed inputs.
    pub(crate) data: PathBuf,
    /// A virtual environment with pip and uv.
    pub(crate) client: PathBuf,
}

impl Tools {
    /// Folders, and the client.
    pub(crate) fn prepare(root: &Path) -> Result<Self, Failure> {
        let folder = root.join("target/bench/serve");
        fs::create_dir_all(&folder)?;
        let mut tools = Self { data: root.join("bench/serve"), client: PathBuf::new(), folder };
        tools.client = tools.venv("client", &[PIP, UV])?;
        tools.program("wrk", "wrk")?;
        Ok(tools)
    }

    /// A virtual environment with these pins, made once.
    pub(crate) fn venv(&self, name: &str, pins: &[&str]) -> Result<PathBuf, Failure> {
        let venv = self.folder.join("venvs").join(name);
        let done = venv.join("pins");
        if fs::read_to_string(&done).is_ok_and(|text| text == pins.join(" ")) {
            return Ok(venv);
        }
        succeed(bounded(120, "python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        succeed(self.pip(&venv, 600).args(["install", "--quiet", "--upgrade"]).args(pins))?;
        fs::write(done, pins.join(" "))?;
        Ok(venv)
    }

    /// The pip of a virtual environment, with this machine's configuration but for wheels lying about.
    fn pip(&self, venv: &Path, seconds: u32) -> std::process::Command {
        let mut command = bounded(seconds, venv.join("bin/python"));
        command.env_remove("PIP_FIND_LINKS").args(["-m", "pip"]);
        command
    }

    /// A folder that is empty.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join("run").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Finds a program; as root, Debian's package is installed when it is missing.
    pub(crate) fn program(&self, name: &str, package: &str) -> Result<PathBuf, Failure> {
        if let Some(path) = find(name) {
            return Ok(path);
        }
        if rustix::process::geteuid().is_root() {
            let mut apt = bounded(300, "apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-q", package]);
            succeed(&mut apt)?;
        }
        find(name).ok_or_else(|| format!("there is no `{name}`: install the package {package}").into())
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let further = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(further).map(|folder| folder.join(name)).find(|path| path.is_file())
}
