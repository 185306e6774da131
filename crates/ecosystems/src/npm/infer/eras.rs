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
pub(in crate::npm) fn at(when: Timestamp) -> (u32, &'static str) {
    let since = |line: &&Line| line.since.parse::<Timestamp>().is_ok_and(|since| since <= when);
    LINES.iter().find(since).map_or((10, "6"), |line| (line.node, line.npm))
}

/// The npm lines whose pack rules differ: what is always included, and how ignore files are read.
pub(in crate::npm) const NPMS: [&str; 4] = ["10", "6", "8", "11"];

/// The oldest Node that is installed from npm.
pub(in crate::npm) const NODE_OLDEST: u32 = 10;

/// The newest line that tools of any age are tried on.
pub(in crate::npm) const NODE_NEWEST: u32 = 22;

/// Lines of pnpm by the day of their first release, newest first.
const PNPMS: [(&str, &str); 5] = [
    ("2025-01-07T00:00:00Z", "10"),
    ("2024-04-16T00:00:00Z", "9"),
    ("2023-03-27T00:00:00Z", "8"),
    ("2022-05-01T00:00:00Z", "7"),
    ("2021-03-27T00:00:00Z", "6"),
];

/// The newest line of pnpm at `when`.
pub(in crate::npm) fn pnpm_at(when: Timestamp) -> &'static str {
    let since = |(since, _): &&(&str, &str)| since.parse::<Timestamp>().is_ok_and(|since| since <= when);
    PNPMS.iter().find(since).map_or("5", |(_, line)| line)
}

/// The npm that reads a lockfile of this version: `npm`, unless the lockfile is newer than it.
pub(in crate::npm) fn npm_for(lock: u32, npm: &str) -> &str {
    match npm.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(0..=6) if lock >= 2 => "8",
        _ => npm,
    }
}

/// The first line from that of `when` on that a range of `engines` allows; `None` where the range is not understood
/// or no line fits.
pub(in crate::npm) fn allowed(when: Timestamp, range: &str) -> Option<u32> {
    let (from, _) = at(when);
    // A line's newest release stands for the line: a range that wants more than a line's first has it then.
    let fits = |node: u32| {
        let newest = semver::Version::new(u64::from(node), 99, 99);
        range.split("||").filter_map(requirement).any(|wanted| wanted.matches(&newest))
    };
    let later = LINES.iter().rev().map(|line| line.node).filter(|node| *node >= from);
    let earlier = LINES.iter().map(|line| line.node).filter(|node| *node < from);
    later.chain(earlier).find(|node| fits(*node))
}

/// One alternative of an npm range, as far as it is written as cargo writes it too.
fn requirement(text: &str) -> Option<semver::VersionReq> {
    let mut joined = String::new();
    for word in text.split_whitespace() {
        let operator = joined.ends_with(['<', '>', '=', '^', '~']);
        if !joined.is_empty() && !operator {
            joined.push(',');
        }
        joined.push_str(word);
    }
    semver::VersionReq::parse(if joined.is_empty() { "*" } else { &joined }).ok()
}

/// A Node that runs an npm of this version: what npm itself asks for in `engines`.
pub(in crate::npm) fn node_for(npm: &str) -> u32 {
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
        let in_2021 = |range| allowed("2021-11-01T00:00:00Z".parse().unwrap(), range);
        assert_eq!(in_2021(">=12"), Some(16));
        assert_eq!(in_2021(">= 18.2"), Some(18));
        assert_eq!(in_2021("14 >=14.17 || >=20"), Some(20));
        assert_eq!(in_2021("^12.20.0"), Some(12));
        assert_eq!((in_2021("1 - 2"), in_2021(">=99"), in_2021("")), (None, None, Some(16)));
        assert_eq!((node_for("6.14.8"), node_for("11"), node_for("junk")), (12, 22, 22));
    }
}
