//! The mill's npm registry alone, as `trustmill up --serve-only` has it: store, records, policy, HTTP.

use crate::peers::upstream;
use crate::process::Failure;
use std::path::Path;
use std::sync::Arc;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::gate::Open;
use trustmill_ecosystems::npm::registry::{NpmRegistry, RegistryPorts};
use trustmill_ecosystems::npm::upstream::{FolderStore, PageOptions, Upstream};
use trustmill_infra::{DataDir, FetchConfig, HttpFetch, SystemClock};
use trustmill_serve::{Options, Server, ServerLimits, router};

/// The first argument with which the bench starts itself as the server.
pub(crate) const ARGUMENT: &str = "__serve";

/// Serves from a folder (first argument) on a port (second argument) until it is killed.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let [folder, port] = args else { return Err("the server is started by the bench".into()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(Path::new(folder), port.parse()?))
}

async fn serve(folder: &Path, port: u16) -> Result<(), Failure> {
    let data = DataDir::open(folder.join("data"))?;
    let blobs: Arc<dyn Blobs> = Arc::new(data.blobs());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(FetchConfig::default(), data.blobs())?);
    let upstream = Arc::new(Upstream::with_options(
        upstream()?.registries,
        fetch.clone(),
        clock.clone(),
        Some(Arc::new(FolderStore::new(folder.join("pages")))),
        PageOptions::default(),
    ));
    let ports =
        RegistryPorts { records: data.records(), blobs: blobs.clone(), fetch, clock, gate: Arc::new(Open) };
    let registry = Arc::new(NpmRegistry::new(upstream, ports));
    let server = Server::bind(([127, 0, 0, 1], port).into(), ServerLimits::default()).await?;
    server.run(router(vec![registry], blobs, Options::default()), std::future::pending()).await;
    Ok(())
}
