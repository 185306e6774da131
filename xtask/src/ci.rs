//! `cargo xtask ci`: what must hold before anything lands, cheapest first.

use crate::report::{self, Failure};
use crate::{deny, docs, fmt, layers, lint, map, needs, test};
use std::time::{Duration, Instant};

type Step = (&'static str, fn(&[String]) -> Result<(), Failure>);

/// The tests come last, so that their runner's closing line is what one sees at the end.
const STEPS: &[Step] = &[
    ("needs", |_| needs::check()),
    ("fmt", fmt::run),
    ("layers", layers::run),
    ("map", map::run),
    ("deny", deny::run),
    ("lint", lint::run),
    ("docs", docs::run),
    ("test", test::run),
];

/// Runs the steps in order and stops at the first that fails.
pub(crate) fn run(_: &[String]) -> Result<(), Failure> {
    let start = Instant::now();
    let mut times = Vec::new();
    for (index, (name, step)) in STEPS.iter().enumerate() {
        println!("\n==== {name} ({} of {}) ====", index + 1, STEPS.len());
        let begun = Instant::now();
        let result = step(&[]);
        times.push(format!("{name} {}", minutes(begun.elapsed())));
        if let Err(failure) = result {
            eprint!("{}", report::render(&failure));
            return Err(Failure::Program { command: format!("cargo xtask {name}") });
        }
    }
    println!("ci: all {} steps hold, in {} ({})", STEPS.len(), minutes(start.elapsed()), times.join(", "));
    Ok(())
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1}s", time.as_secs_f64())
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_for_people() {
        assert_eq!(minutes(Duration::from_millis(1_234)), "1.2s");
        assert_eq!(minutes(Duration::from_secs(125)), "2m05s");
    }

    #[test]
    fn the_tests_come_last() {
        assert_eq!(STEPS.last().map(|(name, _)| *name), Some("test"));
    }
}
