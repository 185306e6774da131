//! The next recipe: each kind of difference, and each class of failure, has its own answer. Nothing is
//! tried twice, and a difference that no recipe can cause ends the ladder at once.

use super::clues::{Clues, source_of};
use super::diff;
use super::draft::{Draft, Python};
use super::first;
use super::range::Range;
use super::{eras, first::distribution};
use crate::pypi::environment::requirement;
use crate::pypi::hooks;
use std::collections::BTreeMap;
use trustmill_core::attempt::FailureClass;
use trustmill_core::comparison::{Comparison, Difference, DifferenceClass};
use trustmill_core::port::ecosystem::Evidence;

/// Pythons to try when a back end fails on the one of its era.
pub(super) const PYTHONS: [(u16, u16); 5] = [(3, 11), (3, 9), (3, 8), (3, 7), (3, 13)];

/// Modules that left CPython's standard library with 3.12 and 3.13 (PEP 594, 632).
const REMOVED_MODULES: [&str; 6] = ["distutils", "imp", "asynchat", "asyncore", "cgi", "pipes"];

/// What the rules look at.
pub(super) struct Situation<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    pub(super) clues: &'a Clues,
    /// The recipe that ran last.
    pub(super) draft: Draft,
}

impl Situation<'_> {
    fn python(&self) -> Python {
        first::python(self.evidence, self.clues)
    }

    fn generator(&self) -> &str {
        self.clues.generator().map_or("", |generator| generator.name.as_str())
    }

    fn of_setuptools(&self) -> bool {
        matches!(self.generator(), "bdist_wheel" | "setuptools")
    }

    fn with(&self, change: impl FnOnce(&mut Draft), reason: impl Into<String>) -> Draft {
        let mut draft = self.draft.clone();
        change(&mut draft);
        draft.because(reason)
    }

    fn with_range(&self, range: Range, reason: &str) -> Draft {
        let draft = self.draft.clone().with_setuptools(range, self.python(), self.clues.has_setup_py);
        draft.because(reason)
    }

    /// Answers to a failure, the likeliest first.
    pub(super) fn after_failure(&self, class: FailureClass, detail: &str) -> Vec<Draft> {
        match class {
            FailureClass::UnresolvableRequirements => self.unresolvable(),
            FailureClass::UndeclaredDependency => match asked(detail) {
                Some(wanted) => vec![self.asked(&wanted)],
                None => self.undeclared(detail),
            },
            FailureClass::NetworkDenied => {
                asked(detail).map(|wanted| self.asked(&wanted)).into_iter().collect()
            }
            FailureClass::BackendMissing => {
                let all =
                    |draft: &mut Draft| ["setuptools", "wheel"].iter().for_each(|one| draft.require(one));
                let mut out =
                    vec![self.with(all, "the back end was not there: setuptools and wheel are added")];
                out.extend(self.other_pythons());
                out
            }
            FailureClass::MissingNativeTool => self.version_from_outside(),
            FailureClass::WrongArtifact => self.placeholder().into_iter().chain(self.tags()).collect(),
            FailureClass::BackendError | FailureClass::NoArtifact | FailureClass::Killed => {
                self.other_pythons()
            }
            _ => Vec::new(),
        }
    }

    /// The declared requirements contradict the evidence: the publisher built without isolation.
    fn unresolvable(&self) -> Vec<Draft> {
        if !self.of_setuptools() {
            let pins = self.draft.constraints.clone();
            let later = self.draft.as_of.checked_add(jiff::SignedDuration::from_hours(24 * 365)).ok();
            let lifted = later.filter(|_| self.draft.as_of == self.evidence.uploaded).map(|later| {
                let reason = "no solution at the upload: a year later for the back end's dependencies";
                self.with(|draft| draft.as_of = later, reason)
            });
            let bare = (!pins.is_empty())
                .then(|| self.with(|draft| draft.requirements = pins, "no solution: the back end alone"));
            return lifted.into_iter().chain(bare).collect();
        }
        let tools = |draft: &mut Draft| {
            draft
                .requirements
                .retain(|one| !matches!(requirement::name(one).as_deref(), Some("setuptools" | "wheel")));
            draft.requirements.splice(0..0, ["setuptools".to_owned(), "wheel".to_owned()]);
        };
        let only = |draft: &mut Draft| draft.requirements = vec!["setuptools".to_owned(), "wheel".to_owned()];
        vec![
            self.with(tools, "the declared bounds contradict what the wheel says: the wheel counts"),
            self.with(only, "the declared requirements cannot be met: setuptools and wheel alone"),
        ]
    }

    /// What `setup_requires` of a setup.py names is known only once that runs.
    fn asked(&self, wanted: &str) -> Draft {
        self.with(|draft| draft.require(wanted), format!("setup.py asks for {wanted} while it runs"))
    }

    /// A module that the build imports and nobody declared.
    fn undeclared(&self, detail: &str) -> Vec<Draft> {
        let module = detail.split("No module named ").nth(1).map(|rest| rest.trim_matches(['\'', '"']));
        let module =
            module.and_then(|name| name.split(['.', '\'', '"', ' ', ';']).next()).unwrap_or_default();
        if REMOVED_MODULES.contains(&module) {
            return self.other_pythons();
        }
        let mut out = Vec::new();
        if module == "pkg_resources" {
            out.push(self.with(|draft| draft.require("setuptools"), "pkg_resources is setuptools'"));
            out.push(self.with_range(Range::below("81"), "pkg_resources is gone from newer setuptools"));
        } else if requirement::check(module).is_ok() {
            let add = |draft: &mut Draft| draft.require(module);
            out.push(self.with(add, format!("the build imports {module} without declaring it")));
        }
        let wheel = |draft: &mut Draft| ["setuptools", "wheel"].iter().for_each(|one| draft.require(one));
        out.push(self.with(wheel, "setuptools and wheel are added"));
        out.extend(self.other_pythons());
        out
    }

    /// Versions that come from source control are told, since an archive has none.
    fn version_from_outside(&self) -> Vec<Draft> {
        let Some(version) = self.evidence.purl.version() else { return Vec::new() };
        let told: BTreeMap<String, String> = ["SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION"]
            .into_iter()
            .map(|name| (name.to_owned(), version.to_owned()))
            .collect();
        vec![self.with(
            |draft| draft.env.extend(told),
            "source control is not in the archive: the version is told",
        )]
    }

    /// A version that a plugin fills in stands as a placeholder in `pyproject.toml`; the source's own
    /// `PKG-INFO` has the real one.
    fn placeholder(&self) -> Option<Draft> {
        let source = source_of(self.evidence);
        let version = self.evidence.purl.version()?;
        let told = source.text("PKG-INFO")?.lines().find_map(|line| line.strip_prefix("Version: "))?;
        if told.trim() != version || !self.draft.before.is_empty() {
            return None;
        }
        let set = |line: &&str| {
            line.strip_prefix("version").and_then(|rest| rest.trim_start().strip_prefix('=')).is_some_and(
                |value| {
                    let value = value.trim();
                    value.len() < 60 && value.starts_with('"') && value.ends_with('"')
                },
            )
        };
        let line = source.text("pyproject.toml")?.lines().find(set)?;
        let new = format!("version = \"{version}\"");
        let reason = format!("{} is a placeholder: PKG-INFO says {version}", line.trim());
        let step = hooks::replace_step("pyproject.toml", line, &new);
        (line != new).then(|| self.with(|draft| draft.before = vec![step], reason))
    }

    fn other_pythons(&self) -> Vec<Draft> {
        let other = PYTHONS.into_iter().filter(|python| *python != self.draft.python);
        other
            .map(|python| {
                let reason = format!("the build failed: Python {}.{} instead", python.0, python.1);
                self.with(|draft| draft.python = python, reason)
            })
            .collect()
    }

    /// The tags of the wheel come from distutils' configuration where the source does not set them.
    fn tags(&self) -> Vec<Draft> {
        let Some(published) = self.clues.published.as_ref().filter(|_| self.of_setuptools()) else {
            return Vec::new();
        };
        let only = published.tags.first().filter(|_| published.tags.len() == 1);
        let set = if self.clues.universal() {
            vec!["bdist_wheel.universal=1".to_owned()]
        } else {
            let python = only.and_then(|tag| tag.split('-').next()).filter(|python| *python != "py3");
            let tag = python.map(|python| format!("bdist_wheel.python-tag={python}"));
            ["bdist_wheel.universal=0".to_owned()].into_iter().chain(tag).collect()
        };
        let reason = format!("the tags are {}: {}", published.tags.join(", "), set.join(", "));
        vec![self.with(|draft| draft.hooks.distutils = set, reason)]
    }

    /// Answers to differences, the likeliest first.
    pub(super) fn after_comparison(&self, comparison: &Comparison) -> Vec<Draft> {
        let open: Vec<&Difference> = comparison.differences.iter().filter(|one| !self.genuine(one)).collect();
        if open.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::new();
        if open.iter().any(|one| one.member.ends_with(".dist-info/WHEEL") && diff::touches(one, "Tag:")) {
            out.extend(self.tags());
        }
        out.extend(self.without_extras(&open));
        out.extend(self.typed(&open));
        let environment = open.iter().any(|one| one.member.contains(".dist-info/"));
        if !environment {
            // Everything that the environment writes is equal: it is the right one, and what differs is in
            // the payload.
            return out;
        }
        match self.generator() {
            "bdist_wheel" => out.extend(self.other_setuptools(&open)),
            "setuptools" => out.extend(self.other_wheel(&open)),
            name if distribution(name).is_some() => out.extend(self.other_pythons().into_iter().take(1)),
            _ => {}
        }
        out
    }

    /// A difference that no recipe causes: the source does not have the file at all, or only the line ends
    /// differ. `RECORD` follows the others.
    fn genuine(&self, one: &Difference) -> bool {
        let base = one.member.rsplit('/').next().unwrap_or_default();
        match one.class {
            DifferenceClass::LineEndings => true,
            DifferenceClass::OnlyPublished
                if !one.member.contains(".dist-info/") && !base.ends_with("-nspkg.pth") =>
            {
                !source_of(self.evidence).members.keys().any(|path| path.rsplit('/').next() == Some(base))
            }
            _ => base == "RECORD",
        }
    }

    /// Only we have more, and all of it is in the source: the publisher's tree did not have it.
    fn without_extras(&self, open: &[&Difference]) -> Option<Draft> {
        let extra = |one: &&&Difference| one.class == DifferenceClass::OnlyRebuilt;
        if !self.draft.before.is_empty() || open.iter().any(|one| one.class == DifferenceClass::OnlyPublished)
        {
            return None;
        }
        let dropped: Vec<String> =
            open.iter().filter(extra).map(|one| self.source_of(&one.member)).collect::<Option<_>>()?;
        let vital = |path: &String| path.starts_with("setup.") || path == "pyproject.toml";
        if dropped.is_empty() || dropped.iter().any(vital) {
            return None;
        }
        let reason =
            format!("published without files that the source has: built without {}", dropped.join(", "));
        Some(self.with(|draft| draft.before = vec![hooks::drop_step(&dropped)], reason))
    }

    /// The source file behind a member of the wheel.
    fn source_of(&self, member: &str) -> Option<String> {
        let path = match member.split_once(".dist-info/") {
            Some((_, below)) => below.strip_prefix("licenses/").unwrap_or(below),
            None => member,
        };
        let source = source_of(self.evidence);
        [path.to_owned(), format!("src/{path}"), format!("lib/{path}")]
            .into_iter()
            .find(|path| source.get(path).is_some())
    }

    /// Type information is included by default from setuptools 69 on.
    fn typed(&self, open: &[&Difference]) -> Option<Draft> {
        let is_typed = |one: &&&Difference| one.member.ends_with("py.typed") || one.member.ends_with(".pyi");
        let one = open.iter().filter(|_| self.generator() == "bdist_wheel").find(is_typed)?;
        Some(match one.class {
            DifferenceClass::OnlyPublished => {
                let range = Range::between(eras::TYPED_BY_DEFAULT, eras::OWN_BDIST_WHEEL);
                self.with_range(range, "type information is included: setuptools from 69.0.0")
            }
            DifferenceClass::OnlyRebuilt => self.with_range(
                Range::below(eras::TYPED_BY_DEFAULT),
                "no type information: setuptools before 69.0.0",
            ),
            _ => return None,
        })
    }

    /// The fields that differ point to a side of a boundary; without such a field, the next older class.
    fn other_setuptools(&self, open: &[&Difference]) -> Vec<Draft> {
        let metadata = open.iter().find(|one| one.member.ends_with("/METADATA"));
        let mut out = Vec::new();
        if metadata.is_some_and(|one| diff::side(one, "UNKNOWN") == diff::Side::Rebuilt) {
            out.extend(self.setup_py("the description is lost: setup.py is run directly"));
        }
        for (field, above) in [("License-File:", eras::LICENSE_FILE), ("Name:", eras::NAME_KEEPS_UNDERSCORE)]
        {
            match metadata.map(|one| diff::side(one, field)) {
                Some(diff::Side::Published) => {
                    out.push(self.with_range(
                        Range::between(above, eras::OWN_BDIST_WHEEL),
                        &format!("{field} is published: setuptools from {above}"),
                    ));
                }
                Some(diff::Side::Rebuilt) => {
                    out.push(self.with_range(
                        Range::below(above),
                        &format!("{field} is not published: setuptools before {above}"),
                    ));
                }
                _ => {}
            }
        }
        for (field, bound) in [
            ("Platform: UNKNOWN", eras::NO_PLATFORM_UNKNOWN),
            ("License: UNKNOWN", eras::NO_PLATFORM_UNKNOWN),
            ("Home-page: UNKNOWN", eras::NO_HOME_PAGE_UNKNOWN),
            ("Author: UNKNOWN", eras::NO_AUTHOR_UNKNOWN),
        ] {
            match metadata.map(|one| diff::side(one, field)) {
                Some(diff::Side::Published) => out.push(
                    self.with_range(Range::below(bound), &format!("{field}: setuptools before {bound}")),
                ),
                Some(diff::Side::Rebuilt) => {
                    out.push(self.with_range(
                        Range::between(bound, eras::OWN_BDIST_WHEEL),
                        &format!("no {field}: setuptools from {bound}"),
                    ));
                }
                _ => {}
            }
        }
        let (evidence, _) = first::setuptools_range(self.clues);
        if self.draft.setuptools.as_ref() != Some(&evidence) {
            out.push(self.with_range(evidence, "all that the evidence allows"));
        }
        out.extend(self.older_classes());
        out.extend(self.setup_py("setup.py is run directly"));
        out
    }

    /// `setup.py bdist_wheel` itself, as before PEP 517.
    fn setup_py(&self, reason: &str) -> Option<Draft> {
        let direct = |draft: &mut Draft| {
            draft.hooks.backend = None;
            draft.hooks.backend_path.clear();
        };
        let possible = self.clues.has_setup_py && self.draft.hooks.backend.is_some();
        possible.then(|| self.with(direct, reason))
    }

    /// Older classes of setuptools within the evidence, then beyond it.
    fn older_classes(&self) -> Vec<Draft> {
        let range = self.draft.setuptools.clone().unwrap_or_default();
        let newest = eras::newest_setuptools(self.draft.as_of, |version| range.contains(version));
        let older = || eras::CLASSES.into_iter().filter(|bound| eras::version(bound) <= newest);
        let within: Vec<&str> = older().filter(|bound| range.reaches_below(bound)).collect();
        let bounds: Vec<&str> = if within.is_empty() { older().collect() } else { within };
        bounds
            .into_iter()
            .map(|bound| {
                self.with_range(
                    Range::below(bound),
                    &format!("what differs is written by setuptools: one before {bound}"),
                )
            })
            .collect()
    }

    /// The wheel that was installed beside a setuptools with its own bdist_wheel.
    fn other_wheel(&self, open: &[&Difference]) -> Vec<Draft> {
        let written =
            open.iter().any(|one| one.member.ends_with("/METADATA") || one.member.ends_with("/WHEEL"));
        if !written || self.draft.bounds("wheel") {
            return Vec::new();
        }
        let ranges = [
            Range::below(eras::WHEEL_NO_PARENTHESES),
            Range::between(eras::WHEEL_NO_PARENTHESES, eras::WHEEL_TIGHT),
            Range::from(eras::WHEEL_TIGHT),
        ];
        ranges
            .iter()
            .filter_map(|range| range.constraint("wheel"))
            .map(|bound| {
                let reason = format!("the metadata is spelled by another wheel: {bound}");
                let add = |draft: &mut Draft| {
                    draft.require("wheel");
                    draft.constraints.push(bound.clone());
                };
                self.with(add, reason)
            })
            .collect()
    }
}

/// The requirement that setuptools went to the network for: `… for Requirement.parse('pbr>=0.6')`, or the last word of the
/// call of pip that newer ones make.
fn asked(detail: &str) -> Option<String> {
    let parsed = detail.split("Requirement.parse('").nth(1).and_then(|rest| rest.split('\'').next());
    let by_pip = || {
        let (_, call) = detail.split_once("'pip', ").filter(|(_, call)| call.contains("'wheel'"))?;
        call.split(']').next()?.rsplit("'").nth(1)
    };
    let wanted = parsed.or_else(by_pip)?;
    (requirement::check(wanted).is_ok() && !wanted.starts_with('-')).then(|| wanted.to_owned())
}

#[cfg(test)]
mod unit {
    use super::asked;

    #[test]
    fn what_setuptools_went_to_the_network_for_is_read() {
        let egg = "DistutilsError: Could not find suitable distribution for Requirement.parse('pbr>=0.6,<1')";
        assert_eq!(asked(egg).as_deref(), Some("pbr>=0.6,<1"));
        let pip = "Command '['/env/bin/python', '-m', 'pip', '--disable-pip-version-check', 'wheel', '--no-deps', '-w', '/tmp/a', '--quiet', 'pytest-runner']' returned";
        assert_eq!(asked(pip).as_deref(), Some("pytest-runner"));
        for other in ["", "no network", "Requirement.parse('", "Requirement.parse('a b')"] {
            assert_eq!(asked(other), None, "{other}");
        }
    }
}
