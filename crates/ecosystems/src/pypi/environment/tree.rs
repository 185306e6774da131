//! The folder of an environment: a virtual environment (PEP 405) made by hand around what uv installed,
//! named by the digest of everything in it.

use super::pylock::Wheel;
use crate::pypi::interpreter::Interpreter;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use trustmill_core::Sha256;
use trustmill_core::port::sandbox::Mount;

/// Where an environment stands inside the sandbox.
pub(super) const ENV: &str = "/env";

/// The record in each environment. It is written before the folder gets its name: a folder with a name is
/// complete.
const RECORD: &str = "trustmill-environment.json";

/// An immutable environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The folder on the host.
    pub path: PathBuf,
    /// The wheels in it, by name.
    pub wheels: Vec<Wheel>,
}

impl Environment {
    /// How a build sees it.
    pub fn mount(&self) -> Mount {
        Mount { source: self.path.clone(), target: ENV.to_owned(), writable: false }
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    python: String,
    wheels: Vec<Wheel>,
}

/// What an environment will be, and under which name.
pub(super) struct Layout<'a> {
    root: &'a Path,
    interpreter: &'a Interpreter,
    wheels: Vec<Wheel>,
    key: String,
}

/// A folder that is being filled. Dropped without being finished, it goes.
pub(super) struct Staging {
    name: String,
    path: PathBuf,
}

impl Staging {
    /// Its name below the staging folder.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Finished, it was renamed and is not there any more; what fails here is found at the next start.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The folder, below the environments' root, that the fetch phase may write to. uv's cache and what it
/// installs must share a mount, since a hard link does not cross one.
pub(super) const WORKSHOP: &str = "uv";

impl<'a> Layout<'a> {
    const FORMAT: u32 = 1;

    pub(super) fn new(root: &'a Path, interpreter: &'a Interpreter, wheels: Vec<Wheel>) -> Self {
        let content: Vec<_> =
            wheels.iter().map(|wheel| (&wheel.name, &wheel.version, wheel.sha256)).collect();
        let identity = serde_json::json!({
            "format": Self::FORMAT,
            "interpreter": [interpreter.sha256.to_hex(), interpreter.version.to_string(), interpreter.inside()],
            "wheels": content,
        });
        let key = Sha256::of(identity.to_string().as_bytes()).to_hex();
        Self { root, interpreter, wheels, key }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn wheels(&self) -> &[Wheel] {
        &self.wheels
    }

    fn target(&self) -> PathBuf {
        self.root.join("environments").join(&self.key)
    }

    /// The environment, if it was made before.
    pub(super) async fn existing(&self) -> Option<Environment> {
        let path = self.target();
        tokio::fs::try_exists(path.join(RECORD)).await.ok()?.then(|| self.done(path))
    }

    fn done(&self, path: PathBuf) -> Environment {
        Environment { path, wheels: self.wheels.clone() }
    }

    /// An empty folder to install into.
    pub(super) async fn stage(&self) -> io::Result<Staging> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{count}", self.key, std::process::id());
        let path = self.root.join(WORKSHOP).join("staging").join(&name);
        if tokio::fs::try_exists(&path).await? {
            tokio::fs::remove_dir_all(&path).await?;
        }
        tokio::fs::create_dir_all(&path).await?;
        Ok(Staging { name, path })
    }

    /// Completes what was installed and gives it its name.
    pub(super) async fn finish(&self, staging: Staging) -> io::Result<Environment> {
        let record = Record {
            format: Self::FORMAT,
            python: self.interpreter.version.to_string(),
            wheels: self.wheels.clone(),
        };
        let record = serde_json::to_vec_pretty(&record)?;
        let python = self.interpreter.inside();
        let feature = self.interpreter.version;
        let target = self.target();
        let goal = target.clone();
        let work = move || -> io::Result<()> {
            let root = &staging.path;
            let feature = format!("python{}.{}", feature.major, feature.minor);
            std::fs::create_dir_all(root.join("lib").join(&feature).join("site-packages"))?;
            complete(root, &python, &feature)?;
            std::fs::write(root.join(RECORD), record)?;
            if let Some(parent) = goal.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::rename(root, &goal)
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??;
        Ok(self.done(target))
    }
}

/// What `venv` would add: the configuration, the links to the interpreter, and scripts that start it
/// through the environment.
fn complete(root: &Path, python: &str, feature: &str) -> io::Result<()> {
    let bin = root.join("bin");
    std::fs::create_dir_all(&bin)?;
    let home = Path::new(python).parent().unwrap_or(Path::new("/")).display();
    std::fs::write(
        root.join("pyvenv.cfg"),
        format!("home = {home}\ninclude-system-site-packages = false\n"),
    )?;
    for entry in std::fs::read_dir(&bin)? {
        restart(&entry?.path(), python)?;
    }
    for name in ["python", "python3", feature] {
        let link = bin.join(name);
        if link.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(python, link)?;
        }
    }
    match std::fs::remove_file(root.join(".lock")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Points the first line of a script at the environment. The file is made anew: it may be a hard link into
/// uv's cache.
fn restart(script: &Path, python: &str) -> io::Result<()> {
    let meta = script.symlink_metadata()?;
    if !meta.is_file() {
        return Ok(());
    }
    let bytes = std::fs::read(script)?;
    let Some(rest) = bytes.strip_prefix(format!("#!{python}").as_bytes()) else { return Ok(()) };
    let mut new = format!("#!{ENV}/bin/python").into_bytes();
    new.extend_from_slice(rest);
    let part = script.with_extension("part");
    std::fs::write(&part, new)?;
    std::fs::set_permissions(&part, meta.permissions())?;
    std::fs::rename(part, script)
}

#[cfg(test)]
mod tests {
    use super::super::testing::interpreter;
    use super::*;

    #[tokio::test]
    async fn an_environment_is_complete_before_it_has_its_name() {
        let root = tempfile::tempdir().unwrap();
        let python = interpreter();
        let layout = Layout::new(root.path(), &python, Vec::new());
        assert_eq!(layout.existing().await, None);
        let staging = layout.stage().await.unwrap();
        let bin = staging.path.join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(bin.join("tool"), format!("#!{}\nprint()\n", python.inside())).unwrap();
        std::fs::write(staging.path.join(".lock"), "").unwrap();
        let made = layout.finish(staging).await.unwrap();
        assert_eq!(layout.existing().await.as_ref(), Some(&made));
        let text = |path: &str| std::fs::read_to_string(made.path.join(path)).unwrap();
        assert_eq!(text("bin/tool"), "#!/env/bin/python\nprint()\n");
        assert!(text("pyvenv.cfg").starts_with("home = /python/bin\n"));
        assert_eq!(
            std::fs::read_link(made.path.join("bin/python")).unwrap(),
            Path::new("/python/bin/python3.11")
        );
        assert!(!made.path.join(".lock").exists());
    }

    #[tokio::test]
    async fn what_was_not_finished_goes() {
        let root = tempfile::tempdir().unwrap();
        let python = interpreter();
        let layout = Layout::new(root.path(), &python, Vec::new());
        let staging = layout.stage().await.unwrap();
        let path = staging.path.clone();
        assert!(path.exists());
        drop(staging);
        assert!(!path.exists());
    }

    #[test]
    fn every_part_of_the_identity_changes_the_name() {
        let root = Path::new("/");
        let python = interpreter();
        let wheel =
            Wheel { name: "a".into(), version: "1".into(), url: "u".into(), sha256: Sha256::of(b"1") };
        let one = Layout::new(root, &python, vec![wheel.clone()]).key;
        let mut other_url = wheel.clone();
        other_url.url = "v".into();
        assert_eq!(Layout::new(root, &python, vec![other_url]).key, one);
        let mut other_bytes = wheel.clone();
        other_bytes.sha256 = Sha256::of(b"2");
        assert_ne!(Layout::new(root, &python, vec![other_bytes]).key, one);
        let mut other_python = interpreter();
        other_python.sha256 = Sha256::of(b"3");
        assert_ne!(Layout::new(root, &other_python, vec![wheel]).key, one);
    }
}
