//! Lays files into a job's scratch folder and takes files out of it, by descriptors alone.
//!
//! Everything is opened beneath the scratch folder with `openat2`: no link is followed, no mount crossed, and
//! a name cannot lead out. Files are taken out only when every process of the job is gone.

use bytes::Bytes;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps, chmodat, fchmod, fstat,
    futimens, mkdirat, openat2, statat,
};
use rustix::io::Errno;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use trustmill_core::port::sandbox::{InputFile, Job, OutputFile};

/// Folders within folders; more is a build that tries to exhaust whoever walks its output.
const DEPTH_MAX: usize = 64;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// A path under [`Job::SCRATCH`] as a path relative to it; `None` if it is not plainly under it.
pub(crate) fn below_scratch(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(Job::SCRATCH)?;
    if rest.is_empty() {
        return Some("");
    }
    let rest = rest.strip_prefix('/')?;
    let plain = rest.split('/').all(|part| !matches!(part, "" | "." | "..")) && !rest.contains('\0');
    plain.then_some(rest)
}

/// Writes the inputs with exact modes and times, whatever this process's umask is.
pub(crate) fn write_inputs(scratch: BorrowedFd<'_>, inputs: &[InputFile]) -> io::Result<()> {
    let mut folders: HashSet<&str> = HashSet::new();
    for input in inputs {
        let path = below_scratch(&input.path).ok_or(io::ErrorKind::InvalidInput)?;
        make_parents(scratch, path, &mut folders)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let fd = openat2(scratch, path, flags, Mode::from_raw_mode(0o600), BENEATH)?;
        let mut file = File::from(fd);
        file.write_all(&input.bytes)?;
        fchmod(&file, Mode::from_raw_mode(input.mode))?;
        if let Some(seconds) = input.mtime {
            let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
            futimens(&file, &Timestamps { last_access: time, last_modification: time })?;
        }
    }
    Ok(())
}

fn make_parents<'a>(scratch: BorrowedFd<'_>, path: &'a str, made: &mut HashSet<&'a str>) -> io::Result<()> {
    let Some((parent, _)) = path.rsplit_once('/') else { return Ok(()) };
    if made.contains(parent) {
        return Ok(());
    }
    let ends = parent.match_indices('/').map(|(end, _)| end).chain(std::iter::once(parent.len()));
    for folder in ends.filter_map(|end| parent.get(..end)) {
        if !made.insert(folder) {
            continue;
        }
        match mkdirat(scratch, folder, Mode::from_raw_mode(0o755)) {
            Ok(()) => chmodat(scratch, folder, Mode::from_raw_mode(0o755), AtFlags::empty())?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What was taken out.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// In path order.
    pub(crate) files: Vec<OutputFile>,
    /// There was more than may be taken; `files` is empty then.
    pub(crate) too_much: bool,
}

/// Takes the regular files below `folders`, `most` bytes together.
pub(crate) fn collect(scratch: BorrowedFd<'_>, folders: &[String], most: u64) -> io::Result<Collected> {
    let mut walk = Walk { scratch, left: most, files: Vec::new() };
    for folder in folders {
        let path = below_scratch(folder).ok_or(io::ErrorKind::InvalidInput)?;
        match walk.folder(path) {
            Ok(()) => {}
            Err(TooMuch::Limit) => return Ok(Collected { files: Vec::new(), too_much: true }),
            Err(TooMuch::Io(error)) => return Err(error),
        }
    }
    let mut files = walk.files;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Collected { files, too_much: false })
}

enum TooMuch {
    Limit,
    Io(io::Error),
}

impl From<Errno> for TooMuch {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

impl From<io::Error> for TooMuch {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Walk<'a> {
    scratch: BorrowedFd<'a>,
    left: u64,
    files: Vec<OutputFile>,
}

impl Walk<'_> {
    fn folder(&mut self, root: &str) -> Result<(), TooMuch> {
        // Paths relative to `root`, still to be looked at.
        let mut pending = vec![String::new()];
        while let Some(below) = pending.pop() {
            let path = join(root, &below);
            let Some(folder) = self.open_folder(&path)? else { continue };
            for entry in Dir::read_from(&folder)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().to_str() else { continue };
                if matches!(name, "." | "..") {
                    continue;
                }
                let found = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                let below = join(&below, name);
                match FileType::from_raw_mode(found.st_mode) {
                    FileType::Directory if below.matches('/').count() >= DEPTH_MAX => {
                        return Err(TooMuch::Limit);
                    }
                    FileType::Directory => pending.push(below),
                    FileType::RegularFile => self.file(folder.as_fd(), name, below)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// A folder, made readable if the job took that right away; `None` if there is none.
    fn open_folder(&self, path: &str) -> Result<Option<OwnedFd>, TooMuch> {
        let name = if path.is_empty() { "." } else { path };
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let open = || openat2(self.scratch, name, flags, Mode::empty(), BENEATH);
        let opened = match open() {
            Err(Errno::ACCESS) => {
                chmodat(self.scratch, name, Mode::RWXU, AtFlags::empty())?;
                open()
            }
            other => other,
        };
        match opened {
            Ok(folder) => Ok(Some(folder)),
            // Absent, a link, a file, or a mount: nothing that was left in a folder of the scratch space.
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn file(&mut self, folder: BorrowedFd<'_>, name: &str, path: String) -> Result<(), TooMuch> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode & 0o777;
        let open = || openat2(folder, name, flags, Mode::empty(), BENEATH);
        let fd = match open() {
            Err(Errno::ACCESS) => {
                chmodat(folder, name, Mode::RUSR, AtFlags::empty())?;
                open()?
            }
            // A mount of the job, laid over a file.
            Err(Errno::XDEV) => return Ok(()),
            other => other?,
        };
        let size = fstat(&fd)?.st_size.cast_unsigned();
        // A sparse file is long without taking space: its length is looked at before it is read.
        if size > self.left {
            return Err(TooMuch::Limit);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(|_| TooMuch::Limit)?);
        File::from(fd).take(self.left.saturating_add(1)).read_to_end(&mut bytes)?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(TooMuch::Limit)?;
        self.files.push(OutputFile { path, bytes: Bytes::from(bytes), mode });
        Ok(())
    }
}

fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn input(path: &str, mode: u32, mtime: Option<i64>) -> InputFile {
        InputFile { path: path.into(), bytes: Bytes::from_static(b"x"), mode, mtime }
    }

    #[test]
    fn only_plain_paths_are_below_the_scratch_folder() {
        assert_eq!(below_scratch("/build/a/b"), Some("a/b"));
        assert_eq!(below_scratch("/build"), Some(""));
        for bad in [
            "/builder",
            "/build/../etc",
            "/build//a",
            "/build/",
            "/build/./a",
            "a",
            "/etc/passwd",
            "/build/a\0",
        ] {
            assert_eq!(below_scratch(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn modes_and_times_are_exact() {
        let home = tempfile::tempdir().unwrap();
        let fd = File::open(home.path()).unwrap();
        write_inputs(fd.as_fd(), &[input("/build/a/b/c", 0o777, Some(-5)), input("/build/a/d", 0, None)])
            .unwrap();
        let data = std::fs::metadata(home.path().join("a/b/c")).unwrap();
        assert_eq!(data.permissions().mode() & 0o7777, 0o777);
        assert_eq!(std::os::unix::fs::MetadataExt::mtime(&data), -5);
        assert!(
            write_inputs(fd.as_fd(), &[input("/build/a/d", 0o644, None)]).is_err(),
            "twice the same path"
        );
    }

    #[test]
    fn links_fifos_and_sparse_giants_are_not_taken() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("out");
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("good"), "1").unwrap();
        std::fs::write(out.join("hidden"), "2").unwrap();
        std::fs::set_permissions(out.join("hidden"), PermissionsExt::from_mode(0o0)).unwrap();
        symlink("/etc/passwd", out.join("link")).unwrap();
        symlink("/etc", out.join("folder-link")).unwrap();
        symlink("out", home.path().join("alias")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, out.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let fd = File::open(home.path()).unwrap();
        let folders = ["/build/out".to_owned(), "/build/alias".to_owned(), "/build/absent".to_owned()];
        let got = collect(fd.as_fd(), &folders, 100).unwrap();
        let paths: Vec<_> = got.files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
        assert_eq!(paths.len(), 2);
        assert_eq!(paths[1], ("hidden", 0));
        File::create(out.join("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert!(collect(fd.as_fd(), &folders, 100).unwrap().too_much);
    }

    #[test]
    fn a_tree_without_end_is_too_much() {
        let home = tempfile::tempdir().unwrap();
        let mut deep = home.path().to_path_buf();
        deep.extend(std::iter::repeat_n("d", DEPTH_MAX + 2));
        std::fs::create_dir_all(&deep).unwrap();
        let fd = File::open(home.path()).unwrap();
        assert!(collect(fd.as_fd(), &["/build".to_owned()], 100).unwrap().too_much);
    }
}
