//! What the upstream serves: the pages and wheels of the tree, read once through pip and kept under `target`.

use crate::process::{Failure, bounded, succeed};
use crate::tools::Tools;
use axum::body::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use trustmill_core::Sha256;

/// Largest `METADATA` that is read.
const MAX_METADATA: u64 = 4 << 20;

/// Pages by project, files by name.
pub(crate) struct Mirror {
    pub(crate) pages: BTreeMap<String, Value>,
    pub(crate) files: BTreeMap<String, Bytes>,
}

/// Reads the mirror; the first time through pip, as this machine is configured.
pub(crate) fn fill(tools: &Tools) -> Result<Mirror, Failure> {
    let folder = tools.folder.join("mirror");
    let lock = tools.data.join("tree.txt");
    let done = folder.join("tree.txt");
    if fs::read(&done).ok() != fs::read(&lock).ok() {
        eprintln!("reading the tree through pip, once");
        let mut pip = bounded(1200, tools.client.join("bin/python"));
        pip.env_remove("PIP_FIND_LINKS").arg(tools.data.join("record.py")).arg(folder.join("pages"));
        pip.args(["download", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary=:all:", "--dest"]);
        succeed(pip.arg(folder.join("wheels")).arg("--requirement").arg(&lock))?;
        fs::copy(&lock, &done)?;
    }
    let mut pages = pages(&folder.join("pages"))?;
    let files = files(&folder.join("wheels"))?;
    for file in pages.values_mut().filter_map(|page| page["files"].as_array_mut()).flatten() {
        // Not every mirror of the index passes on what the index itself says of each wheel.
        let metadata = file["filename"].as_str().and_then(|name| files.get(&format!("{name}.metadata")));
        if let Some(metadata) = metadata {
            file["core-metadata"] = json!({ "sha256": Sha256::of(metadata).to_hex() });
        }
    }
    Ok(Mirror { pages, files })
}

/// Pages whose addresses are file names only; the upstream puts its own before them.
fn pages(folder: &Path) -> Result<BTreeMap<String, Value>, Failure> {
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(OsStr::to_str).ok_or("a page without a name")?;
        let mut page: Value = serde_json::from_slice(&fs::read(&path)?)
            .map_err(|_| "the index that pip is configured for gives no JSON pages")?;
        for file in page["files"].as_array_mut().into_iter().flatten() {
            file["url"] = file["filename"].clone();
            // Nobody may be led away from this machine.
            file["provenance"] = json!(null);
        }
        pages.insert(name.to_owned(), page);
    }
    Ok(pages)
}

/// Wheels, and the metadata that the index states beside each (PEP 658).
fn files(folder: &Path) -> Result<BTreeMap<String, Bytes>, Failure> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).ok_or("a wheel without a name")?;
        files.insert(format!("{name}.metadata"), metadata(&path)?);
        files.insert(name.to_owned(), Bytes::from(fs::read(&path)?));
    }
    Ok(files)
}

fn metadata(wheel: &Path) -> Result<Bytes, Failure> {
    let mut archive = zip::ZipArchive::new(File::open(wheel)?)?;
    let at_top = |name: &str| name.ends_with(".dist-info/METADATA") && name.matches('/').count() == 1;
    let member =
        archive.file_names().flatten().find(|name| at_top(name)).ok_or("a wheel without METADATA")?;
    let member = member.into_owned();
    let mut text = Vec::new();
    archive.by_name(&member)?.take(MAX_METADATA).read_to_end(&mut text)?;
    Ok(Bytes::from(text))
}
