//! The version is the repaired one, and everything else that the metadata says is as it was.

use super::builds::{Built, is_source};
use crate::repair::Task;
use trustmill_core::content::Contents;
use trustmill_core::repair::{Candidate, Proposer};
use trustmill_inspect::wheel::{check_record, is_dist_info};

pub(super) fn check(task: &Task, candidate: &Candidate, built: &Built) -> Result<((), String), String> {
    let version = task.repaired.version().unwrap_or_default();
    for (name, new, old) in &built.pairs {
        if name.ends_with(".whl") {
            wheel(name, new, old, version, candidate)?;
        }
    }
    let spelled =
        |name: &str| name.replace(['-', '_', '+'], ".").contains(&version.replace(['-', '_', '+'], "."));
    if let Some((name, _)) = built.files.iter().find(|(name, _)| !spelled(name)) {
        return Err(format!("{name} does not carry the version {version}"));
    }
    if !built.files.iter().any(|(name, _)| is_source(name)) {
        return Err("no source archive came out".to_owned());
    }
    Ok(((), format!("the version is {version}, and nothing else that the metadata says has changed")))
}

fn wheel(
    name: &str,
    new: &Contents,
    old: &Contents,
    version: &str,
    candidate: &Candidate,
) -> Result<(), String> {
    let text = |contents: &Contents, file: &str| {
        let found = contents.members.iter().find(|(path, _)| is_dist_info(path, file));
        found.and_then(|(_, member)| member.text().map(str::to_owned))
    };
    let metadata = text(new, "METADATA").ok_or_else(|| format!("{name} has no METADATA"))?;
    let before = text(old, "METADATA").unwrap_or_default();
    let stated = |text: &str, field: &str| -> Vec<String> {
        let head = text.lines().take_while(|line| !line.is_empty());
        head.filter_map(|line| line.strip_prefix(field)?.strip_prefix(": "))
            .map(|value| value.trim().to_owned())
            .collect()
    };
    if stated(&metadata, "Version") != [version] {
        return Err(format!(
            "{name} says version {}, expected {version}",
            stated(&metadata, "Version").join(", ")
        ));
    }
    let bumps = matches!(&candidate.proposer, Proposer::Strategy { name, .. } if name == "dependency");
    for field in ["Name", "Requires-Dist", "Requires-Python", "Provides-Extra"] {
        let may = bumps && field == "Requires-Dist";
        if !may && stated(&metadata, field) != stated(&before, field) {
            return Err(format!("{name} says another {field} than the unpatched release"));
        }
    }
    if text(new, "entry_points.txt") != text(old, "entry_points.txt") {
        return Err(format!("{name} has other entry points than the unpatched release"));
    }
    recorded(name, new)
}

/// `RECORD` lists every member with its digest.
fn recorded(name: &str, wheel: &Contents) -> Result<(), String> {
    match check_record(wheel).first() {
        None => Ok(()),
        Some(problem) => Err(format!("{name}: {problem}")),
    }
}
