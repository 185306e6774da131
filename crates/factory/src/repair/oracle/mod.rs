//! The oracle: whether a candidate is a repair. It trusts nobody who proposes; each check is one file, and the first
//! that is broken ends them.

mod baseline;
mod builds;
mod capability;
mod complete;
mod memory;
mod metadata;
mod paths;
mod regression;
mod suite;

use super::Task;
use crate::{StepError, World};
use bytes::Bytes;
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Candidate, Check, CheckOutcome, Checked, Judgement};

/// How the detail of a check begins that the unpatched release does not pass either.
pub const UNPATCHED: &str = "unpatched";

/// The files of a repaired release, by name.
pub type Files = Vec<(String, Bytes)>;

/// Judges candidates.
pub struct Oracle<'a> {
    world: &'a World,
    workshop: &'a dyn Workshop,
}

impl<'a> Oracle<'a> {
    /// An oracle over the mill's sandbox, scanner and store.
    pub const fn new(world: &'a World, workshop: &'a dyn Workshop) -> Self {
        Self { world, workshop }
    }

    /// What is to be said of a candidate.
    ///
    /// # Errors
    /// The mill or the world around it failed: nothing is said of the candidate then.
    pub async fn judge(&self, task: &Task, candidate: &Candidate) -> Result<Judgement, StepError> {
        self.examine(task, candidate).await.map(|examined| examined.judgement)
    }

    /// As [`Self::judge`], with what came about on the way.
    pub(super) async fn examine(&self, task: &Task, candidate: &Candidate) -> Result<Examined, StepError> {
        let mut notes = Notes::default();
        let files = self.look(task, candidate, &mut notes).await?;
        Ok(Examined { judgement: notes.0, files, log: notes.1 })
    }

    async fn look(
        &self,
        task: &Task,
        candidate: &Candidate,
        notes: &mut Notes,
    ) -> Result<Option<Files>, StepError> {
        let Some(trees) = notes.take(Check::Applies, applies(task, candidate, self.workshop)) else {
            return Ok(None);
        };
        let paths = paths::check(task, candidate, &trees.patched, self.workshop);
        if notes.take(Check::Paths, paths).is_none() {
            return Ok(None);
        }
        let complete = complete::check(task, candidate, &trees.patched, self.workshop);
        if !notes.put(complete) {
            return Ok(None);
        }
        let built = builds::check(self, task, candidate, &trees).await?;
        let Some(built) = notes.take(Check::Builds, built) else { return Ok(None) };
        if notes.take(Check::Metadata, metadata::check(task, candidate, &built, self.workshop)).is_none() {
            return Ok(None);
        }
        let capability = capability::check(self, task, candidate, &built).await?;
        if !notes.put(capability) {
            return Ok(None);
        }
        let done = suite::check(self, task, candidate, &trees, notes).await?;
        Ok(done.then_some(built.files))
    }
}

/// The trees that a candidate leads to.
struct Trees {
    /// The published one with the fix.
    patched: Contents,
    /// The published one with the repository's tests and the candidate's changes to tests, and without the fix.
    tests_only: Contents,
    /// Files of code whose own tests the fix changes.
    inline: Vec<String>,
}

fn applies(task: &Task, candidate: &Candidate, workshop: &dyn Workshop) -> Result<(Trees, String), String> {
    if candidate.fix.is_empty() {
        return Err("nothing that users run is changed".to_owned());
    }
    let patched = candidate.fix.apply(&task.tree).map_err(|misfit| misfit.to_string())?;
    let with_tests = task.with_tests(&task.tree);
    let mut tests_only = candidate.tests.apply(&with_tests).map_err(|misfit| misfit.to_string())?;
    let mut inline = Vec::new();
    for path in candidate.fix.edits.keys() {
        let Some(text) = changed_tests(&task.tree, &patched, path, workshop) else { continue };
        tests_only.set(path, Some(text.into()));
        inline.push(path.clone());
    }
    let count = candidate.fix.edits.len();
    Ok((
        Trees { patched, tests_only, inline },
        format!("{count} {} changed", if count == 1 { "file is" } else { "files are" }),
    ))
}

/// A file as it was with the tests that stand in it after the change; `None` where these are as they were.
fn changed_tests(old: &Contents, new: &Contents, path: &str, workshop: &dyn Workshop) -> Option<String> {
    let (before, after) = (old.text(path)?, new.text(path)?);
    workshop.inline_tests(path, before, after).filter(|text| text != before)
}

/// A judgement, and what came about on the way to it.
pub(super) struct Examined {
    /// The judgement.
    pub(super) judgement: Judgement,
    /// The files that were built; `None` where it did not come to that.
    pub(super) files: Option<Files>,
    /// The end of what the tests printed that stopped it; empty where none did.
    pub(super) log: String,
}

/// A judgement as it comes about, and the log that shows why it ends.
#[derive(Default)]
struct Notes(Judgement, String);

impl Notes {
    /// Notes a check that holds with a sentence, or is broken for a reason.
    fn take<T>(&mut self, check: Check, result: Result<(T, String), String>) -> Option<T> {
        match result {
            Ok((value, detail)) => {
                self.put(Checked { check, outcome: CheckOutcome::Held, detail });
                Some(value)
            }
            Err(detail) => {
                self.put(Checked { check, outcome: CheckOutcome::Broken, detail });
                None
            }
        }
    }

    /// Notes a check; `false` if it is broken.
    fn put(&mut self, checked: Checked) -> bool {
        let goes_on = checked.outcome != CheckOutcome::Broken;
        self.0.checks.push(checked);
        goes_on
    }
}
