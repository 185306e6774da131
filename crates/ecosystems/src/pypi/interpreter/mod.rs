//! The CPythons of this machine: a build runs on the version that its era used, so the mill has to know
//! which ones are here, where they are mounted from, and to which digest a provenance pins them.

mod discover;
mod probe;

pub use discover::Search;

use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use trustmill_core::Sha256;
use trustmill_core::attempt::Material;
use trustmill_core::port::sandbox::Mount;

/// Where the prefix of an interpreter that is not the system's stands inside the sandbox.
pub const PYTHON: &str = "/python";

/// The version of a released CPython.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PythonVersion {
    /// `3` in 3.11.7.
    pub major: u16,
    /// `11` in 3.11.7.
    pub minor: u16,
    /// `7` in 3.11.7.
    pub micro: u16,
}

impl PythonVersion {
    /// Major and minor: what decides a bytecode, a tag and a standard library.
    pub const fn feature(self) -> (u16, u16) {
        (self.major, self.minor)
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// What a recipe asks for: `3.11`, or `3.11.7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedPython {
    feature: (u16, u16),
    micro: Option<u16>,
}

/// A text that names no CPython version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a Python version; expected two or three numbers such as 3.11 or 3.11.7")]
pub struct BadPythonVersion(pub String);

impl FromStr for WantedPython {
    type Err = BadPythonVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadPythonVersion(text.chars().take(40).collect());
        let numbers: Vec<u16> =
            text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
        match *numbers {
            [major, minor] => Ok(Self { feature: (major, minor), micro: None }),
            [major, minor, micro] => Ok(Self { feature: (major, minor), micro: Some(micro) }),
            _ => Err(bad()),
        }
    }
}

/// One CPython of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// Its exact version.
    pub version: PythonVersion,
    /// The executable on the host, every link resolved.
    pub executable: PathBuf,
    /// The folder it was installed into (`sys.base_prefix`), every link resolved.
    pub prefix: PathBuf,
    /// The digest of the executable.
    pub sha256: Sha256,
    /// Whether it needs its own `libpython` beside it, which a mount elsewhere must name.
    pub shared: bool,
}

impl Interpreter {
    /// Whether it lies in `/usr`, which every job sees read-only already.
    pub fn is_system(&self) -> bool {
        self.prefix.starts_with("/usr")
    }

    /// What a job has to mount to run it.
    pub fn mount(&self) -> Option<Mount> {
        (!self.is_system()).then(|| Mount {
            source: self.prefix.clone(),
            target: PYTHON.to_owned(),
            writable: false,
        })
    }

    /// The executable's path inside the sandbox.
    pub fn inside(&self) -> String {
        let path = match self.executable.strip_prefix(&self.prefix) {
            Ok(below) if !self.is_system() => PathBuf::from(PYTHON).join(below),
            _ => self.executable.clone(),
        };
        path.to_string_lossy().into_owned()
    }

    /// The environment that its loader needs inside the sandbox.
    pub fn loader_env(&self) -> Option<(String, String)> {
        (self.shared && !self.is_system()).then(|| ("LD_LIBRARY_PATH".to_owned(), format!("{PYTHON}/lib")))
    }

    /// The interpreter as a material of the provenance.
    pub fn material(&self) -> Material {
        Material::file(format!("file:cpython-{}", self.version), self.sha256)
    }
}

/// The interpreter that a recipe gets, and what a reader has to know about the choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The interpreter.
    pub interpreter: &'a Interpreter,
    /// One sentence, where it is not the wanted version.
    pub instead: Option<String>,
}

/// The CPythons of this machine, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interpreters {
    found: Vec<Interpreter>,
}

impl Interpreters {
    /// A set of known interpreters. Of two with one version, one that is not the system's goes first:
    /// distributions patch theirs.
    pub fn new(mut found: Vec<Interpreter>) -> Self {
        found.sort_by_key(|one| (one.version, one.is_system(), one.executable.clone()));
        found.dedup_by_key(|one| one.version);
        Self { found }
    }

    /// Every interpreter, oldest first.
    pub fn all(&self) -> &[Interpreter] {
        &self.found
    }

    /// The newest one at all.
    pub fn newest(&self) -> Option<&Interpreter> {
        self.found.last()
    }

    /// The wanted version if it is here; else the nearest newer feature release, else the nearest older.
    /// `None` only where there is no interpreter of that major version.
    pub fn choose(&self, wanted: WantedPython) -> Option<Choice<'_>> {
        let same_major = || self.found.iter().filter(|one| one.version.major == wanted.feature.0);
        let exact = same_major()
            .filter(|one| one.version.feature() == wanted.feature)
            .max_by_key(|one| (Some(one.version.micro) == wanted.micro, one.version.micro));
        if let Some(interpreter) = exact {
            let other = wanted.micro.filter(|micro| *micro != interpreter.version.micro);
            let instead = other.map(|micro| {
                let (major, minor) = wanted.feature;
                format!("Python {} stands in for {major}.{minor}.{micro}", interpreter.version)
            });
            return Some(Choice { interpreter, instead });
        }
        let newer = same_major()
            .filter(|one| one.version.feature() > wanted.feature)
            .min_by_key(|one| (one.version.feature(), Reverse(one.version.micro)));
        let interpreter = newer.or_else(|| same_major().max_by_key(|one| one.version))?;
        let (major, minor) = wanted.feature;
        let instead = format!(
            "Python {} stands in for {major}.{minor}, which is not on this machine",
            interpreter.version
        );
        Some(Choice { interpreter, instead: Some(instead) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(text: &str, prefix: &str) -> Interpreter {
        let parts: Vec<u16> = text.split('.').map(|part| part.parse().unwrap()).collect();
        Interpreter {
            version: PythonVersion { major: parts[0], minor: parts[1], micro: parts[2] },
            executable: PathBuf::from(prefix).join(format!("bin/python{}.{}", parts[0], parts[1])),
            prefix: PathBuf::from(prefix),
            sha256: Sha256::of(text.as_bytes()),
            shared: false,
        }
    }

    fn machine() -> Interpreters {
        Interpreters::new(vec![
            python("3.11.7", "/opt/py311"),
            python("3.8.18", "/opt/py38"),
            python("3.11.2", "/usr"),
            python("3.13.0", "/opt/py313"),
            python("2.7.18", "/opt/py27"),
        ])
    }

    fn chosen(wanted: &str) -> (String, bool) {
        let machine = machine();
        let choice = machine.choose(wanted.parse().unwrap()).unwrap();
        (choice.interpreter.version.to_string(), choice.instead.is_some())
    }

    #[test]
    fn the_wanted_version_wins_and_says_nothing() {
        assert_eq!(chosen("3.11"), ("3.11.7".into(), false));
        assert_eq!(chosen("3.11.2"), ("3.11.2".into(), false));
        assert_eq!(chosen("3.11.9"), ("3.11.7".into(), true));
    }

    #[test]
    fn the_nearest_newer_stands_in_then_the_nearest_older() {
        assert_eq!(chosen("3.9"), ("3.11.7".into(), true));
        assert_eq!(chosen("3.6"), ("3.8.18".into(), true));
        assert_eq!(chosen("3.14"), ("3.13.0".into(), true));
        assert_eq!(chosen("2.6"), ("2.7.18".into(), true));
        assert!(machine().choose("4.0".parse().unwrap()).is_none());
    }

    #[test]
    fn a_prefix_is_mounted_at_a_neutral_place_and_the_system_is_not() {
        let own = python("3.8.18", "/home/someone/versions/3.8.18");
        assert_eq!(own.inside(), "/python/bin/python3.8");
        assert_eq!(own.mount().unwrap().target, "/python");
        let system = python("3.11.2", "/usr");
        assert_eq!(system.inside(), "/usr/bin/python3.11");
        assert_eq!(system.mount(), None);
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in ["", "3", "3.x", "3.11.7.1", "3.11rc1", "-3.1", "99999999.1"] {
            assert!(text.parse::<WantedPython>().is_err(), "{text:?}");
        }
    }
}
