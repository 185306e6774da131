//! The files that are measured on.

use crate::{Failure, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Entries of each lockfile.
const ENTRIES: usize = 1_500;

/// Lockfiles and advisories.
pub(crate) struct Inputs {
    pub(crate) cargo_lock: PathBuf,
    pub(crate) requirements: PathBuf,
    /// RustSec's advisories, in their own format and as OSV.
    pub(crate) rustsec: PathBuf,
    pub(crate) osv: PathBuf,
    /// Records about the projects of the requirements file.
    pub(crate) made_up: PathBuf,
}

impl Inputs {
    /// Writes them below `folder`.
    pub(crate) fn make(git: &Path, folder: &Path) -> Result<Self, Failure> {
        let rustsec = unpacked(git, "main", &folder.join("rustsec"))?;
        let osv = unpacked(git, "osv", &folder.join("osv"))?;
        let cargo_lock = folder.join("Cargo.lock");
        fs::write(&cargo_lock, lock(&rustsec.join("crates"))?)?;
        let requirements = folder.join("requirements.txt");
        let lines: String = (0..ENTRIES).map(|n| format!("project-{n}==1.{n}.0\n")).collect();
        fs::write(&requirements, lines)?;
        let made_up = folder.join("made-up");
        fs::create_dir_all(&made_up)?;
        (0..ENTRIES * 2).try_for_each(|n| record(&made_up, n))?;
        Ok(Self { cargo_lock, requirements, rustsec, osv: osv.join("crates"), made_up })
    }

    /// The configuration of the feeds.
    pub(crate) fn feeds(&self) -> String {
        let feed = |name: &str, path: &Path| format!("[[feeds]]\nname = {name:?}\npath = {path:?}\n");
        feed("rustsec", &self.osv) + &feed("made-up", &self.made_up)
    }
}

fn unpacked(git: &Path, branch: &str, into: &Path) -> Result<PathBuf, Failure> {
    fs::create_dir_all(into)?;
    let archive = into.with_extension("tar");
    let mut command = Command::new("git");
    succeed(command.arg("--git-dir").arg(git).args(["archive", "--output"]).arg(&archive).arg(branch))?;
    succeed(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(into))?;
    Ok(into.to_owned())
}

/// A lock of every crate that has an advisory, each at 0.1.0, and of crates that have none.
fn lock(crates: &Path) -> Result<String, Failure> {
    let mut names: Vec<String> = fs::read_dir(crates)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    names.extend((0..ENTRIES).map(|n| format!("filler-{n}")));
    names.truncate(ENTRIES);
    names.sort();
    let ours = fs::read_to_string(crate::measure::root().join("Cargo.lock"))?;
    let source = ours.lines().find(|line| line.starts_with("source = ")).ok_or("our lock has no registry")?;
    let packages = names.iter().map(|name| {
        format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\n{source}\nchecksum = \"{}\"\n",
            "0".repeat(64)
        )
    });
    Ok(std::iter::once("version = 4\n".to_owned()).chain(packages).collect())
}

/// Every second project's version lies in the range of its records.
fn record(folder: &Path, n: usize) -> Result<(), Failure> {
    let (project, id) = (n / 2, format!("PYSEC-2026-{}", n + 1));
    let fixed = if project % 2 == 0 { "1.9999.0" } else { "1.0.0" };
    let record = serde_json::json!({
        "id": id, "modified": "2026-01-01T00:00:00Z", "summary": "made up", "details": "made up",
        "aliases": [format!("CVE-2026-{}", 10_000 + n)],
        "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H" }],
        "affected": [{
            "package": { "ecosystem": "PyPI", "name": format!("project-{project}") },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
        }],
    });
    fs::write(folder.join(format!("{id}.json")), record.to_string())?;
    Ok(())
}
