//! `cargo xtask bench`: a bench is an example named `bench-NAME` of any crate, so that it is found by
//! being there and compiles with the tests.

use crate::report::Failure;
use crate::run::cargo;
use crate::workspace::Metadata;

const PREFIX: &str = "bench-";

/// Lists the benches; with a name, runs that one in release mode and hands it the further arguments.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let metadata = Metadata::ours()?;
    let benches = find(&metadata);
    let Some((name, rest)) = arguments.split_first() else {
        for (bench, package) in &benches {
            println!("{bench:20}{package}");
        }
        println!("{} benches; `cargo xtask bench NAME [ARGUMENT]…` runs one", benches.len());
        return Ok(());
    };
    let (bench, package) = benches.iter().find(|(bench, _)| bench == name).ok_or_else(|| {
        Failure::Usage(format!("there is no bench `{name}`: `cargo xtask bench` lists them"))
    })?;
    let example = format!("{PREFIX}{bench}");
    let command = ["run", "--release", "--locked", "--package", package, "--example", &example, "--"];
    cargo(command.into_iter().chain(rest.iter().map(String::as_str))).run()
}

/// Benches and the packages that they are examples of, by name.
fn find(metadata: &Metadata) -> Vec<(&str, &str)> {
    let mut benches: Vec<_> = metadata
        .members()
        .flat_map(|package| package.targets.iter().map(|target| (target, package.name.as_str())))
        .filter(|(target, _)| target.kind.iter().any(|kind| kind == "example"))
        .filter_map(|(target, package)| Some((target.name.strip_prefix(PREFIX)?, package)))
        .collect();
    benches.sort_unstable();
    benches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_examples_with_the_prefix() {
        let target = |name: &str, kind: &str| serde_json::json!({"name": name, "kind": [kind]});
        let targets = [target("bench-store", "example"), target("demo", "example"), target("bench-x", "bin")];
        let metadata = serde_json::from_value(serde_json::json!({
            "workspace_members": ["i"],
            "packages": [{"id": "i", "name": "infra", "version": "1", "license": null, "source": null, "dependencies": [], "targets": targets}],
        }));
        assert_eq!(find(&metadata.unwrap()), [("store", "infra")]);
    }
}
