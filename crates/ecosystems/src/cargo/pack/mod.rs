//! Our own packer: what `cargo package` makes of a commit, in process.
//!
//! Packaging a crate runs no foreign code, and so needs no sandbox: files are chosen, the manifest is normalised
//! as cargo does it (`cargo-util-schemas` is cargo's own model of it), and a tar is written. The commit's tree is
//! the only source; nothing is read from disk.

mod archive;
mod manifest;
mod package;
mod select;
mod work_tree;

pub use manifest::{Layout, Sections, Style, UnknownStyle};
pub use work_tree::{LineEnds, checked_out, line_ends_of};

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
    /// How the publisher's git ended lines.
    pub line_ends: LineEnds,
    /// How that era's cargo wrote manifests.
    pub style: Style,
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
    /// Whether a line end follows, as older versions of cargo wrote it.
    pub line_end: bool,
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
    let tree = checked_out(order.tree, order.line_ends);
    let package = Package { tree: &tree, directory: order.directory };
    let text = package.text(MANIFEST)?;
    let normal = manifest::Reader { package: &package, layout: order.style.layout }.read(&text)?;
    check_release(order, &normal, &package)?;
    let mut members = select::files(&package, &normal)?;
    let original = Member { bytes: Bytes::from(text.into_bytes()), mode: Some(0o644), mtime: None };
    members.insert(ORIGINAL.to_owned(), original);
    let generated = |bytes: Bytes| Member { bytes, mode: Some(0o644), mtime: None };
    let published = normal.published(&members, order.style.stripped);
    members.insert(MANIFEST.to_owned(), generated(manifest::write(published, order.style, &package)?));
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

/// The `.crate` of files as they stand.
///
/// # Errors
/// [`PackError::Archive`]: a path that no tar holds.
pub(in crate::cargo) fn crate_of(
    name: &str,
    version: &str,
    members: &BTreeMap<String, Member>,
) -> Result<Bytes, PackError> {
    archive::write(&format!("{name}-{version}"), members)
}

/// The style in which the commit's manifest comes out as it was published: byte for byte, else in every value,
/// else the one that newer versions of cargo write.
///
/// # Errors
/// [`PackError`] where no style gives a manifest at all.
pub fn style_of(tree: &Contents, directory: &str, published: &str) -> Result<Style, PackError> {
    let package = Package { tree, directory };
    let text = package.text(MANIFEST)?;
    let values: Option<toml::Table> = published.parse().ok();
    let (mut equal, mut first, mut failed) = (None, None, None);
    for layout in Layout::ALL {
        let read = manifest::Reader { package: &package, layout }.read(&text);
        let (normal, files) = match read.and_then(|normal| Ok((select::files(&package, &normal)?, normal))) {
            Ok((files, normal)) => (normal, files),
            Err(error) => {
                failed = failed.or(Some(error));
                continue;
            }
        };
        for style in Style::all().filter(|style| style.layout == layout) {
            let ours = manifest::write(normal.published(&files, style.stripped), style, &package)?;
            if ours == published.as_bytes() {
                return Ok(style);
            }
            first = first.or(Some(style));
            let is_equal = || {
                let ours: Option<toml::Table> = std::str::from_utf8(&ours).ok()?.parse().ok();
                Some(values.is_some() && ours == values)
            };
            equal = equal.or_else(|| is_equal()?.then_some(style));
        }
    }
    equal.or(first).ok_or_else(|| failed.unwrap_or(PackError::NoManifest { path: package.path(MANIFEST) }))
}

fn check_release(
    order: &Order<'_>,
    normal: &manifest::Normal,
    package: &Package<'_>,
) -> Result<(), PackError> {
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
    let text = serde_json::to_string_pretty(&info).unwrap_or_default();
    Bytes::from(if vcs.line_end { text + "\n" } else { text })
}
