//! Blocks of a deflate stream as zlib writes them (RFC 1951, 3.2.3 to 3.2.7), held against a given stream.

#![expect(
    clippy::indexing_slicing,
    reason = "indices are symbols of fixed alphabets, and tables have one entry for each"
)]

use super::huffman::{Alphabet, Code, canonical, code, counts};
use std::sync::LazyLock;

/// One symbol of a block.
#[derive(Debug, Clone, Copy)]
pub(super) enum Symbol {
    /// A byte.
    Literal(u8),
    /// `len` bytes (3 to 258) from `distance` bytes (1 to 32768) before.
    Match {
        /// Bytes.
        len: usize,
        /// Bytes before.
        distance: usize,
    },
}

const END: usize = 256;
const LITERALS: Alphabet =
    Alphabet { symbols: 286, max_bits: 15, extra: length_extra, fixed: Some(fixed_literal) };
const DISTANCES: Alphabet = Alphabet { symbols: 30, max_bits: 15, extra: distance_extra, fixed: Some(|_| 5) };
const LENGTHS: Alphabet = Alphabet { symbols: 19, max_bits: 7, extra: repeat_extra, fixed: None };
/// The order in which the lengths of the code for lengths are written.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

fn length_extra(symbol: usize) -> u32 {
    match symbol {
        265..285 => u32::try_from((symbol - 261) / 4).unwrap_or_default(),
        _ => 0,
    }
}

fn distance_extra(symbol: usize) -> u32 {
    u32::try_from((symbol / 2).saturating_sub(1)).unwrap_or_default()
}

fn repeat_extra(symbol: usize) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

fn fixed_literal(symbol: usize) -> u32 {
    match symbol {
        0..144 | 280.. => 8,
        144..256 => 9,
        256..280 => 7,
    }
}

/// For each length less three: its symbol, and the first length of that symbol.
static LENGTH_SYMBOLS: LazyLock<Vec<(usize, u32)>> = LazyLock::new(|| {
    let mut table: Vec<(usize, u32)> = ranges(257..285, length_extra).take(256).collect();
    // 258 has a symbol of its own.
    table[255] = (285, 255);
    table
});

/// For each distance less one: its symbol, and the first distance of that symbol.
static DISTANCE_SYMBOLS: LazyLock<Vec<(usize, u32)>> =
    LazyLock::new(|| ranges(0..30, distance_extra).collect());

fn ranges(symbols: std::ops::Range<usize>, extra: fn(usize) -> u32) -> impl Iterator<Item = (usize, u32)> {
    let mut first = 0;
    symbols.flat_map(move |symbol| {
        let start = first;
        first += 1 << extra(symbol);
        (start..first).map(move |_| (symbol, start))
    })
}

/// The fixed codes for literals and distances.
static FIXED: LazyLock<(Table, Table)> = LazyLock::new(|| {
    let table = |bits: Vec<u32>| Table { codes: canonical(&bits, &counts(&bits)), bits };
    (table((0..288).map(fixed_literal).collect()), table(vec![5; 30]))
});

struct Table {
    bits: Vec<u32>,
    codes: Vec<u32>,
}

impl From<Code> for Table {
    fn from(code: Code) -> Self {
        Self { bits: code.bits, codes: code.codes }
    }
}

/// Writes blocks, and compares them with the stream as they come.
pub(super) struct Writer<'a> {
    /// What is left of the stream; without one, what is written is kept.
    stream: Option<&'a [u8]>,
    out: Vec<u8>,
    bits: u64,
    held: u32,
}

impl<'a> Writer<'a> {
    pub(super) fn new(stream: Option<&'a [u8]>) -> Self {
        Self { stream, out: Vec::new(), bits: 0, held: 0 }
    }

    /// Whether the whole stream was written.
    pub(super) fn is_at_end(&self) -> bool {
        self.stream.is_none_or(<[u8]>::is_empty) && self.held == 0
    }

    #[cfg(test)]
    pub(super) fn into_written(self) -> Vec<u8> {
        self.out
    }

    fn put(&mut self, value: u32, bits: u32) {
        self.bits |= u64::from(value) << self.held;
        self.held += bits;
        while self.held >= 8 {
            self.out.push((self.bits & 0xff) as u8);
            self.bits >>= 8;
            self.held -= 8;
        }
    }

    fn align(&mut self) {
        let rest = (8 - self.held % 8) % 8;
        self.put(0, rest);
    }

    /// One block: stored where `bytes` are at hand and it is no longer, else with the shorter codes.
    pub(super) fn block(
        &mut self,
        symbols: &[Symbol],
        bytes: Option<&[u8]>,
        len: usize,
        last: bool,
    ) -> Option<()> {
        let (literals, distances) = frequencies(symbols);
        let (literals, distances) = (code(&LITERALS, &literals), code(&DISTANCES, &distances));
        let runs: Vec<Run> =
            [&literals, &distances].into_iter().flat_map(|code| runs(&code.bits[..=code.last])).collect();
        let mut frequency = [0; 19];
        runs.iter().for_each(|run| frequency[run.symbol] += 1);
        let lengths = code(&LENGTHS, &frequency);
        let sent = (3..19).rev().find(|at| lengths.bits[ORDER[*at]] != 0).unwrap_or(3) + 1;
        let header = 3 * i64::try_from(sent).unwrap_or_default() + 14;
        let whole = |bits: i64| (bits + 3 + 7) >> 3;
        let dynamic = whole(literals.cost + distances.cost + lengths.cost + header);
        let fixed = whole(literals.fixed_cost + distances.fixed_cost);
        let stored = i64::try_from(len).unwrap_or(i64::MAX).saturating_add(4);
        match bytes {
            Some(bytes) if stored <= dynamic.min(fixed) => self.stored(bytes, last),
            _ if fixed <= dynamic => {
                self.put(u32::from(last) | 1 << 1, 3);
                self.symbols(symbols, &FIXED.0, &FIXED.1);
            }
            _ => {
                self.put(u32::from(last) | 2 << 1, 3);
                self.put(u32::try_from(literals.last + 1 - 257).ok()?, 5);
                self.put(u32::try_from(distances.last + 1 - 1).ok()?, 5);
                self.put(u32::try_from(sent - 4).ok()?, 4);
                ORDER.iter().take(sent).for_each(|at| self.put(lengths.bits[*at], 3));
                for run in &runs {
                    self.put(lengths.codes[run.symbol], lengths.bits[run.symbol]);
                    self.put(run.extra, repeat_extra(run.symbol));
                }
                self.symbols(symbols, &literals.into(), &distances.into());
            }
        }
        if last {
            self.align();
        }
        if let Some(stream) = self.stream {
            self.stream = Some(stream.strip_prefix(&self.out[..])?);
            self.out.clear();
        }
        Some(())
    }

    fn stored(&mut self, bytes: &[u8], last: bool) {
        self.put(u32::from(last), 3);
        self.align();
        let len = u32::try_from(bytes.len()).unwrap_or_default() & 0xffff;
        self.put(len, 16);
        self.put(!len & 0xffff, 16);
        self.out.extend(bytes);
    }

    fn symbols(&mut self, symbols: &[Symbol], literals: &Table, distances: &Table) {
        for symbol in symbols {
            match *symbol {
                Symbol::Literal(byte) => {
                    let at = usize::from(byte);
                    self.put(literals.codes[at], literals.bits[at]);
                }
                Symbol::Match { len, distance } => {
                    let (at, first) = LENGTH_SYMBOLS[len - 3];
                    self.put(literals.codes[at], literals.bits[at]);
                    self.put(u32::try_from(len - 3).unwrap_or_default() - first, length_extra(at));
                    let (at, first) = DISTANCE_SYMBOLS[distance - 1];
                    self.put(distances.codes[at], distances.bits[at]);
                    self.put(u32::try_from(distance - 1).unwrap_or_default() - first, distance_extra(at));
                }
            }
        }
        self.put(literals.codes[END], literals.bits[END]);
    }
}

fn frequencies(symbols: &[Symbol]) -> ([u32; 286], [u32; 30]) {
    let (mut literals, mut distances) = ([0; 286], [0; 30]);
    literals[END] = 1;
    for symbol in symbols {
        match *symbol {
            Symbol::Literal(byte) => literals[usize::from(byte)] += 1,
            Symbol::Match { len, distance } => {
                literals[LENGTH_SYMBOLS[len - 3].0] += 1;
                distances[DISTANCE_SYMBOLS[distance - 1].0] += 1;
            }
        }
    }
    (literals, distances)
}

/// One symbol of the code for lengths: a length, or so many times the one before, or zero.
struct Run {
    symbol: usize,
    extra: u32,
}

/// Runs of lengths, cut where zlib cuts them.
fn runs(bits: &[u32]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut before = None;
    let mut at = 0;
    while let Some(&length) = bits.get(at) {
        // What starts another length may be repeated seven times, the length itself included.
        let most = match length {
            0 => 138,
            _ if before == Some(length) => 6,
            _ => 7,
        };
        let count = bits[at..].iter().take(most).take_while(|other| **other == length).count();
        at += count;
        let least = if length == 0 || before == Some(length) { 3 } else { 4 };
        let plain = Run { symbol: length as usize, extra: 0 };
        let extra = |less: usize| u32::try_from(count - less).unwrap_or_default();
        if count < least {
            runs.extend((0..count).map(|_| Run { symbol: length as usize, extra: 0 }));
        } else if length == 0 && count <= 10 {
            runs.push(Run { symbol: 17, extra: extra(3) });
        } else if length == 0 {
            runs.push(Run { symbol: 18, extra: extra(11) });
        } else if before == Some(length) {
            runs.push(Run { symbol: 16, extra: extra(3) });
        } else {
            runs.extend([plain, Run { symbol: 16, extra: extra(4) }]);
        }
        before = Some(length);
    }
    runs
}
