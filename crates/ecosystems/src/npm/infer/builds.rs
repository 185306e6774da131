//! Recipes of packages that are built: dependencies from the repository's lockfile, the declared scripts without
//! a network, then the tarball.

use super::eras;
use super::manager::Manager;
use super::view::View;
use crate::npm::build::commands::{self, Pm};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};

/// Scripts that npm runs by itself before it packs, in its order
/// (<https://docs.npmjs.com/cli/using-npm/scripts#life-cycle-operation-order>).
const LIFE_CYCLE: [&str; 3] = ["prepublishOnly", "prepack", "prepare"];
/// Scripts that people run by hand before they publish, the usual names first.
const BY_HAND: [&str; 8] =
    ["build", "compile", "dist", "bundle", "build:all", "prepublish", "transpile", "make"];

/// The recipes, the likeliest first; none where the package declares nothing to run.
pub(super) fn builds(view: &View<'_>) -> Vec<Recipe> {
    let (node, npm) = eras::at(view.made());
    let manager = Manager::of(view.tree(), view.directory(), npm);
    let newest = eras::NODE_NEWEST.max(node);
    let sets = script_sets(view);
    let Some(first) = sets.first() else { return Vec::new() };
    let draft = Draft { node, scripts: first, install_scripts: false, seen: Seen::Late };
    let mut drafts = vec![draft];
    if manager.lockfile.is_none() {
        drafts.insert(0, Draft { seen: Seen::Published, ..draft });
    }
    drafts.extend(sets.iter().skip(1).map(|scripts| Draft { scripts, ..draft }));
    drafts.push(Draft { install_scripts: true, ..draft });
    drafts.push(Draft { node: newest, ..draft });
    drafts.into_iter().map(|draft| recipe(view, &manager, draft)).collect()
}

/// What the recipes of one package differ in.
#[derive(Clone, Copy)]
struct Draft<'a> {
    node: u32,
    scripts: &'a [&'static str],
    install_scripts: bool,
    seen: Seen,
}

/// As of when the registry is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// As of the publication.
    Published,
    /// Years later. A lockfile pins by digest what it pins, whenever it is looked at; and mirrors often state the day
    /// on which they first saw a file as that of its publication.
    Late,
}

/// Which scripts may have made the published files: those that packing runs, else the one run by hand.
fn script_sets(view: &View<'_>) -> Vec<Vec<&'static str>> {
    let has = |name: &&'static str| view.manifest().script(name).is_some();
    let worth = |name: &&'static str| {
        let text = view.manifest().script(name).unwrap_or_default();
        // Set up hooks of a work tree, or guard against publishing by hand: they make no file.
        !["husky", "not-in-publish", "in-publish", "simple-git-hooks", "patch-package"]
            .iter()
            .any(|one| text.starts_with(one))
    };
    let packing: Vec<&str> = ["prepack", "prepare"].into_iter().filter(has).filter(worth).collect();
    let by_hand: Vec<&str> = BY_HAND.into_iter().filter(has).take(1).collect();
    let all: Vec<&str> = LIFE_CYCLE.into_iter().filter(has).filter(worth).collect();
    let mut sets: Vec<Vec<&str>> = Vec::new();
    for set in [packing, by_hand, all] {
        if !set.is_empty() && !sets.contains(&set) {
            sets.push(set);
        }
    }
    sets
}

fn recipe(view: &View<'_>, manager: &Manager, draft: Draft<'_>) -> Recipe {
    let Draft { node, scripts, install_scripts, seen } = draft;
    let (_, npm) = eras::at(view.made());
    let pm = manager.kind;
    let mut reasons = vec![
        format!("{}, so it is built", view.why_no_build()),
        manager.why.clone(),
        format!("Node {node} was the line with long-term support"),
    ];
    let mut steps: Vec<Step> = Vec::new();
    if let Some(lockfile) = &manager.lockfile {
        steps.push(commands::relock(lockfile));
        reasons.push(
            "the lockfile pins every dependency; only the host of its addresses is replaced".to_owned(),
        );
    }
    steps.push(commands::install(pm, &manager.root, manager.lockfile.is_some()));
    reasons
        .push("dependencies are unpacked and none of their install scripts runs with a network".to_owned());
    if install_scripts {
        steps.push(commands::rebuild(&manager.root));
        reasons.push(
            "install scripts of dependencies run in the sandbox without a network; the log lists each"
                .to_owned(),
        );
    }
    for (step, reason) in view.writes() {
        steps.push(step);
        reasons.push(reason);
    }
    for script in scripts {
        steps.push(commands::script(pm, view.directory(), script));
        reasons.push(format!("package.json declares the script {script}"));
    }
    let packs_itself = pm == Pm::Pnpm && scripts.len() != 2;
    steps.push(if packs_itself {
        commands::pnpm_pack(view.directory())
    } else {
        commands::pack(view.directory())
    });
    let npm = if pm == Pm::Npm { manager.version.clone() } else { npm.to_owned() };
    let mut tools = BTreeMap::from([("node".to_owned(), node.to_string()), ("npm".to_owned(), npm)]);
    if pm != Pm::Npm {
        tools.insert(pm.package().to_owned(), manager.version.clone());
    }
    let (as_of, why) = as_of(view, manager, seen);
    reasons.push(why);
    Recipe {
        format: Recipe::FORMAT,
        origin: Origin::Inferred,
        source: SourceKind::Git,
        tools,
        requirements: Vec::new(),
        constraints: Vec::new(),
        as_of,
        env: BTreeMap::new(),
        umask: 0o022,
        source_date_epoch: Some(view.made().as_second()),
        steps,
        reasons,
    }
}

/// The instant as of which the registry is seen, and why.
fn as_of(view: &View<'_>, manager: &Manager, seen: Seen) -> (jiff::Timestamp, String) {
    let published = view.evidence.uploaded;
    if seen == Seen::Published {
        return (published, "the registry is seen as of the publication".to_owned());
    }
    let later = published.to_zoned(TimeZone::UTC).checked_add(5.years());
    let why = match manager.lockfile {
        Some(_) => "the lockfile decides, so the registry's own times may be late",
        None => "the registry's own times are too late to resolve anything as of the publication",
    };
    (later.map_or(published, |later| later.timestamp()), why.to_owned())
}
