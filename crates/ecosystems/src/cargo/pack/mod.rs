//! Our own packer: what `cargo package` makes of a commit, in process.
//!
//! Packaging a crate runs no foreign code, and so needs no sandbox: files are chosen, the manifest is normalised
//! as cargo does it (`cargo-util-schemas` is cargo's own model of it), and a tar is written. The commit's tree is
//! the only source; nothing is read from disk.

mod archive;
mod manifest;
mod package;
mod select;

pub use manifest::Layout;

use bytes::Bytes;
use package::Package;
use std::collections::BTreeMap;
use trustmill_core::content::{Contents, Member};
use trustmill_core::source::ObjectId;

/// The file that cargo keeps the commit in.
pub(in crate::cargo) const VCS_INFO: &str = ".cargo_vcs_info.json";
/// The manifest as the publisher wrote it.
pub(in crate::cargo) const ORIGINAL: &str = "Cargo.toml.orig";
/// The manifest.
pub(in crate::cargo) const MANIFEST: &str = "Cargo.toml";
/// The lock.
pub(in crate::cargo) const LOCK: &str = "Cargo.lock";

/// What is packed, and how.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// The crate's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The commit's files.
    pub tree: &'a Contents,
    /// The package's folder in it; empty at the root.
    pub directory: &'a str,
    /// How that era's cargo wrote manifests.
    pub layout: Layout,
    /// What `.cargo_vcs_info.json` says; `None` leaves it out.
    pub vcs: Option<Vcs<'a>>,
    /// The bytes of `Cargo.lock`; `None` leaves it out.
    pub lock: Option<Bytes>,
}

/// The content of `.cargo_vcs_info.json`.
#[derive(Debug, Clone, Copy)]
pub struct Vcs<'a> {
    /// The commit.
    pub commit: &'a ObjectId,
    /// The folder, as newer versions of cargo (1.57 and later) add it.
    pub path: Option<&'a str>,
}

/// Why nothing was packed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The commit has no manifest there.
    #[error("the commit has no {path}")]
    NoManifest {
        /// Where it was looked for.
        path: String,
    },
    /// A manifest is none.
    #[error("{path} is not a manifest that cargo reads: {why}")]
    Manifest {
        /// Which.
        path: String,
        /// What the reader says.
        why: String,
    },
    /// The manifest is of another crate or version.
    #[error("{path} is of {found}, not of {wanted}")]
    OtherRelease {
        /// Which.
        path: String,
        /// What it names.
        found: String,
        /// What is to be packed.
        wanted: String,
    },
    /// The workspace lacks what a member takes from it.
    #[error("{field} is inherited, and the workspace does not define it")]
    Inherit {
        /// The field.
        field: String,
    },
    /// A target's file is not there.
    #[error("no file for the {kind} {name:?}")]
    Target {
        /// `lib`, `bin`, `example`, `test`, `bench`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A file has a name that cargo keeps for itself.
    #[error("the commit has a file {path}, which cargo refuses to package")]
    Reserved {
        /// Which.
        path: String,
    },
    /// A rule of `include` or `exclude` is none.
    #[error("{rule:?} is no rule of gitignore")]
    Rule {
        /// The rule.
        rule: String,
    },
    /// The package is larger than any that is published.
    #[error("the package has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The archive cannot be written: a path that no tar holds.
    #[error("the archive cannot be written: {why}")]
    Archive {
        /// The writer's own words.
        why: String,
    },
}

/// Makes the `.crate`: its bytes and its members.
///
/// # Errors
/// [`PackError`]: what cargo refuses to package, and what this packer does not do as cargo does.
pub fn pack(order: &Order<'_>) -> Result<(Bytes, BTreeMap<String, Member>), PackError> {
    let package = Package { tree: order.tree, directory: order.directory };
    let text = package.text(MANIFEST)?;
    let normal = manifest::Reader { package: &package, layout: order.layout }.read(&text)?;
    check_release(order, &normal, &package)?;
    let mut members = select::files(&package, &normal)?;
    let original = Member { bytes: Bytes::from(text.into_bytes()), mode: Some(0o644), mtime: None };
    members.insert(ORIGINAL.to_owned(), original);
    let generated = |bytes: Bytes| Member { bytes, mode: Some(0o644), mtime: None };
    let published = normal.published(&members);
    members.insert(MANIFEST.to_owned(), generated(manifest::write(&published, &package)?));
    members.remove(LOCK);
    if let Some(lock) = &order.lock {
        members.insert(LOCK.to_owned(), generated(lock.clone()));
    }
    if let Some(vcs) = &order.vcs {
        members.insert(VCS_INFO.to_owned(), generated(vcs_info(vcs)));
    }
    let bytes = archive::write(&format!("{}-{}", order.name, order.version), &members)?;
    Ok((bytes, members))
}

fn check_release(order: &Order<'_>, normal: &manifest::Normal, package: &Package<'_>) -> Result<(), PackError> {
    let (name, version) = (normal.name(), normal.version());
    // Cargo ignores what follows `+` nowhere here: the file is named after all of it.
    if name == order.name && version.as_deref() == Some(order.version) {
        return Ok(());
    }
    Err(PackError::OtherRelease {
        path: package.path(MANIFEST),
        found: format!("{name} {}", version.unwrap_or_default()),
        wanted: format!("{} {}", order.name, order.version),
    })
}

/// As `serde_json::to_string_pretty` writes it for cargo.
fn vcs_info(vcs: &Vcs<'_>) -> Bytes {
    let git = serde_json::json!({ "sha1": vcs.commit.to_string() });
    let mut info = serde_json::json!({ "git": git });
    if let (Some(path), Some(info)) = (vcs.path, info.as_object_mut()) {
        info.insert("path_in_vcs".to_owned(), path.into());
    }
    // A map of texts: nothing in it can fail to serialise.
    Bytes::from(serde_json::to_string_pretty(&info).unwrap_or_default())
}
