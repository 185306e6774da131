//! One budget for the published file and all archives in it: whatever nests, the sum stays the same.

use trustmill_inspect::archive::Limits;

/// What may still come out.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    members: usize,
    bytes: u64,
}

impl Budget {
    /// The budget of a published file of `published` bytes.
    pub(super) fn new(limits: Limits, published: u64) -> Self {
        let by_ratio = published.saturating_mul(limits.ratio).max(Limits::RATIO_FLOOR);
        Self { limits, members: limits.members, bytes: limits.total_bytes.min(by_ratio) }
    }

    /// The limits of what the budget was made from.
    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The limits for a reader that takes limits: what is left.
    pub(super) fn left(&self) -> Limits {
        Limits {
            members: self.members,
            member_bytes: self.limits.member_bytes.min(self.bytes),
            total_bytes: self.bytes,
            ..self.limits
        }
    }

    /// The bytes that the next member may have.
    pub(super) fn room(&self) -> usize {
        usize::try_from(self.limits.member_bytes.min(self.bytes)).unwrap_or(usize::MAX)
    }

    /// Whether it is the whole budget that ends, and not only the size of one member.
    pub(super) const fn is_spent(&self) -> bool {
        self.bytes < self.limits.member_bytes || self.members == 0
    }

    /// Takes a member; `false` where no more fit.
    pub(super) fn take(&mut self, bytes: u64) -> bool {
        let Some(members) = self.members.checked_sub(1) else { return false };
        let Some(left) = self.bytes.checked_sub(bytes) else { return false };
        (self.members, self.bytes) = (members, left);
        true
    }
}
