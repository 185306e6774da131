//! Looking at the tree and at logs: `list`, `read`, `search`, `log`.

use super::super::prompt::{bound, cut};
use super::{Done, View, path};
use serde::Deserialize;
use serde_json::json;
use trustmill_core::content::Contents;

/// The most files that `list` shows at once.
const FILES: usize = 300;
/// The most lines and bytes that `read` shows at once.
const LINES: usize = 400;
const READ: usize = 24 << 10;
/// The most lines that `search` shows, and of each the most characters.
const HITS: usize = 60;
const HIT: usize = 200;
/// The longest text that is searched for.
const LONGEST_SEARCH: usize = 400;
/// The most bytes of a log at once.
const LOG: usize = 16 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    #[serde(default)]
    under: String,
    #[serde(default)]
    from: usize,
}

pub(super) fn list(asked: &List, view: &View<'_>) -> Done {
    let all = view.tree.members.iter().filter(|(path, _)| path.starts_with(&asked.under));
    let total = all.clone().count();
    let shown = all
        .skip(asked.from)
        .take(FILES)
        .map(|(path, member)| json!([cut(path, HIT), member.bytes.len(), view.bench.role(path)]).to_string());
    let lines: Vec<String> = shown.collect();
    Done::data(bound(
        &format!("files {} to {} of {total}", asked.from, asked.from + lines.len()),
        &lines.join("\n"),
        READ,
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    path: String,
    #[serde(default)]
    from: usize,
    lines: Option<usize>,
}

pub(super) fn read(asked: &Read, view: &View<'_>) -> Done {
    let text = match file(&asked.path, view.tree) {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    let from = asked.from.max(1);
    let total = text.lines().count();
    let wanted = asked.lines.unwrap_or(LINES).min(LINES);
    // Line ends stay as they are: what is replaced later has to match them.
    let lines: String = text.split_inclusive('\n').skip(from - 1).take(wanted).collect();
    let name = format!("{}, from line {from} of {total}", asked.path);
    Done::data(bound(&name, &lines, READ))
}

/// A text file of the tree.
pub(super) fn file<'a>(named: &str, tree: &'a Contents) -> Result<&'a str, Done> {
    let named = path(named)?;
    let member = tree
        .get(named)
        .ok_or_else(|| Done::refused("there is no such file; `list` shows those there are"))?;
    member.text().ok_or_else(|| Done::refused("the file is no text"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    text: String,
    #[serde(default)]
    under: String,
    #[serde(default)]
    ignore_case: bool,
}

pub(super) fn search(asked: &Search, view: &View<'_>) -> Done {
    if asked.text.is_empty() || asked.text.len() > LONGEST_SEARCH || asked.text.contains('\n') {
        return Done::refused(format!("search for 1 to {LONGEST_SEARCH} bytes within one line"));
    }
    let fold = |text: &str| if asked.ignore_case { text.to_lowercase() } else { text.to_owned() };
    let wanted = fold(&asked.text);
    let mut hits = Vec::new();
    let mut more = false;
    'files: for (path, member) in view.tree.members.iter().filter(|(path, _)| path.starts_with(&asked.under))
    {
        let Some(text) = member.text() else { continue };
        for (at, line) in text.lines().enumerate() {
            let found = if asked.ignore_case { fold(line).contains(&wanted) } else { line.contains(&wanted) };
            if !found {
                continue;
            }
            if hits.len() == HITS {
                more = true;
                break 'files;
            }
            hits.push(format!("{path}:{}: {}", at + 1, cut(line, HIT)));
        }
    }
    let name = format!("{} lines found{}", hits.len(), if more { ", and there are more" } else { "" });
    Done::data(bound(&name, &hits.join("\n"), READ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    name: Option<String>,
    #[serde(default)]
    from: usize,
}

pub(super) fn log(asked: &Log, view: &View<'_>) -> Done {
    let logs = view.bench.logs();
    let Some(name) = &asked.name else {
        let names: Vec<_> = logs.iter().map(|(name, text)| json!([name, text.len()])).collect();
        return Done::said(&json!({ "logs": names }));
    };
    let Some(text) = logs.get(name) else {
        return Done::refused("there is no such log; without a name they are listed");
    };
    let mut from = asked.from.min(text.len());
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let rest = text.get(from..).unwrap_or_default();
    Done::data(bound(&format!("{name}, from byte {from} of {}", text.len()), rest, LOG))
}
