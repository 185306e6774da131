//! GitHub's workflow commands: problems beside the lines that pin them.
//!
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>. A runner reads commands out of
//! whatever a step prints, so that foreign text must neither begin a line nor carry a command of the older form,
//! `##[…]`, which is found anywhere in one.

use super::check::{accepted, badness, because, release, totals};
use super::clean;
use crate::cmd::Checked;
use crate::out::write;
use trustmill_core::advisory::Severity;
use trustmill_factory::audit::{Hit, Place};

/// Prints a command for each place of each problem and of what was not checked, then the totals.
pub(crate) fn print(checked: &Checked) {
    let mut lines = lines(checked);
    lines.push(totals(checked));
    write(&(lines.join("\n") + "\n"));
}

fn lines(checked: &Checked) -> Vec<String> {
    let audit = &checked.audit;
    let problems =
        audit.findings.iter().flat_map(|hit| hit.places.iter().map(move |place| problem(hit, place)));
    let skipped = audit.skipped.iter().map(|skipped| {
        let (file, line) = trustmill_factory::audit::place(&skipped.origin);
        let what = format!("{}: {}", skipped.entry, skipped.why);
        command("notice", file, line, "not checked", &what)
    });
    problems.chain(skipped).collect()
}

fn problem(hit: &Hit, place: &Place) -> String {
    let level = match hit.severity {
        _ if hit.ignored.is_some() => "notice",
        _ if hit.malicious => "error",
        _ if hit.informational => "notice",
        Severity::Critical | Severity::High | Severity::Unknown => "error",
        Severity::Medium | Severity::Low => "warning",
    };
    let id = hit.ids.first().map(String::as_str).unwrap_or_default();
    let title = format!("{} ({}): {}", release(&hit.release), badness(hit), id);
    let way = if place.way.len() > 1 {
        format!(" It is there through {}.", place.way.join(" > "))
    } else {
        String::new()
    };
    let ignored =
        hit.ignored.iter().map(|ignore| format!(" It is {}.", accepted(ignore))).collect::<String>();
    let what = format!(
        "{}. {} ({}): {}.{way}{ignored}",
        hit.summary.trim_end_matches('.'),
        hit.ids.join(", "),
        because(hit.matched),
        hit.remedy
    );
    command(level, &place.file, place.line, &title, &what)
}

fn command(level: &str, file: &str, line: Option<usize>, title: &str, message: &str) -> String {
    let line = line.map(|line| format!(",line={line}")).unwrap_or_default();
    format!("::{level} file={}{line},title={}::{}", property(file), property(title), data(message))
}

/// A message: what would end it, and what the runner would take for an escape, is escaped.
fn data(text: &str) -> String {
    let text = clean(text).replace("##[", "## [");
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value ends at a comma or a colon too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_makes_no_command() {
        let line =
            command("error", "a,b:c%0A.txt", Some(3), "t\n::error::x", "m%0A::error ::y\r\n##[add-path]z");
        assert_eq!(
            line,
            "::error file=a%2Cb%3Ac%250A.txt,line=3,title=t?%3A%3Aerror%3A%3Ax::m%250A::error ::y??## [add-path]z"
        );
        assert_eq!(line.lines().count(), 1);
    }
}
