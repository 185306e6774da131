//! Writing.

use crate::hunk::{Hunk, hunks};
use crate::lines::Lines;
use std::fmt::Write as _;

/// Lines around a change.
const AROUND: usize = 3;

/// The change of one file as git writes it; `None` stands for a file that is not there. Empty where nothing changed.
pub fn write(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    let (old, new) = (Lines::of(before.unwrap_or_default()), Lines::of(after.unwrap_or_default()));
    let all = hunks(&old.text, &new.text);
    let same_existence = before.is_some() == after.is_some();
    if same_existence && all.is_empty() {
        return String::new();
    }
    let mut out = format!("diff --git a/{path} b/{path}\n");
    match (before, after) {
        (None, _) => out.push_str("new file mode 100644\n"),
        (_, None) => out.push_str("deleted file mode 100644\n"),
        _ => {}
    }
    let from = before.map_or_else(|| "/dev/null".to_owned(), |_| format!("a/{path}"));
    let to = after.map_or_else(|| "/dev/null".to_owned(), |_| format!("b/{path}"));
    let _ = writeln!(out, "--- {from}\n+++ {to}");
    let mut rest = all.as_slice();
    while let Some(first) = rest.first() {
        let near = |pair: &[Hunk]| match pair {
            [one, next] => next.before.start - one.before.end <= 2 * AROUND,
            _ => false,
        };
        let count = 1 + rest.windows(2).take_while(|pair| near(pair)).count();
        let (group, others) = rest.split_at(count);
        rest = others;
        let last = group.last().unwrap_or(first);
        group_of(&mut out, group, (first, last), &old, &new, before, after);
    }
    out
}

fn group_of(
    out: &mut String,
    group: &[Hunk],
    (first, last): (&Hunk, &Hunk),
    old: &Lines<'_>,
    new: &Lines<'_>,
    before: Option<&str>,
    after: Option<&str>,
) {
    let lead = first.before.start.min(AROUND);
    let trail = AROUND.min(old.len() - last.before.end);
    let (from, to) = (first.before.start - lead, last.before.end + trail);
    let (new_from, new_to) = (first.after.start - lead, last.after.end + trail);
    let start = |from: usize, to: usize| if from == to { from } else { from + 1 };
    let _ = writeln!(
        out,
        "@@ -{},{} +{},{} @@",
        start(from, to),
        to - from,
        start(new_from, new_to),
        new_to - new_from
    );
    let open = |text: Option<&str>| text.is_some_and(|text| !text.is_empty() && !text.ends_with('\n'));
    let mut line = |sign: char, lines: &Lines<'_>, number: usize, open: bool| {
        let text = lines.text.get(number).copied().unwrap_or_default();
        let _ = writeln!(out, "{sign}{text}");
        if open && number + 1 == lines.len() {
            out.push_str("\\ No newline at end of file\n");
        }
    };
    let mut at = from;
    for hunk in group {
        (at..hunk.before.start).for_each(|number| line(' ', old, number, open(before)));
        hunk.before.clone().for_each(|number| line('-', old, number, open(before)));
        hunk.after.clone().for_each(|number| line('+', new, number, open(after)));
        at = hunk.before.end;
    }
    (at..to).for_each(|number| line(' ', old, number, open(before)));
}
