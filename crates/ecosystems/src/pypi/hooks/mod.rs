//! The driver that runs a project's build hooks inside the sandbox, and the command lines by which recipes
//! call it: a recipe's steps say literally what runs.

use trustmill_core::port::sandbox::Job;
use trustmill_core::recipe::Step;

/// The driver's text; it is laid into the scratch space of every build.
pub const DRIVER: &str = include_str!("driver.py");
/// Where it stands inside.
pub const DRIVER_PATH: &str = "/build/mill/driver.py";
/// Where recipes of several steps stand inside.
pub const STEPS_PATH: &str = "/build/mill/steps.json";
/// The environment's interpreter inside.
pub const PYTHON: &str = "/env/bin/python";
/// Where wheels are left.
pub const OUT: &str = "/build/out";
/// Where the driver says what the requires-hook asks for.
pub const ASKED: &str = "/build/asked";
/// The home of a build: empty.
pub const HOME: &str = "/build/home";

/// Set before anything of the project's own, for builds and tests alike: no time zone, no locale, no seed and no
/// configuration of the machine reaches either.
pub(in crate::pypi) const FIXED_ENV: [(&str, &str); 9] = [
    ("TZ", "UTC"),
    ("LANG", "C.UTF-8"),
    ("LC_ALL", "C.UTF-8"),
    ("HOME", HOME),
    ("TMPDIR", "/build/tmp"),
    ("PATH", "/env/bin:/usr/bin:/bin"),
    ("PYTHONHASHSEED", "0"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONNOUSERSITE", "1"),
];

const _: () = assert!(Job::SCRATCH.len() == "/build".len(), "the paths above are below the scratch folder");

/// The back end of a project that declares none (PEP 517).
pub const LEGACY_BACKEND: &str = "setuptools.build_meta:__legacy__";

/// How a wheel is made, as far as the driver's command line says it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hooks {
    /// `module[:object]`; `None` runs `setup.py bdist_wheel` directly.
    pub backend: Option<String>,
    /// In-tree back end folders.
    pub backend_path: Vec<String>,
    /// `config_settings` as `KEY=VALUE`.
    pub settings: Vec<String>,
    /// distutils' user configuration as `SECTION.KEY=VALUE`.
    pub distutils: Vec<String>,
}

impl Hooks {
    /// The step that builds the wheel.
    pub fn step(&self) -> Step {
        let mut argv = vec![PYTHON.to_owned(), DRIVER_PATH.to_owned()];
        let add = |name: &str, values: &[String]| {
            values.iter().map(|value| format!("--{name}={value}")).collect::<Vec<_>>()
        };
        match &self.backend {
            Some(backend) => {
                argv.push("pep517".to_owned());
                argv.push(format!("--backend={backend}"));
                argv.extend(add("backend-path", &self.backend_path));
                argv.extend(add("setting", &self.settings));
            }
            None => argv.push("setup.py".to_owned()),
        }
        argv.extend(add("distutils", &self.distutils));
        Step { name: "build-wheel".to_owned(), argv }
    }

    /// Reads the step back; `None` if it is not one of the driver's.
    pub fn of(step: &Step) -> Option<Self> {
        let (python, driver, mode) = (step.argv.first()?, step.argv.get(1)?, step.argv.get(2)?);
        if python != PYTHON || driver != DRIVER_PATH || !matches!(mode.as_str(), "pep517" | "setup.py") {
            return None;
        }
        let mut hooks = Self::default();
        for arg in step.argv.iter().skip(3) {
            let (name, value) = arg.strip_prefix("--")?.split_once('=')?;
            match name {
                "backend" => hooks.backend = Some(value.to_owned()),
                "backend-path" => hooks.backend_path.push(value.to_owned()),
                "setting" => hooks.settings.push(value.to_owned()),
                "distutils" => hooks.distutils.push(value.to_owned()),
                _ => return None,
            }
        }
        Some(hooks)
    }
}

/// The step that takes `paths` out of the source tree before it is built.
pub fn drop_step(paths: &[String]) -> Step {
    let mut argv = vec![PYTHON.to_owned(), DRIVER_PATH.to_owned(), "drop".to_owned()];
    argv.extend_from_slice(paths);
    Step { name: "drop-files".to_owned(), argv }
}

/// The step that replaces one line of a source file before it is built.
pub fn replace_step(path: &str, old: &str, new: &str) -> Step {
    let argv = [PYTHON, DRIVER_PATH, "replace", path, old, new].map(str::to_owned).into();
    Step { name: "replace-line".to_owned(), argv }
}

/// Whether the step calls the PEP 517 driver, which wants to know what the environment was asked to hold.
pub fn is_pep517(step: &Step) -> bool {
    step.argv.get(1).is_some_and(|driver| driver == DRIVER_PATH)
        && step.argv.get(2).is_some_and(|mode| mode == "pep517")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_all_and_reads_back() {
        let hooks = Hooks {
            backend: Some("backend:api".into()),
            backend_path: vec![".".into(), "src".into()],
            settings: vec!["--build-option=--universal".into()],
            distutils: vec!["bdist_wheel.universal=1".into()],
        };
        let step = hooks.step();
        assert!(step.argv.contains(&"--setting=--build-option=--universal".to_owned()));
        assert_eq!(Hooks::of(&step), Some(hooks));
        let direct = Hooks { backend: None, ..Hooks::default() };
        assert_eq!(direct.step().argv, [PYTHON, DRIVER_PATH, "setup.py"]);
        assert_eq!(Hooks::of(&direct.step()), Some(direct));
    }

    #[test]
    fn a_foreign_step_is_not_read() {
        let step = Step { name: "x".into(), argv: vec!["/bin/sh".into(), "-c".into(), "true".into()] };
        assert_eq!(Hooks::of(&step), None);
    }
}
