//! The clients: how each is pointed at a registry and told to install a project.

use crate::support::retry;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use trustmill_testkit::once::made_once;

/// What is installed, by name and version.
const TOOLS: [&str; 4] = ["pnpm@10.34.9", "yarn@1.22.22", "@yarnpkg/cli-dist@4.18.1", "bun@1.4.5"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// The machine's own.
    Npm,
    Pnpm,
    YarnClassic,
    YarnBerry,
    Bun,
}

pub(crate) const CLIENTS: [Client; 5] =
    [Client::Npm, Client::Pnpm, Client::YarnClassic, Client::YarnBerry, Client::Bun];

/// Whether lockfiles may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Free,
    Frozen,
}

/// How a client ended and what it said.
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    pub(crate) said: String,
}

/// The folder of the clients.
fn tools() -> PathBuf {
    made_once(Path::new(env!("CARGO_TARGET_TMPDIR")), "npm-tools", |folder| {
        std::fs::write(folder.join("package.json"), "{}").unwrap();
        let mut npm = Command::new("npm");
        npm.current_dir(folder).args(["install", "--no-audit", "--no-fund", "--no-save"]).args(TOOLS);
        retry(&mut npm);
    })
    .join("node_modules")
}

impl Client {
    /// What the client calls its lockfile.
    pub(super) const fn lockfile(self) -> &'static str {
        match self {
            Self::Npm => "package-lock.json",
            Self::Pnpm => "pnpm-lock.yaml",
            Self::YarnClassic | Self::YarnBerry => "yarn.lock",
            Self::Bun => "bun.lock",
        }
    }

    fn command(self, lock: Lock) -> Command {
        let node = |script: &str| {
            let mut command = Command::new("node");
            command.arg(tools().join(script));
            command
        };
        let frozen = lock == Lock::Frozen;
        let (mut command, arguments): (Command, &[&str]) = match self {
            Self::Npm if frozen => {
                (Command::new("npm"), &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            }
            Self::Npm => (Command::new("npm"), &["install", "--no-fund", "--ignore-scripts"]),
            Self::Pnpm if frozen => {
                (node("pnpm/bin/pnpm.cjs"), &["install", "--ignore-scripts", "--frozen-lockfile"])
            }
            Self::Pnpm => {
                (node("pnpm/bin/pnpm.cjs"), &["install", "--ignore-scripts", "--no-frozen-lockfile"])
            }
            Self::YarnClassic if frozen => (
                node("yarn/bin/yarn.js"),
                &["install", "--ignore-scripts", "--non-interactive", "--frozen-lockfile"],
            ),
            Self::YarnClassic => {
                (node("yarn/bin/yarn.js"), &["install", "--ignore-scripts", "--non-interactive"])
            }
            Self::YarnBerry if frozen => {
                (node("@yarnpkg/cli-dist/bin/yarn.js"), &["install", "--immutable", "--mode=skip-build"])
            }
            Self::YarnBerry => {
                (node("@yarnpkg/cli-dist/bin/yarn.js"), &["install", "--no-immutable", "--mode=skip-build"])
            }
            Self::Bun if frozen => (
                Command::new(tools().join(".bin/bun")),
                &["install", "--ignore-scripts", "--frozen-lockfile"],
            ),
            Self::Bun => (Command::new(tools().join(".bin/bun")), &["install", "--ignore-scripts"]),
        };
        command.args(arguments);
        command
    }

    /// Installs the project in `folder` from `registry`, with nothing in any cache.
    pub(super) fn install(self, folder: &Path, registry: &str, lock: Lock) -> Outcome {
        self.configure(folder, registry);
        self.run(folder, lock, &[])
    }

    /// The same, for whoever has a token.
    pub(crate) fn install_as(self, token: Option<&str>, folder: &Path, registry: &str) -> Outcome {
        self.configure(folder, registry);
        if let Some(token) = token {
            self.authorize(folder, registry, token);
        }
        self.run(folder, Lock::Free, &[])
    }

    /// Writes the token to where the client looks for it.
    fn authorize(self, folder: &Path, registry: &str, token: &str) {
        let place = registry.split_once(':').unwrap().1;
        let npmrc =
            format!("registry={registry}\nfetch-retries=0\n{place}:_authToken={token}\nalways-auth=true\n");
        let add = |name: &str, text: &str| {
            let path = folder.join(name);
            let before = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, before + text).unwrap();
        };
        match self {
            Self::Npm | Self::Pnpm | Self::YarnClassic => {
                std::fs::write(folder.join(".npmrc"), npmrc).unwrap();
            }
            Self::YarnBerry => add(".yarnrc.yml", &format!("npmAuthToken: {token}\nnpmAlwaysAuth: true\n")),
            Self::Bun => {
                let text = format!("[install.registry]\nurl = \"{registry}\"\ntoken = \"{token}\"\n");
                std::fs::write(folder.join("bunfig.toml"), text).unwrap();
            }
        }
    }

    /// Installs what is configured in `folder`, with nothing in any cache.
    pub(crate) fn run(self, folder: &Path, lock: Lock, environment: &[(&str, &Path)]) -> Outcome {
        self.start(self.command(lock), folder, environment)
    }

    /// Has the installed project audited.
    pub(super) fn audit(self, folder: &Path, registry: &str) -> Outcome {
        let node = |script: &str| {
            let mut command = Command::new("node");
            command.arg(tools().join(script));
            command
        };
        let (mut command, arguments): (Command, &[&str]) = match self {
            Self::Npm => (Command::new("npm"), &["audit"]),
            Self::Pnpm => (node("pnpm/bin/pnpm.cjs"), &["audit"]),
            Self::YarnClassic => (node("yarn/bin/yarn.js"), &["audit"]),
            Self::YarnBerry => {
                (node("@yarnpkg/cli-dist/bin/yarn.js"), &["npm", "audit", "--no-deprecations"])
            }
            Self::Bun => (Command::new(tools().join(".bin/bun")), &["audit"]),
        };
        command.args(arguments);
        self.configure(folder, registry);
        self.start(command, folder, &[])
    }

    fn start(self, mut command: Command, folder: &Path, environment: &[(&str, &Path)]) -> Outcome {
        let home = tempfile::tempdir().unwrap();
        for (name, _) in std::env::vars() {
            if name.to_ascii_lowercase().starts_with("npm_config_") {
                command.env_remove(name);
            }
        }
        command.env("HOME", home.path()).env("npm_config_globalconfig", "/dev/null").env("CI", "1");
        command
            .env("XDG_DATA_HOME", home.path().join("data"))
            .env("XDG_CACHE_HOME", home.path().join("cache"));
        command.env("NO_PROXY", "127.0.0.1").env_remove("NODE_OPTIONS").env("BUN_INSTALL", home.path());
        command.envs(environment.iter().copied());
        let output: Output = command.current_dir(folder).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Outcome { ok: output.status.success(), said }
    }

    pub(crate) fn configure(self, folder: &Path, registry: &str) {
        let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
        match self {
            Self::Npm => {
                write(".npmrc", format!("registry={registry}\nfetch-retries=0\nupdate-notifier=false\n"));
            }
            Self::Pnpm => write(".npmrc", format!("registry={registry}\nfetch-retries=0\n")),
            Self::YarnClassic => write(".yarnrc", format!("registry \"{registry}\"\n")),
            Self::YarnBerry => {
                write(
                    ".yarnrc.yml",
                    format!(
                        "npmRegistryServer: \"{}\"\nunsafeHttpWhitelist: [\"127.0.0.1\"]\nnodeLinker: node-modules\n\
                         enableGlobalCache: false\nenableTelemetry: false\nhttpRetry: 0\nnpmMinimalAgeGate: 0\n",
                        registry.trim_end_matches('/')
                    ),
                );
                if !folder.join("yarn.lock").exists() {
                    write("yarn.lock", String::new());
                }
            }
            Self::Bun => write("bunfig.toml", format!("[install]\nregistry = \"{registry}\"\n")),
        }
    }
}

/// The version of a package that was installed into a project.
pub(crate) fn installed(folder: &Path, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("node_modules").join(name).join("package.json")).ok()?;
    let manifest: Value = serde_json::from_str(&text).ok()?;
    Some(manifest["version"].as_str()?.to_owned())
}

/// A project that depends on these.
pub(crate) fn project(dependencies: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let dependencies: serde_json::Map<_, _> =
        dependencies.iter().map(|(name, range)| ((*name).to_owned(), Value::from(*range))).collect();
    let manifest = serde_json::json!({"name": "demo", "version": "1.0.0", "private": true, "dependencies": dependencies});
    std::fs::write(folder.path().join("package.json"), manifest.to_string()).unwrap();
    folder
}
