//! Recipes of packages that are built: dependencies from the repository's lockfile, the declared scripts without
//! a network, then the tarball.

use super::eras;
use super::manager::Manager;
use super::node::Node;
use super::scripts::{self, Run};
use super::view::View;
use crate::npm::build::commands::{self, Lock, Packer, Pm};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};

/// The recipes, the likeliest first; none where the package declares nothing to run.
pub(super) fn builds(view: &View<'_>) -> Vec<Recipe> {
    let (_, npm) = eras::at(view.made());
    let manager = Manager::of(view.tree(), view.directory(), npm);
    let node = Node::of(view, &manager);
    let newest = Node {
        version: eras::NODE_NEWEST.to_string(),
        why: format!("Node {} runs tools of any age", eras::NODE_NEWEST),
    };
    let mut sets = scripts::sets(view.manifest());
    if view.is_cleaned() && sets.is_empty() {
        // Nothing is built, and a tool still rewrites what is packed.
        sets.push(Vec::new());
    }
    let Some(first) = sets.first() else { return Vec::new() };
    let (packer, sure) = view.packer(manager.kind);
    let lock = if manager.lockfile.is_some() { Lock::Strict } else { Lock::None };
    let draft = Draft { node: &node, runs: first, packer, install_scripts: false, seen: Seen::Late, lock };
    let mut drafts = vec![draft];
    match lock {
        Lock::None => drafts.insert(0, Draft { seen: Seen::Published, ..draft }),
        _ => drafts.push(Draft { lock: Lock::Loose, ..draft }),
    }
    let other = Packer::others(packer, manager.kind).map(|packer| Draft { packer, ..draft });
    if let (Some(other), false) = (other, sure) {
        drafts.push(other);
    }
    drafts.extend(sets.iter().skip(1).map(|runs| Draft { runs, ..draft }));
    if newest != node {
        drafts.push(Draft { node: &newest, ..draft });
    }
    drafts.push(Draft { install_scripts: true, ..draft });
    if let (Some(other), true) = (other, sure) {
        drafts.push(other);
    }
    drafts.into_iter().map(|draft| recipe(view, &manager, draft)).collect()
}

/// What the recipes of one package differ in.
#[derive(Clone, Copy)]
struct Draft<'a> {
    node: &'a Node,
    runs: &'a [Run],
    packer: Packer,
    install_scripts: bool,
    seen: Seen,
    lock: Lock,
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

fn recipe(view: &View<'_>, manager: &Manager, draft: Draft<'_>) -> Recipe {
    let (mut steps, mut reasons) = dependencies(view, manager, draft);
    steps.push(commands::work_tree(&view.commit()));
    for (step, reason) in view.writes() {
        steps.push(step);
        reasons.push(reason);
    }
    for run in draft.runs {
        let (step, reason) = match run.part {
            None => (
                commands::script(manager.kind, view.directory(), &run.script),
                format!("package.json declares the script {}", run.script),
            ),
            Some(part) => (
                commands::part(view.directory(), &run.script, part),
                format!("command {} of the script {} makes files, others do not", part + 1, run.script),
            ),
        };
        steps.push(step);
        reasons.push(reason);
    }
    if view.is_cleaned() {
        steps.push(commands::clean_publish(view.directory()));
        steps.push(commands::pack_cleaned());
        reasons.push("clean-publish rewrites what is packed".to_owned());
    } else {
        steps.push(commands::pack_by(draft.packer, view.directory()));
        reasons.push(format!("packed by {}", draft.packer.name()));
    }
    let (as_of, why) = as_of(view, manager, draft.seen);
    reasons.push(why);
    Recipe {
        format: Recipe::FORMAT,
        origin: Origin::Inferred,
        source: SourceKind::Git,
        tools: tools(view, manager, draft.node),
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

/// The steps that bring the dependencies, and why so.
fn dependencies(view: &View<'_>, manager: &Manager, draft: Draft<'_>) -> (Vec<Step>, Vec<String>) {
    let mut steps: Vec<Step> = Vec::new();
    let mut reasons =
        vec![format!("{}, so it is built", view.why_no_build()), manager.why.clone(), draft.node.why.clone()];
    if let Some(lockfile) = &manager.lockfile {
        steps.push(commands::relock(lockfile));
        reasons.push(
            match draft.lock {
                Lock::Loose => "the lockfile lacks what package.json asks for; for the rest it counts",
                _ => "the lockfile pins every dependency; only the host of its addresses is replaced",
            }
            .to_owned(),
        );
    }
    steps.push(commands::install(manager.kind, &manager.version, &manager.root, draft.lock));
    reasons
        .push("dependencies are unpacked and none of their install scripts runs with a network".to_owned());
    if draft.install_scripts {
        steps.push(commands::rebuild(manager.kind, &manager.root));
        reasons.push(
            "install scripts of dependencies run in the sandbox without a network; each is recorded"
                .to_owned(),
        );
    }
    (steps, reasons)
}

/// Node, npm, the package manager of the lockfile, and those that the scripts call by name.
fn tools(view: &View<'_>, manager: &Manager, node: &Node) -> BTreeMap<String, String> {
    let (_, npm) = eras::at(view.made());
    let npm = if manager.kind == Pm::Npm { &manager.version } else { npm };
    let mut tools =
        BTreeMap::from([("node".to_owned(), node.version.clone()), ("npm".to_owned(), npm.to_owned())]);
    let called = |word: &str| {
        view.manifest().scripts().any(|(_, text)| text.split_whitespace().any(|one| one == word))
    };
    if called("yarn") && manager.kind != Pm::YarnBerry {
        tools.insert(Pm::YarnClassic.package().to_owned(), "1".to_owned());
    }
    if called("pnpm") {
        tools.insert(Pm::Pnpm.package().to_owned(), eras::pnpm_at(view.made()).to_owned());
    }
    tools.insert(
        manager.kind.package().to_owned(),
        if manager.kind == Pm::Npm { npm.to_owned() } else { manager.version.clone() },
    );
    tools
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
