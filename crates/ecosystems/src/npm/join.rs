//! npm as the mill's list of ecosystems has it.

use super::discover::{self, BadRegistry, Discovered, Registries, registry_url};
use super::lockfile::Target;
use super::registry::{NpmRegistry, RegistryPorts};
use super::upstream::Upstream;
use super::{Npm, NpmParts};
use crate::join::{BadAddress, Family, Found, Given, Opened, Ports};
use crate::page_store::FolderStore;
use crate::pages::PageOptions;
use std::path::PathBuf;
use std::sync::Arc;
use trustmill_core::port::ecosystem::Ecosystem;

/// npm.
pub const FAMILY: Family = Family {
    ty: "npm",
    versions: &crate::scheme::Semver("npm"),
    lockfile: |path| super::lockfile::read(path, &Target::everywhere()),
    discover,
};

/// A package that every mirror has: builds need it.
const PROBE: &str = "npm";

fn discover(given: Option<Given<'_>>) -> Result<Found, BadAddress> {
    let bad = |BadRegistry { origin }| BadAddress { ty: "npm", origin };
    let Discovered { registries, origin, credentials } = match given {
        Some(Given { address, origin }) => {
            let (url, credential) = registry_url(address, origin).map_err(bad)?;
            let credentials = credential.into_iter().collect();
            Discovered { registries: Registries::one(url), origin: origin.to_owned(), credentials }
        }
        None => {
            discover::discover(std::env::vars(), |path| std::fs::read_to_string(path).ok()).map_err(bad)?
        }
    };
    // The roots of trust that Node was told of.
    let roots = std::env::var_os("NODE_EXTRA_CA_CERTS").filter(|path| !path.is_empty()).map(PathBuf::from);
    Ok(Found {
        address: registries.default.to_string(),
        origin,
        credentials,
        roots: roots.into_iter().collect(),
        open: Box::new(move |ports| open(registries, ports)),
    })
}

fn open(registries: Registries, ports: &Ports) -> Opened {
    let ports = ports.clone();
    let upstream = Arc::new(Upstream::with_options(
        registries,
        Arc::clone(&ports.fetch),
        Arc::clone(&ports.clock),
        Some(Arc::new(FolderStore::new(ports.data.join("packuments")))),
        PageOptions::default(),
    ));
    let registry = RegistryPorts {
        records: Arc::clone(&ports.records),
        blobs: Arc::clone(&ports.blobs),
        fetch: Arc::clone(&ports.fetch),
        clock: Arc::clone(&ports.clock),
        gate: Arc::clone(&ports.gate),
    };
    let registry = Arc::new(NpmRegistry::new(Arc::clone(&upstream), registry));
    let probed = Arc::clone(&upstream);
    Opened {
        registry,
        probe: Box::new(move || Box::pin(async move { probed.project(PROBE).await.map(drop) })),
        ecosystem: Box::new(move |workshop| {
            let npm: Arc<dyn Ecosystem> = Arc::new(Npm::new(NpmParts {
                projects: upstream,
                sandbox: workshop.sandbox,
                gateways: workshop.gateways,
                fetch: ports.fetch,
                blobs: ports.blobs,
                target: Target::of_this_machine(),
                limits: workshop.limits,
                data: ports.data,
            }));
            Box::pin(async move { Ok(npm) })
        }),
    }
}
