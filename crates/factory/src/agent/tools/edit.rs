//! Changing the tree: `edit`, and `diff` that shows it.

use super::super::prompt::{bound, cut};
use super::{Done, View, look, path};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use trustmill_core::repair::{Patch, Role};

/// The longest text that is put in at once, and the largest file afterwards, in bytes.
const LONGEST_TEXT: usize = 32 << 10;
const LARGEST_FILE: usize = 1 << 20;
/// The most files that a repair changes.
const FILES: usize = 40;
/// The most bytes of a difference that is shown.
const DIFF: usize = 32 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    path: String,
    old: String,
    new: String,
}

pub(super) fn edit(asked: &Edit, view: &View<'_>) -> Done {
    if let Err(refused) = allowed(asked, view) {
        return refused;
    }
    let exists = view.tree.get(&asked.path).is_some();
    let after = match (asked.old.is_empty(), exists) {
        (true, true) => {
            return Done::refused("the file is there; give the text of it that is replaced as `old`");
        }
        (true, false) => asked.new.clone(),
        (false, _) => match replaced(asked, view) {
            Ok(after) => after,
            Err(refused) => return refused,
        },
    };
    if after.len() > LARGEST_FILE {
        return Done::refused(format!("the file would have more than {LARGEST_FILE} bytes"));
    }
    let mut tree = view.tree.clone();
    let bytes = after.len();
    tree.set(&asked.path, Some(Bytes::from(after)));
    if Patch::between(view.bench.tree(), &tree).edits.len() > FILES {
        return Done::refused(format!("a repair changes at most {FILES} files"));
    }
    Done { tree: Some(tree), ..Done::said(&json!({ "edited": asked.path, "bytes": bytes })) }
}

/// Whether the file may be changed at all.
fn allowed(asked: &Edit, view: &View<'_>) -> Result<(), Done> {
    let named = path(&asked.path)?;
    if asked.new.len() > LONGEST_TEXT || asked.old.len() > LONGEST_TEXT {
        return Err(Done::refused(format!("at most {LONGEST_TEXT} bytes are replaced at once")));
    }
    if asked.old == asked.new {
        return Err(Done::refused("`old` and `new` are the same"));
    }
    let folder = format!("{named}/");
    let beneath = |known: &String| named.starts_with(&format!("{known}/")) || known.starts_with(&folder);
    if view.tree.members.keys().any(beneath) {
        return Err(Done::refused("a file and a folder cannot have one name"));
    }
    let published = view.bench.tree().get(named).is_some();
    match view.bench.role(named) {
        Role::Code => Ok(()),
        Role::Test if !published => Ok(()),
        Role::Metadata if view.metadata => Ok(()),
        Role::Test => {
            Err(Done::refused("tests that the package has may not be changed; put new ones in a new file"))
        }
        Role::Metadata => Err(Done::refused("build settings may not be changed in this task")),
        Role::Docs => Err(Done::refused("documentation is no part of a repair")),
        Role::Vendored => Err(Done::refused("the file is a copy of another package: take it from there")),
        Role::Generated => Err(Done::refused("the file is generated: change what it is generated from")),
        Role::Workshop => Err(Done::refused("continuous integration and hooks are never part of a repair")),
    }
}

/// The file with its one place changed. Where the file ends its lines with CR LF and the model wrote LF, that is meant.
fn replaced(asked: &Edit, view: &View<'_>) -> Result<String, Done> {
    let text = look::file(&asked.path, view.tree)?;
    let is_dos = text.contains("\r\n") && !asked.old.contains('\r');
    let own = |text: &str| if is_dos { text.replace('\n', "\r\n") } else { text.to_owned() };
    let (old, new) =
        (own(&asked.old), if asked.new.contains('\r') { asked.new.clone() } else { own(&asked.new) });
    // Overlapping places are two places too.
    let mut places =
        text.char_indices().filter(|(at, _)| text.get(*at..).is_some_and(|rest| rest.starts_with(&old)));
    match (places.next(), places.next()) {
        (Some((at, _)), None) => {
            let (head, tail) = (text.get(..at), text.get(at + old.len()..));
            Ok([head.unwrap_or_default(), &new, tail.unwrap_or_default()].concat())
        }
        (None, _) => {
            Err(Done::refused("`old` does not stand in the file: `read` shows it, character for character"))
        }
        (Some(_), Some(_)) => {
            Err(Done::refused("`old` stands in the file more than once: take more of what is around it"))
        }
    }
}

pub(super) fn diff(view: &View<'_>) -> Done {
    let patch = Patch::between(view.bench.tree(), view.tree);
    if patch.is_empty() {
        return Done::said(&json!({ "diff": "nothing was changed so far" }));
    }
    Done::data(bound("diff", &unified(&patch), DIFF))
}

/// A patch as people read it.
pub fn unified(patch: &Patch) -> String {
    let mut out = String::new();
    for (path, edit) in &patch.edits {
        let side =
            |bytes: &Option<Bytes>| bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (before, after) = (side(&edit.before), side(&edit.after));
        let name = |side: &Option<String>, letter: &str| match side {
            Some(_) => format!("{letter}/{}", cut(path, 512)),
            None => "/dev/null".to_owned(),
        };
        let (old, new) = (before.clone().unwrap_or_default(), after.clone().unwrap_or_default());
        let changes = similar::TextDiff::from_lines(&old, &new);
        let (from, to) = (name(&before, "a"), name(&after, "b"));
        out.push_str(&changes.unified_diff().context_radius(3).header(&from, &to).to_string());
    }
    out
}
