//! What a session may use, beside what its models may cost: the time of tools, and patience with turns that do nothing.

/// Turns in a row without a call of a tool, after which the model has given up.
pub(super) const SILENT_TURNS: u32 = 3;

/// Calls in a row that were made before with the same result, after which it goes in circles.
pub(super) const CIRCLES: u32 = 8;

/// The most calls of one reply that are done; the others are told so.
pub(super) const CALLS: usize = 16;

/// Watches for turns that lead nowhere.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience {
    silent: u32,
    circles: u32,
    seen: std::collections::BTreeSet<trustmill_core::Sha256>,
}

impl Patience {
    /// A reply without a call; why the session ends, if it does.
    pub(super) fn silence(&mut self) -> Option<String> {
        self.silent += 1;
        (self.silent >= SILENT_TURNS).then(|| format!("it called no tool in {SILENT_TURNS} turns"))
    }

    /// A call and what came of it; why the session ends, if it does.
    pub(super) fn call(&mut self, call: &str, result: &str) -> Option<String> {
        self.silent = 0;
        let new = self.seen.insert(trustmill_core::Sha256::of(format!("{call}\0{result}").as_bytes()));
        self.circles = if new { 0 } else { self.circles + 1 };
        (self.circles >= CIRCLES).then(|| format!("it made {CIRCLES} calls in a row that it had made before"))
    }
}
