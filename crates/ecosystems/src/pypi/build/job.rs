//! The build phase as a job for the sandbox: source in, one wheel out, no network.

use crate::pypi::environment::Environment;
use crate::pypi::hooks::{self, ASKED, DRIVER, DRIVER_PATH, FIXED_ENV, HOME, OUT, PYTHON, STEPS_PATH};
use crate::pypi::interpreter::Interpreter;
use crate::rust::{self, Crates};
use bytes::Bytes;
use trustmill_core::content::{Contents, Member};
use trustmill_core::port::sandbox::{InputFile, Job, Limits, Network};
use trustmill_core::recipe::{Recipe, Step};

/// In a build there is no configuration of pip, either.
const NO_PIP_CONFIG: (&str, &str) = ("PIP_CONFIG_FILE", "/dev/null");

/// 1980-01-01: a zip holds no earlier time, and back ends that copy a file's time into one end with an error.
/// Archives that carry such times were not what their publisher zipped.
const ZIP_EPOCH: i64 = 315_532_800;

/// A recipe may not change what keeps the build on the rails.
const RESERVED: [&str; 3] = ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"];

/// What a job is made of.
pub(super) struct Parts<'a> {
    pub(super) recipe: &'a Recipe,
    /// The name of the source folder: `NAME-VERSION`.
    pub(super) folder: &'a str,
    pub(super) source: &'a Contents,
    pub(super) environment: &'a Environment,
    pub(super) interpreter: &'a Interpreter,
    /// What the environment was asked to hold.
    pub(super) requirements: &'a [String],
    /// What the requires-hook asked for and cannot be followed.
    pub(super) refused: &'a [String],
    /// What an extension in Rust is compiled with and from.
    pub(super) crates: Option<&'a Crates>,
    pub(super) limits: Limits,
}

impl Parts<'_> {
    /// The job.
    pub(super) fn job(&self) -> Job {
        let mut inputs: Vec<InputFile> = Vec::with_capacity(self.source.members.len() + 5);
        inputs.push(file(DRIVER_PATH, Bytes::from_static(DRIVER.as_bytes())));
        // Folders exist because a file is in them; none of these is collected as a wheel.
        for folder in [OUT, ASKED, HOME, "/build/tmp"] {
            inputs.push(file(&format!("{folder}/.keep"), Bytes::new()));
        }
        let argv = self.argv(&mut inputs);
        let cwd = format!("{}/{}", Job::SCRATCH, self.folder);
        inputs.extend(self.source.members.iter().map(|(path, member)| self.source_file(&cwd, path, member)));
        let mut mounts = vec![self.environment.mount()];
        mounts.extend(self.interpreter.mount());
        mounts.extend(self.crates.iter().flat_map(|crates| crates.mounts.iter().cloned()));
        Job {
            argv,
            env: self.env(),
            cwd,
            mounts,
            inputs,
            collect: vec![OUT.to_owned(), ASKED.to_owned()],
            network: Network::None,
            limits: self.limits,
            umask: self.recipe.umask & 0o777,
        }
    }

    /// A recipe of one step runs as it stands; several run one after the other under the driver.
    fn argv(&self, inputs: &mut Vec<InputFile>) -> Vec<String> {
        let steps: Vec<Vec<String>> = self.recipe.steps.iter().map(|step| self.step_argv(step)).collect();
        if let [only] = steps.as_slice() {
            return only.clone();
        }
        let text = serde_json::Value::from(steps).to_string();
        inputs.push(file(STEPS_PATH, Bytes::from(text)));
        [PYTHON, DRIVER_PATH, "steps", STEPS_PATH].map(str::to_owned).into()
    }

    fn step_argv(&self, step: &Step) -> Vec<String> {
        let mut argv = step.argv.clone();
        if hooks::is_pep517(step) {
            argv.extend(self.requirements.iter().chain(self.refused).map(|text| format!("--have={text}")));
        }
        argv
    }

    /// Fixed variables, then the recipe's own, each name once.
    fn env(&self) -> Vec<(String, String)> {
        let own = |name: &str| self.recipe.env.contains_key(name);
        let fixed = FIXED_ENV.iter().chain([&NO_PIP_CONFIG]).filter(|(name, _)| !own(name));
        let mut env: Vec<_> = fixed.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if let Some(epoch) = self.recipe.source_date_epoch.filter(|_| !own("SOURCE_DATE_EPOCH")) {
            env.push(("SOURCE_DATE_EPOCH".to_owned(), epoch.to_string()));
        }
        let allowed = self.recipe.env.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
        env.extend(allowed.map(|(name, value)| (name.clone(), value.clone())));
        env.extend(self.interpreter.loader_env());
        if let Some(crates) = self.crates {
            compile_with(crates, &mut env);
        }
        env
    }

    fn source_file(&self, root: &str, path: &str, member: &Member) -> InputFile {
        InputFile {
            path: format!("{root}/{path}"),
            bytes: member.bytes.clone(),
            // A publisher's archive may hold files that not even their owner may read; the build has to.
            mode: (member.mode.unwrap_or(0o644) & 0o777) | 0o600,
            mtime: self.recipe.source_date_epoch.or(member.mtime).map(|time| time.max(ZIP_EPOCH)),
        }
    }
}

/// Cargo finds its crates in its home, and asks nobody.
fn compile_with(crates: &Crates, env: &mut Vec<(String, String)>) {
    for (name, value) in env.iter_mut() {
        if name == "PATH" {
            *value = format!("{}:{value}", crates.programs);
        }
    }
    let fixed = [("CARGO_HOME", rust::HOME), ("CARGO_NET_OFFLINE", "true"), ("CARGO_INCREMENTAL", "0")];
    env.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

fn file(path: &str, bytes: Bytes) -> InputFile {
    InputFile { path: path.to_owned(), bytes, mode: 0o644, mtime: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pypi::environment::testing::interpreter;
    use crate::pypi::hooks::Hooks;
    use std::collections::BTreeMap;
    use trustmill_core::recipe::{Origin, SourceKind};

    fn recipe(steps: Vec<Step>) -> Recipe {
        Recipe {
            format: Recipe::FORMAT,
            origin: Origin::Inferred,
            source: SourceKind::Sdist,
            tools: BTreeMap::from([("python".into(), "3.11".into())]),
            requirements: vec!["hatchling".into()],
            constraints: Vec::new(),
            as_of: "2022-01-01T00:00:00Z".parse().unwrap(),
            env: BTreeMap::from([("TZ".into(), "Asia/Tokyo".into()), ("LD_PRELOAD".into(), "/x".into())]),
            umask: 0o002,
            source_date_epoch: None,
            steps,
            reasons: Vec::new(),
        }
    }

    fn job(recipe: &Recipe) -> Job {
        let mut source = Contents::default();
        let member =
            Member { bytes: Bytes::from_static(b"x"), mode: Some(0o4044), mtime: Some(1_600_000_000) };
        source.members.insert("setup.py".into(), member);
        let environment = Environment { path: "/data/env".into(), wheels: Vec::new() };
        let python = interpreter();
        let requirements = ["hatchling".to_owned()];
        Parts {
            recipe,
            folder: "a-1",
            source: &source,
            environment: &environment,
            interpreter: &python,
            requirements: &requirements,
            refused: &[],
            crates: None,
            limits: Limits::default(),
        }
        .job()
    }

    fn hatchling() -> Step {
        Hooks { backend: Some("hatchling.build".into()), ..Hooks::default() }.step()
    }

    #[test]
    fn one_step_runs_as_the_recipe_says_it() {
        let recipe = recipe(vec![hatchling()]);
        let job = job(&recipe);
        assert_eq!(job.argv[..4], recipe.steps[0].argv[..]);
        assert_eq!(job.argv[4..], ["--have=hatchling"]);
        assert_eq!(job.cwd, "/build/a-1");
        assert!(matches!(job.network, Network::None));
        assert_eq!(job.umask, 0o002);
    }

    #[test]
    fn several_steps_run_in_order_under_the_driver() {
        let first = Step { name: "patch".into(), argv: vec![PYTHON.into(), "-c".into(), "pass".into()] };
        let job = job(&recipe(vec![first, hatchling()]));
        assert_eq!(job.argv, [PYTHON, DRIVER_PATH, "steps", STEPS_PATH]);
        let steps = job.inputs.iter().find(|input| input.path == STEPS_PATH).unwrap();
        let steps: Vec<Vec<String>> = serde_json::from_slice(&steps.bytes).unwrap();
        assert_eq!(steps[0][1], "-c");
        assert_eq!(steps[1].last().unwrap(), "--have=hatchling");
    }

    #[test]
    fn modes_are_readable_and_without_special_bits_and_times_are_the_archives() {
        let mut recipe = recipe(vec![hatchling()]);
        let find =
            |job: &Job| job.inputs.iter().find(|input| input.path == "/build/a-1/setup.py").unwrap().clone();
        let source = find(&job(&recipe));
        assert_eq!((source.mode, source.mtime), (0o644, Some(1_600_000_000)));
        recipe.source_date_epoch = Some(0);
        assert_eq!(find(&job(&recipe)).mtime, Some(ZIP_EPOCH));
        recipe.source_date_epoch = Some(1_500_000_000);
        let job = job(&recipe);
        assert_eq!(find(&job).mtime, Some(1_500_000_000));
        assert!(job.env.contains(&("SOURCE_DATE_EPOCH".into(), "1500000000".into())));
    }

    #[test]
    fn a_recipe_sets_variables_but_not_the_loaders() {
        let env = job(&recipe(vec![hatchling()])).env;
        assert_eq!(env.iter().filter(|(name, _)| name == "TZ").count(), 1);
        assert!(env.contains(&("TZ".into(), "Asia/Tokyo".into())));
        assert!(env.contains(&("PYTHONHASHSEED".into(), "0".into())));
        assert!(!env.iter().any(|(name, _)| name == "LD_PRELOAD" || name == "SOURCE_DATE_EPOCH"));
    }
}
