//! What a tolerant reader collects from one archive: members under the names that it gives them, and what is odd.

use super::budget::Budget;
use super::names;
use super::oddity::{Odd, Oddity};
use bytes::Bytes;
use std::collections::HashMap;

/// Oddities of one kind that are told one by one; a hostile archive may have a hundred thousand.
const TOLD: usize = 16;

/// Oddities, of each kind the first few.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) oddities: Vec<Oddity>,
    counts: HashMap<(Odd, u8), usize>,
}

impl Told {
    pub(super) fn say(&mut self, kind: Odd, depth: u8, path: &str, what: impl Into<String>) {
        let count = self.counts.entry((kind, depth)).or_default();
        *count += 1;
        if *count <= TOLD {
            self.oddities.push(Oddity { kind, what: what.into(), path: path.to_owned(), depth });
        }
    }
}

/// One archive that is being salvaged.
pub(super) struct Salvage<'a> {
    pub(super) budget: &'a mut Budget,
    told: &'a mut Told,
    archive: &'a str,
    depth: u8,
    /// Names as the archive has them, and contents; one name may be there several times.
    pub(super) members: Vec<(String, Bytes)>,
    full: bool,
}

impl<'a> Salvage<'a> {
    pub(super) const fn new(budget: &'a mut Budget, told: &'a mut Told, archive: &'a str, depth: u8) -> Self {
        Self { budget, told, archive, depth, members: Vec::new(), full: false }
    }

    /// Something odd about the archive as a whole.
    pub(super) fn odd(&mut self, kind: Odd, what: impl Into<String>) {
        self.told.say(kind, self.depth, self.archive, what);
    }

    /// Something odd about a member.
    pub(super) fn odd_member(&mut self, kind: Odd, member: &str, what: impl Into<String>) {
        let member = names::normal(member, self.budget.limits().path_bytes);
        let path = if self.archive.is_empty() || self.depth == 0 {
            member
        } else {
            format!("{}!/{member}", self.archive)
        };
        self.told.say(kind, self.depth, &path, what);
    }

    /// A member is cut at a limit.
    pub(super) fn cut(&mut self, member: &str) {
        if self.budget.is_spent() {
            self.bomb();
        } else {
            let limit = self.budget.limits().member_bytes;
            self.odd_member(
                Odd::CutShort,
                member,
                format!("it has more than {limit} bytes, and only those were looked at"),
            );
        }
    }

    /// Adds a member; `false` where the budget is spent.
    pub(super) fn push(&mut self, name: &str, bytes: Bytes) -> bool {
        if self.full {
            return false;
        }
        if !self.budget.take(bytes.len() as u64) {
            self.bomb();
            return false;
        }
        self.members.push((name.to_owned(), bytes));
        true
    }

    /// Whether nothing more fits.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    fn bomb(&mut self) {
        if !self.full {
            self.full = true;
            self.odd(
                Odd::Bomb,
                "it holds more members or bytes than are looked at; the rest is known to nobody",
            );
        }
    }
}
