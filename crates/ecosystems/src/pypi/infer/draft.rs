//! A recipe while it is decided on: the same facts in the terms in which rules speak, and back.

use super::eras;
use super::range::Range;
use crate::pypi::environment::requirement;
use crate::pypi::hooks::Hooks;
use jiff::Timestamp;
use std::collections::BTreeMap;
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};

/// A recipe in the terms of the rules.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) python: (u16, u16),
    pub(super) requirements: Vec<String>,
    /// Bounds, but those on setuptools that are a range.
    pub(super) constraints: Vec<String>,
    /// Where setuptools is bounded by evidence.
    pub(super) setuptools: Option<Range>,
    pub(super) hooks: Hooks,
    /// Steps before the one that builds.
    pub(super) before: Vec<Step>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) as_of: Timestamp,
    pub(super) umask: u32,
    pub(super) epoch: Option<i64>,
    pub(super) reasons: Vec<String>,
}

impl Draft {
    /// The same with one more reason.
    pub(super) fn because(mut self, reason: impl Into<String>) -> Self {
        self.reasons.push(reason.into());
        self
    }

    /// Adds a requirement by name, unless one of that name is there.
    pub(super) fn require(&mut self, text: &str) {
        let name = requirement::name(text);
        if !self.requirements.iter().any(|one| requirement::name(one) == name) {
            self.requirements.push(text.to_owned());
        }
    }

    /// Whether a bound on `name` is set.
    pub(super) fn bounds(&self, name: &str) -> bool {
        self.constraints.iter().any(|one| requirement::name(one).as_deref() == Some(name))
    }

    /// Sets the evidence on setuptools, and what follows from the release that it selects: the newest
    /// Python that release runs on, and whether it has the legacy hook.
    #[must_use]
    pub(super) fn with_setuptools(mut self, range: Range, python: Python, has_setup_py: bool) -> Self {
        let newest = eras::newest_setuptools(self.as_of, |version| range.contains(version));
        let cap = eras::newest_python_for(&newest);
        self.python = python.exact.unwrap_or_else(|| python.newest.min(cap));
        if newest < eras::version(eras::LEGACY_HOOK) && has_setup_py {
            self.hooks.backend = None;
            self.hooks.backend_path.clear();
        }
        self.setuptools = Some(range);
        self
    }

    /// The recipe.
    pub(super) fn into_recipe(self) -> Recipe {
        let mut constraints = self.constraints;
        constraints.extend(self.setuptools.and_then(|range| range.constraint("setuptools")));
        let mut steps = self.before;
        steps.push(self.hooks.step());
        let (major, minor) = self.python;
        Recipe {
            format: Recipe::FORMAT,
            origin: Origin::Inferred,
            source: SourceKind::Sdist,
            tools: BTreeMap::from([("python".to_owned(), format!("{major}.{minor}"))]),
            requirements: self.requirements,
            constraints,
            as_of: self.as_of,
            env: self.env,
            umask: self.umask,
            source_date_epoch: self.epoch,
            steps,
            reasons: self.reasons,
        }
    }

    /// Reads a recipe back; `None` if it does what no rule here would do.
    pub(super) fn of(recipe: &Recipe) -> Option<Self> {
        let (last, before) = recipe.steps.split_last()?;
        let mut setuptools = None;
        let mut constraints = Vec::new();
        for constraint in &recipe.constraints {
            let range = Range::of(constraint)
                .filter(|_| requirement::name(constraint).as_deref() == Some("setuptools"));
            match range {
                Some(range) => setuptools = Some(range),
                None => constraints.push(constraint.clone()),
            }
        }
        Some(Self {
            python: eras::feature(recipe.tools.get("python")?)?,
            requirements: recipe.requirements.clone(),
            constraints,
            setuptools,
            hooks: Hooks::of(last)?,
            before: before.to_vec(),
            env: recipe.env.clone(),
            as_of: recipe.as_of,
            umask: recipe.umask,
            epoch: recipe.source_date_epoch,
            reasons: recipe.reasons.clone(),
        })
    }
}

/// What is known of the interpreter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Python {
    /// The one that the wheel names.
    pub(super) exact: Option<(u16, u16)>,
    /// The newest that was out.
    pub(super) newest: (u16, u16),
}

/// Whether two recipes do the same, whatever their reasons.
pub(super) fn same(a: &Recipe, b: &Recipe) -> bool {
    Recipe { reasons: Vec::new(), ..a.clone() } == Recipe { reasons: Vec::new(), ..b.clone() }
}
