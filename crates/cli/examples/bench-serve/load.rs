//! What is asked of each peer, and what is read off meanwhile.

use crate::http;
use crate::peers::Peer;
use crate::process::{Failure, Server, bounded, succeed};
use crate::tools::Tools;
use crate::upstream::Upstream;
use serde::Serialize;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use url::Url;

/// As uv asks for pages.
pub(crate) const JSON_PAGE: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";
/// A project of middling size: about 150 releases, a page of about 100 KB.
const PROJECT: &str = "requests";
/// The first project of the tree whose wheel has several megabytes.
const LARGE: &str = "jupyterlab";
const WARM_RUNS: usize = 5;
const CLIENTS: usize = 64;
/// How long the upstream thinks while a herd waits.
const HERD_DELAY: Duration = Duration::from_millis(200);

/// What all peers share.
pub(crate) struct Bench {
    pub(crate) upstream: Upstream,
    pub(crate) tools: Tools,
    pub(crate) mill: PathBuf,
}

/// One install.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Install {
    pub(crate) seconds: f64,
    pub(crate) upstream_requests: u64,
}

/// All about one peer.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) cold: Install,
    pub(crate) cold_cpu_ms: u64,
    pub(crate) cold_peak_rss_kib: u64,
    /// The median run.
    pub(crate) warm_seconds: f64,
    pub(crate) warm_cpu_ms: u64,
    pub(crate) warm_peak_rss_kib: u64,
    /// Every run.
    pub(crate) warm_cpu_ms_each: Vec<u64>,
    pub(crate) warm_upstream_requests: u64,
    /// Hot pages per second, packed and plain.
    pub(crate) hot_gzip: f64,
    pub(crate) hot_plain: f64,
    pub(crate) herd_page: Herd,
    pub(crate) herd_file: Herd,
}

/// Many clients at once for one thing that is cold.
#[derive(Debug, Serialize)]
pub(crate) struct Herd {
    pub(crate) upstream_requests: u64,
    /// Clients that got it.
    pub(crate) answered: usize,
}

impl Bench {
    /// The upstream's index.
    pub(crate) fn index(&self) -> String {
        format!("http://{}/simple/", self.upstream.address)
    }

    /// An install without anything between.
    pub(crate) fn straight(&self) -> Result<Install, Failure> {
        self.install(&self.index())
    }

    /// Every measure of one peer, each from an empty folder.
    pub(crate) fn measure(&self, peer: &Peer) -> Result<Figures, Failure> {
        let version = (peer.version)(self)?;
        let server = (peer.start)(self, &self.tools.fresh(peer.name)?)?;
        let index = format!("http://{}{}", server.address, peer.index);
        let before = server.usage();
        let cold = self.install(&index)?;
        let after = server.usage();
        server.forget_peak()?;
        let warm = (0..WARM_RUNS).map(|_| self.warm(&server, &index)).collect::<Result<Vec<_>, _>>()?;
        let warm_peak_rss_kib = server.usage().peak_rss_kib;
        let page = format!("{index}{PROJECT}/");
        let (hot_gzip, hot_plain) = (self.hot(&page, "gzip")?, self.hot(&page, "identity")?);
        drop(server);
        let (herd_page, herd_file) = self.herds(peer)?;
        Ok(Figures {
            name: peer.name,
            version,
            cold,
            cold_cpu_ms: after.cpu_ms.saturating_sub(before.cpu_ms),
            cold_peak_rss_kib: after.peak_rss_kib,
            warm_seconds: median(warm.iter().map(|(install, _)| install.seconds).collect()),
            warm_cpu_ms: median(warm.iter().map(|(_, cpu)| *cpu).collect()),
            warm_peak_rss_kib,
            warm_cpu_ms_each: warm.iter().map(|(_, cpu)| *cpu).collect(),
            warm_upstream_requests: warm
                .iter()
                .map(|(install, _)| install.upstream_requests)
                .max()
                .unwrap_or(0),
            hot_gzip,
            hot_plain,
            herd_page,
            herd_file,
        })
    }

    /// Installs the tree from `index` into an empty folder, with no cache of uv's own.
    fn install(&self, index: &str) -> Result<Install, Failure> {
        let target = scratch()?;
        let mut uv = bounded(180, self.tools.client.join("bin/uv"));
        uv.args(["pip", "install", "--quiet", "--no-config", "--no-cache", "--only-binary", ":all:"]);
        uv.arg("--python")
            .arg(self.tools.client.join("bin/python"))
            .arg("--target")
            .arg(target.path().join("tree"));
        uv.env("TMPDIR", target.path());
        uv.args(["--default-index", index, "--requirement"]).arg(self.tools.data.join("tree.txt"));
        self.upstream.forget();
        let begun = Instant::now();
        succeed(&mut uv)?;
        Ok(Install { seconds: begun.elapsed().as_secs_f64(), upstream_requests: self.upstream.total() })
    }

    /// A further install, and the server's CPU in milliseconds.
    fn warm(&self, server: &Server, index: &str) -> Result<(Install, u64), Failure> {
        let before = server.usage().cpu_ms;
        let install = self.install(index)?;
        Ok((install, server.usage().cpu_ms.saturating_sub(before)))
    }

    /// Requests per second for one page over 32 connections that stay open, for ten seconds.
    fn hot(&self, page: &str, coding: &str) -> Result<f64, Failure> {
        let mut wrk = bounded(60, self.tools.program("wrk", "wrk")?);
        wrk.args(["-t1", "-c32", "-d10s", "-H"]).arg(format!("Accept: {JSON_PAGE}"));
        let said = succeed(wrk.arg("-H").arg(format!("Accept-Encoding: {coding}")).arg(page))?;
        if said.contains("Non-2xx") || said.contains("Socket errors") {
            return Err(format!("not every answer was good: {said}").into());
        }
        let rate = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
        Ok(rate.ok_or("wrk says no rate")?.trim().parse()?)
    }

    /// A cold page and a cold file, each wanted by all clients at once.
    fn herds(&self, peer: &Peer) -> Result<(Herd, Herd), Failure> {
        let server = (peer.start)(self, &self.tools.fresh(peer.name)?)?;
        let page = |name: &str| Url::parse(&format!("http://{}{}{name}/", server.address, peer.index));
        let large = page(LARGE)?;
        let found = http::get(server.address, large.path())?;
        let found: Value = serde_json::from_slice(&found.body)?;
        let (name, file) = self.wheel(&large, &found)?;
        self.upstream.hold_back(HERD_DELAY);
        let herds = (|| {
            let for_page = self.herd(&page(PROJECT)?, &format!("/simple/{PROJECT}/"))?;
            Ok((for_page, self.herd(&file, &format!("/files/{name}"))?))
        })();
        self.upstream.hold_back(Duration::ZERO);
        herds
    }

    /// The wheel of a page that the upstream has: its name, and its address at the peer.
    fn wheel(&self, page: &Url, found: &Value) -> Result<(String, Url), Failure> {
        for file in found["files"].as_array().into_iter().flatten() {
            let (Some(name), Some(url)) = (file["filename"].as_str(), file["url"].as_str()) else { continue };
            if self.upstream.has(&format!("/files/{name}")) {
                return Ok((name.to_owned(), page.join(url)?));
            }
        }
        Err("the page does not name the wheel".into())
    }

    fn herd(&self, url: &Url, upstream_path: &str) -> Result<Herd, Failure> {
        self.upstream.forget();
        let start = Arc::new(Barrier::new(CLIENTS));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (start, url) = (start.clone(), url.clone());
                std::thread::spawn(move || {
                    start.wait();
                    follow(&url)
                })
            })
            .collect();
        let answered = clients
            .into_iter()
            .filter_map(|client| client.join().ok()?)
            .filter(|status| *status == 200)
            .count();
        Ok(Herd { upstream_requests: self.upstream.count(upstream_path), answered })
    }
}

/// The status at the end of at most four redirects, all on this machine.
fn follow(url: &Url) -> Option<u16> {
    let mut url = url.clone();
    for _ in 0..5 {
        let address = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, url.port()?));
        let reply = http::get(address, url.path()).ok()?;
        match reply.location {
            Some(location) if reply.status / 100 == 3 => url = url.join(&location).ok()?,
            _ => return Some(reply.status),
        }
    }
    None
}

/// A folder in memory where there is one: the client's disk is not what is measured.
fn scratch() -> Result<tempfile::TempDir, Failure> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? })
}

/// The middle one.
fn median<T: Copy + PartialOrd + Default>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}
