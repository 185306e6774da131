//! `package-lock.json` and `npm-shrinkwrap.json`, versions 2 and 3.
//!
//! <https://docs.npmjs.com/cli/configuring-npm/package-lock-json>. `packages` is what npm 7 and later install
//! from: a folder of the tree each. The older half of version 2, `dependencies`, is for npm 6.

use super::error;
use super::gather::{Entry, Gathered};
use super::graph::Draft;
use super::json::Object;
use super::locator::{Locator, locate};
use super::target::Target;
use super::text::{MAX_ENTRIES, Text, shown};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use trustmill_core::lockfile::{LockfileError, Pins, Scope};

/// Reads a lock.
pub(super) fn read(text: &Text, target: &Target) -> Result<Pins, LockfileError> {
    let lock = object(text, &text.text)?;
    known_version(text, &lock)?;
    let packages = lock.get("packages").ok_or_else(|| {
        error::inconsistent(&text.line(1), "there is no `packages`, from which npm installs".to_owned())
    })?;
    let packages = object(text, packages.get())?;
    if packages.entries.len() > MAX_ENTRIES {
        return Err(error::limit(&text.line(1), format!("more than {MAX_ENTRIES} entries")));
    }
    let mut gathered = Gathered::default();
    if let Some(older) = lock.get("dependencies") {
        let why = "the half that npm 6 and older install from is not read; use npm 7 or later";
        gathered.skip("dependencies", &text.place(older.get()), why);
    }
    let mut wanted = Vec::new();
    for (path, value) in &packages.entries {
        let mut folder = Folder::read(text, &packages, path, value)?;
        wanted.extend(folder.node(&mut gathered.graph));
        folder.take(target, &mut gathered)?;
    }
    for (at, path, names) in wanted {
        for name in names {
            let found = ancestors(path).map(|above| below(above, &name)).find(|key| gathered.graph.has(key));
            found.into_iter().for_each(|key| gathered.graph.needs(at, key));
        }
    }
    Ok(gathered.finish())
}

fn known_version(text: &Text, lock: &Object<'_>) -> Result<(), LockfileError> {
    let place = lock.get("lockfileVersion").map_or_else(|| text.line(1), |value| text.place(value.get()));
    let found = lock.field::<u64>("lockfileVersion").map_err(|_| {
        error::version(&place, "lockfileVersion is no number; 2 and 3 are read".into(), "lock again with npm")
    })?;
    match found {
        Some(2 | 3) => Ok(()),
        Some(1) | None => {
            let help = "run `npm install --package-lock-only` with npm 7 or later, which writes version 3";
            let what = "lockfileVersion 1 does not say where everything comes from; 2 and 3 are read";
            Err(error::version(&place, what.to_owned(), help))
        }
        Some(other) => {
            let help = "update the mill, or lock with `npm install --lockfile-version=3`";
            Err(error::version(&place, format!("lockfileVersion {other} is not known; 2 and 3 are"), help))
        }
    }
}

/// An object at a place of `text`; errors name the line in the whole text.
fn object<'a>(text: &Text, part: &'a str) -> Result<Object<'a>, LockfileError> {
    let object: Object<'a> = serde_json::from_str(part).map_err(|cause| bad(text, part, &cause))?;
    match &object.twice {
        Some((key, value)) => {
            Err(error::syntax(&text.place(value.get()), format!("the key {:?} is there twice", shown(key))))
        }
        None => Ok(object),
    }
}

fn bad(text: &Text, part: &str, cause: &serde_json::Error) -> LockfileError {
    let start = part.split_inclusive('\n').take(cause.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let line = part.get(start..).unwrap_or(part);
    let message = cause.to_string();
    let what = message.split(" at line ").next().unwrap_or_default();
    error::syntax(&text.place(line), what)
}

/// One entry of `packages`.
struct Folder<'a> {
    path: &'a str,
    origin: String,
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    link: bool,
    bundled: bool,
    scope: Scope,
    /// Old manifests have an object or a list here, which npm copies; those say nothing.
    licence: Option<String>,
    platform: [Vec<String>; 3],
    /// For a link: whether the folder that it leads to is listed, and is no link itself.
    leads_somewhere: bool,
    /// Names of what it needs.
    needs: Vec<String>,
}

impl<'a> Folder<'a> {
    fn read(
        text: &Text,
        packages: &Object<'_>,
        path: &'a str,
        value: &RawValue,
    ) -> Result<Self, LockfileError> {
        let entry = object(text, value.get())?;
        let wrong = |cause: serde_json::Error| bad(text, value.get(), &cause);
        let flag = |key: &str| entry.field::<bool>(key).map(Option::unwrap_or_default).map_err(wrong);
        let word = |key: &str| entry.field::<String>(key).map_err(wrong);
        let list = |key: &str| {
            entry
                .field::<OneOrMany>(key)
                .map(|all| all.map(OneOrMany::into_vec).unwrap_or_default())
                .map_err(wrong)
        };
        let resolved = word("resolved")?;
        let target = resolved.as_deref().and_then(|folder| packages.get(folder));
        let target = target.map(|value| object(text, value.get())).transpose()?;
        let leads_somewhere = target.is_some_and(|target| !matches!(target.field("link"), Ok(Some(true))));
        Ok(Self {
            path,
            origin: text.place(value.get()),
            name: word("name")?,
            version: word("version")?,
            resolved,
            integrity: word("integrity")?,
            link: flag("link")?,
            bundled: flag("inBundle")?,
            scope: scope(flag("dev")?, flag("optional")? || flag("devOptional")?),
            licence: word("license").unwrap_or_default(),
            platform: [list("os")?, list("cpu")?, list("libc")?],
            leads_somewhere,
            needs: needs(&entry, path),
        })
    }

    /// Puts the folder into the graph, with what it needs; a link is another name of the folder that it leads to.
    fn node(&mut self, graph: &mut Draft) -> Option<(usize, &'a str, Vec<String>)> {
        let key = [self.path.to_owned()];
        let at = match (self.path.rsplit_once("node_modules/"), &self.version) {
            (None, _) => graph.root(self.name.as_deref().unwrap_or(self.path), key),
            (Some((_, folder)), _) if self.link => {
                let at = graph.root(folder, key);
                graph.needs(at, self.resolved.clone().unwrap_or_default());
                at
            }
            (Some((_, folder)), Some(version)) => {
                graph.entry(self.name.as_deref().unwrap_or(folder), version, key)
            }
            (Some(_), None) => return None,
        };
        Some((at, self.path, std::mem::take(&mut self.needs)))
    }

    fn take(&self, target: &Target, gathered: &mut Gathered) -> Result<(), LockfileError> {
        let Some((_, folder)) = self.path.rsplit_once("node_modules/") else {
            let what = if self.path.is_empty() { "the project" } else { self.path };
            gathered.own(what, &self.origin, "the project's own folder, not from a registry");
            return Ok(());
        };
        let name = self.name.as_deref().unwrap_or(folder);
        super::gather::check_name(folder, &self.origin)?;
        if self.link {
            return self.take_link(folder, gathered);
        }
        let Some(version) = self.version.as_deref() else {
            return Err(error::inconsistent(&self.origin, format!("{:?} has no version", shown(self.path))));
        };
        let entry = format!("{name}@{version}");
        if self.bundled && self.resolved.is_none() {
            gathered.skip(&entry, &self.origin, "comes inside the tarball of the package that bundles it");
            return Ok(());
        }
        if let Some(address) = &self.resolved
            && let Locator::Elsewhere(why) = locate(address, name, version, &self.origin)?
        {
            gathered.skip(&entry, &self.origin, why);
            return Ok(());
        }
        let [os, cpu, libc] = &self.platform;
        if let Some(why) = target.excludes(os, cpu, libc) {
            gathered.skip(&entry, &self.origin, why);
            return Ok(());
        }
        if self.scope == Scope::Development && !target.development {
            gathered.skip(&entry, &self.origin, "for development only, which was not asked for");
            return Ok(());
        }
        let (integrity, licence) = (self.integrity.as_deref(), self.licence.as_deref());
        let entry = Entry { name, version, integrity, scope: self.scope, licence };
        gathered.pin(&entry, &self.origin)
    }

    /// A link leads to a folder that is listed itself; a link to a link could lead round in a circle.
    fn take_link(&self, folder: &str, gathered: &mut Gathered) -> Result<(), LockfileError> {
        let to = self.resolved.as_deref().unwrap_or_default();
        if !self.leads_somewhere {
            let what = format!("{folder} is a link to {:?}, which is no folder of the lock", shown(to));
            return Err(error::inconsistent(&self.origin, what));
        }
        gathered.own(folder, &self.origin, format!("a link to the project's folder {:?}", shown(to)));
        Ok(())
    }
}

/// The names of what a folder needs. What only develops a package is there for the project's own folders alone.
fn needs(entry: &Object<'_>, path: &str) -> Vec<String> {
    let own = !path.contains("node_modules/");
    let kinds = ["dependencies", "optionalDependencies", "peerDependencies", "devDependencies"];
    let kinds = kinds.into_iter().filter(|kind| own || *kind != "devDependencies");
    // What is no object is the installer's to complain about: it decides nothing here.
    let lists = kinds.filter_map(|kind| entry.field::<BTreeMap<String, IgnoredAny>>(kind).ok().flatten());
    lists.flatten().map(|(name, _)| name).collect()
}

/// A folder of the tree and those above it, up to the project's: where Node looks for a package, in its order.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| match path.rsplit_once('/') {
        Some((above, _)) => Some(above),
        None if path.is_empty() => None,
        None => Some(""),
    })
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { format!("node_modules/{name}") } else { format!("{folder}/node_modules/{name}") }
}

const fn scope(development: bool, optional: bool) -> Scope {
    match (development, optional) {
        (true, _) => Scope::Development,
        (_, true) => Scope::Optional,
        _ => Scope::Runtime,
    }
}

/// npm copies `os`, `cpu` and `libc` as the package wrote them: a list, or one word.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}
