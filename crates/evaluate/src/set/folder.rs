//! Sets in folders: archives, unpacked packages, pairs of releases, lone files of code.

use super::{Item, Named, SetError, Source, name, named};
use crate::label::{Label, Labels};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::path::{Path, PathBuf};
use trustmill_core::port::scanner::{Context, File};

/// Deeper than this no set is.
const DEPTH: usize = 24;

/// A folder with one of these is a package.
const MANIFESTS: [&str; 6] =
    ["package.json", "Cargo.toml", "setup.py", "pyproject.toml", "PKG-INFO", "setup.cfg"];

/// The packages of a folder.
///
/// * a folder with a file `current.EXT` is one package, and `previous.EXT` beside it the release before;
/// * any other archive is a package, compared with the newest older benign release of its project in the set;
/// * a folder with a manifest is an unpacked package;
/// * a file of code outside of all these is a package of one file.
///
/// # Errors
/// [`SetError`] if a folder cannot be read, or nothing in it has a label.
pub fn items(root: &Path) -> Result<Vec<Item>, SetError> {
    let labels = labels(root)?;
    let mut items = Vec::new();
    walk(root, root, &labels, 0, &mut items)?;
    if items.is_empty() {
        return Err(SetError::Empty { path: root.to_owned() });
    }
    items.sort_by(|a, b| a.path.cmp(&b.path));
    pair(&mut items);
    Ok(items)
}

fn labels(root: &Path) -> Result<Labels, SetError> {
    for (file, read) in [("labels.csv", Labels::csv as fn(&str) -> _), ("labels.json", Labels::json)] {
        let path = root.join(file);
        if path.is_file() {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| SetError::Read { path: path.clone(), source })?;
            return read(&text).map_err(|source| SetError::Labels { path, source });
        }
    }
    Ok(Labels::default())
}

fn walk(
    root: &Path,
    folder: &Path,
    labels: &Labels,
    depth: usize,
    items: &mut Vec<Item>,
) -> Result<(), SetError> {
    let (folders, files) = entries(folder)?;
    let file_name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = |path: &PathBuf, wanted: &str| name::archive_stem(&file_name(path)) == Some(wanted);
    if let Some(current) = files.iter().find(|path| stem(path, "current")) {
        let previous = files.iter().find(|path| stem(path, "previous"));
        let previous = previous.map(|path| (String::new(), Source::File(path.clone())));
        let context = context(&folder.join("context.json"))?;
        items.extend(item(root, current, Source::File(current.clone()), labels).map(|item| Item {
            previous,
            context,
            ..item
        }));
        return Ok(());
    }
    let is_package = depth > 0
        && (files.iter().any(|path| MANIFESTS.contains(&file_name(path).as_str()))
            || folders.iter().any(|path| file_name(path).ends_with(".dist-info")));
    if is_package {
        items.extend(item(root, folder, Source::Folder(folder.to_owned()), labels));
        return Ok(());
    }
    for path in files {
        let file = file_name(&path);
        if name::archive_stem(&file).is_some() || name::is_code(&file) {
            items.extend(item(root, &path, Source::File(path.clone()), labels));
        }
    }
    for path in folders.iter().filter(|_| depth < DEPTH) {
        walk(root, path, labels, depth + 1, items)?;
    }
    Ok(())
}

/// Folders and regular files, by name; links are not followed.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), SetError> {
    let failed = |source| SetError::Read { path: folder.to_owned(), source };
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            folders.push(entry.path());
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    folders.sort();
    files.sort();
    Ok((folders, files))
}

fn context(path: &Path) -> Result<Context, SetError> {
    if !path.is_file() {
        return Ok(Context::default());
    }
    let text =
        std::fs::read_to_string(path).map_err(|source| SetError::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text)
        .map_err(|error| SetError::Context { path: path.to_owned(), why: error.to_string() })
}

fn item(root: &Path, path: &Path, current: Source, labels: &Labels) -> Option<Item> {
    let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    let label = labels.of(&path).or_else(|| Label::of_path(&path))?;
    let Named { mut ecosystem, name, version } = named(&path);
    if let (true, Source::Folder(folder)) = (ecosystem.is_empty(), &current) {
        ecosystem = ecosystem_of(folder).into();
    }
    Some(Item { path, label, ecosystem, name, version, current, previous: None, context: Context::default() })
}

fn ecosystem_of(folder: &Path) -> &'static str {
    if folder.join("package.json").is_file() {
        "npm"
    } else if folder.join("Cargo.toml").is_file() {
        "cargo"
    } else {
        "pypi"
    }
}

/// Gives each package without a release before it the newest older benign one of its project.
fn pair(items: &mut [Item]) {
    let benign: Vec<(String, String, Vec<u64>, String, Source)> = items
        .iter()
        .filter(|item| item.label == Label::Benign && !item.version.is_empty())
        .map(|item| {
            let order = order(&item.version);
            (item.ecosystem.clone(), item.name.clone(), order, item.version.clone(), item.current.clone())
        })
        .collect();
    for item in items.iter_mut().filter(|item| item.previous.is_none() && !item.version.is_empty()) {
        let own = order(&item.version);
        item.previous = benign
            .iter()
            .filter(|(ecosystem, name, order, ..)| {
                *ecosystem == item.ecosystem && *name == item.name && *order < own
            })
            .max_by(|a, b| a.2.cmp(&b.2))
            .map(|(.., version, source)| (version.clone(), source.clone()));
    }
}

/// The numbers of a version: enough to order the releases of a set, not what a registry does.
fn order(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// An unpacked package as one file, as it would be published: in memory, links left out.
pub(super) fn packed(folder: &Path) -> Result<File, SetError> {
    let failed = |source| SetError::Read { path: folder.to_owned(), source };
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    let mut left = vec![(folder.to_owned(), 0)];
    while let Some((next, depth)) = left.pop() {
        let (folders, files) = entries(&next)?;
        left.extend(folders.into_iter().filter(|_| depth < DEPTH).map(|folder| (folder, depth + 1)));
        for path in files {
            let bytes = std::fs::read(&path).map_err(failed)?;
            let inner = Path::new("package").join(path.strip_prefix(folder).unwrap_or(&path));
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, inner, bytes.as_slice()).map_err(failed)?;
        }
    }
    let bytes = tar.into_inner().and_then(GzEncoder::finish).map_err(failed)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    Ok(File { name: format!("{name}.tgz"), bytes: Bytes::from(bytes) })
}
