//! Which declared scripts make the published files. Publishers test, lint, push and publish in the same scripts; a
//! rebuild wants what is left when that is taken out.

use super::manifest::Manifest;
use std::collections::BTreeSet;

/// Scripts that npm runs by itself before it packs, in its order
/// (<https://docs.npmjs.com/cli/using-npm/scripts#life-cycle-operation-order>).
const PUBLISHING: [&str; 4] = ["prepublish", "prepublishOnly", "prepack", "prepare"];
/// Those of them that run for `npm pack` as well.
const PACKING: [&str; 2] = ["prepack", "prepare"];
/// Scripts that people run by hand before they publish, the usual names first.
const BY_HAND: [&str; 7] = ["build", "compile", "dist", "bundle", "build:all", "transpile", "make"];

/// Programs that turn sources into what is published.
const MAKERS: [&str; 20] = [
    "tsc",
    "rollup",
    "tsup",
    "tshy",
    "unbuild",
    "microbundle",
    "esbuild",
    "babel",
    "webpack",
    "vite",
    "swc",
    "browserify",
    "bunchee",
    "tsdown",
    "pkgroll",
    "ipjs",
    "coffee",
    "bili",
    "parcel",
    "node-gyp-build",
];

/// Programs that make nothing that is published, or that need more than the commit: tests, style, hooks of a work
/// tree, release tools, documentation.
const IDLE: [&str; 55] = [
    "ava",
    "automd",
    "biome",
    "bumpp",
    "bundlesize",
    "c8",
    "changelogen",
    "changeset",
    "clean-publish",
    "codecov",
    "commitlint",
    "conventional-changelog",
    "coveralls",
    "depcheck",
    "documentation",
    "echo",
    "eslint",
    "gh",
    "gh-pages",
    "git",
    "husky",
    "in-install",
    "in-publish",
    "is-ci",
    "istanbul",
    "jasmine",
    "jest",
    "karma",
    "lefthook",
    "lerna",
    "markdownlint",
    "mocha",
    "not-in-install",
    "not-in-publish",
    "np",
    "nyc",
    "pinst",
    "playwright",
    "prettier",
    "release-it",
    "safe-publish-latest",
    "semantic-release",
    "simple-git-hooks",
    "size-limit",
    "standard",
    "standard-version",
    "tap",
    "tape",
    "ts-standard",
    "tsd",
    "tslint",
    "typedoc",
    "uvu",
    "vitest",
    "xo",
];

/// Scripts of these names make nothing that is published, whatever they run.
const IDLE_NAMES: [&str; 14] = [
    "test",
    "t",
    "tst",
    "lint",
    "coverage",
    "cover",
    "docs",
    "doc",
    "format",
    "release",
    "publish",
    "bench",
    "changelog",
    "size",
];

/// Scripts may call one another: so deep, and no deeper.
const DEEPEST: usize = 6;
/// Most commands of one set.
const MOST: usize = 40;

/// A command to run: a whole script, or one of the commands that its text joins with `&&`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    /// The script's name in `package.json`.
    pub(super) script: String,
    /// Which of its commands, counted from nought; `None` for all.
    pub(super) part: Option<usize>,
}

/// The sets of commands that may have made the published files, the likeliest first: what publishing runs, what
/// packing runs, what people run by hand, and every script that calls a compiler or bundler.
pub(super) fn sets(manifest: &Manifest) -> Vec<Vec<Run>> {
    let by_hand: Vec<&str> =
        BY_HAND.into_iter().filter(|name| manifest.script(name).is_some()).take(1).collect();
    let makers: Vec<&str> = manifest
        .scripts()
        .filter(|(name, text)| !is_idle_name(name) && parts(text).iter().any(|part| is_maker(part)))
        .map(|(name, _)| name)
        .collect();
    let mut seen: BTreeSet<Vec<Run>> = BTreeSet::new();
    let mut sets = Vec::new();
    for names in [&PUBLISHING[..], &PACKING, &by_hand, &makers] {
        let mut commands = Vec::new();
        let runs: Vec<Run> = names.iter().flat_map(|name| script(manifest, name, &mut commands)).collect();
        commands.dedup();
        if !runs.is_empty() && seen.insert(commands) {
            sets.push(runs);
        }
    }
    sets
}

/// One script: as it stands where all of it serves the build, else the commands that do. What they come down to is
/// added to `commands`, those that are there left out.
fn script(manifest: &Manifest, name: &str, commands: &mut Vec<Run>) -> Vec<Run> {
    let mut leaves = Vec::new();
    let whole = expand(manifest, name, DEEPEST, &mut leaves);
    let new: Vec<Run> = leaves.into_iter().filter(|leaf| !commands.contains(leaf)).collect();
    if new.is_empty() {
        return Vec::new();
    }
    commands.extend(new.iter().cloned());
    if whole { vec![Run { script: name.to_owned(), part: None }] } else { new }
}

/// The commands that a script comes down to and that serve the build; false where some do not.
fn expand(manifest: &Manifest, name: &str, deep: usize, leaves: &mut Vec<Run>) -> bool {
    let mut whole = true;
    for name in [format!("pre{name}"), name.to_owned(), format!("post{name}")] {
        let Some(text) = manifest.script(&name) else { continue };
        for (at, part) in parts(text).into_iter().enumerate() {
            if is_idle(part) || leaves.len() >= MOST {
                whole = false;
                continue;
            }
            match called(manifest, part) {
                Some(called) if deep > 0 && !called.contains(&name) => {
                    for other in called {
                        if is_idle_name(&other) {
                            whole = false;
                        } else {
                            whole &= expand(manifest, &other, deep - 1, leaves);
                        }
                    }
                }
                _ => leaves.push(Run { script: name.clone(), part: Some(at) }),
            }
        }
    }
    whole
}

/// The commands that `&&` joins. A text that has it inside quotes or brackets is one command.
pub(super) fn parts(text: &str) -> Vec<&str> {
    let split: Vec<&str> = text.split("&&").map(str::trim).collect();
    let balanced = |part: &&str| {
        let count = |mark: char| part.matches(mark).count();
        count('"') % 2 == 0 && count('\'') % 2 == 0 && count('(') == count(')')
    };
    if split.iter().all(balanced) { split } else { vec![text.trim()] }
}

/// The words of a command, what only sets variables left out.
fn words(part: &str) -> impl Iterator<Item = &str> {
    let sets = |word: &&str| {
        *word == "cross-env"
            || word
                .split_once('=')
                .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
    };
    part.split_whitespace().skip_while(sets)
}

/// The program that a command starts, without `npx` and the like.
fn program(part: &str) -> &str {
    let mut words = words(part).skip_while(|word| matches!(*word, "npx" | "--no-install" | "--no"));
    words.next().unwrap_or_default()
}

fn is_maker(part: &str) -> bool {
    MAKERS.contains(&program(part))
}

/// Whether a command makes nothing that is published: by the program, or a package manager told to test or publish.
fn is_idle(part: &str) -> bool {
    let program = program(part);
    let mut rest = words(part).skip(1).skip_while(|word| matches!(*word, "run" | "-s" | "--silent"));
    match program {
        "npm" | "pnpm" | "yarn" => rest.next().is_some_and(is_idle_name),
        _ => IDLE.contains(&program) || part.contains("--noEmit"),
    }
}

fn is_idle_name(name: &str) -> bool {
    let stem = name.split([':', '-', '.']).next().unwrap_or(name);
    IDLE_NAMES.contains(&stem) || matches!(name, "typecheck" | "type-check" | "check" | "version")
}

/// The scripts that a command calls and does nothing else, in order; `None` where it is no such call, or hands the
/// script further arguments.
fn called(manifest: &Manifest, part: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = words(part).filter(|word| !matches!(*word, "-s" | "--silent" | "-n")).collect();
    let names: Vec<&str> = match words.as_slice() {
        ["npm" | "pnpm" | "yarn", "run", name] | ["pnpm" | "yarn", name] => vec![name],
        ["run-s" | "run-p" | "npm-run-all" | "npm-run-all2", names @ ..] => names
            .iter()
            .filter(|name| !matches!(**name, "-p" | "--parallel" | "--sequential"))
            .copied()
            .collect(),
        _ => return None,
    };
    let mut all = Vec::new();
    for name in names {
        match name.strip_suffix('*') {
            Some(stem) => {
                let fits = |one: &&str| one.strip_prefix(stem).is_some_and(|rest| !rest.contains(':'));
                all.extend(manifest.scripts().map(|(name, _)| name).filter(fits).map(str::to_owned));
            }
            None => all.push(name.to_owned()),
        }
    }
    let known = !all.is_empty() && all.iter().all(|name| manifest.script(name).is_some());
    known.then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(scripts: &[(&str, &str)]) -> Vec<Vec<String>> {
        let show = |run: &Run| match run.part {
            Some(part) => format!("{}#{part}", run.script),
            None => run.script.clone(),
        };
        sets(&Manifest::with_scripts(scripts)).iter().map(|set| set.iter().map(show).collect()).collect()
    }

    #[test]
    fn what_publishing_runs_comes_first_and_whole_where_all_of_it_builds() {
        assert_eq!(of(&[("prepare", "tsc -p . && tsc -p esm.json"), ("test", "jest")]), [["prepare"]]);
        assert_eq!(of(&[("prepack", "pnpm build"), ("build", "unbuild")]), [["prepack"]]);
        assert_eq!(of(&[("build", "node bin")]), [["build"]]);
        assert!(
            of(&[("test", "jest"), ("prepare", "husky install"), ("prepublishOnly", "git push")]).is_empty()
        );
    }

    #[test]
    fn tests_and_pushing_are_taken_out() {
        let zod = [
            ("prepublishOnly", "npm run test && npm run build"),
            ("prepare", "husky install"),
            ("build", "yarn run clean && npm run build:cjs"),
            ("clean", "rm -rf lib/*"),
            ("build:cjs", "tsc -p cjs.json"),
            ("test", "jest"),
        ];
        assert_eq!(of(&zod)[0], ["clean#0", "build:cjs#0"]);
        let docs = [("build", "automd && unbuild")];
        assert_eq!(of(&docs), [["build#1"]]);
        let push = [("prepare", "tsc"), ("prepublishOnly", "git push origin --follow-tags")];
        assert_eq!(of(&push), [["prepare"]]);
    }

    #[test]
    fn before_and_after_belong_to_a_script() {
        let around = [("prebuild", "rm -rf dist"), ("build", "rollup -c"), ("postbuild", "eslint dist")];
        assert_eq!(of(&around)[0], ["prebuild#0", "build#0"]);
    }

    #[test]
    fn a_bundler_under_any_name_is_found() {
        let odd = [
            ("browserify", "rollup -c"),
            ("prepublishOnly", "npm run gh-demo"),
            ("gh-demo", "gh-pages -d demo"),
        ];
        assert_eq!(of(&odd), [["browserify"]]);
    }

    #[test]
    fn stars_and_circles_end() {
        let stars = [("build", "run-s build:*"), ("build:a", "tsc"), ("build:b", "npm run build")];
        assert!(!of(&stars).is_empty());
        assert_eq!(parts("a \"x && y\" && b"), ["a \"x && y\" && b"]);
    }

    proptest! {
        #[test]
        fn any_scripts_end(scripts in proptest::collection::vec(("(pre|post)?(build|prepare|a|b)", "(npm run (build|a|b)|tsc|run-s \\*|&&| |\"){0,6}"), 0..6)) {
            let scripts: Vec<(&str, &str)> = scripts.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let _ = of(&scripts);
        }
    }
}
