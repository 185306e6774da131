//! Where interpreters are looked for. Only folders are read and only ELF files count: a shim that is a
//! shell script is never run.

use super::probe::Cache;
use super::{Interpreter, Interpreters};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// More than any machine has; a folder of links cannot keep the mill busy.
const MOST_CANDIDATES: usize = 128;

/// Where to look, as data: the caller reads the environment, this module does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Executables that the configuration names.
    pub explicit: Vec<PathBuf>,
    /// Folders that hold `python3.X` executables: those of `PATH`, `/usr/bin`, `/usr/local/bin`.
    pub folders: Vec<PathBuf>,
    /// Folders that hold one installation each: `PYENV_ROOT/versions`, uv's managed interpreters.
    pub versions: Vec<PathBuf>,
}

impl Search {
    /// The usual places, from the values of the variables as the caller read them.
    pub fn usual(
        explicit: Vec<PathBuf>,
        path: Option<&std::ffi::OsStr>,
        home: Option<&Path>,
        pyenv_root: Option<&Path>,
    ) -> Self {
        let mut folders: Vec<PathBuf> =
            path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
        folders.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
        folders.retain(|folder| folder.is_absolute());
        let pyenv = pyenv_root.map(Path::to_path_buf).or_else(|| home.map(|home| home.join(".pyenv")));
        let mut versions: Vec<PathBuf> = pyenv.map(|root| root.join("versions")).into_iter().collect();
        versions.extend(home.map(|home| home.join(".local/share/uv/python")));
        Self { explicit, folders, versions }
    }

    /// Finds the interpreters and asks each new one for its version. `cache` is a file of the data folder
    /// that remembers the answers by path, length and modification time.
    ///
    /// An executable that does not answer is left out with a warning: a broken interpreter must not keep
    /// the mill from starting.
    pub async fn run(&self, cache: &Path) -> Interpreters {
        let search = self.clone();
        let candidates = tokio::task::spawn_blocking(move || search.candidates()).await.unwrap_or_default();
        let mut known = Cache::load(cache).await;
        let mut found: Vec<Interpreter> = Vec::new();
        for candidate in candidates {
            match known.ask(&candidate).await {
                Ok(interpreter) => found.push(interpreter),
                Err(why) => tracing::warn!(python = %candidate.display(), %why, "interpreter left out"),
            }
        }
        if let Err(why) = known.store(cache).await {
            tracing::warn!(cache = %cache.display(), %why, "what interpreters answered is not kept");
        }
        Interpreters::new(found)
    }

    /// Every executable that may be a CPython, links resolved, each once, explicit ones first.
    fn candidates(&self) -> Vec<PathBuf> {
        let mut named = self.explicit.clone();
        for folder in &self.folders {
            named.extend(pythons_in(folder));
        }
        for root in &self.versions {
            for one in entries(root) {
                named.extend(pythons_in(&one.join("bin")));
            }
        }
        let mut seen = BTreeSet::new();
        named
            .into_iter()
            .filter_map(|path| std::fs::canonicalize(path).ok())
            .filter(|path| seen.insert(path.clone()) && is_elf(path))
            .take(MOST_CANDIDATES)
            .collect()
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

/// Files named `pythonX.Y` in `folder`.
fn pythons_in(folder: &Path) -> Vec<PathBuf> {
    let named = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
            name.strip_prefix("python").is_some_and(|rest| rest.parse::<super::WantedPython>().is_ok())
        })
    };
    entries(folder).into_iter().filter(named).collect()
}

/// Whether the file is a binary of this kernel's format, so that no script is run.
fn is_elf(path: &Path) -> bool {
    let mut magic = [0_u8; 4];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic == b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_other_names_are_no_candidates() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("python3.11", b"#!/usr/bin/env bash\n");
        write("python3.12", b"\x7fELF....");
        write("python3", b"\x7fELF....");
        write("python3.12-config", b"\x7fELF....");
        std::os::unix::fs::symlink("python3.12", folder.path().join("python3.13")).unwrap();
        let search = Search { folders: vec![folder.path().to_path_buf()], ..Search::default() };
        let only = std::fs::canonicalize(folder.path().join("python3.12")).unwrap();
        assert_eq!(search.candidates(), [only]);
    }

    #[test]
    fn relative_folders_of_path_are_not_searched() {
        let search = Search::usual(Vec::new(), Some("bin:/opt/x:".as_ref()), None, None);
        assert_eq!(search.folders, ["/opt/x", "/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    }
}
