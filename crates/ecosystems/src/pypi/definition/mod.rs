//! Recipes that people mend: for releases whose recipe cannot be inferred, `definitions/pypi/NAME/*.toml`
//! says what to do otherwise, for which versions, and why.
//!
//! A definition changes a recipe and nothing else: what comes out is compared like every other build, and
//! the attestation says that a person wrote the recipe. The format is documented in `docs/definitions.md`.

mod builtin;
mod error;
mod load;
mod model;
mod overlap;
mod write;

pub use error::DefinitionError;
pub(super) use write::of as written;

use super::hooks::Hooks;
use super::lockfile::marker::normalise;
use model::{Epoch, List, Shape};
use pep440_rs::{Version, VersionSpecifiers};
use std::collections::BTreeMap;
use std::path::Path;
use trustmill_core::recipe::{Origin, Recipe, Step};

/// One definition: which releases, why, and what is different for them.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The file, for messages and reasons.
    file: String,
    versions: VersionSpecifiers,
    shape: Shape,
}

/// All definitions, by project.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Those of later folders first: a user's come before the built-in ones.
    by_name: BTreeMap<String, Vec<Definition>>,
}

impl Definitions {
    /// The definitions that this program carries, and those of `folders`, each laid out as
    /// `FOLDER/pypi/NAME/*.toml`. A later folder wins over an earlier one, and over what is built in.
    ///
    /// # Errors
    /// [`DefinitionError`], for the first file that is malformed: half a set of definitions is none.
    pub fn load(folders: &[&Path]) -> Result<Self, DefinitionError> {
        let mut all = Self::default();
        all.add(load::parse_all(builtin::FILES.iter().map(|(path, text)| (*path, *text)))?);
        for folder in folders {
            let files = load::read_folder(folder)?;
            all.add(load::parse_all(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))?);
        }
        Ok(all)
    }

    fn add(&mut self, folder: BTreeMap<String, Vec<Definition>>) {
        for (name, definitions) in folder {
            self.by_name.entry(name).or_default().splice(0..0, definitions);
        }
    }

    /// The definition for a release; `name` in any spelling. `None` too if `version` is not one of PEP 440.
    pub fn find(&self, name: &str, version: &str) -> Option<&Definition> {
        let version: Version = version.parse().ok()?;
        self.by_name.get(&normalise(name))?.iter().find(|definition| definition.versions.contains(&version))
    }

    /// Every definition with its project, for lists.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Definition)> {
        self.by_name.iter().flat_map(|(name, all)| all.iter().map(move |one| (name.as_str(), one)))
    }
}

impl Definition {
    /// Parses `text` as the file at `path`, `pypi/NAME/FILE.toml`.
    ///
    /// # Errors
    /// [`DefinitionError::Malformed`] with file and line.
    pub fn parse(path: &str, text: &str) -> Result<Self, DefinitionError> {
        load::parse(path, text)
    }

    /// The file it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Why it exists.
    pub fn reason(&self) -> &str {
        self.shape.reason.get_ref().trim()
    }

    /// The versions it is for.
    pub fn versions(&self) -> &VersionSpecifiers {
        &self.versions
    }

    /// `recipe` with the parts that this definition names replaced; its origin becomes a person, and the
    /// reason is the last of its reasons.
    #[must_use]
    pub fn apply(&self, mut recipe: Recipe) -> Recipe {
        let shape = &self.shape;
        if let Some(python) = &shape.python {
            recipe.tools.insert("python".to_owned(), python.get_ref().clone());
        }
        change(&mut recipe.requirements, &shape.requirements);
        change(&mut recipe.constraints, &shape.constraints);
        recipe.env.extend(shape.env.iter().map(|(name, value)| (name.get_ref().clone(), value.clone())));
        recipe.umask = shape.umask.as_ref().map_or(recipe.umask, |umask| *umask.get_ref());
        match &shape.source_date_epoch {
            Some(Epoch::Seconds(seconds)) => recipe.source_date_epoch = Some(*seconds),
            Some(Epoch::Archive(_)) => recipe.source_date_epoch = None,
            None => {}
        }
        if !shape.steps.is_empty() {
            let steps = shape.steps.iter().map(|step| step.get_ref());
            recipe.steps =
                steps.map(|step| Step { name: step.name.clone(), argv: step.argv.clone() }).collect();
        }
        set(&mut recipe.steps, &shape.config_settings);
        recipe.origin = Origin::Human;
        recipe.reasons.push(format!("{} ({})", self.reason(), self.file));
        recipe
    }
}

/// Replaces the list, then adds what it does not hold yet.
fn change(list: &mut Vec<String>, by: &List) {
    if let Some(all) = &by.replace {
        *list = all.iter().map(|one| one.get_ref().clone()).collect();
    }
    for one in &by.add {
        if !list.contains(one.get_ref()) {
            list.push(one.get_ref().clone());
        }
    }
}

/// Gives the back end its settings; a setting of the same key is replaced.
fn set(steps: &mut [Step], settings: &BTreeMap<String, model::Values>) {
    for step in steps.iter_mut().filter(|_| !settings.is_empty()) {
        let Some(mut hooks) = Hooks::of(step).filter(|hooks| hooks.backend.is_some()) else { continue };
        for (key, values) in settings {
            hooks.settings.retain(|one| one.split_once('=').is_none_or(|(name, _)| name != key));
            hooks.settings.extend(values.iter().map(|value| format!("{key}={value}")));
        }
        let name = std::mem::take(&mut step.name);
        *step = Step { name, ..hooks.step() };
    }
}
