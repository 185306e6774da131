//! One run of a project's tests: a job without network, and what came of it.

use super::wheel::Wheel;
use crate::pypi::environment::Environment;
use crate::pypi::hooks::{FIXED_ENV, HOME, OUT, PYTHON};
use crate::pypi::interpreter::Interpreter;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use trustmill_core::content::Contents;
use trustmill_core::port::sandbox::{InputFile, Job, Limits, Network};

/// The harness.
const HARNESS: &str = include_str!("harness.py");
const HARNESS_PATH: &str = "/build/mill/harness.py";
/// Where the project's metadata stands, as if it were installed.
const SITE: &str = "/build/mill/site";
/// The source tree.
const TREE: &str = "/build/tree";

/// What starts the tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Runner {
    /// pytest, which runs tests of unittest as well.
    Pytest,
    /// pytest over files that are tests and are not named as pytest names them.
    Files(Vec<String>),
    /// The project's own program, which reports through unittest.
    Script(String),
}

/// What a run is made of.
pub(super) struct Run<'a> {
    pub(super) tree: &'a Contents,
    pub(super) wheel: &'a Wheel,
    pub(super) environment: &'a Environment,
    pub(super) interpreter: &'a Interpreter,
    pub(super) runner: &'a Runner,
    pub(super) only: Option<&'a [String]>,
    pub(super) limits: Limits,
}

impl Run<'_> {
    /// The job.
    pub(super) fn job(&self) -> Job {
        let file = |path: String, bytes: Bytes| InputFile { path, bytes, mode: 0o644, mtime: None };
        let mut inputs = vec![file(HARNESS_PATH.to_owned(), Bytes::from_static(HARNESS.as_bytes()))];
        for folder in [OUT, HOME, "/build/tmp", SITE] {
            inputs.push(file(format!("{folder}/.keep"), Bytes::new()));
        }
        let root = root(self.tree, self.wheel);
        for (path, member) in &self.tree.members {
            let mode = (member.mode.unwrap_or(0o644) & 0o755) | 0o600;
            let path = format!("{TREE}/{path}");
            inputs.push(InputFile { path, bytes: member.bytes.clone(), mode, mtime: member.mtime });
        }
        for (path, bytes) in &self.wheel.members {
            let top = path.split('/').next().unwrap_or_default();
            if top.ends_with(".dist-info") {
                inputs.push(file(format!("{SITE}/{path}"), bytes.clone()));
            } else if !top.ends_with(".data") && self.tree.get(&below(&root, path)).is_none() {
                // What only building makes: a version file, a compiled module.
                inputs.push(file(format!("{TREE}/{}", below(&root, path)), bytes.clone()));
            }
        }
        let mut mounts = vec![self.environment.mount()];
        mounts.extend(self.interpreter.mount());
        Job {
            argv: self.argv(),
            env: self.env(&root),
            cwd: TREE.to_owned(),
            mounts,
            inputs,
            collect: vec![OUT.to_owned()],
            network: Network::None,
            limits: self.limits,
            umask: 0o022,
        }
    }

    fn argv(&self) -> Vec<String> {
        // The harness ends by itself, and says so, before the sandbox ends it.
        let seconds = self.limits.wall.saturating_sub(Duration::from_secs(20)).as_secs().to_string();
        let only = self.only.unwrap_or_default();
        let mut argv = vec![PYTHON.to_owned(), HARNESS_PATH.to_owned()];
        match self.runner {
            Runner::Pytest => {
                argv.extend(["pytest".to_owned(), seconds]);
                argv.extend(only.iter().cloned());
            }
            Runner::Files(files) => {
                argv.extend(["pytest".to_owned(), seconds]);
                argv.extend(if only.is_empty() { files } else { only }.iter().cloned());
            }
            Runner::Script(path) => {
                argv.extend(["script".to_owned(), seconds, path.clone()]);
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                argv.extend(only.iter().filter_map(|file| label(folder, file)));
            }
        }
        argv
    }

    fn env(&self, root: &str) -> Vec<(String, String)> {
        let top = if root.is_empty() { TREE.to_owned() } else { format!("{TREE}/{root}") };
        let path = format!("{top}:{TREE}:{SITE}");
        let own = [("PYTHONPATH", path.as_str()), ("CI", "true")];
        let all = FIXED_ENV.into_iter().chain(own);
        let mut env: Vec<_> = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        env.extend(self.interpreter.loader_env());
        env
    }
}

/// `forms_tests.widgets.test_a` of `tests/forms_tests/widgets/test_a.py`, below `tests`.
fn label(folder: &str, file: &str) -> Option<String> {
    let below = match folder {
        "" => file,
        folder => file.strip_prefix(folder)?.strip_prefix('/')?,
    };
    Some(below.strip_suffix(".py")?.trim_end_matches("/__init__").replace('/', "."))
}

/// The folder of the tree whose content is installed: empty, `src`, `lib`.
fn root(tree: &Contents, wheel: &Wheel) -> String {
    let tops = wheel.tops();
    let has = |root: &str, top: &str| {
        tree.get(&below(root, &format!("{top}/__init__.py"))).is_some()
            || (top.ends_with(".py") && tree.get(&below(root, top)).is_some())
    };
    let roots = ["", "src", "lib", "source", "python", "Lib", "lib3"];
    let found = roots.iter().max_by_key(|root| {
        let count = tops.iter().filter(|top| has(root, top)).count();
        (count, std::cmp::Reverse(root.len()))
    });
    (*found.unwrap_or(&"")).to_owned()
}

fn below(root: &str, path: &str) -> String {
    if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_module_below_the_scripts_folder() {
        assert_eq!(label("tests", "tests/forms/test_a.py").as_deref(), Some("forms.test_a"));
        assert_eq!(label("tests", "kit/core.py"), None);
    }
}
