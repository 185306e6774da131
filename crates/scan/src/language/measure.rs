//! How a file looks, in numbers that need no parser.

use crate::facts::Measures;

/// Adds what the bytes say to what the parser counted.
pub(crate) fn of(bytes: &[u8], counted: Measures) -> Measures {
    let (mut lines, mut longest, mut start) = (1u32, 0, 0);
    for end in memchr::memchr_iter(b'\n', bytes) {
        lines = lines.saturating_add(1);
        longest = longest.max(end - start);
        start = end + 1;
    }
    longest = longest.max(bytes.len() - start.min(bytes.len()));
    Measures {
        bytes: bytes.len() as u64,
        lines,
        longest_line: u32::try_from(longest).unwrap_or(u32::MAX),
        entropy: entropy(&histogram(bytes), bytes.len()),
        escaped: needless_escapes(bytes),
        ..counted
    }
}

/// Whether a name looks as obfuscators make them: `_0x1a2b`, `__`, `lIlIl`, `OoO0O`.
pub(crate) fn is_machine_name(name: &str) -> bool {
    let all = |set: &str| name.chars().all(|c| set.contains(c));
    name.starts_with("_0x")
        || (name.len() >= 3 && all("_"))
        || (name.len() >= 5 && (all("lI1i_") || all("oO0_")))
        || (name.len() >= 12 && name.chars().filter(|c| !c.is_ascii()).count() * 2 > name.chars().count())
}

/// Characters that are written as escapes where they could be written as themselves: `\x68`, `\150`, `\u0068`.
fn needless_escapes(bytes: &[u8]) -> u32 {
    let mut count = 0;
    for at in memchr::memchr_iter(b'\\', bytes) {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        let (digits, radix) = match rest {
            [b'x', digits @ ..] => (digits.get(..2), 16),
            [b'u', digits @ ..] => (digits.get(..4), 16),
            [b'0'..=b'3', ..] => (rest.get(..3), 8),
            _ => continue,
        };
        let value = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let value = value.and_then(|digits| u32::from_str_radix(digits, radix).ok());
        count += u32::from(value.is_some_and(|value| (0x21..0x7f).contains(&value)));
    }
    count
}

/// How often each byte is there. Counted in four tables by turns: one alone waits for itself where a byte repeats.
fn histogram(bytes: &[u8]) -> [u64; 256] {
    let mut tables = [[0u64; 256]; 4];
    let mut chunks = bytes.chunks_exact(4);
    let count = |table: &mut [u64; 256], byte: u8| {
        if let Some(count) = table.get_mut(usize::from(byte)) {
            *count += 1;
        }
    };
    for chunk in &mut chunks {
        tables.iter_mut().zip(chunk).for_each(|(table, byte)| count(table, *byte));
    }
    let [mut all, rest @ ..] = tables;
    chunks.remainder().iter().for_each(|byte| count(&mut all, *byte));
    for table in &rest {
        all.iter_mut().zip(table).for_each(|(all, one)| *all += one);
    }
    all
}

/// Shannon entropy, in bits per byte.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a measure, not a count")]
fn entropy(histogram: &[u64; 256], total: usize) -> f32 {
    let total = total as f64;
    let shares = histogram.iter().filter(|count| **count > 0).map(|count| *count as f64 / total);
    shares.map(|share| -share * share.log2()).sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_names_and_escapes_are_known() {
        for name in ["_0x1f2e", "____", "lIlIIl", "OO0O0"] {
            assert!(is_machine_name(name), "{name}");
        }
        for name in ["_", "__init__", "illusion", "io", "_0"] {
            assert!(!is_machine_name(name), "{name}");
        }
        assert_eq!(needless_escapes(br"\x68\150\u0068 \x00 \n \xff"), 3);
    }

    #[test]
    fn lines_and_entropy_are_counted() {
        let measures = of(b"aaaa\nbb", Measures::default());
        assert_eq!((measures.bytes, measures.lines, measures.longest_line), (7, 2, 4));
        assert!(of(b"aaaa", Measures::default()).entropy < 0.01);
        assert!((of(b"abcd", Measures::default()).entropy - 2.0).abs() < 0.01);
    }
}
