//! `yarn.lock` of yarn classic (v1); that of berry, which has the same name, is handed on.
//!
//! Classic's format is its own: indented keys and quoted words
//! (<https://classic.yarnpkg.com/lang/en/docs/yarn-lock/>). It has no platform and no development in it, so
//! everything that it holds is a pin.

use super::berry;
use super::error;
use super::gather::{Entry, Gathered};
use super::graph::Draft;
use super::locator::{Locator, elsewhere, locate};
use super::target::Target;
use super::text::{MAX_ENTRIES, Text, shown};
use std::collections::HashSet;
use trustmill_core::lockfile::{LockfileError, Pins, Scope};

/// Reads a lock.
pub(super) fn read(text: &Text, target: &Target) -> Result<Pins, LockfileError> {
    if text.text.lines().any(|line| line.starts_with("__metadata:")) {
        return berry::read(text, target);
    }
    if !text.text.lines().take(10).any(|line| line.trim_end() == "# yarn lockfile v1") {
        let help = "lock again with yarn; v1 and the berry format with `__metadata` are read";
        return Err(error::version(&text.line(1), "the first lines do not name a version".into(), help));
    }
    let mut gathered = Gathered::default();
    let mut seen = HashSet::new();
    for block in blocks(text)? {
        for pattern in &block.patterns {
            if !seen.insert(pattern.clone()) {
                let what = format!("{:?} is there twice", shown(pattern));
                return Err(error::syntax(&block.origin, what));
            }
        }
        block.take(&mut gathered)?;
        block.node(&mut gathered.graph);
    }
    Ok(gathered.finish())
}

/// One entry: the ranges that it answers, and what they came to.
#[derive(Debug, Default)]
struct Block {
    origin: String,
    patterns: Vec<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    /// Patterns of what it needs.
    needs: Vec<String>,
}

impl Block {
    /// Puts the entry into the graph. Classic's lock does not hold the project, so it has no root.
    fn node(&self, graph: &mut Draft) {
        let name = self.patterns.first().and_then(|pattern| split(pattern)).map(|(name, _)| name);
        let (Some(name), Some(version)) = (name, &self.version) else { return };
        let at = graph.entry(name, version, self.patterns.iter().cloned());
        self.needs.iter().for_each(|pattern| graph.needs(at, pattern.clone()));
    }

    fn take(&self, gathered: &mut Gathered) -> Result<(), LockfileError> {
        let Some(first) = self.patterns.first() else {
            return Err(error::syntax(&self.origin, "an entry without a name"));
        };
        let missing =
            |what: &str| error::inconsistent(&self.origin, format!("{:?} has no {what}", shown(first)));
        let version = self.version.as_deref().ok_or_else(|| missing("version"))?;
        let mut names = Vec::new();
        for pattern in &self.patterns {
            let (name, range) = split(pattern).ok_or_else(|| {
                error::syntax(&self.origin, format!("{:?} names no package", shown(pattern)))
            })?;
            if let Some(why) = elsewhere(range) {
                gathered.skip(first, &self.origin, why);
                return Ok(());
            }
            names.push(name);
        }
        names.dedup();
        let [name] = names.as_slice() else {
            let what = format!("{:?} is one entry for several packages", shown(&self.patterns.join(", ")));
            return Err(error::contradiction(&self.origin, what));
        };
        if let Some(address) = &self.resolved
            && let Locator::Elsewhere(why) = locate(address, name, version, &self.origin)?
        {
            gathered.skip(first, &self.origin, why);
            return Ok(());
        }
        // Before 1.10 the digest stands behind the address, as SHA-1.
        let fragment =
            self.resolved.as_deref().and_then(|address| address.split_once('#')).map(|(_, hex)| hex);
        let old = fragment.and_then(sri_of_sha1);
        let integrity = self.integrity.as_deref().or(old.as_deref());
        gathered.pin(&Entry { name, version, integrity, scope: Scope::Runtime, licence: None }, &self.origin)
    }
}

/// The package and the range of `NAME@RANGE`, an alias followed to what it stands for.
pub(super) fn split(pattern: &str) -> Option<(&str, &str)> {
    let at = pattern.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at)?;
    let (name, range) = (pattern.get(..at)?, pattern.get(at + 1..)?);
    let Some(target) = range.strip_prefix("npm:") else { return Some((name, range)) };
    let alias = target.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
    match alias {
        Some(at) => Some((target.get(..at)?, target.get(at + 1..)?)),
        // `npm:1.2.3` is a range of the package itself, `npm:other` any version of another.
        None if target.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@') => Some((target, "")),
        None => Some((name, target)),
    }
}

fn sri_of_sha1(hex: &str) -> Option<String> {
    use base64::Engine as _;
    let checksum: trustmill_core::digest::Checksum = format!("sha1:{hex}").parse().ok()?;
    let raw = base64::engine::general_purpose::STANDARD.encode(checksum.as_bytes());
    Some(format!("sha1-{raw}"))
}

fn blocks(text: &Text) -> Result<Vec<Block>, LockfileError> {
    let mut blocks: Vec<Block> = Vec::new();
    for (at, line) in text.text.lines().enumerate() {
        let origin = text.line(at + 1);
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let words = words(content).ok_or_else(|| error::syntax(&origin, "a quote is not closed"))?;
        match (line.len() - content.len(), blocks.last_mut()) {
            (0, _) => {
                if blocks.len() == MAX_ENTRIES {
                    return Err(error::limit(&origin, format!("more than {MAX_ENTRIES} entries")));
                }
                blocks.push(Block { patterns: patterns(&words, &origin)?, origin, ..Block::default() });
            }
            (2, Some(block)) => property(block, &words, &origin)?,
            // What a package depends on; each of them has an entry of its own.
            (4, Some(block)) => {
                if let [name, range] = words.as_slice() {
                    block.needs.push(format!("{}@{}", name.text, range.text));
                }
            }
            _ => return Err(error::syntax(&origin, "indented as no entry is")),
        }
    }
    Ok(blocks)
}

fn patterns(words: &[Word], origin: &str) -> Result<Vec<String>, LockfileError> {
    let mut out = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let last = at + 1 == words.len();
        let end = if last { Some(':') } else { Some(',') };
        if word.end != end {
            return Err(error::syntax(origin, "expected names with commas between and a colon behind"));
        }
        out.push(word.text.clone());
    }
    Ok(out)
}

fn property(block: &mut Block, words: &[Word], origin: &str) -> Result<(), LockfileError> {
    let (key, value) = match words {
        [key, value] => (key.text.as_str(), value.text.clone()),
        // `dependencies:` and `optionalDependencies:` open a list.
        [_] => return Ok(()),
        _ => return Err(error::syntax(origin, "expected a key and a value")),
    };
    let place = match key {
        "version" => &mut block.version,
        "resolved" => &mut block.resolved,
        "integrity" => &mut block.integrity,
        _ => return Ok(()),
    };
    if place.replace(value).is_some() {
        return Err(error::syntax(origin, format!("{key} is there twice")));
    }
    Ok(())
}

/// A word, and the comma or colon that ends it.
struct Word {
    text: String,
    end: Option<char>,
}

/// Words apart by blanks; JSON strings are one word. `None` where a quote is not closed.
fn words(line: &str) -> Option<Vec<Word>> {
    let mut out = Vec::new();
    let mut rest = line.trim_end();
    while !rest.is_empty() {
        let (text, after) = if rest.starts_with('"') {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let text = stream.next()?.ok()?;
            (text, rest.get(stream.byte_offset()..)?)
        } else {
            let end = rest.find([' ', ',']).unwrap_or(rest.len());
            let end = if rest.get(..end)?.ends_with(':') { end - 1 } else { end };
            (rest.get(..end)?.to_owned(), rest.get(end..)?)
        };
        let end = after.chars().next().filter(|c| matches!(c, ',' | ':'));
        let after = end.map_or(after, |end| after.strip_prefix(end).unwrap_or(after));
        out.push(Word { text, end });
        rest = after.trim_start_matches(' ');
        if rest.len() == line.len() {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_pattern_names_a_package_and_a_range() {
        assert_eq!(split("a@^1.0.0"), Some(("a", "^1.0.0")));
        assert_eq!(split("@a/b@1 || 2"), Some(("@a/b", "1 || 2")));
        assert_eq!(split("alias@npm:@a/b@^2"), Some(("@a/b", "^2")));
        assert_eq!(split("alias@npm:other"), Some(("other", "")));
        assert_eq!(split("a@npm:1.2.3"), Some(("a", "1.2.3")));
        assert_eq!(split("a@user/repo"), Some(("a", "user/repo")));
        assert_eq!(split("a"), None);
    }
}
