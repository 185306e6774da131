//! Runs a recipe: in process, for packaging runs no foreign code.

use super::pack::{self, LOCK, Order, PackError, Vcs};
use super::recipe::{Lock, Packing, VcsForm, own_lock};
use bytes::Bytes;
use flate2::read::GzDecoder;
use std::io::Read as _;
use trustmill_core::Sha256;
use trustmill_core::attempt::{FailureClass, Material, Usage};
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::ecosystem::{Build, BuildFailure, BuildRequest};
use trustmill_core::source::Source;

/// Bytes of a crate that are looked through for its lock.
const MAX_UNPACKED: u64 = 2 << 30;
/// Bytes of a lock.
const MAX_LOCK: u64 = 32 << 20;

/// Where the published crate is, for the rung that takes its lock.
pub(super) struct PublishedCrate<'a> {
    pub(super) blobs: &'a dyn Blobs,
    pub(super) sha256: Option<Sha256>,
}

/// Packs the commit.
pub(super) async fn run(request: BuildRequest<'_>, published: &PublishedCrate<'_>) -> Build {
    let mut materials = vec![Material::source(request.purl, request.source)];
    let result = packed(request, published, &mut materials).await;
    Build {
        result,
        materials,
        requests: Vec::new(),
        layers: Vec::new(),
        install_scripts: Vec::new(),
        environment_usage: Usage::default(),
        build_usage: Usage::default(),
        log: Bytes::new(),
    }
}

async fn packed(
    request: BuildRequest<'_>,
    published: &PublishedCrate<'_>,
    materials: &mut Vec<Material>,
) -> Result<(String, Bytes), BuildFailure> {
    let fail = |class, detail: &str| BuildFailure { class, detail: detail.to_owned() };
    let packing = Packing::of(request.recipe)
        .ok_or_else(|| fail(FailureClass::MissingTool, "the recipe is not one of this mill's for crates"))?;
    let checkout = request.source.checkout();
    let checkout =
        checkout.ok_or_else(|| fail(FailureClass::BadSource, "a crate is packed from a commit"))?;
    let lock = match packing.lock {
        Lock::None => None,
        Lock::Source => Some(
            own_lock(&request.source.contents, checkout)
                .cloned()
                .ok_or_else(|| fail(FailureClass::BadSource, "the commit has no Cargo.lock"))?,
        ),
        Lock::Published(digest) => {
            materials.push(Material::file(format!("{}?file={LOCK}", request.purl), digest));
            Some(published_lock(request, published, digest).await?)
        }
    };
    let (name, version) = (request.purl.name(), request.purl.version().unwrap_or_default().to_owned());
    let source: std::sync::Arc<Source> = std::sync::Arc::new(request.source.clone());
    let filename = super::names::filename(&name, &version);
    let packing = move || {
        let checkout = source.checkout()?;
        let path = (packing.vcs == VcsForm::Path).then_some(checkout.directory.as_str());
        let order = Order {
            name: &name,
            version: &version,
            tree: &source.contents,
            directory: &checkout.directory,
            line_ends: packing.line_ends,
            style: packing.style,
            vcs: (packing.vcs != VcsForm::None).then_some(Vcs {
                commit: &checkout.tree.commit,
                path,
                line_end: packing.vcs == VcsForm::OldCommit,
            }),
            lock,
        };
        Some(pack::pack(&order))
    };
    // Compressing a large crate takes a while: off the threads that answer.
    match tokio::task::spawn_blocking(packing).await {
        Ok(Some(Ok((bytes, _)))) => Ok((filename, bytes)),
        Ok(Some(Err(error))) => Err(BuildFailure { class: class(&error), detail: error.to_string() }),
        Ok(None) | Err(_) => Err(fail(FailureClass::Killed, "packing was cut short")),
    }
}

const fn class(error: &PackError) -> FailureClass {
    match error {
        PackError::OtherRelease { .. } => FailureClass::WrongArtifact,
        PackError::TooLarge { .. } => FailureClass::OutputLimit,
        PackError::NoManifest { .. }
        | PackError::Manifest { .. }
        | PackError::Inherit { .. }
        | PackError::Target { .. }
        | PackError::Reserved { .. }
        | PackError::Rule { .. }
        | PackError::Archive { .. } => FailureClass::BadSource,
    }
}

/// The lock of the published crate, whose digest the recipe names.
async fn published_lock(
    request: BuildRequest<'_>,
    published: &PublishedCrate<'_>,
    wanted: Sha256,
) -> Result<Bytes, BuildFailure> {
    let fail = |detail: String| BuildFailure { class: FailureClass::BadPublished, detail };
    let digest = published.sha256.ok_or_else(|| fail("the index has no such release any more".to_owned()))?;
    let bytes = published.blobs.get(&digest).await.map_err(|error| fail(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| fail("the published crate is not in the store".to_owned()))?;
    let top = format!("{}-{}", request.purl.name(), request.purl.version().unwrap_or_default());
    let found = tokio::task::spawn_blocking(move || member(&bytes, &format!("{top}/{LOCK}"))).await;
    match found {
        Ok(Some(lock)) if Sha256::of(&lock) == wanted => Ok(Bytes::from(lock)),
        _ => Err(fail("the published crate does not hold the lock that the recipe names".to_owned())),
    }
}

/// One file of a `.crate`. What comes out counts only if its digest is the expected one.
fn member(packed: &[u8], path: &str) -> Option<Vec<u8>> {
    let mut archive = tar::Archive::new(GzDecoder::new(packed).take(MAX_UNPACKED));
    let entry = archive
        .entries()
        .ok()?
        .map_while(Result::ok)
        .find(|entry| entry.header().entry_type().is_file() && *entry.path_bytes() == *path.as_bytes())?;
    let mut bytes = Vec::new();
    entry.take(MAX_LOCK).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
