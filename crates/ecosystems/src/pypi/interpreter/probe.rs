//! What an interpreter says of itself, asked once and remembered: starting CPython costs more than
//! everything else that the mill does at start.

use super::{Interpreter, PythonVersion};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use trustmill_core::Sha256;

/// Prints one line of JSON. Runs with `-I -S`: no user folder, no site packages, no environment.
const QUESTION: &str = "import sys, json, sysconfig
print(json.dumps({
  'implementation': sys.implementation.name,
  'version': list(sys.version_info[:3]),
  'level': sys.version_info[3],
  'prefix': getattr(sys, 'base_prefix', sys.prefix),
  'shared': bool(sysconfig.get_config_var('Py_ENABLE_SHARED')),
}))";

/// An interpreter that takes longer than this is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why an executable is no interpreter that the mill can use.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("it could not be read or run: {0}")]
    Io(#[from] std::io::Error),
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error("its answer is not understood")]
    Answer,
    #[error("it is not a released CPython")]
    NotCpython,
}

#[derive(Deserialize)]
struct Answer {
    implementation: String,
    version: [u16; 3],
    level: String,
    prefix: PathBuf,
    shared: bool,
}

/// One remembered answer; it holds while the file keeps its length and modification time.
#[derive(Serialize, Deserialize)]
struct Remembered {
    len: u64,
    mtime_ns: i64,
    interpreter: Interpreter,
}

/// The answers of earlier runs.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Cache {
    format: u32,
    answers: BTreeMap<PathBuf, Remembered>,
    #[serde(skip)]
    changed: bool,
}

impl Cache {
    const FORMAT: u32 = 1;

    /// Reads the file; one that is absent, broken or of another format is an empty cache.
    pub(super) async fn load(path: &Path) -> Self {
        let read =
            tokio::fs::read(path).await.ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        read.filter(|cache| cache.format == Self::FORMAT)
            .unwrap_or_else(|| Self { format: Self::FORMAT, ..Self::default() })
    }

    /// Writes the file, if anything is new.
    pub(super) async fn store(&self, path: &Path) -> std::io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await?;
        }
        let part = path.with_extension("part");
        tokio::fs::write(&part, serde_json::to_vec(self)?).await?;
        tokio::fs::rename(part, path).await
    }

    /// What `executable` is, from memory or by asking it.
    pub(super) async fn ask(&mut self, executable: &Path) -> Result<Interpreter, ProbeError> {
        let meta = tokio::fs::metadata(executable).await?;
        let mtime_ns = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        let known = self.answers.get(executable);
        if let Some(known) = known.filter(|known| known.len == meta.len() && known.mtime_ns == mtime_ns) {
            return Ok(known.interpreter.clone());
        }
        let interpreter = question(executable).await?;
        let remembered = Remembered { len: meta.len(), mtime_ns, interpreter: interpreter.clone() };
        self.answers.insert(executable.to_path_buf(), remembered);
        self.changed = true;
        Ok(interpreter)
    }
}

async fn question(executable: &Path) -> Result<Interpreter, ProbeError> {
    let running = tokio::process::Command::new(executable)
        .args(["-I", "-S", "-c", QUESTION])
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, running).await.map_err(|_| ProbeError::Silent)??;
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|_| ProbeError::Answer)?;
    if answer.implementation != "cpython" || answer.level != "final" {
        return Err(ProbeError::NotCpython);
    }
    let [major, minor, micro] = answer.version;
    let prefix = tokio::fs::canonicalize(&answer.prefix).await?;
    let sha256 = Sha256::of(&tokio::fs::read(executable).await?);
    let version = PythonVersion { major, minor, micro };
    Ok(Interpreter { version, executable: executable.to_path_buf(), prefix, sha256, shared: answer.shared })
}
