//! `trustmill verify`: files on disk against their attestations and the mill's public key, offline.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::to_json;
use crate::wire::{self, Mill, Purpose};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;
use trustmill_core::port::Coded;
use trustmill_core::shelf::Shelf;
use trustmill_core::{Sha256, Verdict};
use trustmill_factory::progress::Unobserved;
use trustmill_trust::keys::{TrustedKeys, file as key_file};
use trustmill_trust::verify::{self, Subject};

/// Check files on disk: signature, digest, statement, and that the verdict follows from its facts.
///
/// Nothing is fetched. The attestations are FILE.provenance beside each file, or what --bundle names, or what
/// this mill's data folder holds; the keys are what --key names, or this mill's own.
#[derive(Args)]
pub(super) struct Verify {
    /// Files, under the names that package managers know them by
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Public keys that are trusted (PEM, one or more in the file)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Attestations (JSON Lines of DSSE envelopes) [default: FILE.provenance, else the data folder]
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// The weakest verdict that passes
    #[arg(long, value_name = "VERDICT", default_value = "built")]
    require: Verdict,
}

/// What came of one file.
#[derive(Debug, Serialize)]
struct Checked {
    file: PathBuf,
    sha256: Option<Sha256>,
    verdict: Option<Verdict>,
    signed_by: Option<String>,
    error: Option<Problem>,
}

/// Why a file does not verify.
#[derive(Debug, Serialize)]
struct Problem {
    code: &'static str,
    message: String,
    help: String,
}

impl Problem {
    fn of(error: &impl Coded) -> Self {
        let mut message = error.to_string();
        if let Some(cause) = error.source() {
            message = format!("{message}: {cause}");
        }
        Self { code: error.code(), message, help: error.help() }
    }
}

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", path.display())]
struct Unreadable {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl Coded for Unreadable {
    fn code(&self) -> &'static str {
        "TM0812"
    }

    fn help(&self) -> String {
        "check the path and its permissions".into()
    }
}

impl Verify {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(self.execute(global))
    }

    async fn execute(self, global: &Global) -> Result<Exit, Failure> {
        let keys = match &self.key {
            Some(path) => key_file::read_public(path),
            None => key_file::trusted(&wire::data_dir(global)?.join("keys")),
        }
        .map_err(|error| Failure::new(Exit::Usage, error))?;
        let kept = Kept { global, mill: OnceCell::new() };
        let mut checked = Vec::new();
        for file in &self.files {
            checked.push(self.check(&kept, file, &keys).await?);
        }
        if global.json {
            to_json(&checked);
        } else {
            checked.iter().for_each(print);
        }
        Ok(if checked.iter().all(|one| one.error.is_none()) { Exit::Success } else { Exit::Gate })
    }

    async fn check(&self, kept: &Kept<'_>, file: &Path, keys: &TrustedKeys) -> Result<Checked, Failure> {
        let mut checked =
            Checked { file: file.to_owned(), sha256: None, verdict: None, signed_by: None, error: None };
        let bytes = match read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                checked.error = Some(Problem::of(&error));
                return Ok(checked);
            }
        };
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let subject = Subject::of(&name, &bytes);
        checked.sha256 = Some(subject.sha256);
        let bundle = match self.bundle(kept, file, &name).await? {
            Ok(bundle) => bundle,
            Err(error) => {
                checked.error = Some(Problem::of(&error));
                return Ok(checked);
            }
        };
        match verify::verify(&bundle, &subject, keys, self.require) {
            Ok(evidence) => {
                checked.verdict = Some(evidence.verdict);
                checked.signed_by = Some(evidence.signed_by.to_string());
            }
            Err(error) => checked.error = Some(Problem::of(&error)),
        }
        Ok(checked)
    }

    /// The attestations about a file. None at all is an empty bundle, which the verifier refuses.
    async fn bundle(
        &self,
        kept: &Kept<'_>,
        file: &Path,
        name: &str,
    ) -> Result<Result<Vec<u8>, Unreadable>, Failure> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".provenance");
        let beside = PathBuf::from(beside);
        match &self.bundle {
            Some(path) => Ok(read(path)),
            None if beside.exists() => Ok(read(&beside)),
            None => Ok(Ok(kept.bundle(name).await?.unwrap_or_default())),
        }
    }
}

/// The attestations in the data folder, which is opened when the first file asks for them.
struct Kept<'a> {
    global: &'a Global,
    mill: OnceCell<Mill>,
}

impl Kept<'_> {
    /// The attestations about a file name, if there are any.
    async fn bundle(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let open = || Mill::open(self.global, Purpose::Look, Arc::new(Unobserved));
        let world = &self.mill.get_or_try_init(open).await?.world;
        // A `.tgz` is a package of npm, and may be an sdist of PyPI: the facts know which.
        for purl in world.ecosystems.iter().filter_map(|ecosystem| ecosystem.release_of(name)) {
            let mut facts = world.records.facts(&purl, Some(Shelf::REPAIRED)).await?;
            facts.extend(world.records.facts(&purl, Some(Shelf::KIND)).await?);
            let newest = facts.iter().rev().find(|fact| fact.subject.as_deref() == Some(name));
            let shelf = newest.and_then(|fact| Shelf::read(fact).ok());
            if let Some(digest) = shelf.and_then(|shelf| shelf.provenance) {
                return Ok(world.blobs.get(&digest).await?.map(|bytes| bytes.to_vec()));
            }
        }
        Ok(None)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    std::fs::read(path).map_err(|source| Unreadable { path: path.to_owned(), source })
}

fn print(checked: &Checked) {
    let file = checked.file.display();
    match (&checked.error, checked.verdict) {
        (None, Some(verdict)) => {
            let key: String = checked.signed_by.iter().flat_map(|id| id.chars().take(12)).collect();
            say!("ok      {file}: {verdict}, signed by {key}");
        }
        (Some(problem), _) => {
            say!("FAILED  {file}: [{}] {}", problem.code, crate::render::clean(&problem.message));
            say!("        help: {}", problem.help);
        }
        (None, None) => say!("FAILED  {file}: nothing was proven"),
    }
}
