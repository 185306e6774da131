//! Links of a source archive: a link inside the tree becomes a copy of what it means.

use super::SdistError;
use crate::archive::path::shown;
use crate::archive::{LimitError, Limits};
use trustmill_core::content::{Contents, Member};

/// Links through links through links: more than this is no honest archive.
const ROUNDS: usize = 8;

/// A link as recorded.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Relative to the link's folder; for a hard link, to the root of the archive.
    pub(super) target: String,
    /// A hard link.
    pub(super) hard: bool,
}

/// Adds to `contents` a copy of what each link means; paths are below `top`.
pub(super) fn resolve(
    contents: &mut Contents,
    links: Vec<(String, Link)>,
    top: &str,
    limits: &Limits,
) -> Result<(), SdistError> {
    let mut open = Vec::with_capacity(links.len());
    for (path, link) in links {
        let target = target(&path, &link, top)
            .ok_or_else(|| SdistError::LinkLeaves { name: shown(&path), target: shown(&link.target) })?;
        open.push((path, link, target));
    }
    let mut budget = Budget::new(contents, limits);
    for _ in 0..ROUNDS {
        // Files first: a folder is copied once the links in it are there.
        let waiting = open.len();
        open = pass(contents, open, &mut budget, file)?;
        if open.len() == waiting {
            open = pass(contents, open, &mut budget, folder)?;
        }
        if open.is_empty() || open.len() == waiting {
            break;
        }
    }
    match open.first() {
        None => Ok(()),
        Some((path, link, _)) => {
            Err(SdistError::LinkDangles { name: shown(path), target: shown(&link.target) })
        }
    }
}

type Open = (String, Link, String);
type Copies = Vec<(String, Member)>;

fn pass(
    contents: &mut Contents,
    open: Vec<Open>,
    budget: &mut Budget<'_>,
    find: fn(&Contents, &Open) -> Copies,
) -> Result<Vec<Open>, SdistError> {
    let mut left = Vec::new();
    for link in open {
        let copies = find(contents, &link);
        if copies.is_empty() {
            left.push(link);
            continue;
        }
        for (path, member) in copies {
            budget.spend(&member)?;
            contents.order.push(path.clone());
            contents.members.insert(path, member);
        }
    }
    Ok(left)
}

fn file(contents: &Contents, (path, _, target): &Open) -> Copies {
    contents.get(target).map(|member| (path.clone(), member.clone())).into_iter().collect()
}

fn folder(contents: &Contents, (path, link, target): &Open) -> Copies {
    let prefix = format!("{target}/");
    // A folder that holds the link itself would be copied into itself.
    if link.hard || target.is_empty() || path.starts_with(&prefix) {
        return Copies::new();
    }
    let below = contents.members.range(prefix.clone()..);
    below
        .map_while(|(member, data)| {
            member.strip_prefix(&prefix).map(|rest| (format!("{path}/{rest}"), data.clone()))
        })
        .collect()
}

/// Where a link points, below `top`; `None` if that is not inside.
fn target(path: &str, link: &Link, top: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    if link.hard {
        let below = link.target.strip_prefix("./").unwrap_or(&link.target).strip_prefix(top)?;
        return below
            .strip_prefix('/')
            .filter(|p| crate::archive::path::check(p, usize::MAX).is_ok())
            .map(str::to_owned);
    }
    if link.target.starts_with('/') || link.target.contains('\\') || link.target.chars().any(char::is_control)
    {
        return None;
    }
    parts.extend(path.split('/'));
    parts.pop();
    for component in link.target.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// What copies may still take: they count as members do.
struct Budget<'a> {
    members: usize,
    bytes: u64,
    limits: &'a Limits,
}

impl<'a> Budget<'a> {
    fn new(contents: &Contents, limits: &'a Limits) -> Self {
        let bytes = contents.members.values().map(|member| member.bytes.len() as u64).sum();
        Self { members: contents.members.len(), bytes, limits }
    }

    fn spend(&mut self, member: &Member) -> Result<(), LimitError> {
        self.members += 1;
        self.bytes = self.bytes.saturating_add(member.bytes.len() as u64);
        if self.members > self.limits.members {
            return Err(LimitError::Members { limit: self.limits.members });
        }
        if self.bytes > self.limits.total_bytes {
            return Err(LimitError::TotalBytes { limit: self.limits.total_bytes });
        }
        Ok(())
    }
}
