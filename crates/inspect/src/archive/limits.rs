//! How much a foreign archive may ask of us. Every reader takes one of these; there is no "no limit".

/// Limits on one archive. Sizes are in bytes, inflated unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members of any kind, directories and extension records included.
    pub members: usize,
    /// One member.
    pub member_bytes: u64,
    /// All members together; for a tar, the whole decompressed stream.
    pub total_bytes: u64,
    /// Largest ratio of inflated to compressed bytes once more than [`Limits::RATIO_FLOOR`] came out.
    pub ratio: u64,
    /// One path, and one extended tar header.
    pub path_bytes: usize,
}

impl Limits {
    /// What may come out of any archive, however well it compresses, before the ratio counts.
    pub const RATIO_FLOOR: u64 = 4 << 20;

    /// Whether `inflated` bytes out of `compressed` are more than the ratio allows.
    pub fn too_dense(&self, inflated: u64, compressed: u64) -> bool {
        inflated > Self::RATIO_FLOOR && inflated / compressed.max(1) > self.ratio
    }
}

impl Default for Limits {
    /// Room for the largest pure packages on a public registry, and for no bomb.
    fn default() -> Self {
        Self { members: 100_000, member_bytes: 512 << 20, total_bytes: 2 << 30, ratio: 200, path_bytes: 4096 }
    }
}
