//! Where the ladder ended: what else may have been different at the publisher's, one thing at a time.
//!
//! The ladder follows evidence; this follows what publishers' machines were found to have: variables that a build asks for,
//! tools that were older or newer than the day, other Pythons, other ways to start the same back end.

use super::clues::source_of;
use super::draft::{self, Draft};
use super::range::Range;
use super::{eras, next};
use crate::pypi::environment::requirement;
use std::collections::BTreeSet;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::comparison::DifferenceClass;
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::Recipe;

/// Versions below which a tool writes other bytes, the newest first; what it writes changed with each of them.
const WHEEL: [&str; 7] = ["0.46", "0.43", "0.42", "0.38", "0.37", "0.34", "0.31"];
/// The same of setuptools.
const SETUPTOOLS: [&str; 14] =
    ["80", "77", "75", "71", "70.1", "69", "67", "64", "62", "60", "58", "56.1", "50", "42"];
/// Variables of the environment that mean something else than a switch of this build.
const NO_SWITCH: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "SHELL",
    "CC",
    "CXX",
    "CFLAGS",
    "CPPFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "SOURCE_DATE_EPOCH",
    "TMPDIR",
    "TERM",
    "LANG",
];
/// The most variables that are tried.
const SWITCHES: usize = 6;
/// The most values that are tried for each.
const VALUES: usize = 3;
/// Files that a build reads its variables in.
const BUILD_FILES: [&str; 3] = ["setup.py", "_build.py", "build.py"];

/// Recipes that differ from that of `base` in one thing each, the likeliest first.
pub fn variations(evidence: &Evidence<'_>, base: &Attempt, tried: &[Attempt]) -> Vec<Recipe> {
    let Some(draft) = Draft::of(&base.recipe) else { return Vec::new() };
    let wider = Wider { evidence, draft };
    let all = match &base.result {
        AttemptResult::Compared(comparison) => {
            let environment = comparison.differences.iter().any(|one| one.member.contains(".dist-info/"));
            let payload = comparison.differences.iter().any(|one| !one.member.contains(".dist-info/"));
            let less = comparison.differences.iter().any(|one| one.class == DifferenceClass::OnlyRebuilt);
            let (mut first, mut second) = (Vec::new(), Vec::new());
            let tools = if environment { &mut first } else { &mut second };
            tools.extend(wider.wheels());
            tools.extend(wider.setuptools());
            if payload || less { &mut first } else { &mut second }.extend(wider.switches());
            first.into_iter().chain(second).chain(wider.pythons()).collect::<Vec<_>>()
        }
        // A build that makes another kind of file, or none: what the build itself asks for, before its tools.
        AttemptResult::Failed { .. } => {
            let switches = wider.switches().into_iter().chain(wider.pythons());
            switches.chain(wider.setuptools()).chain(wider.unbounded()).collect()
        }
        AttemptResult::Built { .. } => Vec::new(),
    };
    let source = base.recipe.source;
    let recipes = all.into_iter().map(|draft| Recipe { source, ..draft.into_recipe() });
    let mut out: Vec<Recipe> = Vec::new();
    for recipe in recipes {
        let known = tried.iter().any(|attempt| draft::same(&attempt.recipe, &recipe));
        if !known && !out.iter().any(|other| draft::same(other, &recipe)) {
            out.push(recipe);
        }
    }
    out
}

struct Wider<'a> {
    evidence: &'a Evidence<'a>,
    draft: Draft,
}

impl Wider<'_> {
    fn with(&self, change: impl FnOnce(&mut Draft), reason: impl Into<String>) -> Draft {
        let mut draft = self.draft.clone();
        change(&mut draft);
        draft.because(reason)
    }

    /// What a build looks up in its environment, set. A build that has a switch has it because somebody uses it.
    fn switches(&self) -> Vec<Draft> {
        let source = source_of(self.evidence);
        let texts: Vec<&str> = BUILD_FILES.iter().filter_map(|name| source.text(name)).collect();
        let names: BTreeSet<String> = texts.iter().flat_map(|text| variables(text)).collect();
        let mut names: Vec<String> = names
            .into_iter()
            .filter(|name| !NO_SWITCH.contains(&name.as_str()) && !self.draft.env.contains_key(name))
            .collect();
        // Turning something off is what a publisher of portable wheels does.
        names.sort_by_key(|name| {
            !["DISABLE", "NO_", "WITHOUT", "SKIP", "PURE"].iter().any(|word| name.contains(word))
        });
        names.truncate(SWITCHES);
        let set = |(name, value): (String, String)| {
            let reason = format!("the build asks for {name}: it is {value}");
            self.with(|draft| drop(draft.env.insert(name, value)), reason)
        };
        let pairs = names.into_iter().flat_map(|name| {
            let values: BTreeSet<String> = texts.iter().flat_map(|text| values(text, &name)).collect();
            let values = values.into_iter().chain(["1".to_owned()]).take(VALUES);
            values.map(move |value| (name.clone(), value)).collect::<Vec<_>>()
        });
        pairs.map(set).collect()
    }

    /// Older versions of what writes wheels.
    fn wheels(&self) -> Vec<Draft> {
        let older = |bound: &&str| {
            let reason = format!("wheel before {bound}");
            self.with(
                |draft| {
                    draft.constraints.retain(|one| requirement::name(one).as_deref() != Some("wheel"));
                    draft.require("wheel");
                    draft.constraints.push(format!("wheel<{bound}"));
                },
                reason,
            )
        };
        WHEEL.iter().map(older).collect()
    }

    /// Older setuptools.
    fn setuptools(&self) -> Vec<Draft> {
        let uses =
            self.draft.requirements.iter().any(|one| requirement::name(one).as_deref() == Some("setuptools"));
        let older = |bound: &&str| {
            self.with(
                |draft| draft.setuptools = Some(Range::below(bound)),
                format!("setuptools before {bound}"),
            )
        };
        SETUPTOOLS.iter().filter(|_| uses).map(older).collect()
    }

    /// Other Pythons.
    fn pythons(&self) -> Vec<Draft> {
        let newest = eras::cpython(self.evidence.uploaded);
        let other = |python: &(u16, u16)| *python != self.draft.python && *python <= newest;
        let with = |python: (u16, u16)| {
            self.with(|draft| draft.python = python, format!("Python {}.{} instead", python.0, python.1))
        };
        next::PYTHONS.into_iter().filter(other).map(with).collect()
    }

    /// The requirements without their bounds: the publisher built without isolation.
    fn unbounded(&self) -> Option<Draft> {
        let names: Vec<String> =
            self.draft.requirements.iter().filter_map(|one| requirement::name(one)).collect();
        (names != self.draft.requirements).then(|| {
            self.with(|draft| draft.requirements = names, "the build's requirements without their bounds")
        })
    }
}

/// Names of variables that a text in Python looks up in its environment.
fn variables(text: &str) -> Vec<String> {
    let after = ["environ.get(", "environ[", "getenv("];
    let looked_up = after.iter().flat_map(|call| text.match_indices(call).map(|(at, call)| at + call.len()));
    let mut out: Vec<String> =
        looked_up.take(200).filter_map(|at| quoted(text.get(at..)?.trim_start())).collect();
    let asked = text.match_indices(" in os.environ").take(200);
    out.extend(asked.filter_map(|(at, _)| {
        let before = text.get(..at)?.trim_end();
        let quote = before.chars().next_back().filter(|c| ['"', '\''].contains(c))?;
        let inner = before.strip_suffix(quote)?;
        named(inner.rsplit(quote).next()?)
    }));
    out
}

/// Words that stand on a line with a variable's name: what it is compared with, or has otherwise.
fn values(text: &str, name: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains(name)).take(20);
    let words = lines.flat_map(|line| line.split(['"', '\'']).skip(1).step_by(2));
    let is_value = |word: &&str| {
        *word != name && (1..8).contains(&word.len()) && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    words.filter(is_value).map(str::to_owned).collect()
}

fn quoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c))?;
    named(text.strip_prefix(quote)?.split(quote).next()?)
}

fn named(name: &str) -> Option<String> {
    let is_name = (3..64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_asks_its_environment_for_is_found() {
        let text = r#"
            if os.environ.get("DISABLE_SPEEDUPS"): pass
            if 'KIT_PURE' in os.environ and os.getenv( 'CI_BUILD', '') and environ["WITH_X"]: pass
            os.environ["lower"]; os.environ.get(name); os.environ.get("unended
        "#;
        let found: BTreeSet<String> = variables(text).into_iter().collect();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["CI_BUILD", "DISABLE_SPEEDUPS", "KIT_PURE", "WITH_X"]
        );
        let line = r#"if os.environ.get("BUILD_X", 'yes') != "no": pass"#;
        assert_eq!(values(line, "BUILD_X"), ["yes", "no"]);
    }
}
