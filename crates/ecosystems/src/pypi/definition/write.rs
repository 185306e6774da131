//! A definition out of two recipes: what is different in the one that is wanted.

use super::Definition;
use crate::pypi::lockfile::marker::normalise;
use serde::Serialize;
use std::collections::BTreeMap;
use trustmill_core::port::ecosystem::DefinitionFile;
use trustmill_core::recipe::{Recipe, Step};

/// A definition as it is written: the same keys as those that are read.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Written<'a> {
    versions: String,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    python: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    umask: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_date_epoch: Option<toml::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requirements: Option<List<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraints: Option<List<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "<[Step]>::is_empty")]
    steps: &'a [Step],
}

#[derive(Serialize)]
struct List<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    replace: Option<&'a [String]>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    add: &'a [String],
}

/// What turns `inferred` into `wanted`, for one release. `None` where that is nothing, or more than a definition can say.
pub(in crate::pypi) fn of(
    (name, version): (&str, &str),
    inferred: &Recipe,
    wanted: &Recipe,
    reason: &str,
) -> Option<DefinitionFile> {
    let python = wanted.tools.get("python").filter(|python| inferred.tools.get("python") != Some(python));
    let epoch = match wanted.source_date_epoch {
        epoch if epoch == inferred.source_date_epoch => None,
        Some(seconds) => Some(toml::Value::Integer(seconds)),
        None => Some(toml::Value::String("archive".to_owned())),
    };
    let env = wanted.env.iter().filter(|(name, value)| inferred.env.get(*name) != Some(value));
    let written = Written {
        versions: format!("=={version}"),
        reason,
        python: python.map(String::as_str),
        umask: (wanted.umask != inferred.umask).then_some(wanted.umask),
        source_date_epoch: epoch,
        requirements: list(&inferred.requirements, &wanted.requirements),
        constraints: list(&inferred.constraints, &wanted.constraints),
        env: env.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        steps: if wanted.steps == inferred.steps { &[] } else { &wanted.steps },
    };
    let text = format!("# The format: docs/definitions.md\n{}", toml::to_string_pretty(&written).ok()?);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let path =
        format!("pypi/{}/found-{}.toml", normalise(name), version.chars().map(plain).collect::<String>());
    // What was written is read, and must say what was meant: as of when things are resolved, for one, cannot be said.
    let read = Definition::parse(&path, &text).ok()?.apply(inferred.clone());
    let says = |recipe: &Recipe| Recipe { reasons: Vec::new(), origin: read.origin, ..recipe.clone() };
    (says(&read) == says(wanted) && says(wanted) != says(inferred)).then_some(DefinitionFile { path, text })
}

fn list<'a>(inferred: &[String], wanted: &'a [String]) -> Option<List<'a>> {
    match wanted.strip_prefix(inferred) {
        Some([]) => None,
        Some(add) => Some(List { replace: None, add }),
        None => Some(List { replace: Some(wanted), add: &[] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use trustmill_core::recipe::{Origin, SourceKind};

    fn recipe() -> Recipe {
        Recipe {
            format: Recipe::FORMAT,
            origin: Origin::Inferred,
            source: SourceKind::Sdist,
            tools: BTreeMap::from([("python".to_owned(), "3.11".to_owned())]),
            requirements: vec!["setuptools".to_owned()],
            constraints: vec!["setuptools<70".to_owned()],
            as_of: Timestamp::UNIX_EPOCH,
            env: BTreeMap::new(),
            umask: 0o022,
            source_date_epoch: Some(1),
            steps: vec![Step {
                name: "build-wheel".into(),
                argv: vec!["/env/bin/python".into(), "setup.py".into()],
            }],
            reasons: Vec::new(),
        }
    }

    fn written(change: impl FnOnce(&mut Recipe)) -> Option<DefinitionFile> {
        let mut wanted = recipe();
        change(&mut wanted);
        of(("My.Kit", "1.0"), &recipe(), &wanted, "measured, \"so\"")
    }

    #[test]
    fn every_change_that_a_definition_can_say_is_read_back() {
        type Change = fn(&mut Recipe);
        let changes: [(&str, Change); 7] = [
            ("python = \"3.9\"", |recipe| drop(recipe.tools.insert("python".into(), "3.9".into()))),
            ("umask = 2", |recipe| recipe.umask = 0o002),
            ("source-date-epoch = \"archive\"", |recipe| recipe.source_date_epoch = None),
            ("add = [\"wheel\"]", |recipe| recipe.requirements.push("wheel".into())),
            ("replace = [\"setuptools<60\"]", |recipe| recipe.constraints = vec!["setuptools<60".into()]),
            ("PURE = \"1\"", |recipe| drop(recipe.env.insert("PURE".into(), "1".into()))),
            ("[[steps]]", |recipe| recipe.steps[0].argv.push("bdist_wheel".into())),
        ];
        for (says, change) in changes {
            let file = written(change).unwrap();
            assert!(file.text.contains(says), "{says}: {}", file.text);
            assert_eq!(file.path, "pypi/my-kit/found-1.0.toml");
        }
    }

    #[test]
    fn what_it_cannot_say_is_no_definition() {
        assert_eq!(written(|_| ()), None);
        assert_eq!(written(|recipe| recipe.as_of = Timestamp::from_second(9).unwrap()), None);
        assert!(written(|recipe| recipe.constraints.clear()).is_some());
    }
}
