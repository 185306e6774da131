//! From a published tarball and a commit to recipes, the likeliest first.
//!
//! A package whose published files all stand in the commit is packed, and nothing of it runs. Only where files
//! are missing there is it built.

mod builds;
mod claim;
pub(in crate::npm) mod eras;
mod manager;
mod manifest;
mod node;
mod scripts;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod view;

pub use claim::source_claim;
pub use manifest::Manifest;

use super::build::commands;
use std::collections::BTreeMap;
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass};
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};
use view::View;

/// Builds of a package whose files all stand in the commit that are tried before other pack rules are.
const CHOOSING: usize = 2;

/// The next recipe to try: remembered ones, then those that the evidence suggests; `None` when the ladder ends.
pub fn next_recipe(evidence: &Evidence<'_>, tried: &[Attempt]) -> Option<Recipe> {
    let view = View::of(evidence)?;
    let remembered = evidence.remembered.iter().map(|recipe| again(recipe, &view));
    let ladder = remembered.chain(rungs(&view));
    let mut new = ladder.filter(|recipe| {
        let is_loose = recipe.steps.iter().any(|step| step.name == commands::INSTALL_LOOSELY);
        (!is_loose || tried.iter().any(is_unresolved))
            && !tried.iter().any(|attempt| same(&attempt.recipe, recipe) || resolved_in_vain(attempt, recipe))
    });
    new.next()
}

/// Whether the dependencies could not be had.
fn is_unresolved(attempt: &Attempt) -> bool {
    matches!(attempt.result, AttemptResult::Failed { class: FailureClass::UnresolvableRequirements, .. })
}

/// Whether the dependencies of `recipe` were tried and could not be had: what runs after them makes no difference.
fn resolved_in_vain(attempt: &Attempt, recipe: &Recipe) -> bool {
    let fetching = |recipe: &Recipe| -> Vec<Step> {
        recipe.steps.iter().filter(|step| commands::FETCH.contains(&step.name.as_str())).cloned().collect()
    };
    let steps = fetching(recipe);
    is_unresolved(attempt)
        && !steps.is_empty()
        && attempt.recipe.tools == recipe.tools
        && attempt.recipe.as_of == recipe.as_of
        && fetching(&attempt.recipe) == steps
}

/// Recipes that differ only in their reasons give the same bytes.
fn same(a: &Recipe, b: &Recipe) -> bool {
    a.tools == b.tools && a.steps == b.steps && a.env == b.env && a.as_of == b.as_of
}

/// A recipe that reproduced another release, with this release's version and instant.
fn again(recipe: &Recipe, view: &View<'_>) -> Recipe {
    let writes = view.writes();
    let kept = recipe.steps.iter().filter(|step| step.name != commands::WRITE).map(|step| {
        if step.name == commands::WORK_TREE { commands::work_tree(&view.commit()) } else { step.clone() }
    });
    let steps = writes.iter().map(|(step, _)| step.clone()).chain(kept).collect();
    Recipe {
        steps,
        as_of: view.evidence.uploaded,
        reasons: vec!["this recipe gave the published bytes of another release".to_owned()],
        ..recipe.clone()
    }
}

/// Every recipe that the evidence suggests. Where all files stand in the commit it is packed and nothing runs; only if
/// that gives other files is what the package declares run, since a script may choose what is packed, and then other
/// pack rules are tried. Where files are missing, the build comes first.
fn rungs(view: &View<'_>) -> Vec<Recipe> {
    let (mut built, mut packed) = (builds::builds(view), packs(view));
    if view.is_whole() {
        let rules = packed.split_off(packed.len().min(1));
        let rest = built.split_off(built.len().min(CHOOSING));
        return packed.into_iter().chain(built).chain(rules).chain(rest).collect();
    }
    let few = if built.is_empty() { packed.len() } else { 1 };
    built.into_iter().chain(packed.into_iter().take(few)).collect()
}

/// Packing as it stands, by the npm that was recorded or that came with the day's Node, then by the other lines.
fn packs(view: &View<'_>) -> Vec<Recipe> {
    let (_, of_the_day) = eras::at(view.made());
    let first = match view.npm_hint() {
        Some(exact) => (exact.to_owned(), format!("the registry says that npm {exact} published it")),
        None => (of_the_day.to_owned(), format!("npm {of_the_day} came with the Node of that day")),
    };
    let mut choices = vec![first];
    for npm in eras::NPMS.into_iter().filter(|npm| *npm != of_the_day) {
        choices.push((npm.to_owned(), format!("other pack rules: npm {npm}")));
    }
    choices.into_iter().map(|(npm, why)| pack(view, &npm, why)).collect()
}

/// One recipe that packs with this npm and runs no script.
fn pack(view: &View<'_>, npm: &str, why: String) -> Recipe {
    let node = eras::node_for(npm);
    let mut steps: Vec<Step> = Vec::new();
    let mut reasons = vec![view.why_no_build(), why, format!("Node {node} runs npm {npm}")];
    for (step, reason) in view.writes() {
        steps.push(step);
        reasons.push(reason);
    }
    if view.has_windows_line_ends() {
        steps.push(commands::crlf(view.directory()));
        reasons.push(
            "published files differ from the commit in line ends alone: a checkout on Windows".to_owned(),
        );
    }
    steps.push(commands::pack(view.directory()));
    Recipe {
        format: Recipe::FORMAT,
        origin: Origin::Inferred,
        source: SourceKind::Git,
        tools: BTreeMap::from([("node".to_owned(), node.to_string()), ("npm".to_owned(), npm.to_owned())]),
        requirements: Vec::new(),
        constraints: Vec::new(),
        as_of: view.evidence.uploaded,
        env: BTreeMap::new(),
        umask: 0o022,
        source_date_epoch: None,
        steps,
        reasons,
    }
}
