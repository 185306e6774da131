//! A dependency that the release before did not have, and that is days old or that nothing imports.

use super::{Found, Rule};
use crate::change::Change;
use crate::package::Package;
use trustmill_core::scan::{Family, Place, When};

/// See the module.
pub(super) struct NewDependency;

impl Rule for NewDependency {
    fn id(&self) -> &'static str {
        "new-dependency"
    }

    fn family(&self) -> Family {
        Family::Change
    }

    fn summary(&self) -> &'static str {
        "a new dependency is days old, or nothing imports it"
    }

    fn look(&self) -> &'static str {
        "who published the dependency, and what installing it runs"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let young = |name: &str| package.context.young_dependencies.iter().any(|one| one == name);
        let Some(change) = Change::of(package) else {
            // Without the release before only the registry knows which are new; it says which of those are young.
            for name in package.context.young_dependencies.iter().filter(|name| !imports(package, name)) {
                found.place(
                    74,
                    When::Installed,
                    manifest(package),
                    format!("needs {name}, which is days old and imported nowhere"),
                );
            }
            return;
        };
        let before = &change.before.manifest.dependencies;
        for (name, requirement) in &package.manifest.dependencies {
            let known = before.get(name).is_some_and(|before| is_elsewhere(before));
            if is_elsewhere(requirement) && !known {
                let what = format!("newly takes {name} from {requirement} and not from the registry");
                found.place(74, When::Installed, manifest(package), what);
            }
        }
        let declared = package.manifest.dependencies.keys().chain(&package.context.young_dependencies);
        let mut names: Vec<&String> = declared.filter(|name| !before.contains_key(*name)).collect();
        names.sort();
        names.dedup();
        for name in names {
            let (weight, what) = match (young(name), imports(package, name)) {
                (true, false) => (80, "is days old and imported nowhere"),
                (true, true) => (52, "is days old"),
                // Types, plugins and what is run from a command line: too common to hold.
                (false, false) => (if change.is_patch() { 34 } else { 20 }, "is imported nowhere"),
                (false, true) => continue,
            };
            found.place(
                weight,
                When::Installed,
                manifest(package),
                format!("newly needs {name}, which {what}"),
            );
        }
    }
}

/// Whether a requirement names a repository or an address: what comes from there no registry has looked at, and it may
/// be something else tomorrow.
fn is_elsewhere(requirement: &str) -> bool {
    let requirement = requirement.trim_start_matches([' ', '@']);
    ["git+", "git:", "git@", "ssh:", "http:", "https:", "github:", "gitlab:", "bitbucket:", "gist:"]
        .iter()
        .any(|start| requirement.starts_with(start))
}

fn manifest(package: &Package) -> Place {
    let names = ["package.json", "Cargo.toml", "pyproject.toml", "setup.py", "METADATA", "PKG-INFO"];
    let named =
        |file: &&crate::package::File| names.iter().any(|name| file.path.rsplit('/').next() == Some(name));
    package
        .files
        .iter()
        .filter(named)
        .min_by_key(|file| file.path.len())
        .map(|file| file.whole())
        .unwrap_or_default()
}

/// Whether any code of the package names a dependency as a module.
fn imports(package: &Package, dependency: &str) -> bool {
    let normal = |name: &str| name.to_ascii_lowercase().replace(['-', '.'], "_");
    let wanted = normal(dependency);
    package.files.iter().flat_map(|file| &file.facts.imports).any(|import| {
        let module = import.module.split("::").next().unwrap_or_default();
        let module = normal(module.trim_start_matches("node:"));
        // `@scope/name/part`, `name/part`, `name.part`.
        module == wanted
            || module.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with(['/', '_']))
    })
}
