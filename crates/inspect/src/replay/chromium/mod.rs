//! The deflate of Node.js: zlib as Chromium keeps it, which `npm pack` and its like compress with.
//!
//! It is stock zlib but for the hash of its dictionary, with which it finds other matches. There is no crate of it;
//! so it is written here, from RFC 1951 and the behaviour of zlib's lazy matcher
//! (levels 4 to 9), and held against Node.js by tests. Only for comparison with a published
//! stream.

mod block;
mod huffman;

use block::{Symbol, Writer};
use std::sync::LazyLock;

const WINDOW: usize = 32 << 10;
const MASK: usize = WINDOW - 1;
const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = 258;
/// Fewer bytes ahead than this, and the window is filled up.
const MIN_LOOKAHEAD: usize = MAX_MATCH + MIN_MATCH + 1;
const MAX_DISTANCE: usize = WINDOW - MIN_LOOKAHEAD;
/// A match of three bytes from farther away costs more than three literals.
const TOO_FAR: usize = 4096;
/// Symbols of a block at memory level 8.
const BLOCK_SYMBOLS: usize = (16 << 10) - 1;

/// How hard a level looks for matches.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// A match as long as this makes the next search shorter.
    good: usize,
    /// A match as long as this ends the search for a better one at the next byte.
    lazy: usize,
    /// A match as long as this ends the search.
    nice: usize,
    /// Candidates that are looked at.
    chain: usize,
}

const fn effort(good: usize, lazy: usize, nice: usize, chain: usize) -> Effort {
    Effort { good, lazy, nice, chain }
}

/// zlib's table for the levels of the lazy matcher.
fn effort_of(level: u8) -> Option<Effort> {
    Some(match level {
        4 => effort(4, 4, 16, 16),
        5 => effort(8, 16, 32, 32),
        6 => effort(8, 16, 128, 128),
        7 => effort(8, 32, 128, 256),
        8 => effort(32, 128, 258, 1024),
        9 => effort(32, 258, 258, 4096),
        _ => return None,
    })
}

/// How the dictionary is hashed. Read as: four bytes, the first one lowest, to a number.
type Hash = fn(u32) -> u32;

/// A variant of the compressor, by the hash that it uses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Variant {
    /// Multiplication of four bytes: Node.js since about 2022.
    Current,
    /// CRC-32C, which processors have an instruction for: three bytes from level 6 on, else four.
    Castagnoli,
}

impl Variant {
    fn hash(self, level: u8) -> Hash {
        match self {
            Self::Current => |bytes| bytes.wrapping_mul(66_521).wrapping_add(66_521) >> 16,
            Self::Castagnoli if level >= 6 => |bytes| crc32c(bytes & 0xff_ffff),
            Self::Castagnoli => crc32c,
        }
    }
}

/// CRC-32C of each byte.
static CRC32C: LazyLock<[u32; 256]> = LazyLock::new(|| {
    const REFLECTED: u32 = 0x82f6_3b78;
    let step = |crc: u32, _: u32| (crc >> 1) ^ if crc & 1 == 1 { REFLECTED } else { 0 };
    std::array::from_fn(|byte| (0..8).fold(u32::try_from(byte).unwrap_or_default(), step))
});

/// What the instruction of x86 (SSE 4.2) and ARM makes of four bytes, starting from zero.
fn crc32c(bytes: u32) -> u32 {
    let step = |crc: u32| (crc >> 8) ^ CRC32C.get((crc & 0xff) as usize).copied().unwrap_or_default();
    step(step(step(step(bytes))))
}

/// Whether compressing `input` gives just `stream`; stops at the first block that differs.
pub(super) fn gives(variant: Variant, level: u8, input: &[u8], stream: &[u8]) -> bool {
    let Some(effort) = effort_of(level) else { return false };
    let mut matcher = Matcher::new(input, effort, variant.hash(level), Writer::new(Some(stream)));
    matcher.run().is_some() && matcher.writer.is_at_end()
}

/// zlib's sliding window and its chains of positions with one hash.
struct Matcher<'a> {
    input: &'a [u8],
    effort: Effort,
    hash: Hash,
    writer: Writer<'a>,
    /// Two windows, and room for a read of four bytes at the end.
    window: Vec<u8>,
    head: Vec<u16>,
    prev: Vec<u16>,
    /// Where the next byte to code is in the window.
    at: usize,
    /// Bytes of input behind it in the window.
    ahead: usize,
    /// Where the block starts; negative once it has slid out of the window.
    block_start: isize,
    symbols: Vec<Symbol>,
}

/// A match: how many bytes, and where they are.
#[derive(Clone, Copy, Default)]
struct Match {
    len: usize,
    start: usize,
}

/// `None` as soon as the stream is known to be another one.
type Same = Option<()>;

#[expect(
    clippy::indexing_slicing,
    reason = "positions stay below two windows and hashes below their table, as in zlib; a property test holds it"
)]
impl<'a> Matcher<'a> {
    fn new(input: &'a [u8], effort: Effort, hash: Hash, writer: Writer<'a>) -> Self {
        Self {
            input,
            effort,
            hash,
            writer,
            window: vec![0; 2 * WINDOW + 8],
            head: vec![0; WINDOW],
            prev: vec![0; WINDOW],
            at: 0,
            ahead: 0,
            block_start: 0,
            symbols: Vec::with_capacity(BLOCK_SYMBOLS),
        }
    }

    fn run(&mut self) -> Same {
        let mut found = Match { len: MIN_MATCH - 1, start: 0 };
        let mut pending = false;
        loop {
            if self.ahead < MIN_LOOKAHEAD {
                // A match that counts is in the upper window when this slides.
                found.start = found.start.saturating_sub(self.fill());
                if self.ahead == 0 {
                    break;
                }
            }
            let earlier = found;
            found = self.search(earlier);
            if earlier.len >= MIN_MATCH && found.len <= earlier.len {
                self.take(earlier)?;
                (pending, found.len) = (false, MIN_MATCH - 1);
                continue;
            }
            if pending {
                self.literal()?;
            }
            pending = true;
            self.at += 1;
            self.ahead -= 1;
        }
        if pending {
            self.symbols.push(Symbol::Literal(self.window[self.at - 1]));
        }
        self.flush(true)
    }

    /// The match at this byte, if one is worth looking for after `earlier`, that of the byte before.
    fn search(&mut self, earlier: Match) -> Match {
        let none = Match { len: MIN_MATCH - 1, start: earlier.start };
        let head = if self.ahead >= MIN_MATCH { self.insert(self.at) } else { 0 };
        if head == 0 || earlier.len >= self.effort.lazy || self.at - head > MAX_DISTANCE {
            return none;
        }
        let found = self.longest(head, earlier);
        let far = found.len == MIN_MATCH && self.at - found.start > TOO_FAR;
        if far { Match { len: MIN_MATCH - 1, ..found } } else { found }
    }

    /// Codes the match of the byte before, and enters what it covers into the dictionary.
    fn take(&mut self, earlier: Match) -> Same {
        let last = (self.at + self.ahead).saturating_sub(MIN_MATCH);
        let distance = self.at - 1 - earlier.start;
        self.symbols.push(Symbol::Match { len: earlier.len, distance });
        self.ahead -= earlier.len - 1;
        for _ in 0..earlier.len - 2 {
            self.at += 1;
            if self.at <= last {
                self.insert(self.at);
            }
        }
        self.at += 1;
        if self.symbols.len() == BLOCK_SYMBOLS { self.flush(false) } else { Some(()) }
    }

    fn literal(&mut self) -> Same {
        self.symbols.push(Symbol::Literal(self.window[self.at - 1]));
        if self.symbols.len() == BLOCK_SYMBOLS { self.flush(false) } else { Some(()) }
    }

    fn flush(&mut self, last: bool) -> Same {
        let bytes = usize::try_from(self.block_start).ok().map(|start| &self.window[start..self.at]);
        let len = isize::try_from(self.at).ok()? - self.block_start;
        self.writer.block(&self.symbols, bytes, usize::try_from(len).ok()?, last)?;
        self.symbols.clear();
        self.block_start = isize::try_from(self.at).ok()?;
        Some(())
    }

    /// Enters the four bytes at `at`; the last position that had the same hash, or zero.
    fn insert(&mut self, at: usize) -> usize {
        let bytes = self.window[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let hash = (self.hash)(bytes) as usize & MASK;
        let head = self.head[hash];
        self.prev[at & MASK] = head;
        // The window has 2^16 bytes.
        self.head[hash] = (at & 0xffff) as u16;
        usize::from(head)
    }

    fn longest(&self, head: usize, earlier: Match) -> Match {
        let mut best = Match { len: earlier.len, start: earlier.start };
        let mut left =
            if earlier.len >= self.effort.good { self.effort.chain >> 2 } else { self.effort.chain };
        let nice = self.effort.nice.min(self.ahead);
        let limit = self.at.saturating_sub(MAX_DISTANCE);
        let scan = &self.window[self.at..];
        let mut candidate = head;
        loop {
            let other = &self.window[candidate..];
            let promising = other[best.len] == scan[best.len]
                && other[best.len - 1] == scan[best.len - 1]
                && other[..2] == scan[..2];
            if promising {
                // The third byte follows from the hash.
                let same = scan[3..=MAX_MATCH].iter().zip(&other[3..]).take_while(|(a, b)| a == b).count();
                let len = (3 + same).min(MAX_MATCH);
                if len > best.len {
                    best = Match { len, start: candidate };
                    if len >= nice {
                        break;
                    }
                }
            }
            candidate = usize::from(self.prev[candidate & MASK]);
            left -= 1;
            if candidate <= limit || left == 0 {
                break;
            }
        }
        Match { len: best.len.min(self.ahead), ..best }
    }

    /// Slides the window if it is nearly through, and reads as much input as it has room for. By how much
    /// positions moved down.
    fn fill(&mut self) -> usize {
        let mut slid = 0;
        loop {
            if self.at >= WINDOW + MAX_DISTANCE {
                // What lies behind the input stays as it is: the last hashes look at it.
                let held = self.at + self.ahead;
                self.window.copy_within(WINDOW..held, 0);
                self.at -= WINDOW;
                slid += WINDOW;
                self.block_start -= WINDOW.cast_signed();
                for position in self.head.iter_mut().chain(&mut self.prev) {
                    *position = position.saturating_sub(1 << 15);
                }
            }
            let end = self.at + self.ahead;
            let len = self.input.len().min(2 * WINDOW - end);
            let (now, later) = self.input.split_at(len);
            self.window[end..end + len].copy_from_slice(now);
            self.input = later;
            self.ahead += len;
            if self.ahead >= MIN_LOOKAHEAD || self.input.is_empty() {
                return slid;
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::{Decompress, FlushDecompress};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use trustmill_core::Sha256;

    fn compress(variant: Variant, level: u8, input: &[u8]) -> Vec<u8> {
        let effort = effort_of(level).unwrap();
        let mut matcher = Matcher::new(input, effort, variant.hash(level), Writer::new(None));
        matcher.run().unwrap();
        matcher.writer.into_written()
    }

    /// The expected digests are those of `zlib.deflateRawSync(sample, { level })` of Node.js 20.20.
    #[test]
    fn it_is_the_deflate_of_node() {
        let sample = crate::replay::deflate::tests::sample();
        for (level, want) in [
            (4, "634289324014bb3d2df49c81484ef487fdbfa28f7eba5326e360eb436ef5fb9a"),
            (5, "e4f48037b6b7134cc6547921570f2127b00b1b0c73bb4ec0b02e3e2f81f7c70d"),
            (6, "75d85fca56b936f07a032c79ef3ccd3dcf80315321ce5c660536357bf90cd742"),
            (7, "97a93a99c5a224cc4b62401cfe58d9fbf90381a53471ccf5e181ad35e5db1bf6"),
            (8, "5915b26473575d530ea23f0e28a573032bda001bca6e92209628579acd26c2da"),
            (9, "5915b26473575d530ea23f0e28a573032bda001bca6e92209628579acd26c2da"),
        ] {
            let stream = compress(Variant::Current, level, &sample);
            assert_eq!(Sha256::of(&stream).to_hex(), want, "level {level}");
            assert!(gives(Variant::Current, level, &sample, &stream));
            assert!(!gives(Variant::Current, level, &sample, &stream[..stream.len() - 1]));
            assert!(!gives(Variant::Current, level, &sample, &[&stream[..], b"x"].concat()));
            assert!(!gives(Variant::Castagnoli, level, &sample, &stream));
        }
        assert!(!gives(Variant::Current, 3, &sample, &sample));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_it_writes_inflates_to_what_it_read(
            pieces in vec((vec(any::<u8>(), 0..40), 1_usize..3000), 0..20),
            words in 1_u8..=255,
            level in 4_u8..10,
            castagnoli in any::<bool>(),
        ) {
            let pieces = pieces.iter().flat_map(|(piece, times)| piece.repeat(*times));
            let input: Vec<u8> = pieces.map(|byte| byte % words).take(200_000).collect();
            let variant = if castagnoli { Variant::Castagnoli } else { Variant::Current };
            let stream = compress(variant, level, &input);
            let mut out = Vec::with_capacity(input.len() + 1);
            Decompress::new(false).decompress_vec(&stream, &mut out, FlushDecompress::Finish).unwrap();
            prop_assert!(out == input);
            prop_assert!(gives(variant, level, &input, &stream));
        }
    }
}
