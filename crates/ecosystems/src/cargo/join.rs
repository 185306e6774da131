//! crates.io as the mill's list of ecosystems has it.

use super::registry::{CargoRegistry, RegistryPorts};
use super::upstream::{BadIndexUrl, Discovered, Upstream, UpstreamOptions, index_url, redact};
use super::{Cargo, Tests};
use crate::join::{BadAddress, Family, Found, Given, Opened, Ports, in_address};
use crate::page_store::FolderStore;
use crate::rust::{Rust, Search};
use std::path::PathBuf;
use std::sync::Arc;
use trustmill_core::port::ecosystem::Ecosystem;
use trustmill_core::port::fetch::{Credential, Scheme};

/// crates.io.
pub const FAMILY: Family = Family {
    ty: "cargo",
    versions: &crate::scheme::Semver("cargo"),
    lockfile: super::lockfile::read,
    discover,
};

fn discover(given: Option<Given<'_>>) -> Result<Found, BadAddress> {
    let bad = |error: BadIndexUrl| BadAddress { ty: "cargo", origin: error.origin().to_owned() };
    let Discovered { url, origin, token } = match given {
        Some(Given { address, origin }) => {
            let url = index_url(address, origin).map_err(bad)?;
            let token = Upstream::token_for(&url);
            Discovered { url, origin: origin.to_owned(), token }
        }
        None => Upstream::discover().map_err(bad)?,
    };
    // As with a password in the address, for all of its host: indexes hand out files that stand elsewhere on it.
    let token = token.and_then(|token| {
        let mut below = url.join("/").ok()?;
        below.set_username("").and_then(|()| below.set_password(None)).ok()?;
        Some(Credential { below, scheme: Scheme::Verbatim(token) })
    });
    // The roots of trust that cargo was told of.
    let roots = std::env::var_os("CARGO_HTTP_CAINFO").filter(|path| !path.is_empty()).map(PathBuf::from);
    Ok(Found {
        address: redact(&url),
        origin,
        credentials: in_address(&url).or(token).into_iter().collect(),
        roots: roots.into_iter().collect(),
        open: Box::new(move |ports| open(url, ports)),
    })
}

fn open(url: url::Url, ports: &Ports) -> Opened {
    let ports = ports.clone();
    let upstream = Arc::new(Upstream::with_options(
        url,
        Arc::clone(&ports.fetch),
        Arc::clone(&ports.clock),
        Some(Arc::new(FolderStore::new(ports.data.join("crates")))),
        UpstreamOptions::default(),
    ));
    let registry = RegistryPorts {
        records: Arc::clone(&ports.records),
        blobs: Arc::clone(&ports.blobs),
        fetch: Arc::clone(&ports.fetch),
        clock: Arc::clone(&ports.clock),
        gate: Arc::clone(&ports.gate),
    };
    let registry = Arc::new(CargoRegistry::new(Arc::clone(&upstream), registry));
    let probed = Arc::clone(&upstream);
    Opened {
        registry,
        // Every index has this file.
        probe: Box::new(move || Box::pin(async move { probed.config().await.map(drop) })),
        ecosystem: Box::new(move |workshop| {
            let rust = Rust::new(
                ports.data.join("tested-crates"),
                Arc::clone(&workshop.sandbox),
                workshop.gateways,
                Search { path: std::env::var_os("PATH"), home: std::env::var_os("HOME").map(PathBuf::from) },
            );
            let (sandbox, limits) = (workshop.sandbox, workshop.limits);
            let settled = ports.data.join("benches/cargo");
            let tests = Tests { rust, sandbox, clock: ports.clock, limits, settled };
            let cargo: Arc<dyn Ecosystem> = Arc::new(Cargo::new(upstream, ports.blobs).with_tests(tests));
            Box::pin(async move { Ok(cargo) })
        }),
    }
}
