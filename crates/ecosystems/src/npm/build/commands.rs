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

/// Where `yarn pack` leaves the tarball.
const YARN_OUT: &str = "/build/out/package.tgz";
/// Where clean-publish writes.
const CLEANED: &str = "/build/cleaned";
/// The name of the step that runs the install scripts of dependencies.
pub(crate) const INSTALL_SCRIPTS: &str = "install-scripts";

/// The name of the step that makes a work tree of git.
pub(crate) const WORK_TREE: &str = "work-tree";
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

/// What makes the tarball.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packer {
    /// `npm pack`.
    Npm,
    /// `pnpm pack`, which replaces `workspace:` ranges and obeys `publishConfig`.
    Pnpm,
    /// `yarn pack` of yarn 2 and later, which does so too.
    Yarn,
}

impl Packer {
    /// Its name for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn => "yarn",
        }
    }

    /// What else may have packed a project of this package manager.
    pub(crate) const fn others(self, kind: Pm) -> Option<Self> {
        match (self, kind) {
            (Self::Npm, Pm::Pnpm) => Some(Self::Pnpm),
            (Self::Npm, Pm::YarnBerry) => Some(Self::Yarn),
            (Self::Npm, _) => None,
            (Self::Pnpm | Self::Yarn, _) => Some(Self::Npm),
        }
    }
}

/// The steps of the fetch phase: they have the registry, and run nothing of the project's or its dependencies'.
pub(crate) const FETCH: [&str; 3] = ["relock", "install", INSTALL_LOOSELY];
/// The name of the step that unpacks more than a lockfile has.
pub(crate) const INSTALL_LOOSELY: &str = "install-loosely";

/// Lets a lockfile's addresses lead to the gateway, whichever registry wrote it.
pub(crate) fn relock(lockfile: &str) -> Step {
    step("relock", &[NODE, DRIVER, "relock", &format!("{SOURCE}/{lockfile}")])
}

/// How far the lockfile decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// It is followed, or the step fails.
    Strict,
    /// It counts for what it has, and what it lacks is resolved: it is older than `package.json`.
    Loose,
    /// There is none.
    None,
}

/// Unpacks the dependencies of the project in `root`.
pub(crate) fn install(pm: Pm, version: &str, root: &str, lock: Lock) -> Step {
    let root = folder(root);
    let mut argv = vec![NODE, pm.entry(), pm.folder_option(), &root];
    let strict = lock == Lock::Strict;
    argv.push(if pm == Pm::Npm && strict { "ci" } else { "install" });
    argv.extend(match pm {
        Pm::Npm if lock == Lock::None => &["--ignore-scripts", "--no-package-lock"][..],
        Pm::Npm => &["--ignore-scripts"],
        // The pnpmfile of a repository is code, and would run with the registry in reach.
        Pm::Pnpm => &["--ignore-scripts", "--ignore-pnpmfile"],
        Pm::YarnClassic => &["--ignore-scripts", "--non-interactive", "--ignore-engines"],
        Pm::YarnBerry if version.split('.').next() == Some("2") => &["--skip-builds"],
        Pm::YarnBerry => &["--mode=skip-build"],
    });
    argv.extend(match (pm, strict) {
        (Pm::Npm, _) => None,
        (Pm::Pnpm | Pm::YarnClassic, true) => Some("--frozen-lockfile"),
        (Pm::Pnpm, false) => Some("--no-frozen-lockfile"),
        (Pm::YarnClassic, false) => Some("--pure-lockfile"),
        (Pm::YarnBerry, true) => Some("--immutable"),
        (Pm::YarnBerry, false) => Some("--no-immutable"),
    });
    step(if lock == Lock::Loose { INSTALL_LOOSELY } else { "install" }, &argv)
}

/// Runs the install scripts of the dependencies in `root`, `binding.gyp` without a script among them.
pub(crate) fn rebuild(pm: Pm, root: &str) -> Step {
    let root = folder(root);
    let argv = match pm {
        Pm::Pnpm => vec![NODE, pm.entry(), "--dir", &root, "rebuild", "--pending"],
        Pm::YarnBerry => vec![NODE, pm.entry(), "--cwd", &root, "rebuild"],
        // yarn 1 has no such command, and lays folders out as npm does.
        Pm::Npm | Pm::YarnClassic => {
            vec![NODE, NPM, "rebuild", "--foreground-scripts", "--prefix", &root]
        }
    };
    step(INSTALL_SCRIPTS, &argv)
}

/// Runs one declared script of the package.
pub(crate) fn script(pm: Pm, directory: &str, name: &str) -> Step {
    step("script", &[NODE, pm.entry(), pm.folder_option(), &folder(directory), "run", name])
}

/// Makes the source a work tree of git at `commit`, without its objects: where publishers run their scripts there
/// always is one, and tools ask git what it ignores and which commit this is.
pub(crate) fn work_tree(commit: &str) -> Step {
    step(WORK_TREE, &[NODE, DRIVER, "work-tree", SOURCE, commit])
}

/// Runs one of the commands that `&&` joins in a declared script, counted from nought.
pub(crate) fn part(directory: &str, script: &str, part: usize) -> Step {
    step("part", &[NODE, DRIVER, "part", &folder(directory), script, &part.to_string()])
}

/// Lets clean-publish, which the project has installed, write what is to be packed.
pub(crate) fn clean_publish(directory: &str) -> Step {
    let folder = folder(directory);
    step(
        "clean",
        &[NODE, DRIVER, "bin", &folder, "clean-publish", "--without-publish", "--temp-dir", CLEANED],
    )
}

/// Packs what clean-publish wrote.
pub(crate) fn pack_cleaned() -> Step {
    step("pack", &[NODE, NPM, "pack", CLEANED, "--ignore-scripts"])
}

/// Packs as `packer` does.
pub(crate) fn pack_by(packer: Packer, directory: &str) -> Step {
    let folder = folder(directory);
    let argv = match packer {
        Packer::Npm => return pack(directory),
        Packer::Pnpm => vec![
            NODE,
            Pm::Pnpm.entry(),
            "--dir",
            &folder,
            "pack",
            "--pack-destination",
            OUT,
            "--config.ignore-scripts=true",
        ],
        // It runs `prepack` by itself, and has no option against it.
        Packer::Yarn => {
            vec![NODE, Pm::YarnBerry.entry(), "--cwd", &folder, "pack", "--out", YARN_OUT]
        }
    };
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
/// field last. `bare` leaves out the newline at the end.
pub(crate) fn write(directory: &str, field: &str, value: &str, bare: bool) -> Step {
    let file = format!("{}/package.json", folder(directory));
    let mut argv = vec![NODE, DRIVER, "write", &file, field, value];
    argv.extend(bare.then_some("bare"));
    step(WRITE, &argv)
}

/// The package's folder inside.
pub(crate) fn folder(directory: &str) -> String {
    if directory.is_empty() { SOURCE.to_owned() } else { format!("{SOURCE}/{directory}") }
}

fn step(name: &str, argv: &[&str]) -> Step {
    Step { name: name.to_owned(), argv: argv.iter().map(|one| (*one).to_owned()).collect() }
}
