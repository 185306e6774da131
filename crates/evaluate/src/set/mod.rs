//! Labelled sets: which packages there are, and how their bytes are read.

pub mod folder;
pub mod git;
mod name;

pub use name::{Named, named};

use crate::label::{Label, LabelsError};
use bytes::Bytes;
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::PathBuf;
use trustmill_core::port::scanner::{Context, File, Job, Previous};

/// A package of a set.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its path in the set.
    pub path: String,
    /// What it is known to be.
    pub label: Label,
    /// The purl type; empty where neither path nor name tells.
    pub ecosystem: String,
    /// The project.
    pub name: String,
    /// The version; empty where it is not known.
    pub version: String,
    /// Its bytes.
    pub current: Source,
    /// The release before, with its version.
    pub previous: Option<(String, Source)>,
    /// What else is known of it: a `context.json` beside it.
    pub context: Context,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A folder that holds an unpacked package.
    Folder(PathBuf),
    /// An object of a git repository.
    Blob {
        /// The repository.
        repository: PathBuf,
        /// The object.
        id: String,
        /// The file's name.
        name: String,
    },
}

/// Why a set, or a package of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// A folder or file.
    #[error("{path} cannot be read")]
    Read {
        /// It.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A list of labels.
    #[error("{path} is no list of labels")]
    Labels {
        /// It.
        path: PathBuf,
        /// Why.
        #[source]
        source: LabelsError,
    },
    /// A `context.json`.
    #[error("{path} does not say what is known of a release: {why}")]
    Context {
        /// It.
        path: PathBuf,
        /// What the parser says.
        why: String,
    },
    /// A repository.
    #[error("git cannot read {path}: {why}")]
    Git {
        /// The repository.
        path: PathBuf,
        /// What git says.
        why: String,
    },
    /// Nothing in it has a label.
    #[error("{path} has no package with a label")]
    Empty {
        /// The set.
        path: PathBuf,
    },
}

impl Item {
    /// Reads the bytes: a job for the scanner.
    ///
    /// # Errors
    /// [`SetError`] if a file cannot be read.
    pub fn job(&self, blobs: &mut git::Blobs) -> Result<Job, SetError> {
        let previous = match &self.previous {
            Some((version, source)) => {
                Some(Previous { version: version.clone(), file: read(source, blobs)? })
            }
            None => None,
        };
        Ok(Job {
            ecosystem: self.ecosystem.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            file: read(&self.current, blobs)?,
            previous,
            context: self.context.clone(),
        })
    }
}

fn read(source: &Source, blobs: &mut git::Blobs) -> Result<File, SetError> {
    match source {
        Source::File(path) => {
            let bytes =
                std::fs::read(path).map_err(|source| SetError::Read { path: path.clone(), source })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(File { name: published_name(name, &bytes), bytes: Bytes::from(bytes) })
        }
        Source::Folder(path) => folder::packed(path),
        Source::Blob { repository, id, name } => {
            Ok(File { name: name.clone(), bytes: blobs.read(repository, id)? })
        }
    }
}

/// The name under which a file was published: a crate's is the one of the folder at its top, and cargo refuses another.
/// In a set of pairs it is `current.crate`.
fn published_name(name: String, bytes: &[u8]) -> String {
    if !matches!(name.as_str(), "current.crate" | "previous.crate") {
        return name;
    }
    let mut head = [0; 100];
    let read = GzDecoder::new(bytes).read_exact(&mut head);
    let path = String::from_utf8_lossy(&head);
    match path.split_once('/') {
        Some((folder, _)) if read.is_ok() && !folder.is_empty() => format!("{folder}.crate"),
        _ => name,
    }
}
