//! For whom a lockfile is read: the values that environment markers ask for, and what was selected.
//!
//! The names are those of the dependency specifiers specification
//! (<https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers>).

use pep440_rs::Version;
use std::collections::BTreeSet;

/// The interpreter and platform that packages are for. Every field may be overridden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `python_full_version`, from which `python_version` is taken: `3.11.7`.
    pub python_full_version: Version,
    /// `implementation_name`: `cpython`.
    pub implementation_name: String,
    /// `implementation_version`.
    pub implementation_version: Version,
    /// `platform_python_implementation`: `CPython`.
    pub platform_python_implementation: String,
    /// `os_name`: `posix`.
    pub os_name: String,
    /// `sys_platform`: `linux`.
    pub sys_platform: String,
    /// `platform_system`: `Linux`.
    pub platform_system: String,
    /// `platform_machine`: `x86_64`.
    pub platform_machine: String,
    /// `platform_release`: the kernel's release; empty where nobody knows.
    pub platform_release: String,
    /// `platform_version`: the kernel's build; empty where nobody knows.
    pub platform_version: String,
    /// Extras and dependency groups asked for.
    pub selection: Selection,
    /// Whether what other interpreters, platforms, extras and groups need is taken too, whatever markers say: who
    /// audits a lockfile audits it for everybody.
    pub everywhere: bool,
}

/// Which optional parts of a lock are wanted. Requirements files have none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Extras of the project.
    pub extras: BTreeSet<String>,
    /// Dependency groups (PEP 735).
    pub groups: Groups,
}

/// Which dependency groups are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Groups {
    /// Those that the file, or the tool that wrote it, installs without being asked: for `uv.lock`, `dev`.
    #[default]
    Default,
    /// Exactly these.
    Only(BTreeSet<String>),
}

impl Target {
    /// CPython of `python` on Linux, x86-64, with the kernel's release and build unknown.
    pub fn cpython_linux(python: Version) -> Self {
        Self {
            implementation_version: python.clone(),
            python_full_version: python,
            implementation_name: "cpython".into(),
            platform_python_implementation: "CPython".into(),
            os_name: "posix".into(),
            sys_platform: "linux".into(),
            platform_system: "Linux".into(),
            platform_machine: "x86_64".into(),
            platform_release: String::new(),
            platform_version: String::new(),
            selection: Selection::default(),
            everywhere: false,
        }
    }

    /// Every interpreter, platform, extra and group.
    pub fn everywhere() -> Self {
        Self { everywhere: true, ..Self::default() }
    }

    /// CPython of `python` on the operating system and processor that this program runs on.
    pub fn of_this_machine(python: Version) -> Self {
        let (os_name, sys_platform, platform_system) = match std::env::consts::OS {
            "windows" => ("nt", "win32", "Windows"),
            "macos" => ("posix", "darwin", "Darwin"),
            "linux" => ("posix", "linux", "Linux"),
            other => ("posix", other, other),
        };
        let machine = match (std::env::consts::OS, std::env::consts::ARCH) {
            ("windows", "x86_64") => "AMD64",
            ("windows", "aarch64") => "ARM64",
            ("macos", "aarch64") => "arm64",
            (_, arch) => arch,
        };
        Self {
            os_name: os_name.into(),
            sys_platform: sys_platform.into(),
            platform_system: platform_system.into(),
            platform_machine: machine.into(),
            platform_release: kernel("osrelease"),
            platform_version: kernel("version"),
            ..Self::cpython_linux(python)
        }
    }

    /// `python_version`: major and minor.
    pub fn python_version(&self) -> String {
        let mut parts = self.python_full_version.release().iter();
        let (major, minor) = (parts.next().copied().unwrap_or(0), parts.next().copied().unwrap_or(0));
        format!("{major}.{minor}")
    }
}

impl Default for Target {
    /// CPython 3.11 on Linux, x86-64.
    fn default() -> Self {
        Self::cpython_linux(Version::new([3, 11, 0]))
    }
}

/// A line of `/proc/sys/kernel`; empty on systems without one.
fn kernel(name: &str) -> String {
    let text = std::fs::read_to_string(std::path::Path::new("/proc/sys/kernel").join(name));
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}
