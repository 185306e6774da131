//! The manifest that a registry gets: inheritance resolved, targets named, paths taken out
//! (`normalize_toml` and `prepare_toml_for_publish` of cargo, over cargo's own model of a manifest).

mod inherit;
mod style;
mod targets;

pub(super) use style::write;
pub use style::{Layout, Sections, Style, UnknownStyle};

use super::package::Package;
use super::{MANIFEST, PackError};
use cargo_util_schemas::manifest::{
    FeatureName, InheritableDependency, InheritableField, InheritableLints, PackageName, StringOrBool,
    TomlDependency, TomlDetailedDependency, TomlManifest, TomlPackage, TomlPackageBuild, TomlPlatform,
    TomlTarget,
};
use inherit::Workspace;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::content::Member;

type Dependencies = BTreeMap<PackageName, InheritableDependency>;
type Features = BTreeMap<FeatureName, Vec<String>>;

/// Reads a package's manifest.
pub(super) struct Reader<'a> {
    pub(super) package: &'a Package<'a>,
    pub(super) layout: Layout,
}

/// A manifest with everything resolved, before it is published.
#[derive(Debug, Clone)]
pub(super) struct Normal {
    toml: TomlManifest,
    layout: Layout,
    directory: String,
}

/// Reads a manifest's text.
pub(super) fn parse(path: &str, text: &str) -> Result<TomlManifest, PackError> {
    toml::from_str(text).map_err(|error| PackError::Manifest {
        path: path.to_owned(),
        why: error.message().chars().take(200).collect(),
    })
}

impl Reader<'_> {
    /// The normalised manifest.
    pub(super) fn read(&self, text: &str) -> Result<Normal, PackError> {
        let path = self.package.path(MANIFEST);
        let original = parse(&path, text)?;
        let Some(package) = original.package() else {
            return Err(PackError::Manifest { path, why: "it has no [package]".to_owned() });
        };
        let workspace = Workspace::find(self.package, &original)?;
        let mut inherited = workspace.package(package, self.package)?;
        inherited.workspace = None;
        self.readme(&mut inherited);
        let mut toml = TomlManifest {
            cargo_features: original.cargo_features.clone(),
            features: original.features.clone(),
            badges: original.badges.clone(),
            hints: original.hints.clone(),
            profile: original.profile.clone(),
            dependencies: self.dependencies(&workspace, original.dependencies.as_ref())?,
            dev_dependencies: self.dependencies(&workspace, original.dev_dependencies())?,
            build_dependencies: self.dependencies(&workspace, original.build_dependencies())?,
            ..TomlManifest::default()
        };
        toml.target = self.platforms(&workspace, &original)?;
        toml.lints = match original.lints.clone().filter(|_| self.layout != Layout::Unlinted) {
            Some(lints) => Some(InheritableLints { workspace: false, lints: workspace.lints(lints)? }),
            None => None,
        };
        self.targets(&original, &mut inherited, &mut toml)?;
        workspace.set_resolver(&mut inherited);
        toml.package = Some(inherited);
        Ok(Normal { toml, layout: self.layout, directory: self.package.directory.to_owned() })
    }

    /// The read-me that cargo finds where none is named.
    fn readme(&self, package: &mut TomlPackage) {
        let found = || ["README.md", "README.txt", "README"].into_iter().find(|name| self.package.has(name));
        let value = |text: &str| StringOrBool::String(text.to_owned());
        let named = package.readme.take().and_then(|field| field.as_value().cloned());
        let named = match named {
            None if self.layout == Layout::Plain => None,
            None => found().map(value).or_else(|| self.no_readme()),
            Some(StringOrBool::Bool(true)) => Some(value("README.md")),
            Some(StringOrBool::Bool(false)) => Some(StringOrBool::Bool(false)),
            named => named,
        };
        package.readme = named.map(InheritableField::Value);
    }

    fn no_readme(&self) -> Option<StringOrBool> {
        self.layout.has_targets().then_some(StringOrBool::Bool(false))
    }

    fn targets(
        &self,
        original: &TomlManifest,
        package: &mut TomlPackage,
        toml: &mut TomlManifest,
    ) -> Result<(), PackError> {
        if !self.layout.has_targets() {
            toml.lib.clone_from(&original.lib);
            toml.bin.clone_from(&original.bin);
            toml.example.clone_from(&original.example);
            toml.test.clone_from(&original.test);
            toml.bench.clone_from(&original.bench);
            return Ok(());
        }
        let finder = targets::Finder {
            package: self.package,
            name: package.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            is_2015: package
                .edition
                .as_ref()
                .and_then(InheritableField::as_value)
                .is_none_or(|one| one == "2015"),
        };
        toml.lib = finder.lib(original.lib.as_ref(), package.autolib)?;
        toml.bin = finder.bins(original.bin.as_ref(), package.autobins, toml.lib.is_some())?;
        toml.example = finder.others("example", original.example.as_ref(), package.autoexamples)?;
        toml.test = finder.others("test", original.test.as_ref(), package.autotests)?;
        toml.bench = finder.others("bench", original.bench.as_ref(), package.autobenches)?;
        package.build = Some(finder.build(package.build.as_ref()));
        package.autolib = (self.layout == Layout::Autolib).then_some(false);
        package.autobins = Some(false);
        package.autoexamples = Some(false);
        package.autotests = Some(false);
        package.autobenches = Some(false);
        Ok(())
    }

    fn dependencies(
        &self,
        workspace: &Workspace,
        original: Option<&Dependencies>,
    ) -> Result<Option<Dependencies>, PackError> {
        let Some(original) = original else { return Ok(None) };
        let resolve = |(name, dependency): (&PackageName, &InheritableDependency)| {
            let mut resolved = workspace.dependency(name, dependency)?;
            if let TomlDependency::Detailed(detailed) = &mut resolved {
                // Only a nightly cargo takes it.
                detailed.public = None;
            }
            Ok((name.clone(), InheritableDependency::Value(resolved)))
        };
        original.iter().map(resolve).collect::<Result<_, _>>().map(Some)
    }

    fn platforms(
        &self,
        workspace: &Workspace,
        original: &TomlManifest,
    ) -> Result<Option<BTreeMap<String, TomlPlatform>>, PackError> {
        let mut platforms = BTreeMap::new();
        for (name, platform) in original.target.iter().flatten() {
            let resolved = TomlPlatform {
                dependencies: self.dependencies(workspace, platform.dependencies.as_ref())?,
                build_dependencies: self.dependencies(workspace, platform.build_dependencies())?,
                build_dependencies2: None,
                dev_dependencies: self.dependencies(workspace, platform.dev_dependencies())?,
                dev_dependencies2: None,
            };
            platforms.insert(name.clone(), resolved);
        }
        Ok((!platforms.is_empty()).then_some(platforms))
    }
}

impl Normal {
    /// The crate's name.
    pub(super) fn name(&self) -> String {
        self.package().and_then(|package| package.name.as_ref()).map(ToString::to_string).unwrap_or_default()
    }

    /// Its version.
    pub(super) fn version(&self) -> Option<String> {
        Some(self.package()?.version.as_ref()?.as_value()?.to_string())
    }

    pub(super) fn include(&self) -> Vec<String> {
        let field = self.package().and_then(|package| package.include.as_ref()?.as_value());
        field.cloned().unwrap_or_default()
    }

    pub(super) fn exclude(&self) -> Vec<String> {
        let field = self.package().and_then(|package| package.exclude.as_ref()?.as_value());
        field.cloned().unwrap_or_default()
    }

    pub(super) fn license_file(&self) -> Option<String> {
        self.package()?.license_file.as_ref()?.as_value().cloned()
    }

    pub(super) fn readme(&self) -> Option<String> {
        match self.package()?.readme.as_ref()?.as_value()? {
            StringOrBool::String(path) => Some(path.clone()),
            StringOrBool::Bool(_) => None,
        }
    }

    fn package(&self) -> Option<&TomlPackage> {
        self.toml.package.as_deref()
    }

    /// What the registry gets, given the files that go with it.
    pub(super) fn published(&self, files: &BTreeMap<String, Member>, stripped: bool) -> TomlManifest {
        let mut toml = self.toml.clone();
        let whole =
            Package { tree: &trustmill_core::content::Contents::default(), directory: &self.directory };
        if let Some(package) = toml.package.as_mut() {
            for path in
                [self.license_file().map(|path| (true, path)), self.readme().map(|path| (false, path))]
                    .into_iter()
                    .flatten()
            {
                let inside = inside(&whole, &path.1);
                if path.0 {
                    package.license_file = Some(InheritableField::Value(inside));
                } else {
                    package.readme = Some(InheritableField::Value(StringOrBool::String(inside)));
                }
            }
            drop_missing_build(package, files, self.layout);
        }
        if self.layout.has_targets() {
            let packed = |target: &TomlTarget| {
                target
                    .path
                    .as_ref()
                    .and_then(|path| path.0.to_str())
                    .is_none_or(|path| files.contains_key(path))
            };
            toml.lib = toml.lib.filter(packed);
            for targets in [&mut toml.bin, &mut toml.example, &mut toml.test, &mut toml.bench] {
                if let Some(list) = targets {
                    list.retain(packed);
                }
                *targets = targets.take().filter(|list| !list.is_empty());
            }
        }
        publish_dependencies(&mut toml);
        if stripped {
            strip_features(&mut toml);
        }
        toml
    }
}

/// A path outside of the package stands for the copy in its root.
fn inside(package: &Package<'_>, path: &str) -> String {
    let prefix = package.path("");
    let resolved = package.resolve(path);
    let inside = resolved.as_deref().and_then(|at| at.strip_prefix(&prefix));
    inside.unwrap_or_else(|| path.rsplit('/').next().unwrap_or(path)).to_owned()
}

/// A build script that is not packed is none.
fn drop_missing_build(package: &mut TomlPackage, files: &BTreeMap<String, Member>, layout: Layout) {
    if !layout.has_targets() {
        return;
    }
    if let Some(TomlPackageBuild::SingleScript(script)) = &package.build
        && !files.contains_key(script)
    {
        package.build = Some(TomlPackageBuild::Auto(false));
    }
}

/// Dependencies by path or git become the registry's; those for development without a version go.
fn publish_dependencies(toml: &mut TomlManifest) {
    let all = |_: &TomlDependency| true;
    let published = |list: &mut Option<Dependencies>, keep: &dyn Fn(&TomlDependency) -> bool| {
        let Some(dependencies) = list.take() else { return };
        let kept = dependencies.into_iter().filter_map(|(name, dependency)| match dependency {
            InheritableDependency::Value(value) if keep(&value) => Some((name, publish(value))),
            _ => None,
        });
        *list = Some(kept.collect());
    };
    published(&mut toml.dependencies, &all);
    published(&mut toml.build_dependencies, &all);
    published(&mut toml.dev_dependencies, &TomlDependency::is_version_specified);
    for platform in toml.target.iter_mut().flat_map(BTreeMap::values_mut) {
        published(&mut platform.dependencies, &all);
        published(&mut platform.build_dependencies, &all);
        published(&mut platform.dev_dependencies, &TomlDependency::is_version_specified);
    }
}

fn publish(dependency: TomlDependency) -> InheritableDependency {
    let detailed = match dependency {
        TomlDependency::Simple(version) => {
            TomlDetailedDependency { version: Some(version), ..TomlDetailedDependency::default() }
        }
        TomlDependency::Detailed(mut detailed) => {
            detailed.path = None;
            detailed.base = None;
            detailed.git = None;
            detailed.branch = None;
            detailed.tag = None;
            detailed.rev = None;
            detailed
        }
    };
    InheritableDependency::Value(TomlDependency::Detailed(detailed))
}

/// Features lose what speaks of a dependency that is not published.
fn strip_features(toml: &mut TomlManifest) {
    let platforms = toml.target.iter().flat_map(BTreeMap::values);
    let lists = [&toml.dependencies, &toml.dev_dependencies, &toml.build_dependencies].into_iter();
    let lists = lists
        .chain(platforms.flat_map(|one| [&one.dependencies, &one.dev_dependencies, &one.build_dependencies]));
    let known: BTreeSet<String> = lists.flatten().flat_map(BTreeMap::keys).map(ToString::to_string).collect();
    let Some(features) = toml.features.as_mut() else { return };
    keep_known(features, &known);
}

fn keep_known(features: &mut Features, known: &BTreeSet<String>) {
    for values in features.values_mut() {
        values.retain(|value| match (value.split_once('/'), value.strip_prefix("dep:")) {
            (Some((dependency, _)), _) => known.contains(dependency.trim_end_matches('?')),
            (None, Some(dependency)) => known.contains(dependency),
            (None, None) => true,
        });
    }
}
