//! A path as the scanner takes it: the file as it is, or a folder as the archive that it would be.
//!
//! A folder is walked within limits, and no link in it is followed: neither out of it, nor in circles.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use trustmill_core::port::Coded;
use trustmill_core::port::scanner::File;

/// The largest file, and the most bytes of a folder.
const MOST_BYTES: u64 = 512 << 20;
/// The most files of a folder.
const MOST_FILES: usize = 100_000;
/// The deepest folder within a folder.
const DEEPEST: usize = 128;
/// The one top folder of an npm package, which the reader takes away.
const TOP: &str = "package";

/// Why a path cannot be scanned.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatherError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is neither a file nor a folder.
    #[error("{} is neither a file nor a folder", path.display())]
    Odd { path: PathBuf },
    /// It is larger than what is scanned.
    #[error("{} is too large: {what}", path.display())]
    TooLarge { path: PathBuf, what: &'static str },
}

impl Coded for GatherError {
    fn code(&self) -> &'static str {
        "TM1010"
    }

    fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } | Self::Odd { .. } => {
                "give an archive, a file or a folder that this user may read".into()
            }
            Self::TooLarge { .. } => {
                "files of up to 512 MiB are scanned, and folders of up to 100,000 files with as many bytes and 128 \
                 levels: give a part of it"
                    .into()
            }
        }
    }
}

/// What is to be scanned.
pub(super) struct Gathered {
    /// The purl type, as far as names tell; empty where they do not.
    pub(super) ecosystem: &'static str,
    /// The file.
    pub(super) file: File,
    /// Whether the path is a folder.
    pub(super) folder: bool,
    /// What was left out, in words.
    pub(super) left_out: Vec<String>,
}

/// Reads a path.
pub(super) fn gather(path: &Path) -> Result<Gathered, GatherError> {
    let unreadable = |source| GatherError::Unreadable { path: path.to_owned(), source };
    // The path that a person names may be a link; those within a folder may not.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // `.` and `..` have a name only once they are resolved.
    let whole = std::fs::canonicalize(path).map_err(unreadable)?;
    let name = path.file_name().or(whole.file_name());
    let name = name.map_or_else(|| "root".into(), |name| name.to_string_lossy().into_owned());
    if metadata.is_dir() {
        return folder(path, &name);
    }
    if !metadata.is_file() {
        return Err(GatherError::Odd { path: path.to_owned() });
    }
    let bytes = read(path)?;
    let ecosystem = ecosystem_of_file(&name);
    Ok(Gathered { ecosystem, file: File { name, bytes: bytes.into() }, folder: false, left_out: Vec::new() })
}

fn read(path: &Path) -> Result<Vec<u8>, GatherError> {
    let unreadable = |source| GatherError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(GatherError::TooLarge { path: path.to_owned(), what: "more than 512 MiB" });
    }
    Ok(bytes)
}

fn ecosystem_of_file(name: &str) -> &'static str {
    let lower = name.to_ascii_lowercase();
    match lower.rsplit_once('.') {
        Some((_, "whl" | "egg")) => "pypi",
        Some((_, "crate")) => "cargo",
        Some((_, "tgz")) => "npm",
        Some((_, "gz" | "zip" | "bz2")) => "pypi",
        _ => "",
    }
}

/// What lies at the top of a package tells its kind.
fn ecosystem_of_folder(path: &Path) -> &'static str {
    let has = |name: &str| path.join(name).is_file();
    if has("package.json") {
        return "npm";
    }
    if has("Cargo.toml") && !has("pyproject.toml") {
        return "cargo";
    }
    let installed = || {
        let entries = std::fs::read_dir(path).ok()?;
        let info = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".dist-info");
        entries.flatten().any(|entry| info(&entry.file_name())).then_some(())
    };
    let pypi = ["pyproject.toml", "setup.py", "setup.cfg", "PKG-INFO"].into_iter().any(has);
    if pypi || installed().is_some() { "pypi" } else { "" }
}

/// A folder, packed.
struct Walk {
    archive: tar::Builder<GzEncoder<Vec<u8>>>,
    files: usize,
    bytes: u64,
    links: usize,
    special: usize,
    repositories: usize,
}

fn folder(path: &Path, name: &str) -> Result<Gathered, GatherError> {
    // What is packed here is unpacked a moment later: compressing it would be work for nothing.
    let mut walk = Walk {
        archive: tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none())),
        files: 0,
        bytes: 0,
        links: 0,
        special: 0,
        repositories: 0,
    };
    walk.folder(path, TOP, 0)?;
    let broken = |source| GatherError::Unreadable { path: path.to_owned(), source };
    let packed = walk.archive.into_inner().and_then(GzEncoder::finish).map_err(broken)?;
    let said = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let left_out = [
        said(walk.links, "links, which are not followed"),
        said(walk.special, "devices, sockets or pipes"),
        said(walk.repositories, "folders .git, which no package has"),
    ];
    Ok(Gathered {
        ecosystem: ecosystem_of_folder(path),
        file: File { name: format!("{name}.tgz"), bytes: packed.into() },
        folder: true,
        left_out: left_out.into_iter().flatten().collect(),
    })
}

impl Walk {
    fn folder(&mut self, path: &Path, inside: &str, depth: usize) -> Result<(), GatherError> {
        let unreadable = |source| GatherError::Unreadable { path: path.to_owned(), source };
        let too_large = |what| GatherError::TooLarge { path: path.to_owned(), what };
        if depth > DEEPEST {
            return Err(too_large("folders lie too deep"));
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            entries.push((entry.file_name(), entry.file_type().map_err(unreadable)?));
            if entries.len() + self.files > MOST_FILES {
                return Err(too_large("more than 100,000 files"));
            }
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, kind) in entries {
            let there = path.join(&name);
            let inside = format!("{inside}/{}", name.to_string_lossy());
            if kind.is_symlink() {
                self.links += 1;
            } else if kind.is_dir() && name == ".git" {
                self.repositories += 1;
            } else if kind.is_dir() {
                self.folder(&there, &inside, depth + 1)?;
            } else if kind.is_file() {
                self.file(&there, &inside)?;
            } else {
                self.special += 1;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, inside: &str) -> Result<(), GatherError> {
        let unreadable = |source| GatherError::Unreadable { path: path.to_owned(), source };
        let bytes = read(path)?;
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > MOST_BYTES {
            return Err(GatherError::TooLarge { path: path.to_owned(), what: "more than 512 MiB so far" });
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        self.archive.append_data(&mut header, inside, bytes.as_slice()).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_becomes_the_archive_that_it_would_be_and_links_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let long = format!("lib/{}.js", "x".repeat(180));
        write("package.json", "{}");
        write(&long, "1");
        write(".git/config", "[core]");
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("lib/circle")).unwrap();
        let gathered = gather(folder.path()).unwrap();
        assert_eq!((gathered.ecosystem, gathered.folder), ("npm", true));
        let unpacked = trustmill_scan::unpack::unpack(&gathered.file.name, &gathered.file.bytes);
        let paths: Vec<_> = unpacked.files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, [long.as_str(), "package.json"], "{:?}", unpacked.oddities);
        assert_eq!(gathered.left_out.len(), 2, "{:?}", gathered.left_out);
    }

    #[test]
    fn a_path_that_is_not_there_and_one_that_is_no_file_are_named() {
        let error = gather(Path::new("/nowhere/x.tgz")).err().unwrap();
        assert!(error.to_string().contains("/nowhere/x.tgz"));
        assert!(matches!(gather(Path::new("/dev/null")), Err(GatherError::Odd { .. })));
    }

    #[test]
    fn folders_too_deep_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d/".repeat(DEEPEST + 2));
        std::fs::create_dir_all(deep).unwrap();
        assert!(matches!(gather(folder.path()), Err(GatherError::TooLarge { .. })));
    }
}
