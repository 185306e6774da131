//! How a file looks, in numbers that need no parser.

use crate::facts::Measures;

/// Adds what the bytes say to what the parser counted.
pub(crate) fn of(bytes: &[u8], counted: Measures) -> Measures {
    let mut histogram = [0u64; 256];
    let (mut lines, mut longest, mut length) = (1u32, 0u32, 0u32);
    for byte in bytes {
        if let Some(count) = histogram.get_mut(usize::from(*byte)) {
            *count += 1;
        }
        if *byte == b'\n' {
            lines = lines.saturating_add(1);
            longest = longest.max(length);
            length = 0;
        } else {
            length = length.saturating_add(1);
        }
    }
    Measures {
        bytes: bytes.len() as u64,
        lines,
        longest_line: longest.max(length),
        entropy: entropy(&histogram, bytes.len()),
        ..counted
    }
}

/// Shannon entropy, in bits per byte.
fn entropy(histogram: &[u64; 256], total: usize) -> f32 {
    #[allow(clippy::cast_precision_loss)]
    let total = total as f64;
    #[allow(clippy::cast_precision_loss)]
    let shares = histogram.iter().filter(|count| **count > 0).map(|count| *count as f64 / total);
    let bits: f64 = shares.map(|share| -share * share.log2()).sum();
    #[allow(clippy::cast_possible_truncation)]
    let bits = bits as f32;
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_entropy_are_counted() {
        let measures = of(b"aaaa\nbb", Measures::default());
        assert_eq!((measures.bytes, measures.lines, measures.longest_line), (7, 2, 4));
        assert!(of(b"aaaa", Measures::default()).entropy < 0.01);
        assert!((of(b"abcd", Measures::default()).entropy - 2.0).abs() < 0.01);
    }
}
