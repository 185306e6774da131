//! `yarn.lock` of yarn 2 and later (berry).
//!
//! An entry's `resolution` is a locator, `NAME@npm:VERSION`
//! (<https://yarnpkg.com/advanced/lexicon#locator>). Its `checksum` is that of the zip which yarn makes of the
//! tarball, so it says nothing of the bytes that a registry serves.

use super::error;
use super::gather::{Entry, Gathered};
use super::graph::Draft;
use super::locator::{Locator, elsewhere, locate};
use super::target::Target;
use super::text::{MAX_ENTRIES, Text, shown};
use super::yaml::{self, Mapping, Pair};
use percent_encoding::percent_decode_str;
use trustmill_core::lockfile::{LockfileError, Pins, Scope};

/// The versions of the format from yarn 2.0 to 4.
const VERSIONS: std::ops::RangeInclusive<u32> = 4..=10;

/// Reads a lock.
pub(super) fn read(text: &Text, target: &Target) -> Result<Pins, LockfileError> {
    let documents = yaml::documents(text)?;
    let [lock] = documents.as_slice() else {
        return Err(error::syntax(&text.line(1), "expected one document"));
    };
    let metadata = lock.pair("__metadata");
    let version = metadata.and_then(|pair| pair.value.mapping()?.text("version")?.parse::<u32>().ok());
    if !version.is_some_and(|version| VERSIONS.contains(&version)) {
        let origin = text.line(metadata.map_or(1, |pair| pair.line));
        let what = format!(
            "the version in `__metadata` is not known; {} to {} are",
            VERSIONS.start(),
            VERSIONS.end()
        );
        return Err(error::version(&origin, what, "update the mill, or lock with yarn 4"));
    }
    if lock.entries.len() > MAX_ENTRIES {
        return Err(error::limit(&text.line(1), format!("more than {MAX_ENTRIES} entries")));
    }
    let mut gathered = Gathered::default();
    for pair in lock.entries.iter().filter(|pair| pair.key != "__metadata") {
        take(pair, text, target, &mut gathered)?;
        node(pair, &mut gathered.graph);
    }
    Ok(gathered.finish())
}

fn take(pair: &Pair, text: &Text, target: &Target, gathered: &mut Gathered) -> Result<(), LockfileError> {
    let origin = text.line(pair.line);
    let missing = |what: &str| error::inconsistent(&origin, format!("{:?} has no {what}", shown(&pair.key)));
    let entry = pair.value.mapping().ok_or_else(|| missing("fields"))?;
    let resolution = entry.text("resolution").ok_or_else(|| missing("resolution"))?;
    let (name, reference) = locator(resolution)
        .ok_or_else(|| error::syntax(&origin, format!("{:?} is no locator", shown(resolution))))?;
    if let Some(why) = elsewhere(reference) {
        match reference.starts_with("workspace:") {
            true => gathered.own(resolution, &origin, why),
            false => gathered.skip(resolution, &origin, why),
        }
        return Ok(());
    }
    let Some(npm) = reference.strip_prefix("npm:") else {
        let why = "an address or protocol of its own, which no registry vouches for";
        gathered.skip(resolution, &origin, why);
        return Ok(());
    };
    let (version, bindings) = npm.split_once("::").unwrap_or((npm, ""));
    if entry.text("version").is_some_and(|stated| stated != version) {
        return Err(error::contradiction(&origin, format!("{:?} states another version", shown(resolution))));
    }
    // Registries with another layout than npm's are named in full, percent-encoded.
    if let Some(address) = bindings.split('&').find_map(|one| one.strip_prefix("__archiveUrl=")) {
        let address = percent_decode_str(address).decode_utf8_lossy().into_owned();
        if let Locator::Elsewhere(why) = locate(&address, name, version, &origin)? {
            gathered.skip(resolution, &origin, why);
            return Ok(());
        }
    }
    if let Some(why) = excluded(entry, target) {
        gathered.skip(resolution, &origin, why);
        return Ok(());
    }
    gathered.pin(&Entry { name, version, integrity: None, scope: Scope::Runtime, licence: None }, &origin)
}

/// Puts an entry into the graph, under every descriptor that it answers.
fn node(pair: &Pair, graph: &mut Draft) {
    let Some(entry) = pair.value.mapping() else { return };
    let Some((name, reference)) = entry.text("resolution").and_then(locator) else { return };
    let keys = pair.key.split(", ").map(str::to_owned);
    let at = if reference.starts_with("workspace:") {
        graph.root(name, keys)
    } else {
        graph.entry(name, entry.text("version").unwrap_or(reference), keys)
    };
    let needs = entry.mapping("dependencies").map(|all| &all.entries);
    for need in needs.into_iter().flatten() {
        let Some(range) = need.value.text() else { continue };
        // Before yarn 4, the protocol that is the default is left out.
        let bare = format!("{}@{range}", need.key);
        let key = if range.contains(':') { bare } else { format!("{}@npm:{range}", need.key) };
        graph.needs(at, key);
    }
}

/// Name and reference of `NAME@REFERENCE`.
fn locator(text: &str) -> Option<(&str, &str)> {
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// `conditions: os=linux & cpu=x64 & libc=glibc`; alternatives are written `(os=a | os=b)`.
fn excluded(entry: &Mapping, target: &Target) -> Option<String> {
    let conditions = entry.text("conditions")?;
    let mut lists = [Vec::new(), Vec::new(), Vec::new()];
    for part in conditions.split(['&', '|']) {
        let part = part.trim_matches(|c: char| c == ' ' || c == '(' || c == ')');
        let Some((key, value)) = part.split_once('=') else { continue };
        let [os, cpu, libc] = &mut lists;
        match key {
            "os" => os.push(value.to_owned()),
            "cpu" => cpu.push(value.to_owned()),
            "libc" => libc.push(value.to_owned()),
            _ => {}
        }
    }
    let [os, cpu, libc] = &lists;
    target.excludes(os, cpu, libc)
}
