//! Rates and how well they are known: a rate without its interval says more than was measured.

use serde::Serialize;

/// A count of a total, with the interval in which the true rate lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// The lower end, from 0 to 1.
    pub low: f64,
    /// The upper end, from 0 to 1.
    pub high: f64,
}

impl Rate {
    /// A rate with Wilson's score interval (E. B. Wilson, JASA 22, 1927), which holds for few and for rare as well.
    pub fn new(count: usize, of: usize) -> Self {
        const Z: f64 = 1.959_964;
        if of == 0 {
            return Self { count, of, low: 0.0, high: 1.0 };
        }
        #[expect(clippy::cast_precision_loss, reason = "no set has 2^52 packages")]
        let (n, p) = (of as f64, count as f64 / of as f64);
        let z2 = Z * Z;
        let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let (low, high) = ((middle - half).max(0.0), (middle + half).min(1.0));
        // At the ends the formula gives 0 and 1 but for rounding.
        Self {
            count,
            of,
            low: if count == 0 { 0.0 } else { low },
            high: if count == of { 1.0 } else { high },
        }
    }

    /// The rate itself, from 0 to 1; 0 of nothing is 0.
    #[expect(clippy::cast_precision_loss, reason = "no set has 2^52 packages")]
    pub fn value(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.count as f64 / self.of as f64 }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.of == 0 {
            return f.write_str("none");
        }
        let percent = |x: f64| x * 100.0;
        write!(
            f,
            "{}/{} = {:.2} % [{:.2}, {:.2}]",
            self.count,
            self.of,
            percent(self.value()),
            percent(self.low),
            percent(self.high)
        )
    }
}

/// The value below which `share` (0 to 1) of the sorted values lie, by the nearest rank.
pub fn quantile(sorted: &[u64], share: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product lies within the slice's length"
    )]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).or(sorted.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_are_those_of_the_literature() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        let close = |rate: Rate, low: f64, high: f64| {
            assert!((rate.low - low).abs() < 5e-5 && (rate.high - high).abs() < 5e-5, "{rate:?}");
        };
        close(Rate::new(81, 263), 0.2553, 0.3662);
        close(Rate::new(15, 148), 0.0624, 0.1605);
        close(Rate::new(0, 20), 0.0, 0.1611);
        close(Rate::new(1, 29), 0.0061, 0.1718);
    }

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        assert_eq!(quantile(&[1, 2, 9], 0.5), 2);
        assert_eq!(quantile(&[1, 2, 9], 0.99), 9);
        assert_eq!(quantile(&[], 0.5), 0);
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_rate(of in 1_usize..5000, part in 0.0_f64..1.0) {
            let count = (of as f64 * part) as usize;
            let rate = Rate::new(count, of);
            prop_assert!(rate.low <= rate.value() + 1e-12 && rate.value() <= rate.high + 1e-12);
            prop_assert!((0.0..=1.0).contains(&rate.low) && (0.0..=1.0).contains(&rate.high));
        }
    }
}
