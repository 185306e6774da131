//! Links of Markdown files that lead nowhere.

use crate::report::Problem;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeSet;

/// The files that relative links name and the anchors that they want there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Line of the link.
    pub(crate) line: usize,
    /// The file, from the top of the workspace; the linking file itself for a bare `#anchor`.
    pub(crate) file: String,
    /// The heading, as its anchor.
    pub(crate) anchor: Option<String>,
}

/// The relative links of a Markdown file; `Err` for one that climbs out of the project.
pub(crate) fn links(file: &str, text: &str) -> Vec<Result<Link, Problem>> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .into_offset_iter()
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((dest_url, range.start))
            }
            _ => None,
        })
        .filter(|(url, _)| !url.contains("://") && !url.starts_with("mailto:"))
        .map(|(url, at)| {
            let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
            let (path, anchor) =
                url.split_once('#').map_or((&*url, None), |(path, anchor)| (path, Some(anchor)));
            resolve(file, path).map(|file| Link { line, file, anchor: anchor.map(str::to_owned) }).ok_or_else(
                || Problem::new(format!("{file}:{line}"), format!("the link {url:?} leaves the project")),
            )
        })
        .collect()
}

/// The anchors of a Markdown file's headings, as forges make them.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let free = (1..).map(|n| format!("{slug}-{n}")).find(|name| !anchors.contains(name));
                let name = if anchors.contains(&slug) { free.unwrap_or(slug) } else { slug };
                anchors.insert(name);
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// `path` as seen from the folder of `file`; `None` if it climbs out.
fn resolve(file: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(file.to_owned());
    }
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_are_resolved_and_others_left() {
        let text = "# A\n[a](b.md#c) [d](../x/) [e](https://example.com) [f](#a)\n```\n[g](no.md)\n```\n";
        let found: Vec<_> = links("docs/a.md", text).into_iter().map(|link| link.unwrap()).collect();
        let link = |file: &str, anchor: Option<&str>| Link {
            line: 2,
            file: file.into(),
            anchor: anchor.map(Into::into),
        };
        assert_eq!(found, [link("docs/b.md", Some("c")), link("x", None), link("docs/a.md", Some("a"))]);
        assert!(links("a.md", "[up](../b.md)").remove(0).is_err());
    }

    #[test]
    fn anchors_are_those_of_a_forge() {
        let text = "# What it `does`, and why?\n## Same\n## Same\n";
        assert_eq!(anchors(text), ["same", "same-1", "what-it-does-and-why"].map(String::from).into());
    }
}
