//! Repair: what a candidate is, who proposed it, and what the oracle says of it.
//!
//! A strategy, a model or a person proposes a [`Candidate`]; only the oracle's [`Judgement`] makes a release of it.

use crate::Sha256;
use crate::attempt::Usage;
use crate::content::Contents;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What becomes of one file. Whole bytes, not hunks: applying it is never ambiguous, and what a reader sees as a
/// unified difference is rendered from both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file that is changed; `None` makes a new one.
    pub before: Option<Bytes>,
    /// What it holds afterwards; `None` deletes it.
    pub after: Option<Bytes>,
}

/// A set of edits by path, `/`-separated below the source's top folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// The edits.
    pub edits: BTreeMap<String, Edit>,
}

/// Why a patch does not fit a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} is not what the patch was made for")]
pub struct Misfit {
    /// The first file that differs.
    pub path: String,
}

impl Patch {
    /// What leads from `before` to `after`.
    pub fn between(before: &Contents, after: &Contents) -> Self {
        let paths = before.members.keys().chain(after.members.keys());
        let edits = paths.filter_map(|path| {
            let side = |tree: &Contents| tree.get(path).map(|member| member.bytes.clone());
            let edit = Edit { before: side(before), after: side(after) };
            (edit.before != edit.after).then(|| (path.clone(), edit))
        });
        Self { edits: edits.collect() }
    }

    /// The tree with the patch applied. Every file must be what the patch was made for.
    pub fn apply(&self, tree: &Contents) -> Result<Contents, Misfit> {
        let mut patched = tree.clone();
        for (path, edit) in &self.edits {
            if tree.get(path).map(|member| &member.bytes) != edit.before.as_ref() {
                return Err(Misfit { path: path.clone() });
            }
            patched.set(path, edit.after.clone());
        }
        Ok(patched)
    }

    /// SHA-256 over paths and the digests of both sides, in path order: the name under which statements speak of it.
    pub fn digest(&self) -> Sha256 {
        let mut hasher = crate::digest::Hasher::new();
        for (path, edit) in &self.edits {
            let side =
                |bytes: &Option<Bytes>| bytes.as_ref().map(|b| Sha256::of(b).to_string()).unwrap_or_default();
            hasher.update(format!("{path}\0{}\0{}\n", side(&edit.before), side(&edit.after)).as_bytes());
        }
        hasher.finish()
    }

    /// This patch, and `next` on top of it, as one: from what it was made for to what `next` leads to.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let mut all = self.clone();
        for (path, edit) in &next.edits {
            let before = self.edits.get(path).map_or(&edit.before, |first| &first.before).clone();
            all.edits.insert(path.clone(), Edit { before, after: edit.after.clone() });
        }
        all.edits.retain(|_, edit| edit.before != edit.after);
        all
    }

    /// Bytes that are new on the after side, a measure of how small a patch is.
    pub fn weight(&self) -> usize {
        self.edits.values().map(|edit| edit.after.as_ref().map_or(0, Bytes::len)).sum()
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }
}

/// What a file of a source tree is to a repair. Only [`Role::Code`] and, beside a fix that brings them, tests may be
/// changed; what is generated, vendored by name or run at install time needs more than a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// What users of the package run.
    Code,
    /// The package's own tests and what they read.
    Test,
    /// Texts for people; changes to them are dropped.
    Docs,
    /// Name, version, dependencies, build settings.
    Metadata,
    /// Written by a tool from something else in the tree.
    Generated,
    /// A copy of somebody else's package.
    Vendored,
    /// Continuous integration, editors, hooks: never part of a repair.
    Workshop,
}

/// Who proposed a candidate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Proposer {
    /// Deterministic code.
    Strategy {
        /// `exact`, `merge`, `context`, `symbol`, `dependency`.
        name: String,
        /// Raised when the strategy's judgement changes.
        version: u32,
    },
    /// A model, through the mill's loop.
    Model {
        /// The configured provider.
        provider: String,
        /// The family whose bans apply, however it was reached.
        family: String,
        /// The model's id as the provider reports it.
        model: String,
        /// Digest of instructions and tools.
        prompt: Sha256,
        /// In millionths of the budget's currency; `None` where the price is not known.
        cost_micros: Option<u64>,
    },
    /// A person, through the inbox.
    Person {
        /// As they are known to the mill.
        name: String,
    },
}

/// Something that may be the repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who proposed it.
    pub proposer: Proposer,
    /// Where the change comes from: an advisory's commit, the difference of two releases.
    pub derived_from: Vec<String>,
    /// Changes to what users run.
    pub fix: Patch,
    /// Changes to tests: the oracle applies them alone first, and they have to fail there.
    pub tests: Patch,
}

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestOutcome {
    /// It passed, or failed where failing was expected.
    Passed,
    /// It failed, or could not be set up.
    Failed,
    /// It was skipped.
    Skipped,
}

/// One run of a package's tests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// Tests by their full name.
    pub tests: BTreeMap<String, TestOutcome>,
    /// Why there is no complete run: nothing was collected, a limit was hit, the runner ended early.
    pub problem: Option<String>,
    /// The runner, for a reader: `pytest 7.4.3`, `npm test`.
    pub runner: String,
    /// What it used.
    pub usage: Usage,
    /// The end of what it printed.
    pub log: String,
}

/// What the oracle looked at. The names stand in statements and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The patch fits the release's source.
    Applies,
    /// Only paths that a repair may change are changed, and no test is deleted or weakened.
    Paths,
    /// It builds, and the artefact differs from the published one only where the patch and the version say so.
    Builds,
    /// Version and metadata are right.
    Metadata,
    /// No test of the package fails that passed before.
    NoNewFailures,
    /// A test that the fix brought fails before and passes after.
    Regression,
    /// The scanner sees no new capability.
    Capability,
    /// What the fix changes upstream is all there.
    Complete,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// It holds.
    Held,
    /// It does not: the candidate is refused.
    Broken,
    /// It could not be tried; what that means depends on the check.
    Untried,
}

/// One check and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The check.
    pub check: Check,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// One sentence for a reader.
    pub detail: String,
}

/// What the oracle says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// A check is broken, or neither the whole fix is there nor a test shows that it works.
    Refused,
    /// Either the fix is there as a whole and no test shows the vulnerability, or a test shows it and it is not certain
    /// that all of the fix is there; everything else holds. Policies may refuse it.
    Unproven,
    /// Everything holds, the fix is there as a whole, and a test fails before and passes after.
    Proven,
}

/// Why there is no repair. The words stand in facts and benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissClass {
    /// The release publishes no source archive, or a hostile one.
    NoSource,
    /// The ecosystem's releases are not repaired here.
    NoWorkshop,
    /// Neither the advisory's commits nor the releases around the fix can be read.
    NoFix,
    /// What is known of the fix changes no code: documents, generated or binary files only.
    NoCode,
    /// The fix could not be carried to the release.
    NotCarried,
    /// The release does not build here, patched or not.
    DoesNotBuild,
    /// Its tests do not run here, so that nothing can be said of a patch.
    NoTests,
    /// The patched release does not build as the unpatched one does.
    BuildDiffers,
    /// Tests that passed fail with the patch.
    TestsFail,
    /// The scanner sees a capability that was not there.
    NewCapability,
    /// A path is changed that a repair may not change, or a test is weakened.
    ForbiddenPath,
    /// A part of the fix is missing.
    Incomplete,
}

impl MissClass {
    /// The word in facts and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSource => "no-source",
            Self::NoWorkshop => "no-workshop",
            Self::NoFix => "no-fix",
            Self::NoCode => "no-code",
            Self::NotCarried => "not-carried",
            Self::DoesNotBuild => "does-not-build",
            Self::NoTests => "no-tests",
            Self::BuildDiffers => "build-differs",
            Self::TestsFail => "tests-fail",
            Self::NewCapability => "new-capability",
            Self::ForbiddenPath => "forbidden-path",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What the oracle found out about a candidate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The checks, in the order in which they were made; the first broken one ends them.
    pub checks: Vec<Checked>,
    /// Tests that passed before and after.
    pub passed: u32,
    /// Tests that fail with and without the patch.
    pub failing_before: Vec<String>,
    /// Tests that two runs of the same tree did not agree on; they count for nothing.
    pub flaky: Vec<String>,
    /// Tests that failed before and pass after.
    pub fixed: Vec<String>,
}

/// A repair on top of which another one was made: what it mends stays mended there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Layer {
    /// What it mends, by all ids of the one problem.
    pub advisories: Vec<String>,
    /// Who proposed it.
    pub proposer: Proposer,
    /// Where the change comes from.
    pub derived_from: Vec<String>,
    /// What the oracle found of it.
    pub judgement: Judgement,
}

/// The ruling on a repair with those below it: no better than the worst of them.
pub fn ruling<'a>(judgements: impl IntoIterator<Item = &'a Judgement>) -> Ruling {
    judgements.into_iter().map(Judgement::ruling).min().unwrap_or(Ruling::Refused)
}

impl Ruling {
    /// The word in statements and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unproven => "unproven",
            Self::Proven => "proven",
        }
    }
}

impl Proposer {
    /// For a reader: `strategy merge`, `model NAME`, `person NAME`.
    pub fn shown(&self) -> String {
        match self {
            Self::Strategy { name, .. } => format!("strategy {name}"),
            Self::Model { model, .. } => format!("model {model}"),
            Self::Person { name } => format!("person {name}"),
        }
    }
}

impl Check {
    /// The word in statements and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applies => "applies",
            Self::Paths => "paths",
            Self::Builds => "builds",
            Self::Metadata => "metadata",
            Self::NoNewFailures => "no-new-failures",
            Self::Regression => "regression",
            Self::Capability => "capability",
            Self::Complete => "complete",
        }
    }
}

impl Judgement {
    /// The first check that is broken.
    pub fn broken(&self) -> Option<&Checked> {
        self.checks.iter().find(|checked| checked.outcome == CheckOutcome::Broken)
    }

    /// What follows from the checks: a missing one is a broken one.
    pub fn ruling(&self) -> Ruling {
        use Check as C;
        let outcome = |check| self.checks.iter().find(|c| c.check == check).map(|c| c.outcome);
        let needed = [C::Applies, C::Paths, C::Builds, C::Metadata, C::NoNewFailures, C::Capability];
        let broken = self.checks.iter().any(|checked| checked.outcome == CheckOutcome::Broken);
        if broken || needed.iter().any(|check| outcome(*check) != Some(CheckOutcome::Held)) {
            return Ruling::Refused;
        }
        // Half a fix may satisfy the test of its other half, and a whole one may have none. What is neither all there nor
        // shown by a test is a guess.
        let shown = outcome(C::Regression) == Some(CheckOutcome::Held) && !self.fixed.is_empty();
        match (shown, outcome(C::Complete) == Some(CheckOutcome::Held)) {
            (true, true) => Ruling::Proven,
            (false, false) => Ruling::Refused,
            _ => Ruling::Unproven,
        }
    }
}

#[cfg(test)]
mod tests;
