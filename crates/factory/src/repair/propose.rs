//! A change that somebody else proposes, as a candidate.

use super::Task;
use bytes::Bytes;
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Candidate, Edit, Patch, Proposer, Role};
use trustmill_patch::unified::{self, FileChange};

/// The candidate that a unified difference is; why it is none, in words.
pub(super) fn candidate(
    task: &Task,
    workshop: &dyn Workshop,
    difference: &str,
    by: &str,
) -> Result<Candidate, String> {
    let files = unified::read(difference).map_err(|error| error.to_string())?;
    let with_tests = task.with_tests(&task.tree);
    let (mut fix, mut tests) = (Patch::default(), Patch::default());
    for file in files {
        let path = file.after.as_ref().or(file.before.as_ref()).cloned();
        let Some(path) = path else { return Err("a change names no file".to_owned()) };
        let is_test = workshop.role(&path) == Role::Test;
        let edit = edit(&file, &path, if is_test { &with_tests } else { &task.tree })?;
        let patch = if is_test { &mut tests } else { &mut fix };
        if patch.edits.insert(path.clone(), edit).is_some() {
            return Err(format!("{path} is changed twice"));
        }
    }
    let proposer = Proposer::Person { name: by.chars().filter(|c| !c.is_control()).take(100).collect() };
    Ok(Candidate { proposer, derived_from: Vec::new(), fix, tests })
}

fn edit(file: &FileChange, path: &str, tree: &Contents) -> Result<Edit, String> {
    if file.binary {
        return Err(format!("{path} is changed in bytes that no line says"));
    }
    if file.before.as_ref().zip(file.after.as_ref()).is_some_and(|(before, after)| before != after) {
        return Err(format!("{path} is renamed, which a repair does not do"));
    }
    let before = tree.get(path).map(|member| member.bytes.clone());
    let text = match &before {
        Some(bytes) => std::str::from_utf8(bytes).map_err(|_| format!("{path} is no text"))?,
        None => "",
    };
    let after = match &file.after {
        None => None,
        Some(_) => Some(unified::apply(text, &file.runs).map_err(|error| format!("{path}: {error}"))?),
    };
    Ok(Edit { before, after: after.map(Bytes::from) })
}
