//! `cargo xtask deny`: licences, duplicates and sources of everything that the binary is made of.
//!
//! `deny.toml` has the shape of cargo-deny's own, so that `cargo deny check` reads it too. What is left to
//! cargo-deny is its advisory database, which an air-gapped machine does not have.

use crate::report::{Failure, Problem, verdict};
use crate::run::cargo;
use crate::tree;
use crate::workspace::{Metadata, Package};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The parts of `deny.toml` that are checked here.
#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    #[serde(default)]
    skip: Vec<Skip>,
}

/// A second version that is borne with, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    #[serde(rename = "crate")]
    package: String,
    reason: String,
}

const HELP: &str = "take another library or version, or write the exception and its reason into deny.toml";

pub(crate) fn run(_: &[String]) -> Result<(), Failure> {
    let rules: Rules = tree::toml("deny.toml")?;
    let metadata = Metadata::everything()?;
    let tree = ["tree", "--workspace", "--locked", "--edges", "normal,build", "--prefix", "none"];
    let tree = cargo(tree).output()?;
    let shipped = shipped(&metadata, &tree);
    let mut problems = licenses(&rules.licenses, &shipped);
    problems.extend(duplicates(&rules.bans, &shipped));
    problems.extend(sources(&shipped));
    verdict(problems, HELP)
}

/// The packages that our binaries are built from: what only tests use, and what no feature turns on, is
/// not shipped. `cargo metadata` alone lists optional packages that are never built.
fn shipped<'m>(metadata: &'m Metadata, tree: &str) -> Vec<&'m Package> {
    let built: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let packages = metadata.packages.iter();
    packages.filter(|package| built.contains(&(package.name.as_str(), package.version.as_str()))).collect()
}

fn licenses(rules: &Licenses, packages: &[&Package]) -> Vec<Problem> {
    let allowed = |requirement: &spdx::LicenseReq| rules.allow.contains(&requirement.to_string());
    let mut problems = Vec::new();
    for package in packages {
        let place = format!("{} {}", package.name, package.version);
        let Some(text) = &package.license else {
            problems.push(Problem::new(place, "names no licence"));
            continue;
        };
        // Some old crates still write "MIT/Apache-2.0".
        match spdx::Expression::parse_mode(text, spdx::ParseMode::LAX) {
            Ok(expression) if expression.evaluate(allowed) => {}
            Ok(_) => problems.push(Problem::new(place, format!("the licence {text} is not in deny.toml"))),
            Err(_) => {
                problems.push(Problem::new(place, format!("the licence {text:?} is no SPDX expression")));
            }
        }
    }
    problems
}

fn duplicates(rules: &Bans, packages: &[&Package]) -> Vec<Problem> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for (name, mut found) in versions.into_iter().filter(|(_, found)| found.len() > 1) {
        found.retain(|version| {
            let id = format!("{name}@{version}");
            let skipped = rules.skip.iter().any(|skip| skip.package == id);
            if skipped {
                used.insert(id);
            }
            !skipped
        });
        if found.len() > 1 {
            let list = found.into_iter().collect::<Vec<_>>().join(" and ");
            problems.push(Problem::new("Cargo.lock", format!("`{name}` is there as {list}")));
        }
    }
    for skip in &rules.skip {
        if skip.reason.trim().is_empty() {
            problems
                .push(Problem::new("deny.toml", format!("`{}` is skipped without a reason", skip.package)));
        }
        if !used.contains(&skip.package) {
            problems.push(Problem::new(
                "deny.toml",
                format!("`{}` is skipped and is no duplicate", skip.package),
            ));
        }
    }
    problems
}

/// Everything comes from one registry: no checkout of a repository, no second index.
fn sources(packages: &[&Package]) -> Vec<Problem> {
    let registries: BTreeSet<&str> =
        packages.iter().filter_map(|package| package.source.as_deref()).collect();
    let mut problems = Vec::new();
    if registries.len() > 1 {
        let list = registries.iter().copied().collect::<Vec<_>>().join(", ");
        problems.push(Problem::new("Cargo.lock", format!("packages come from several sources: {list}")));
    }
    for source in registries.iter().filter(|source| !source.starts_with("registry+")) {
        problems.push(Problem::new("Cargo.lock", format!("{source} is not a registry")));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, license: Option<&str>, source: Option<&str>) -> Package {
        serde_json::from_value(serde_json::json!({
            "id": format!("{name}@{version}"), "name": name, "version": version, "license": license,
            "source": source, "dependencies": [], "targets": [],
        }))
        .unwrap()
    }

    fn what(problems: Vec<Problem>) -> Vec<String> {
        problems.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_licence_is_allowed_when_one_choice_is() {
        let rules = Licenses { allow: vec!["MIT".into(), "Apache-2.0 WITH LLVM-exception".into()] };
        let check = |text| what(licenses(&rules, &[&package("a", "1.0.0", text, None)]));
        for good in
            ["MIT", "MIT OR GPL-3.0-only", "GPL-3.0-only/MIT", "MIT AND Apache-2.0 WITH LLVM-exception"]
        {
            assert_eq!(check(Some(good)), [""; 0], "{good}");
        }
        assert_eq!(
            check(Some("MIT AND GPL-3.0-only")),
            ["the licence MIT AND GPL-3.0-only is not in deny.toml"]
        );
        assert_eq!(check(Some("nonsense")), ["the licence \"nonsense\" is no SPDX expression"]);
        assert_eq!(check(None), ["names no licence"]);
    }

    #[test]
    fn a_second_version_needs_a_reason_and_a_reason_needs_a_second_version() {
        let (old, new) = (package("a", "1.0.0", None, None), package("a", "2.0.0", None, None));
        let rules = |skip: &[(&str, &str)]| Bans {
            skip: skip
                .iter()
                .map(|(id, why)| Skip { package: (*id).into(), reason: (*why).into() })
                .collect(),
        };
        assert_eq!(what(duplicates(&rules(&[]), &[&old, &new])), ["`a` is there as 1.0.0 and 2.0.0"]);
        assert_eq!(what(duplicates(&rules(&[("a@1.0.0", "b needs it")]), &[&old, &new])), [""; 0]);
        assert_eq!(
            what(duplicates(&rules(&[("a@1.0.0", "b needs it")]), &[&new])),
            ["`a@1.0.0` is skipped and is no duplicate"]
        );
        assert_eq!(
            what(duplicates(&rules(&[("a@1.0.0", " ")]), &[&old, &new])),
            ["`a@1.0.0` is skipped without a reason"]
        );
    }

    #[test]
    fn one_registry_and_no_checkout() {
        let (a, b) =
            (package("a", "1.0.0", None, Some("registry+x")), package("b", "1.0.0", None, Some("git+y")));
        assert_eq!(what(sources(&[&a])), [""; 0]);
        assert_eq!(sources(&[&a, &b]).len(), 2);
    }

    #[test]
    fn what_only_tests_use_is_not_shipped() {
        let packages = ["us", "lib", "oracle"].map(|id| {
            serde_json::json!({"id": id, "name": id, "version": "1.0.0", "dependencies": [], "targets": []})
        });
        let metadata = serde_json::json!({"workspace_members": ["us"], "packages": packages});
        let metadata: Metadata = serde_json::from_value(metadata).unwrap();
        let tree = "us v1.0.0 (/us)\nlib v1.0.0\noracle v0.9.0\nlib v1.0.0 (*)\n";
        let names: Vec<_> =
            shipped(&metadata, tree).into_iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["us", "lib"]);
    }
}
