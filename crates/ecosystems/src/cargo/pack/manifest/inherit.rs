//! What a package takes from its workspace
//! (<https://doc.rust-lang.org/cargo/reference/workspaces.html#the-package-table>).

use super::super::package::{Package, clean};
use super::super::{MANIFEST, PackError};
use super::parse;
use cargo_util_schemas::manifest::{
    InheritableDependency, InheritableField, InheritableLints, InheritablePackage, PackageName, StringOrBool,
    TomlDependency, TomlDetailedDependency, TomlInheritedDependency, TomlLints, TomlManifest, TomlPackage,
    TomlWorkspace,
};

/// Folders above a package in which its workspace is looked for.
const MAX_DEPTH: usize = 64;

/// The workspace of a package; without one, nothing can be inherited.
pub(super) struct Workspace {
    root: Option<Root>,
    /// The edition of 2024 and later changes how `default-features` is inherited.
    is_2024: bool,
}

struct Root {
    workspace: TomlWorkspace,
    /// Its own package, whose edition and resolver count for all.
    package: Option<Box<TomlPackage>>,
    directory: String,
}

impl Workspace {
    /// Finds the workspace as cargo does: the package itself, the folder that it names, or the nearest above.
    pub(super) fn find(package: &Package<'_>, own: &TomlManifest) -> Result<Self, PackError> {
        let is_2024 = |root: Option<&Root>| {
            let field = own.package().and_then(|package| package.edition.as_ref());
            let inherited = || root?.workspace.package.as_ref()?.edition.clone();
            let edition = field.and_then(|field| field.as_value().cloned().or_else(inherited));
            edition.is_some_and(|edition| edition.as_str() >= "2024")
        };
        let root = Self::root(package, own)?;
        Ok(Self { is_2024: is_2024(root.as_ref()), root })
    }

    fn root(package: &Package<'_>, own: &TomlManifest) -> Result<Option<Root>, PackError> {
        if let Some(workspace) = own.workspace.clone() {
            let directory = package.directory.to_owned();
            return Ok(Some(Root { workspace, package: own.package().cloned(), directory }));
        }
        if let Some(named) = own.package().and_then(|package| package.workspace.clone()) {
            let directory = package.resolve(&named).unwrap_or_default();
            return read_root(package, &directory);
        }
        let mut directory = package.directory;
        for _ in 0..MAX_DEPTH {
            if directory.is_empty() {
                break;
            }
            directory = directory.rsplit_once('/').map_or("", |(above, _)| above);
            let Some(root) = read_root(package, directory)? else { continue };
            if !excludes(&root, package.directory) {
                return Ok(Some(root));
            }
        }
        Ok(None)
    }

    /// A package with its inherited fields filled in.
    pub(super) fn package(&self, own: &TomlPackage, at: &Package<'_>) -> Result<Box<TomlPackage>, PackError> {
        let mut package = own.clone();
        let theirs = self.root.as_ref().and_then(|root| root.workspace.package.clone()).unwrap_or_default();
        let InheritablePackage { readme, license_file, .. } = theirs.clone();
        let up = |path: String| self.seen_from(&path, at);
        let readme = readme.map(|readme| match readme {
            StringOrBool::String(path) => StringOrBool::String(up(path)),
            other @ StringOrBool::Bool(_) => other,
        });
        fill("version", &mut package.version, theirs.version)?;
        fill("authors", &mut package.authors, theirs.authors)?;
        fill("description", &mut package.description, theirs.description)?;
        fill("homepage", &mut package.homepage, theirs.homepage)?;
        fill("documentation", &mut package.documentation, theirs.documentation)?;
        fill("readme", &mut package.readme, readme)?;
        fill("keywords", &mut package.keywords, theirs.keywords)?;
        fill("categories", &mut package.categories, theirs.categories)?;
        fill("license", &mut package.license, theirs.license)?;
        fill("license-file", &mut package.license_file, license_file.map(up))?;
        fill("repository", &mut package.repository, theirs.repository)?;
        fill("publish", &mut package.publish, theirs.publish)?;
        fill("edition", &mut package.edition, theirs.edition)?;
        fill("exclude", &mut package.exclude, theirs.exclude)?;
        fill("include", &mut package.include, theirs.include)?;
        fill("rust-version", &mut package.rust_version, theirs.rust_version)?;
        Ok(Box::new(package))
    }

    /// A path of the workspace's root, as the package would write it.
    fn seen_from(&self, path: &str, package: &Package<'_>) -> String {
        let Some(root) = &self.root else { return path.to_owned() };
        let from_root: Vec<&str> = package.directory.split('/').filter(|part| !part.is_empty()).collect();
        let root_parts: Vec<&str> = root.directory.split('/').filter(|part| !part.is_empty()).collect();
        let shared = from_root.iter().zip(&root_parts).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n("..", from_root.len() - shared);
        let down = root_parts.into_iter().skip(shared);
        up.chain(down).chain([path]).collect::<Vec<_>>().join("/")
    }

    /// A dependency with what it inherits filled in.
    pub(super) fn dependency(
        &self,
        name: &PackageName,
        own: &InheritableDependency,
    ) -> Result<TomlDependency, PackError> {
        let own = match own {
            InheritableDependency::Value(value) => return Ok(value.clone()),
            InheritableDependency::Inherit(own) => own,
        };
        let theirs = self.root.as_ref().and_then(|root| root.workspace.dependencies.as_ref()?.get(name));
        let missing = || PackError::Inherit { field: format!("dependencies.{name}") };
        let mut merged = match theirs.ok_or_else(missing)?.clone() {
            TomlDependency::Simple(version) => {
                TomlDetailedDependency { version: Some(version), ..TomlDetailedDependency::default() }
            }
            TomlDependency::Detailed(detailed) => detailed,
        };
        self.merge(&mut merged, own);
        Ok(TomlDependency::Detailed(merged))
    }

    fn merge(&self, merged: &mut TomlDetailedDependency, own: &TomlInheritedDependency) {
        let default = own.default_features.or(own.default_features2);
        if self.is_2024 {
            merged.default_features = default.or(merged.default_features);
        } else if (default, merged.default_features()) == (Some(true), Some(false)) {
            merged.default_features = Some(true);
        }
        if let Some(features) = &own.features {
            merged.features.get_or_insert_default().extend(features.iter().cloned());
        }
        merged.optional = own.optional;
        merged.public = own.public;
    }

    /// Lints, the workspace's where the package asks for them.
    pub(super) fn lints(&self, own: InheritableLints) -> Result<TomlLints, PackError> {
        if !own.workspace {
            return Ok(own.lints);
        }
        let theirs = self.root.as_ref().and_then(|root| root.workspace.lints.clone());
        theirs.ok_or_else(|| PackError::Inherit { field: "lints".to_owned() })
    }

    /// A member is published with its workspace's resolver where its own edition would give another.
    pub(super) fn set_resolver(&self, package: &mut TomlPackage) {
        let Some(root) = &self.root else { return };
        let edition = |package: &TomlPackage| {
            let value = package.edition.as_ref().and_then(|field| field.as_value().cloned());
            let inherited = || root.workspace.package.as_ref()?.edition.clone();
            value.or_else(|| package.edition.as_ref().and_then(|_| inherited()))
        };
        let by_edition = |edition: Option<String>| match edition.as_deref() {
            Some("2021") => "2",
            Some(edition) if edition >= "2024" => "3",
            _ => "1",
        };
        let of = |package: &TomlPackage| {
            package.resolver.clone().unwrap_or_else(|| by_edition(edition(package)).to_owned())
        };
        let workspaces = match (&root.workspace.resolver, &root.package) {
            (Some(resolver), _) => resolver.clone(),
            (None, Some(package)) => of(package),
            (None, None) => "1".to_owned(),
        };
        if workspaces != of(package) {
            package.resolver = Some(workspaces);
        }
    }
}

fn read_root(package: &Package<'_>, directory: &str) -> Result<Option<Root>, PackError> {
    let at = Package { tree: package.tree, directory };
    if !at.has(MANIFEST) {
        return Ok(None);
    }
    let mut manifest = parse(&at.path(MANIFEST), &at.text(MANIFEST)?)?;
    let own = manifest.package().cloned();
    let root = manifest.workspace.take();
    Ok(root.map(|workspace| Root { workspace, package: own, directory: directory.to_owned() }))
}

/// Whether a workspace leaves a folder out. Members are taken at their word: a package that inherits has one.
fn excludes(root: &Root, directory: &str) -> bool {
    let listed = |list: &Option<Vec<String>>| {
        list.iter().flatten().any(|pattern| {
            let path = if root.directory.is_empty() {
                pattern.clone()
            } else {
                format!("{}/{pattern}", root.directory)
            };
            clean(&path).is_some_and(|path| directory == path || directory.starts_with(&format!("{path}/")))
        })
    };
    listed(&root.workspace.exclude) && !listed(&root.workspace.members)
}

fn fill<T>(name: &str, field: &mut Option<InheritableField<T>>, theirs: Option<T>) -> Result<(), PackError> {
    if let Some(InheritableField::Inherit(_)) = field {
        let missing = || PackError::Inherit { field: format!("package.{name}") };
        *field = Some(InheritableField::Value(theirs.ok_or_else(missing)?));
    }
    Ok(())
}
