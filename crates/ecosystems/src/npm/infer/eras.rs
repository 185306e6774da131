//! Which Node and which npm a publisher most likely used, where nobody recorded it.
//!
//! Node's release schedule (<https://github.com/nodejs/release>) and the npm that came with each line.

use jiff::Timestamp;

/// A line of Node with long-term support: since when, and the npm that came with it then.
struct Line {
    since: &'static str,
    node: u32,
    npm: &'static str,
}

/// Newest first.
const LINES: &[Line] = &[
    Line { since: "2025-10-28T00:00:00Z", node: 24, npm: "11" },
    Line { since: "2024-10-29T00:00:00Z", node: 22, npm: "10" },
    Line { since: "2023-10-24T00:00:00Z", node: 20, npm: "10" },
    Line { since: "2022-10-25T00:00:00Z", node: 18, npm: "9" },
    Line { since: "2021-10-26T00:00:00Z", node: 16, npm: "8" },
    Line { since: "2020-10-27T00:00:00Z", node: 14, npm: "6" },
    Line { since: "2019-10-21T00:00:00Z", node: 12, npm: "6" },
    Line { since: "2018-10-30T00:00:00Z", node: 10, npm: "6" },
];

/// Node and npm of the newest line with long-term support at `when`.
pub(super) fn at(when: Timestamp) -> (u32, &'static str) {
    let since = |line: &&Line| line.since.parse::<Timestamp>().is_ok_and(|since| since <= when);
    LINES.iter().find(since).map_or((10, "6"), |line| (line.node, line.npm))
}

/// The npm lines whose pack rules differ: what is always included, and how ignore files are read.
pub(super) const NPMS: [&str; 4] = ["10", "6", "8", "11"];

/// The newest line that tools of any age are tried on.
pub(super) const NODE_NEWEST: u32 = 22;

/// A Node that runs an npm of this version: what npm itself asks for in `engines`.
pub(super) fn node_for(npm: &str) -> u32 {
    match npm.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(0..=6) => 12,
        Some(7..=8) => 16,
        Some(9..=10) => 20,
        _ => 22,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_day() {
        assert_eq!(at("2024-06-01T00:00:00Z".parse().unwrap()), (20, "10"));
        assert_eq!(at("2020-12-01T00:00:00Z".parse().unwrap()), (14, "6"));
        assert_eq!(at("2011-01-01T00:00:00Z".parse().unwrap()), (10, "6"));
        assert_eq!((node_for("6.14.8"), node_for("11"), node_for("junk")), (12, 22, 22));
    }
}
