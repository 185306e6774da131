//! Versions order and normalise as the tool that wrote PEP 440 down has them.
//!
//! `fixtures/pep440_order.txt` was written by `fixtures/pep440_order.py` from `packaging`: a line per
//! version, its normalised spelling first, in ascending order; lines with `!` are no versions.

use std::cmp::Ordering;
use trustmill_ecosystems::pypi::version;

const CORPUS: &str = include_str!("../fixtures/pep440_order.txt");

fn lines() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    CORPUS.lines().map(|line| {
        let mut spellings = line.split('\t');
        (spellings.next().unwrap(), spellings.collect())
    })
}

#[test]
fn the_order_is_that_of_packaging() {
    let versions: Vec<_> = lines().filter(|(normal, _)| *normal != "!").collect();
    assert!(versions.len() > 1000);
    for pair in versions.windows(2) {
        let ((low, lows), (high, highs)) = (&pair[0], &pair[1]);
        for (low_spelt, high_spelt) in lows.iter().zip(highs.iter().cycle()) {
            assert_eq!(version::compare(low_spelt, high_spelt), Ordering::Less, "{low} < {high}");
        }
    }
}

#[test]
fn spellings_of_one_version_meet() {
    for (normal, spellings) in lines().filter(|(normal, _)| *normal != "!") {
        for spelt in spellings {
            assert_eq!(version::compare(normal, spelt), Ordering::Equal, "{normal} {spelt:?}");
            let ours = version::normalise(spelt).unwrap();
            assert_eq!(version::compare(&ours, normal), Ordering::Equal, "{spelt:?}");
            assert_eq!(version::normalise(&ours).as_ref(), Some(&ours), "normalising is done once");
        }
    }
}

#[test]
fn what_packaging_refuses_is_refused() {
    let refused: Vec<_> = lines().filter(|(normal, _)| *normal == "!").flat_map(|(_, texts)| texts).collect();
    assert!(refused.len() > 5);
    for text in refused {
        assert_eq!(version::normalise(text), None, "{text:?}");
    }
}
