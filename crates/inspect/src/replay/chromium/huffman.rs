//! Huffman codes of limited length, chosen among equals as zlib chooses (RFC 1951, 3.2.2, leaves that open).

#![expect(
    clippy::indexing_slicing,
    reason = "indices are symbols of an alphabet and nodes of a heap, bounded by the lengths of both"
)]

/// Nodes of the largest tree: twice the symbols of literals and lengths, and one.
const NODES: usize = 2 * 286 + 1;
const MAX_BITS: usize = 15;

/// An alphabet: what zlib knows of it beforehand.
pub(super) struct Alphabet {
    /// Symbols.
    pub(super) symbols: usize,
    /// Bits of the longest code.
    pub(super) max_bits: usize,
    /// Extra bits behind each symbol.
    pub(super) extra: fn(usize) -> u32,
    /// Bits of each symbol's fixed code (RFC 1951, 3.2.6), where there is one.
    pub(super) fixed: Option<fn(usize) -> u32>,
}

/// A code: bits and code of each symbol, and what coding all of them costs.
pub(super) struct Code {
    /// Bits of each symbol, zero where it does not occur.
    pub(super) bits: Vec<u32>,
    /// The codes, first bit lowest.
    pub(super) codes: Vec<u32>,
    /// The last symbol that has a code.
    pub(super) last: usize,
    /// Bits of all symbols with this code, extra bits included.
    pub(super) cost: i64,
    /// Bits of all symbols with the fixed code, extra bits included.
    pub(super) fixed_cost: i64,
}

/// zlib's priority queue, whose order among equals decides the code.
struct Heap {
    nodes: Vec<usize>,
    len: usize,
    frequency: Vec<u32>,
    depth: Vec<u32>,
}

impl Heap {
    fn smaller(&self, a: usize, b: usize) -> bool {
        let key = |node: usize| (self.frequency[node], self.depth[node]);
        key(a) <= key(b)
    }

    fn down(&mut self, mut at: usize) {
        let node = self.nodes[at];
        let mut child = 2 * at;
        while child <= self.len {
            if child < self.len && self.smaller(self.nodes[child + 1], self.nodes[child]) {
                child += 1;
            }
            if self.smaller(node, self.nodes[child]) {
                break;
            }
            self.nodes[at] = self.nodes[child];
            at = child;
            child *= 2;
        }
        self.nodes[at] = node;
    }

    fn pop(&mut self) -> usize {
        let top = self.nodes[1];
        self.nodes[1] = self.nodes[self.len];
        self.len -= 1;
        self.down(1);
        top
    }
}

/// The code for symbols that occur as often as `frequency` says.
pub(super) fn code(alphabet: &Alphabet, frequency: &[u32]) -> Code {
    let mut heap =
        Heap { nodes: vec![0; NODES + 1], len: 0, frequency: frequency.to_vec(), depth: vec![0; NODES] };
    heap.frequency.resize(NODES, 0);
    let (mut cost, mut fixed_cost, mut last) = (0_i64, 0_i64, 0);
    for symbol in (0..alphabet.symbols).filter(|symbol| frequency[*symbol] != 0) {
        heap.len += 1;
        heap.nodes[heap.len] = symbol;
        last = symbol;
    }
    let mut none_yet = heap.len == 0;
    // A code has two symbols at least, so that no code has no bits.
    while heap.len < 2 {
        let symbol = if none_yet {
            0
        } else if last < 2 {
            last + 1
        } else {
            0
        };
        if none_yet || last < 2 {
            last = symbol;
        }
        none_yet = false;
        heap.len += 1;
        heap.nodes[heap.len] = symbol;
        heap.frequency[symbol] = 1;
        cost -= 1;
        fixed_cost -= alphabet.fixed.map_or(0, |fixed| i64::from(fixed(symbol)));
    }
    let (order, parents) = merge(&mut heap, alphabet.symbols);
    let mut bits = vec![0_u32; NODES];
    let counts = lengths(alphabet, &order, &parents, last, &mut bits);
    bits.truncate(alphabet.symbols);
    for (symbol, bits) in bits.iter().enumerate().filter(|(_, bits)| **bits != 0) {
        let (times, extra) = (i64::from(heap.frequency[symbol]), i64::from((alphabet.extra)(symbol)));
        cost += times * (i64::from(*bits) + extra);
        fixed_cost += alphabet.fixed.map_or(0, |fixed| times * (i64::from(fixed(symbol)) + extra));
    }
    let codes = canonical(&bits, &counts);
    Code { bits, codes, last, cost, fixed_cost }
}

/// Joins the two rarest nodes until one is left. All nodes from the root down, and the parent of each.
fn merge(heap: &mut Heap, symbols: usize) -> (Vec<usize>, Vec<usize>) {
    (1..=heap.len / 2).rev().for_each(|at| heap.down(at));
    let (mut parents, mut order, mut node) = (vec![0; NODES], Vec::new(), symbols);
    loop {
        let rarest = heap.pop();
        let next = heap.nodes[1];
        order.extend([rarest, next]);
        heap.frequency[node] = heap.frequency[rarest] + heap.frequency[next];
        heap.depth[node] = heap.depth[rarest].max(heap.depth[next]) + 1;
        (parents[rarest], parents[next]) = (node, node);
        heap.nodes[1] = node;
        heap.down(1);
        node += 1;
        if heap.len < 2 {
            break;
        }
    }
    order.push(heap.nodes[1]);
    order.reverse();
    (order, parents)
}

/// The bits of each symbol, none above the limit; and how many symbols have so many bits.
fn lengths(
    alphabet: &Alphabet,
    order: &[usize],
    parents: &[usize],
    last: usize,
    bits: &mut [u32],
) -> [u32; MAX_BITS + 1] {
    let max = alphabet.max_bits;
    let mut counts = [0_u32; MAX_BITS + 1];
    let mut too_long = 0;
    for node in order.iter().copied().skip(1) {
        let wanted = bits[parents[node]] as usize + 1;
        let given = wanted.min(max);
        too_long += i32::from(wanted > max);
        bits[node] = u32::try_from(given).unwrap_or_default();
        if node <= last {
            counts[given] += 1;
        }
    }
    if too_long == 0 {
        return counts;
    }
    while too_long > 0 {
        let mut at = max - 1;
        while counts[at] == 0 {
            at -= 1;
        }
        counts[at] -= 1;
        counts[at + 1] += 2;
        counts[max] -= 1;
        too_long -= 2;
    }
    // The rarest symbols come last in the order and get the longest codes.
    let mut rarest = order.iter().copied().rev().filter(|node| *node <= last);
    for length in (1..=max).rev() {
        for node in rarest.by_ref().take(counts[length] as usize) {
            bits[node] = u32::try_from(length).unwrap_or_default();
        }
    }
    counts
}

/// Codes of one length are consecutive, in the order of their symbols (RFC 1951, 3.2.2).
pub(super) fn canonical(bits: &[u32], counts: &[u32; MAX_BITS + 1]) -> Vec<u32> {
    let mut next = [0_u32; MAX_BITS + 1];
    for length in 1..=MAX_BITS {
        next[length] = (next[length - 1] + counts[length - 1]) << 1;
    }
    let mut codes = vec![0; bits.len()];
    for (symbol, length) in bits.iter().enumerate().filter(|(_, length)| **length != 0) {
        let code = next[*length as usize];
        next[*length as usize] += 1;
        codes[symbol] = code.reverse_bits() >> (32 - length);
    }
    codes
}

/// How many of `bits` have each length.
pub(super) fn counts(bits: &[u32]) -> [u32; MAX_BITS + 1] {
    let mut counts = [0; MAX_BITS + 1];
    bits.iter().filter(|length| **length != 0).for_each(|length| counts[*length as usize] += 1);
    counts
}
