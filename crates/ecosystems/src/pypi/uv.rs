//! `uv`, the tool that makes build environments: one pinned release, taken as a wheel through the mill's
//! own upstream and checked twice, so that no build depends on what a machine happens to have installed.

use super::blob_reader::BlobReader;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::attempt::Material;
use trustmill_core::digest::Hasher;
use trustmill_core::package::Artifact;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::{BlobError, Blobs};
use trustmill_core::port::fetch::{Fetch, FetchError};
use trustmill_core::{Purl, Sha256};

/// The pinned release.
pub const VERSION: &str = "0.13.9";

/// A wheel of it is 25 MB, the executable 63 MB; more is not uv.
const LARGEST: u64 = 128 << 20;
/// The executable passes through memory in pieces of this size, for it would be most of what a run needs.
const PIECE: usize = 128 << 10;

/// One pinned platform. The builds against musl are static: they run in the sandbox's minimal root
/// whatever the host's C library is.
struct Pin {
    arch: &'static str,
    wheel: &'static str,
    executable: &'static str,
}

const PINS: [Pin; 2] = [
    Pin {
        arch: "x86_64",
        wheel: "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
        executable: "edbfb9a3d00dc84148e6691cd8740781fdc32db6505d7ef88ba6c3e569d5bec9",
    },
    Pin {
        arch: "aarch64",
        wheel: "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
        executable: "bbecb5ac518030bb5e84f1999c577228460192832ac24a92bd772735682979f4",
    },
];

/// The verified executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uv {
    /// Where it is on the host.
    pub path: PathBuf,
    /// The digest of the wheel that it came in.
    pub wheel: Sha256,
}

impl Uv {
    /// The tool as a material of the provenance.
    pub fn material(&self) -> Material {
        Material::file(Purl::release("pypi", "uv", VERSION).to_string(), self.wheel)
    }
}

/// Why uv cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UvError {
    /// No wheel is pinned for this processor.
    #[error("no uv {VERSION} is pinned for {0} processors")]
    Platform(String),
    /// The configured index does not list the pinned file.
    #[error("the package index does not list the pinned wheel of uv {VERSION}")]
    NotListed,
    /// The wheel could not be downloaded.
    #[error("the pinned wheel of uv {VERSION} could not be downloaded")]
    Fetch(#[source] FetchError),
    /// The blob store failed.
    #[error("the pinned wheel of uv {VERSION} could not be stored")]
    Store(#[source] BlobError),
    /// The wheel lacks the executable, or has another.
    #[error("the pinned wheel of uv {VERSION} does not hold the pinned executable")]
    Content,
    /// The executable could not be written.
    #[error("uv could not be written to {}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl Coded for UvError {
    fn code(&self) -> &'static str {
        match self {
            Self::Platform(_) => "TM0410",
            Self::NotListed | Self::Fetch(_) | Self::Store(_) | Self::Content => "TM0411",
            Self::Write { .. } => "TM0412",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Platform(_) => "run the mill's workers on x86_64 or aarch64 Linux".into(),
            Self::NotListed => format!("mirror uv {VERSION} on the configured index: builds use that release and no other"),
            Self::Fetch(_) | Self::Store(_) => "see the cause below; the work is kept and tried again".into(),
            Self::Content => "do not use this index: the file has the pinned digest and other content, which is a defect; please report it".into(),
            Self::Write { .. } => "check that the data folder is writable and that its volume has room".into(),
        }
    }
}

/// The executable, from `tools` if it is there and intact, else from the index that lists `files` of the
/// project `uv`.
///
/// # Errors
/// [`UvError`]; of these only `Platform` and `Content` cannot pass by themselves.
pub async fn ensure(
    tools: &Path,
    files: impl AsyncFnOnce() -> Result<Vec<Artifact>, FetchError>,
    fetch: &dyn Fetch,
    blobs: Arc<dyn Blobs>,
) -> Result<Uv, UvError> {
    let arch = std::env::consts::ARCH;
    let pin = PINS.iter().find(|pin| pin.arch == arch).ok_or_else(|| UvError::Platform(arch.to_owned()))?;
    let (wheel, executable) = pin.digests()?;
    let uv = Uv { path: tools.join(format!("uv-{VERSION}")).join("uv"), wheel };
    if intact(&uv.path, executable).await {
        return Ok(uv);
    }
    let files = files().await.map_err(UvError::Fetch)?;
    let listed = files.iter().find(|file| file.sha256 == Some(wheel)).ok_or(UvError::NotListed)?;
    let (digest, size) =
        fetch.file(&listed.url, Some(&wheel.into()), LARGEST).await.map_err(UvError::Fetch)?;
    let bytes = BlobReader::new(blobs, digest, size);
    let target = uv.path.clone();
    let written = tokio::task::spawn_blocking(move || unpack(bytes, executable, &target)).await;
    written.unwrap_or(Err(UvError::Content))?;
    Ok(uv)
}

impl Pin {
    fn digests(&self) -> Result<(Sha256, Sha256), UvError> {
        match (self.wheel.parse(), self.executable.parse()) {
            (Ok(wheel), Ok(executable)) => Ok((wheel, executable)),
            _ => Err(UvError::Content),
        }
    }
}

async fn intact(path: &Path, expected: Sha256) -> bool {
    let path = path.to_path_buf();
    let is_it =
        move || File::open(path).is_ok_and(|file| copy(file, io::sink()).is_ok_and(|got| got == expected));
    tokio::task::spawn_blocking(is_it).await.unwrap_or(false)
}

/// Which side of a copy failed.
enum Torn {
    Read(io::Error),
    Write(io::Error),
}

/// Copies all of `from`, and says what it was.
fn copy(mut from: impl Read, mut to: impl io::Write) -> Result<Sha256, Torn> {
    let (mut hasher, mut piece) = (Hasher::new(), vec![0; PIECE]);
    loop {
        let count = from.read(&mut piece).map_err(Torn::Read)?;
        let read = piece.get(..count).unwrap_or_default();
        if read.is_empty() {
            return Ok(hasher.finish());
        }
        hasher.update(read);
        to.write_all(read).map_err(Torn::Write)?;
    }
}

/// Takes the executable out of the wheel and puts it in place in one step, so that neither a half of it nor
/// another one is run.
fn unpack(wheel: impl Read + Seek, expected: Sha256, target: &Path) -> Result<(), UvError> {
    let mut archive = zip::ZipArchive::new(wheel).map_err(|_| UvError::Content)?;
    let member = archive.by_name(&format!("uv-{VERSION}.data/scripts/uv")).map_err(|_| UvError::Content)?;
    // Two processes may do this at once: each writes a file of its own, and either rename is right.
    let part = target.with_extension(format!("part-{}", std::process::id()));
    let placed = place(member.take(LARGEST), expected, &part, target);
    if placed.is_err() {
        // What cannot be removed now is written over by the next try.
        let _ = std::fs::remove_file(&part);
    }
    placed
}

/// Writes `part` and, if it is what is expected, gives it its name.
fn place(member: impl Read, expected: Sha256, part: &Path, target: &Path) -> Result<(), UvError> {
    let failed = |source| UvError::Write { path: target.to_path_buf(), source };
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let file = File::create(part).map_err(failed)?;
    let broken = |kind| matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof);
    match copy(member, &file) {
        Ok(got) if got == expected => {}
        Ok(_) => return Err(UvError::Content),
        Err(Torn::Read(source)) if broken(source.kind()) => return Err(UvError::Content),
        Err(Torn::Read(source)) => {
            return Err(UvError::Store(BlobError::Io { what: "reading the wheel of uv".into(), source }));
        }
        Err(Torn::Write(source)) => return Err(failed(source)),
    }
    file.set_permissions(std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    drop(file);
    std::fs::rename(part, target).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_are_digests_and_differ() {
        for pin in &PINS {
            let (wheel, executable) = pin.digests().unwrap();
            assert_ne!(wheel, executable);
        }
        assert_ne!(PINS[0].wheel, PINS[1].wheel);
    }

    #[test]
    fn another_executable_is_not_put_in_place() {
        use std::io::Write as _;
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(format!("uv-{VERSION}.data/scripts/uv"), options).unwrap();
        writer.write_all(b"not uv").unwrap();
        let wheel = writer.finish().unwrap().into_inner();
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("tools/uv");
        let wheel = || io::Cursor::new(&wheel);
        let wrong = unpack(wheel(), Sha256::of(b"uv"), &target);
        assert!(matches!(wrong, Err(UvError::Content)));
        let left: Vec<_> = std::fs::read_dir(target.parent().unwrap()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        unpack(wheel(), Sha256::of(b"not uv"), &target).unwrap();
        assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o755);
    }
}
