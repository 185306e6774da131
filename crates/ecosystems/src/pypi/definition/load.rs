//! Finds definition files, and checks what serde cannot.

use super::model::{Shape, StepShape};
use super::{Definition, DefinitionError, overlap};
use crate::pypi::lockfile::marker::normalise;
use crate::pypi::lockfile::requirement::{Requirement, Wanted};
use pep440_rs::VersionSpecifiers;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Bytes of one file.
const MAX_BYTES: u64 = 64 << 10;
/// Entries of one folder.
const MAX_ENTRIES: usize = 20_000;

/// `pypi/NAME/*.toml` below `folder`: path below it and text, in the order of their paths.
pub(super) fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, DefinitionError> {
    let mut files = Vec::new();
    for project in entries(&folder.join("pypi"))?.into_iter().filter(|path| path.is_dir()) {
        let definitions = entries(&project)?.into_iter();
        for file in definitions.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
            files.push((file.display().to_string(), read_file(&file)?));
        }
    }
    Ok(files)
}

fn unreadable(path: &Path, why: impl ToString) -> DefinitionError {
    DefinitionError::Unreadable { path: path.display().to_string(), why: why.to_string() }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DefinitionError> {
    let listed = std::fs::read_dir(folder).map_err(|cause| unreadable(folder, cause))?;
    let mut paths = Vec::new();
    for entry in listed {
        if paths.len() >= MAX_ENTRIES {
            return Err(unreadable(folder, format!("holds more than {MAX_ENTRIES} entries")));
        }
        paths.push(entry.map_err(|cause| unreadable(folder, cause))?.path());
    }
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path) -> Result<String, DefinitionError> {
    if !path.is_file() {
        return Err(unreadable(path, "not a regular file"));
    }
    let file = std::fs::File::open(path).map_err(|cause| unreadable(path, cause))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|cause| unreadable(path, cause))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(unreadable(path, format!("larger than {} KiB", MAX_BYTES >> 10)));
    }
    String::from_utf8(bytes).map_err(|_| unreadable(path, "is not UTF-8"))
}

/// Parses the files of one folder, by project.
pub(super) fn parse_all<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<String, Vec<Definition>>, DefinitionError> {
    let mut all: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    for (path, text) in files {
        let definition = parse(path, text)?;
        let name = project(path).unwrap_or_default();
        let known = all.entry(name.to_owned()).or_default();
        for other in known.iter() {
            if let Some(version) = overlap::shared(&definition.versions, &other.versions) {
                let (file, other) = (definition.file, other.file.clone());
                return Err(DefinitionError::Overlap {
                    file,
                    other,
                    name: name.into(),
                    version: version.to_string(),
                });
            }
        }
        known.push(definition);
    }
    Ok(all)
}

/// The project that a path names: its folder.
fn project(path: &str) -> Option<&str> {
    Path::new(path).parent()?.file_name()?.to_str()
}

/// Parses one file.
pub(super) fn parse(path: &str, text: &str) -> Result<Definition, DefinitionError> {
    let at = |span: Option<Range<usize>>, what: String| {
        let line = span.map(|span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        let origin = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
        DefinitionError::Malformed { origin, what }
    };
    let name = project(path).unwrap_or_default();
    if name.is_empty() || normalise(name) != name {
        return Err(at(
            None,
            format!("its folder must be the project's normalised name: {:?}", normalise(name)),
        ));
    }
    let shape: Shape =
        toml::from_str(text).map_err(|cause| at(cause.span(), cause.message().replace('\n', ", ")))?;
    let versions: VersionSpecifiers = shape.versions.get_ref().parse().map_err(|_| {
        at(Some(shape.versions.span()), format!("{:?} is no version specifier", shape.versions.get_ref()))
    })?;
    check(&shape).map_err(|(span, what)| at(span, what))?;
    Ok(Definition { file: path.to_owned(), versions, shape })
}

type Fault = (Option<Range<usize>>, String);

fn check(shape: &Shape) -> Result<(), Fault> {
    if shape.reason.get_ref().trim().is_empty() {
        return Err((
            Some(shape.reason.span()),
            "the reason is empty: say why this definition exists".into(),
        ));
    }
    if changes_nothing(shape) {
        return Err((None, "changes nothing: take the file out or name what is different".into()));
    }
    if let Some(python) = shape.python.as_ref().filter(|python| !is_python(python.get_ref())) {
        return Err((
            Some(python.span()),
            format!("{:?} is no version of Python like 3.11", python.get_ref()),
        ));
    }
    if let Some(umask) = shape.umask.as_ref().filter(|umask| *umask.get_ref() > 0o777) {
        return Err((Some(umask.span()), format!("{:#o} is no file mode creation mask", umask.get_ref())));
    }
    let lists = [&shape.requirements, &shape.constraints];
    lists
        .into_iter()
        .flat_map(|list| list.replace.iter().flatten().chain(&list.add))
        .try_for_each(requirement)?;
    if let Some(bad) = shape.env.keys().find(|name| !is_variable(name.get_ref())) {
        return Err((Some(bad.span()), format!("{:?} is no name of an environment variable", bad.get_ref())));
    }
    if !shape.steps.is_empty() && !shape.config_settings.is_empty() {
        let what = "has steps and config-settings: write the settings into the steps";
        return Err((shape.steps.first().map(Spanned::span), what.into()));
    }
    if let Some(key) = shape.config_settings.keys().find(|key| key.is_empty() || key.contains('=')) {
        return Err((None, format!("{key:?} is no key of config-settings")));
    }
    shape.steps.iter().try_for_each(step)
}

fn changes_nothing(shape: &Shape) -> bool {
    let lists = [&shape.requirements, &shape.constraints];
    shape.python.is_none()
        && shape.umask.is_none()
        && shape.source_date_epoch.is_none()
        && shape.env.is_empty()
        && shape.config_settings.is_empty()
        && shape.steps.is_empty()
        && lists.iter().all(|list| list.replace.is_none() && list.add.is_empty())
}

/// A requirement of a registry: a URL would be fetched from where nobody looks.
fn requirement(text: &Spanned<String>) -> Result<(), Fault> {
    let fault = |what| (Some(text.span()), what);
    match Requirement::parse(text.get_ref()).map_err(fault)?.wanted {
        Wanted::Versions(_) => Ok(()),
        Wanted::Url(_) => Err(fault("a URL is no build requirement here".to_owned())),
    }
}

fn step(step: &Spanned<StepShape>) -> Result<(), Fault> {
    let StepShape { name, argv } = step.get_ref();
    let program = argv.first().is_some_and(|program| program.starts_with('/'));
    let clean = argv.iter().all(|argument| !argument.contains('\0'));
    if program && clean && !name.trim().is_empty() {
        return Ok(());
    }
    Err((Some(step.span()), "a step has a name, and an argv that begins with an absolute path".into()))
}

fn is_python(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    (2..=3).contains(&parts.len()) && parts.iter().all(|part| part.parse::<u16>().is_ok())
}

fn is_variable(name: &str) -> bool {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
