//! Strategies: ways from what is known of a fix to a patch of the release, without a model. A strategy is one file and
//! one line in [`ALL`].

mod carried;
mod context;
mod dependency;
mod exact;
mod functions;
mod imports;
mod inline;
mod merge;
pub(super) mod relevance;
mod replace;
mod symbol;
mod tests;
mod theirs;

pub(super) use carried::path_in;

use super::{Extent, Material, Task};
use bytes::Bytes;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Candidate, Patch, Proposer};
use trustmill_patch::lines::Lines;
use trustmill_patch::symbol::{Language, is_indented};

/// A way to a candidate.
pub trait Strategy: Send + Sync {
    /// Its name in statements.
    fn name(&self) -> &'static str;

    /// Raised when what it proposes changes.
    fn version(&self) -> u32;

    /// Whether what it assumes is so much that only a test of the fix can say that it is right.
    fn needs_proof(&self) -> bool {
        false
    }

    /// The change that it makes of `material` for the release, or what it could not carry. Pure.
    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried>;

    /// The change to tests, as much of it as can be carried. Pure.
    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch;
}

/// What could not be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCarried {
    /// Hunks that have no place.
    pub hunks: usize,
    /// Of so many.
    pub of: usize,
    /// One sentence for a reader: where the first one is.
    pub why: String,
}

/// Every strategy, the one that assumes least first.
pub const ALL: [&dyn Strategy; 8] = [
    &exact::Exact,
    &merge::Merge,
    &context::Context,
    &symbol::Symbol,
    &theirs::Theirs,
    &functions::Functions,
    &replace::Replace,
    &dependency::Dependency,
];

/// Whether who proposed a change may change which releases of others are taken, as nobody else may.
pub(super) fn bumps(proposer: &Proposer) -> bool {
    matches!(proposer, Proposer::Strategy { name, .. } if name == dependency::NAME)
}

/// A candidate and what it was made of.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The candidate.
    pub candidate: Candidate,
    /// Whether it is taken only if a test of the fix shows that it is right.
    pub needs_proof: bool,
}

/// Whether no file that could be read before the change cannot be read after it: a test suite is too dear to find out.
fn is_readable(fix: &Patch) -> bool {
    let reads = |path: &str, bytes: &Option<Bytes>| {
        let text = bytes.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        is_indented(Language::of(path), &Lines::of(text))
    };
    fix.edits.iter().all(|(path, edit)| reads(path, &edit.after) || !reads(path, &edit.before))
}

/// The candidates of all strategies, those that assume least first, each change once; and, where a strategy could not
/// carry the fix, why the best of them could not.
pub fn propose(task: &Task, workshop: &dyn Workshop) -> (Vec<Proposal>, Option<String>) {
    let mut proposals: Vec<Proposal> = Vec::new();
    let mut best: Option<NotCarried> = None;
    for material in task.material.iter().flat_map(|material| relevance::parts(material, task, workshop)) {
        let mut carried = false;
        for strategy in ALL {
            // What a later strategy would do differently, it does on weaker grounds; but what the fix needs, no other brings.
            if carried && strategy.name() != dependency::NAME {
                continue;
            }
            let fix = match strategy.fix(task, &material, workshop) {
                Ok(fix) if fix.is_empty() || !is_readable(&fix) => continue,
                Ok(fix) => fix,
                Err(why) => {
                    if best.as_ref().is_none_or(|known| why.hunks < known.hunks) {
                        best = Some(why);
                    }
                    continue;
                }
            };
            let proposer =
                Proposer::Strategy { name: strategy.name().to_owned(), version: strategy.version() };
            let needs_proof = strategy.needs_proof();
            let variants = tests::variants(task, &material, workshop);
            let some = variants.iter().any(|(tests, _)| !tests.is_empty());
            let fuller = inline::completed(&fix, task, &material, workshop);
            let fuller = fuller.into_iter().zip(variants.first().cloned());
            let fuller = fuller.map(|(fix, (tests, from))| (fix, tests, from, true));
            let plain = variants.iter().cloned().map(|(tests, from)| {
                let has_tests = !tests.is_empty();
                (fix.clone(), tests, from, has_tests)
            });
            for (fix, tests, from, has_tests) in fuller.chain(plain) {
                // Of what is not known to be all of the fix only a test of it can say that it is.
                if !has_tests && (needs_proof || (some && material.extent == Extent::Part)) {
                    continue;
                }
                let known =
                    proposals.iter().any(|one| one.candidate.fix == fix && one.candidate.tests == tests);
                if !known {
                    let derived_from = [material.origin.clone()].into_iter().chain(from).collect();
                    let candidate = Candidate { proposer: proposer.clone(), derived_from, fix, tests };
                    proposals.push(Proposal { candidate, needs_proof });
                }
            }
            carried |= !needs_proof;
        }
    }
    let why = best.map(|best| format!("{} of {} hunks have no place: {}", best.hunks, best.of, best.why));
    (proposals, why)
}
