//! PyPI as the mill's list of ecosystems has it.

use super::definition::Definitions;
use super::interpreter::{Interpreters, Search};
use super::lockfile::Target;
use super::platform::Platform;
use super::registry::{PypiRegistry, RegistryPorts};
use super::upstream::{BadIndexUrl, Discovered, FolderStore, Upstream, UpstreamOptions, index_url};
use super::{Pypi, PypiParts};
use crate::join::{BadAddress, Family, Found, Given, JoinError, Joined, Opened, Ports, Workshop, in_address};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// PyPI.
pub const FAMILY: Family = Family {
    ty: "pypi",
    versions: &crate::scheme::Pep440,
    lockfile: |path| super::lockfile::read(path, &Target::everywhere()),
    discover,
};

/// A project that every mirror has: builds need it.
const PROBE: &str = "uv";

fn discover(given: Option<Given<'_>>) -> Result<Found, BadAddress> {
    let bad = |BadIndexUrl { origin }| BadAddress { ty: "pypi", origin };
    let Discovered { url, origin } = match given {
        Some(Given { address, origin }) => {
            let url = index_url(address, origin).map_err(bad)?;
            Discovered { url, origin: origin.to_owned() }
        }
        None => Upstream::discover().map_err(bad)?,
    };
    // The roots of trust that pip was told of.
    let roots = std::env::var_os("PIP_CERT").filter(|path| !path.is_empty()).map(PathBuf::from);
    Ok(Found {
        address: super::upstream::redact(&url),
        origin,
        credentials: in_address(&url).into_iter().collect(),
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
        Some(Arc::new(FolderStore::new(ports.data.join("pages")))),
        UpstreamOptions::default(),
    ));
    let registry = RegistryPorts {
        records: Arc::clone(&ports.records),
        blobs: Arc::clone(&ports.blobs),
        fetch: Arc::clone(&ports.fetch),
        clock: Arc::clone(&ports.clock),
        gate: Arc::clone(&ports.gate),
    };
    let registry = Arc::new(PypiRegistry::new(Arc::clone(&upstream), registry));
    let probed = Arc::clone(&upstream);
    Opened {
        registry,
        probe: Box::new(move || Box::pin(async move { probed.project(PROBE).await.map(drop) })),
        ecosystem: Box::new(move |workshop| Box::pin(ecosystem(upstream, ports, workshop))),
    }
}

async fn ecosystem(upstream: Arc<Upstream>, ports: Ports, workshop: Workshop) -> Joined {
    let interpreters = interpreters(&workshop.interpreters, &ports.data).await;
    let folders: Vec<&Path> = workshop.definitions.iter().map(PathBuf::as_path).collect();
    Ok(Arc::new(Pypi::new(PypiParts {
        upstream,
        sandbox: workshop.sandbox,
        gateways: workshop.gateways,
        fetch: ports.fetch,
        blobs: ports.blobs,
        definitions: Definitions::load(&folders).map_err(JoinError::new)?,
        target: target(&interpreters),
        platform: Platform::of_this_machine(&interpreters).filter(|_| workshop.native),
        interpreters,
        open: workshop.open,
        rust: crate::rust::Search {
            path: std::env::var_os("PATH"),
            home: std::env::var_os("HOME").map(PathBuf::from),
        },
        limits: workshop.limits,
        data: ports.data,
    })))
}

/// The CPythons of this machine and those that the operator names.
pub async fn interpreters(explicit: &[PathBuf], data: &Path) -> Interpreters {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let (path, home, pyenv) =
        (set("PATH"), set("HOME").map(PathBuf::from), set("PYENV_ROOT").map(PathBuf::from));
    let search = Search::usual(explicit.to_vec(), path.as_deref(), home.as_deref(), pyenv.as_deref());
    search.run(&data.join("interpreters.json")).await
}

/// For whom lockfiles are read: the interpreter that comes first on the PATH, else the newest that is here.
fn target(interpreters: &Interpreters) -> Target {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path).find_map(|folder| {
        let folder = folder.canonicalize().ok()?;
        interpreters.all().iter().rev().find(|python| python.executable.parent() == Some(&folder))
    });
    let version = first.or(interpreters.newest()).map(|python| python.version.to_string());
    let version = version.and_then(|version| version.parse().ok());
    Target::of_this_machine(version.unwrap_or_else(|| pep440_rs::Version::new([3, 13])))
}
