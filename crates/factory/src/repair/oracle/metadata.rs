//! The version is the repaired one, and everything else that the metadata says is as it was.

use super::builds::Built;
use crate::repair::Task;
use crate::repair::strategy::bumps;
use std::collections::BTreeMap;
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Candidate;
use trustmill_inspect::wheel::check_record;

pub(super) fn check(
    task: &Task,
    candidate: &Candidate,
    built: &Built,
    workshop: &dyn Workshop,
) -> Result<((), String), String> {
    let version = task.repaired.version().unwrap_or_default();
    let bumps = bumps(&candidate.proposer);
    for (name, new, old) in &built.pairs {
        let (now, before) = (workshop.stated(name, new)?, workshop.stated(name, old)?);
        if now.version != version {
            return Err(format!("{name} says version {}, expected {version}", now.version));
        }
        match bumps {
            true => same(name, &unbounded(&now.dependencies), &unbounded(&before.dependencies))?,
            false => same(name, &now.dependencies, &before.dependencies)?,
        }
        same(name, &now.other, &before.other)?;
        if name.ends_with(".whl") {
            recorded(name, new)?;
        }
    }
    let plain = |text: &str| text.replace(['-', '_', '+'], ".");
    let spelled = |name: &str| plain(name).contains(&plain(version));
    if let Some((name, _)) = built.files.iter().find(|(name, _)| !spelled(name)) {
        return Err(format!("{name} does not carry the version {version}"));
    }
    let rest = if bumps {
        "nothing else but which releases of others it takes"
    } else {
        "nothing else that the metadata says"
    };
    Ok(((), format!("the version is {version}, and {rest} has changed")))
}

fn same(name: &str, now: &BTreeMap<String, String>, before: &BTreeMap<String, String>) -> Result<(), String> {
    let mut fields = now.keys().chain(before.keys());
    match fields.find(|field| now.get(*field) != before.get(*field)) {
        None => Ok(()),
        Some(field) => Err(format!("{name} says another {field} than the unpatched release")),
    }
}

/// What is needed, whichever versions of it.
fn unbounded(dependencies: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let bare = |text: &String| -> String {
        text.chars()
            .filter(|c| !c.is_ascii_digit() && !c.is_whitespace() && !"<>=~^!,.*|()".contains(*c))
            .collect()
    };
    dependencies.iter().map(|(name, text)| (name.clone(), bare(text))).collect()
}

/// `RECORD` lists every member with its digest.
fn recorded(name: &str, wheel: &Contents) -> Result<(), String> {
    match check_record(wheel).first() {
        None => Ok(()),
        Some(problem) => Err(format!("{name}: {problem}")),
    }
}
