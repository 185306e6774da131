//! From evidence to recipes: pure functions over what a published wheel, its source and earlier attempts
//! say. `eras` holds every fact about releases; `first` and `next` hold the rules; nothing here asks anyone.

mod clues;
mod diff;
mod draft;
mod eras;
mod first;
mod next;
mod range;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod wider;

use clues::Clues;
use draft::Draft;
use next::Situation;
use trustmill_core::Verdict;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::package::ArtifactKind;
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::{Origin, Recipe};
pub use wider::variations;

/// Attempts per artefact. Most packages need one; what is not found by then is not found by more.
pub const MOST_ATTEMPTS: usize = 6;

/// What a person wrote for a release: the inferred recipe in, theirs out.
pub type Mend<'a> = &'a dyn Fn(Recipe) -> Recipe;

/// The next recipe to try; `None` when there is nothing left that could help.
///
/// What a person wrote for the release goes first; then a recipe that reproduced another release of the
/// project made by the same tools; then what the evidence says; then what the last attempt's failure or
/// differences suggest. No recipe is given twice.
pub fn next_recipe(evidence: &Evidence<'_>, mend: Option<Mend<'_>>, tried: &[Attempt]) -> Option<Recipe> {
    // Another back end's version does not change what the compiler makes: one comparison says it all.
    let native = evidence.published.is_some_and(|(artifact, _)| artifact.kind == ArtifactKind::Native);
    let compared = |attempt: &Attempt| matches!(attempt.result, AttemptResult::Compared(_));
    if tried.len() >= MOST_ATTEMPTS
        || tried.last().is_some_and(|last| settled(last) || (native && compared(last)))
    {
        return None;
    }
    let clues = Clues::read(evidence);
    let inferred = first(evidence, &clues);
    let known = |recipe: &Recipe| tried.iter().any(|attempt| draft::same(&attempt.recipe, recipe));
    // The evidence has the last word of the opening: until it was heard, the opening goes on.
    if !known(&inferred) {
        let mended = mend.map(|mend| mend(inferred.clone()));
        let opening = mended.into_iter().chain(remembered(evidence, &clues)).chain([inferred]);
        return opening.into_iter().find(|recipe| !known(recipe));
    }
    let last = tried.last()?;
    answers(evidence, &clues, last).into_iter().map(Draft::into_recipe).find(|recipe| !known(recipe))
}

/// The newest Python of its day that back ends and tests of then are known to run on: `3.8`.
pub fn python_of(at: jiff::Timestamp) -> String {
    let (major, minor) = eras::cpython(at).min(first::NEWEST_PYTHON);
    format!("{major}.{minor}")
}

/// The recipe that the evidence alone suggests: what a definition mends.
pub fn inferred(evidence: &Evidence<'_>) -> Recipe {
    first(evidence, &Clues::read(evidence))
}

fn first(evidence: &Evidence<'_>, clues: &Clues) -> Recipe {
    first::draft(evidence, clues).into_recipe()
}

/// Whether nothing better can come.
fn settled(attempt: &Attempt) -> bool {
    match &attempt.result {
        AttemptResult::Compared(comparison) => {
            comparison.verdict.same_bytes() || comparison.verdict == Verdict::Normalised
        }
        AttemptResult::Built { .. } => true,
        AttemptResult::Failed { .. } => false,
    }
}

/// What the last attempt suggests.
fn answers(evidence: &Evidence<'_>, clues: &Clues, last: &Attempt) -> Vec<Draft> {
    let Some(draft) = Draft::of(&last.recipe) else { return Vec::new() };
    let situation = Situation { evidence, clues, draft };
    match &last.result {
        AttemptResult::Compared(comparison) => situation.after_comparison(comparison),
        AttemptResult::Failed { class, detail } => situation.after_failure(*class, detail),
        AttemptResult::Built { .. } => Vec::new(),
    }
}

/// The nearest release's winning recipe, with this release's own times and mask, if the same tools made
/// both: it carries what the ladder learned.
fn remembered(evidence: &Evidence<'_>, clues: &Clues) -> Option<Recipe> {
    let fresh = first::draft(evidence, clues);
    let nearest = evidence.remembered.iter().find(|recipe| {
        fresh.constraints.iter().filter(|pin| pin.contains("==")).all(|pin| recipe.constraints.contains(pin))
    })?;
    clues.generator()?;
    let mut recipe = nearest.clone();
    recipe.as_of = fresh.as_of;
    recipe.umask = fresh.umask;
    recipe.source_date_epoch = fresh.epoch;
    if recipe.origin == Origin::Inferred {
        recipe.steps.retain(|step| step.name != "drop-files");
    }
    recipe.reasons = vec!["the same tools made another release, which this recipe reproduced".to_owned()];
    recipe.reasons.extend(nearest.reasons.iter().take(20).cloned());
    Some(recipe)
}
