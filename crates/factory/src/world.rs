//! Everything that the application needs from outside, in one place.

use crate::StepError;
use crate::progress::Observer;
use crate::screen::Screen;
use std::sync::Arc;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::ecosystem::Ecosystem;
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::queue::Queue;
use trustmill_core::port::records::Records;
use trustmill_core::port::repositories::Repositories;
use trustmill_core::{Purl, Verdict};
use trustmill_trust::keys::SigningKey;

/// The adapters and settings that the application works with. `cli::wire` makes the real one.
#[derive(Clone)]
pub struct World {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Bytes by digest.
    pub blobs: Arc<dyn Blobs>,
    /// Facts, first-seen digests, the watch set.
    pub records: Arc<dyn Records>,
    /// Keys that may need work.
    pub queue: Arc<dyn Queue>,
    /// Foreign servers.
    pub fetch: Arc<dyn Fetch>,
    /// Source repositories; `None` where the operator leaves git out.
    pub repositories: Option<Arc<dyn Repositories>>,
    /// Scans published files; `None` where the operator leaves that out.
    pub screen: Option<Arc<Screen>>,
    /// One adapter per ecosystem.
    pub ecosystems: Vec<Arc<dyn Ecosystem>>,
    /// What signs the statements.
    pub signer: Arc<SigningKey>,
    /// What is served where no claim is strong enough.
    pub policy: ServePolicy,
    /// Who watches the work.
    pub observer: Arc<dyn Observer>,
    /// Largest artefact that is fetched for a rebuild, in bytes.
    pub artifact_limit: u64,
}

/// What may be served. A verdict weaker than the floor is refused, with the verdict as the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServePolicy {
    /// The weakest verdict that is served; `None` serves everything that is not hostile.
    pub require: Option<Verdict>,
    /// Whether platform builds, which are not rebuilt yet, are served in spite of the floor.
    pub native: bool,
}

impl World {
    /// The adapter for a package URL's type.
    pub fn ecosystem(&self, purl: &Purl) -> Result<&Arc<dyn Ecosystem>, StepError> {
        self.ecosystems
            .iter()
            .find(|ecosystem| ecosystem.ty() == purl.ty())
            .ok_or_else(|| StepError::UnknownEcosystem { purl: Box::new(purl.clone()) })
    }
}
