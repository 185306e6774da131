//! Extensions in Rust: the toolchain of this machine, and the crates that a build compiles.
//!
//! Cargo gets the crates in a fetch phase of its own, through the gateway, as the registry was at the recipe's
//! instant; the lock that the source holds decides which. It runs nothing of the project there: no build script, and no
//! configuration of the project's. The build phase then finds cargo's home read-only, and has no network.

mod built;
mod crates;
mod toolchain;

pub(crate) use built::TARGET;
pub(crate) use crates::{Reach, configures};
pub use toolchain::Search;

use crate::flights::Flights;
use crate::pypi::environment::{Prepared, Wheel};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OnceCell;
use toolchain::Toolchain;
use trustmill_core::attempt::{FailureClass, Material};
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::sandbox::{Gateways, InputFile, Mount, OutputFile, Sandbox, SandboxError};
use trustmill_core::{Sha256, Timestamp};

/// Where cargo's home stands inside, in both phases.
pub(crate) const HOME: &str = "/crates";

/// Back ends and helpers that call cargo.
const CALLERS: [&str; 4] = ["maturin", "setuptools-rust", "hatch-rust-builder", "rustimport"];

/// Whether a build with these wheels and this source calls cargo.
pub(crate) fn is_needed(wheels: &[Wheel], source: &Contents) -> bool {
    wheels.iter().any(|wheel| CALLERS.contains(&wheel.name.as_str())) && crates::manifest(source).is_some()
}

/// What a build in Rust gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crates {
    /// Toolchain and crates, read-only.
    pub(crate) mounts: Vec<Mount>,
    /// The folder of the toolchain's programs inside.
    pub(crate) programs: String,
    /// The platform that it runs on, as the compiler names it.
    pub(crate) host: String,
    /// Toolchain and crates by digest.
    pub(crate) materials: Vec<Material>,
}

/// Gets crates, each set once.
pub struct Rust {
    root: PathBuf,
    sandbox: Arc<dyn Sandbox>,
    gateways: Arc<dyn Gateways>,
    search: Search,
    toolchain: OnceCell<Option<Toolchain>>,
    flights: Flights,
}

impl Rust {
    /// Crates below `root`, which one mill at a time uses. Nothing is looked for yet.
    pub fn new(
        root: PathBuf,
        sandbox: Arc<dyn Sandbox>,
        gateways: Arc<dyn Gateways>,
        search: Search,
    ) -> Self {
        Self { root, sandbox, gateways, search, toolchain: OnceCell::new(), flights: Flights::default() }
    }

    /// The crates that the source's lock names, or that the registry of `as_of` gives.
    ///
    /// # Errors
    /// [`SandboxError`] where nothing can be said of the source: a job could not be run, the registry is out of
    /// reach, the data folder cannot be written.
    pub(crate) async fn prepare(
        &self,
        source: &Contents,
        as_of: Timestamp,
        reach: Reach,
    ) -> Result<Prepared<Crates>, SandboxError> {
        let prepared = Prepared::new();
        let failed = |class, detail: &str| Err(BuildFailure { class, detail: detail.to_owned() });
        let Some(toolchain) = self.toolchain.get_or_init(|| self.search.run()).await else {
            let detail = "the extension is compiled by cargo, and no Rust toolchain is on this machine";
            return Ok(prepared.ended(failed(FailureClass::MissingNativeTool, detail)));
        };
        let Some(manifest) = crates::manifest(source) else {
            return Ok(prepared.ended(failed(FailureClass::BadSource, "the source has no Cargo.toml")));
        };
        let set = crates::Set { source, manifest: &manifest, as_of, toolchain, reach };
        let _one_at_a_time = self.flights.enter(&set.key()).await;
        set.get(&self.root, &*self.sandbox, &*self.gateways).await
    }

    /// What was kept under a key of what crates compile to.
    pub(crate) async fn built(&self, key: Sha256) -> Option<Vec<InputFile>> {
        built::get(&self.root.join("built"), key).await
    }

    /// Keeps what crates compile to; what cannot be kept is compiled again.
    pub(crate) async fn keep_built(&self, key: Sha256, files: Vec<OutputFile>) {
        if let Err(error) = built::put(self.root.join("built"), key, files).await {
            tracing::warn!(%error, "what crates compile to could not be kept");
        }
    }
}
