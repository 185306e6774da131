//! Targets by name and path, found by cargo's conventions (`cargo/util/toml/targets.rs`).

use super::super::PackError;
use super::super::package::{Package, clean};
use cargo_util_schemas::manifest::{PathValue, TomlPackageBuild, TomlTarget};
use std::collections::HashSet;

/// Looks for targets in a package.
pub(super) struct Finder<'a> {
    pub(super) package: &'a Package<'a>,
    /// The package's name.
    pub(super) name: String,
    /// The first edition infers less, and accepts more.
    pub(super) is_2015: bool,
}

/// A name and a path.
type Found = (String, String);

impl Finder<'_> {
    /// The library.
    pub(super) fn lib(
        &self,
        own: Option<&TomlTarget>,
        auto: Option<bool>,
    ) -> Result<Option<TomlTarget>, PackError> {
        let default = "src/lib.rs";
        let inferred = self.package.has(default);
        let mut lib = match own {
            Some(own) => own.clone(),
            None if inferred && auto != Some(false) => TomlTarget::new(),
            None => return Ok(None),
        };
        let name = lib.name.get_or_insert_with(|| self.name.replace('-', "_")).clone();
        if lib.path.is_none() {
            let legacy = format!("src/{name}.rs");
            let path = match inferred {
                true => default.to_owned(),
                false if self.is_2015 && self.package.has(&legacy) => legacy,
                false => return Err(PackError::Target { kind: "lib", name }),
            };
            lib.path = Some(PathValue(path.into()));
        }
        Ok(Some(with_clean_path(lib)))
    }

    /// The binaries.
    pub(super) fn bins(
        &self,
        own: Option<&Vec<TomlTarget>>,
        auto: Option<bool>,
        has_lib: bool,
    ) -> Result<Option<Vec<TomlTarget>>, PackError> {
        let mut inferred = Vec::new();
        if self.package.has("src/main.rs") {
            inferred.push((self.name.clone(), "src/main.rs".to_owned()));
        }
        inferred.extend(self.folder("src/bin"));
        let legacy = |name: &str| {
            let own = format!("src/{name}.rs");
            let others = ["src/main.rs".to_owned(), "src/bin/main.rs".to_owned()];
            (!has_lib).then_some(own).into_iter().chain(others).find(|path| self.package.has(path))
        };
        self.complete("bin", own, &inferred, auto, &legacy)
    }

    /// Examples, tests, benches.
    pub(super) fn others(
        &self,
        kind: &'static str,
        own: Option<&Vec<TomlTarget>>,
        auto: Option<bool>,
    ) -> Result<Option<Vec<TomlTarget>>, PackError> {
        let folder = match kind {
            "example" => "examples",
            "test" => "tests",
            _ => "benches",
        };
        let legacy = |name: &str| {
            let path = "src/bench.rs";
            (kind == "bench" && name == "bench" && self.package.has(path)).then(|| path.to_owned())
        };
        self.complete(kind, own, &self.folder(folder), auto, &legacy)
    }

    /// The build script.
    pub(super) fn build(&self, own: Option<&TomlPackageBuild>) -> TomlPackageBuild {
        let default = "build.rs";
        match own {
            None if self.package.has(default) => TomlPackageBuild::SingleScript(default.to_owned()),
            None | Some(TomlPackageBuild::Auto(false)) => TomlPackageBuild::Auto(false),
            Some(TomlPackageBuild::Auto(true)) => TomlPackageBuild::SingleScript(default.to_owned()),
            Some(TomlPackageBuild::SingleScript(path)) => {
                TomlPackageBuild::SingleScript(clean(path).unwrap_or_else(|| path.clone()))
            }
            Some(several) => several.clone(),
        }
    }

    /// Files and folders with a `main.rs`, hidden ones apart.
    fn folder(&self, folder: &str) -> Vec<Found> {
        let (files, folders) = self.package.list(folder);
        let visible = |name: &&str| !name.starts_with('.');
        let files = files
            .into_iter()
            .filter(visible)
            .filter_map(|name| Some((name.strip_suffix(".rs")?.to_owned(), format!("{folder}/{name}"))));
        let folders = folders.into_iter().filter(visible).filter_map(|name| {
            let path = format!("{folder}/{name}/main.rs");
            self.package.has(&path).then(|| (name.to_owned(), path))
        });
        files.chain(folders).collect()
    }

    fn complete(
        &self,
        kind: &'static str,
        own: Option<&Vec<TomlTarget>>,
        inferred: &[Found],
        auto: Option<bool>,
        legacy: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Vec<TomlTarget>>, PackError> {
        let mut targets = own.cloned().unwrap_or_default();
        // The first edition stops inferring where anything is listed.
        if auto.unwrap_or(own.is_none() || !self.is_2015) {
            let names: HashSet<_> = targets.iter().map(|target| target.name.clone()).collect();
            let paths: HashSet<_> = targets.iter().filter_map(path_of).collect();
            let rest = inferred
                .iter()
                .filter(|(name, path)| !names.contains(&Some(name.clone())) && !paths.contains(path));
            targets.extend(rest.map(|(name, path)| TomlTarget {
                name: Some(name.clone()),
                path: Some(PathValue(path.into())),
                ..TomlTarget::new()
            }));
        }
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        let located = targets.into_iter().map(|target| self.located(kind, target, inferred, legacy));
        located.collect::<Result<Vec<_>, _>>().map(Some)
    }

    fn located(
        &self,
        kind: &'static str,
        mut target: TomlTarget,
        inferred: &[Found],
        legacy: &dyn Fn(&str) -> Option<String>,
    ) -> Result<TomlTarget, PackError> {
        if target.path.is_none() {
            let name = target.name.clone().unwrap_or_default();
            let mut matching =
                inferred.iter().filter(|(other, _)| *other == name).map(|(_, path)| path.clone());
            let only = matching.next().filter(|_| matching.next().is_none());
            let path = only.or_else(|| legacy(&name).filter(|_| self.is_2015));
            let path = path.ok_or(PackError::Target { kind, name })?;
            target.path = Some(PathValue(path.into()));
        }
        Ok(with_clean_path(target))
    }
}

fn path_of(target: &TomlTarget) -> Option<String> {
    clean(target.path.as_ref()?.0.to_str()?)
}

fn with_clean_path(mut target: TomlTarget) -> TomlTarget {
    if let Some(path) = path_of(&target) {
        target.path = Some(PathValue(path.into()));
    }
    target
}
