//! Which functions of a file run when the file does: its top level calls them, or hands them to something that may.
//!
//! An edge leads from whose body is walked to what that body names, calls or hands over. What is only exported has no
//! edge: somebody else decides whether it runs.

use super::foreign;
use crate::facts::Reached;
use rustc_hash::FxHashSet;

/// The file's top level.
pub(super) const TOP: u32 = 0;
/// What only runs when the file is started as a program: `if __name__ == "__main__"`.
pub(super) const PROGRAM: u32 = 1;

/// Edges that are kept: more come from generated files, and say nothing new.
const MAX_EDGES: usize = 200_000;

/// Who leads to whom.
#[derive(Debug, Default)]
pub(super) struct Calls {
    edges: FxHashSet<(u32, u32)>,
    /// Those of them that are calls.
    calls: FxHashSet<(u32, u32)>,
    /// Whose body is being walked.
    pub(super) owner: u32,
    /// Above zero, what is named is exported and not run.
    pub(super) exporting: u16,
    /// Who the uses and the flows that were written down belong to, in their order.
    pub(super) uses: Vec<u32>,
    pub(super) flows: Vec<u32>,
}

impl Calls {
    /// The number of a function.
    pub(super) fn node(function: usize) -> u32 {
        if let Some(node) = foreign::node_of(function) {
            return node;
        }
        u32::try_from(function).unwrap_or(u32::MAX - 2).saturating_add(2)
    }

    /// A function is named or handed over where it may be run.
    pub(super) fn lead_to(&mut self, function: usize) {
        if self.exporting == 0 && self.edges.len() < MAX_EDGES {
            self.edges.insert((self.owner, Self::node(function)));
        }
    }

    /// A function is called, or handed to something that calls it.
    pub(super) fn call(&mut self, function: usize) {
        self.lead_to(function);
        if self.exporting == 0 && self.calls.len() < MAX_EDGES {
            self.calls.insert((self.owner, Self::node(function)));
        }
    }

    /// How far what is known leads.
    pub(super) fn reached(&self) -> impl Fn(u32) -> Reached + use<> {
        let (edges, calls) = (sorted(&self.edges), sorted(&self.calls));
        let (always, handed, program) = (from(&calls, TOP), from(&edges, TOP), from(&edges, PROGRAM));
        move |node| match () {
            () if always.contains(&node) => Reached::Always,
            () if handed.contains(&node) => Reached::Handed,
            () if program.contains(&node) => Reached::AsProgram,
            () => Reached::WhenCalled,
        }
    }
}

fn sorted(edges: &FxHashSet<(u32, u32)>) -> Vec<(u32, u32)> {
    let mut edges: Vec<(u32, u32)> = edges.iter().copied().collect();
    edges.sort_unstable();
    edges
}

/// Everything that edges lead to from a start.
fn from(edges: &[(u32, u32)], start: u32) -> FxHashSet<u32> {
    let mut seen = FxHashSet::from_iter([start]);
    let mut queue = vec![start];
    while let Some(at) = queue.pop() {
        let first = edges.partition_point(|(from, _)| *from < at);
        let next = edges.iter().skip(first).take_while(|(from, _)| *from == at);
        queue.extend(next.map(|(_, to)| *to).filter(|to| seen.insert(*to)));
    }
    seen
}
