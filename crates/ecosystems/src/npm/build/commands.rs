//! The commands of recipes, as argument lists. Paths are those inside the sandbox.

use trustmill_core::recipe::Step;

/// Where the repository's files stand.
pub(crate) const SOURCE: &str = "/build/source";
/// Where the tarball is left.
pub(crate) const OUT: &str = "/build/out";
/// Node's executable.
pub(crate) const NODE: &str = "/tools/node/bin/node";
/// npm's entry.
pub(crate) const NPM: &str = "/tools/npm/bin/npm-cli.js";
/// The mill's own script for what the tools do not offer.
pub(crate) const DRIVER: &str = "/build/mill/driver.cjs";

/// The name of steps that write into `package.json`.
pub(crate) const WRITE: &str = "write";

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pm {
    /// npm.
    Npm,
    /// pnpm.
    Pnpm,
    /// yarn 1.
    YarnClassic,
    /// yarn 2 and later.
    YarnBerry,
}

impl Pm {
    /// The script that is its command.
    pub(crate) const fn entry(self) -> &'static str {
        match self {
            Self::Npm => NPM,
            Self::Pnpm => "/tools/pnpm/bin/pnpm.cjs",
            Self::YarnClassic => "/tools/yarn/bin/yarn.js",
            Self::YarnBerry => "/tools/berry/bin/yarn.js",
        }
    }

    /// The package that it is, which is also its word in the `tools` of recipes.
    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::YarnClassic => "yarn",
            Self::YarnBerry => "@yarnpkg/cli-dist",
        }
    }

    /// The option that names the folder to work in.
    const fn folder_option(self) -> &'static str {
        match self {
            Self::Npm => "--prefix",
            Self::Pnpm => "--dir",
            Self::YarnClassic | Self::YarnBerry => "--cwd",
        }
    }
}

/// The steps of the fetch phase: they have the registry, and run nothing of the project's or its dependencies'.
pub(crate) const FETCH: [&str; 2] = ["relock", "install"];

/// Lets a lockfile's addresses lead to the gateway, whichever registry wrote it.
pub(crate) fn relock(lockfile: &str) -> Step {
    step("relock", &[NODE, DRIVER, "relock", &format!("{SOURCE}/{lockfile}")])
}

/// Unpacks the dependencies of the project in `root`; a lockfile is followed or the step fails.
pub(crate) fn install(pm: Pm, root: &str, locked: bool) -> Step {
    let root = folder(root);
    let mut argv = vec![NODE, pm.entry()];
    match (pm, locked) {
        (Pm::Npm, true) => argv.extend(["ci", "--ignore-scripts", "--prefix", &root]),
        (Pm::Npm, false) => {
            argv.extend(["install", "--ignore-scripts", "--no-package-lock", "--prefix", &root]);
        }
        (Pm::Pnpm, _) => argv.extend(["--dir", &root, "install", "--frozen-lockfile", "--ignore-scripts"]),
        (Pm::YarnClassic, _) => {
            argv.extend([
                "--cwd",
                &root,
                "install",
                "--frozen-lockfile",
                "--ignore-scripts",
                "--non-interactive",
                "--ignore-engines",
            ]);
        }
        (Pm::YarnBerry, _) => argv.extend(["--cwd", &root, "install", "--immutable", "--mode=skip-build"]),
    }
    step("install", &argv)
}

/// Runs the install scripts of the dependencies in `root`, `binding.gyp` without a script among them.
pub(crate) fn rebuild(root: &str) -> Step {
    step("install-scripts", &[NODE, NPM, "rebuild", "--foreground-scripts", "--prefix", &folder(root)])
}

/// Runs one declared script of the package.
pub(crate) fn script(pm: Pm, directory: &str, name: &str) -> Step {
    step("script", &[NODE, pm.entry(), pm.folder_option(), &folder(directory), "run", name])
}

/// Packs as pnpm does, which replaces `workspace:` ranges and obeys `publishConfig`; runs no script.
pub(crate) fn pnpm_pack(directory: &str) -> Step {
    let folder = folder(directory);
    let argv = [
        NODE,
        Pm::Pnpm.entry(),
        "--dir",
        &folder,
        "pack",
        "--pack-destination",
        OUT,
        "--config.ignore-scripts=true",
    ];
    step("pack", &argv)
}

/// Gives the text files of the package the line ends of Windows, as git does there (`core.autocrlf`).
pub(crate) fn crlf(directory: &str) -> Step {
    step("crlf", &[NODE, DRIVER, "crlf", &folder(directory)])
}

/// Packs the package in `directory` and runs no script. Given as an argument, every npm takes it, and leaves the
/// tarball in the working folder.
pub(crate) fn pack(directory: &str) -> Step {
    step("pack", &[NODE, NPM, "pack", &folder(directory), "--ignore-scripts"])
}

/// Writes one field of the `package.json` in `directory` as npm does: the same indentation and line ends, a new
/// field last.
pub(crate) fn write(directory: &str, field: &str, value: &str) -> Step {
    step(WRITE, &[NODE, DRIVER, "write", &format!("{}/package.json", folder(directory)), field, value])
}

/// The package's folder inside.
pub(crate) fn folder(directory: &str) -> String {
    if directory.is_empty() { SOURCE.to_owned() } else { format!("{SOURCE}/{directory}") }
}

fn step(name: &str, argv: &[&str]) -> Step {
    Step { name: name.to_owned(), argv: argv.iter().map(|one| (*one).to_owned()).collect() }
}
