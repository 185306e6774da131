//! The Rust toolchain of this machine: found once, named by a digest of what it compiles with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use trustmill_core::Sha256;
use trustmill_core::attempt::Material;
use trustmill_core::digest::Hasher;
use trustmill_core::port::sandbox::Mount;

/// Where a toolchain that is not the system's stands inside.
const INSIDE: &str = "/rust";
/// A compiler that takes longer than this to say who it is is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where toolchains are looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `PATH`.
    pub path: Option<OsString>,
    /// The home of the user that runs the mill: rustup's programs are there.
    pub home: Option<PathBuf>,
}

impl Search {
    /// The first toolchain that has both `rustc` and `cargo`.
    pub(super) async fn run(&self) -> Option<Toolchain> {
        let mut folders: Vec<PathBuf> = self.path.iter().flat_map(std::env::split_paths).collect();
        folders.extend(self.home.iter().map(|home| home.join(".cargo/bin")));
        folders.push("/usr/bin".into());
        for folder in folders {
            let compiler = folder.join("rustc");
            if tokio::fs::try_exists(&compiler).await.unwrap_or(false)
                && let Some(toolchain) = ask(&compiler).await
            {
                return Some(toolchain);
            }
        }
        None
    }
}

/// A toolchain that may be mounted into a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Toolchain {
    sysroot: PathBuf,
    version: String,
    pub(super) host: String,
    sha256: Sha256,
}

impl Toolchain {
    fn is_system(&self) -> bool {
        self.sysroot.starts_with("/usr")
    }

    /// What a job has to mount to run it.
    pub(super) fn mount(&self) -> Option<Mount> {
        (!self.is_system()).then(|| Mount {
            source: self.sysroot.clone(),
            target: INSIDE.to_owned(),
            writable: false,
        })
    }

    /// The folder of its programs inside.
    pub(super) fn programs(&self) -> String {
        let root =
            if self.is_system() { self.sysroot.to_string_lossy().into_owned() } else { INSIDE.to_owned() };
        format!("{root}/bin")
    }

    /// The toolchain as a material: compiler, cargo, code generator and standard library, as one digest.
    pub(super) fn material(&self) -> Material {
        Material::file(format!("file:rust-{}", self.version), self.sha256)
    }
}

async fn ask(compiler: &Path) -> Option<Toolchain> {
    let sysroot = said(compiler, &["--print", "sysroot"]).await?;
    let sysroot = tokio::fs::canonicalize(sysroot.trim()).await.ok()?;
    let about = said(compiler, &["-vV"]).await?;
    let field = |name: &str| {
        let line = about.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).filter(|value| is_plain(value))
    };
    let (version, host) = (field("release:")?, field("host:")?);
    let programs = ["rustc", "cargo"].map(|name| sysroot.join("bin").join(name));
    if !programs.iter().all(|program| program.is_file()) {
        return None;
    }
    let (root, of) = (sysroot.clone(), host.clone());
    let sha256 = tokio::task::spawn_blocking(move || digest(&root, &of)).await.ok()?.ok()?;
    Some(Toolchain { sysroot, version, host, sha256 })
}

/// What stands in a material or on a command line.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
}

/// What a program prints; `None` unless it ends well and in time.
async fn said(program: &Path, args: &[&str]) -> Option<String> {
    let running = tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, running).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
}

/// One digest over the names and digests of what takes part in a compilation.
fn digest(sysroot: &Path, host: &str) -> std::io::Result<Sha256> {
    let mut files: Vec<PathBuf> = ["bin/rustc", "bin/cargo"].iter().map(|name| sysroot.join(name)).collect();
    let library = |name: &str| ["librustc_driver-", "libLLVM"].iter().any(|start| name.starts_with(start));
    for (folder, wanted) in [("lib".to_owned(), true), (format!("lib/rustlib/{host}/lib"), false)] {
        let Ok(entries) = std::fs::read_dir(sysroot.join(folder)) else { continue };
        for entry in entries {
            let entry = entry?;
            let named = !wanted || entry.file_name().to_str().is_some_and(library);
            if named && entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let mut all = Hasher::new();
    for file in files {
        let name = file.strip_prefix(sysroot).unwrap_or(&file).to_string_lossy().into_owned();
        let mut one = Hasher::new();
        let mut reader = std::fs::File::open(&file)?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = std::io::Read::read(&mut reader, &mut buffer)?;
            if read == 0 {
                break;
            }
            one.update(buffer.get(..read).unwrap_or_default());
        }
        all.update(format!("{}  {name}\n", one.finish().to_hex()).as_bytes());
    }
    Ok(all.finish())
}

/// A toolchain that is nowhere.
#[cfg(test)]
pub(super) fn testing() -> Toolchain {
    let host = "x86_64-unknown-linux-gnu".into();
    Toolchain { sysroot: "/opt/rust".into(), version: "1.95.0".into(), host, sha256: Sha256::of(b"rust") }
}
