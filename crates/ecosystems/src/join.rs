//! What an ecosystem is to the rest of the mill, and the list of them all. A new one is a folder beside this file
//! and a line in [`ALL`].

use crate::{cargo, npm, pypi};
use bytes::Bytes;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use trustmill_core::content::Contents;
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::ecosystem::Ecosystem;
use trustmill_core::port::fetch::{Credential, Fetch, FetchError, Scheme};
use trustmill_core::port::gate::Gate;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::{Registry, Secret};
use trustmill_core::port::sandbox::{Gateways, Limits, Sandbox};
use trustmill_core::version::VersionScheme;

/// The ecosystems of this mill.
pub const ALL: [Family; 3] = [pypi::join::FAMILY, npm::join::FAMILY, cargo::join::FAMILY];

/// One ecosystem before anything of it is opened.
#[derive(Clone, Copy)]
pub struct Family {
    /// The package URL type, which is also its key in `[upstream]`: `pypi`.
    pub ty: &'static str,
    /// The order of its versions.
    pub versions: &'static dyn VersionScheme,
    /// Reads a file if it is a lockfile of this ecosystem, for every platform, extra and group: nothing is opened, and
    /// what is not for this machine is a pin too. `None` if it is not one.
    pub lockfile: fn(&Path) -> Option<Result<Pins, LockfileError>>,
    /// Finds the upstream registry: the address that the operator gives, else what this machine's own client is
    /// configured to use.
    pub discover: fn(Option<Given<'_>>) -> Result<Found, BadAddress>,
}

/// An address that the operator gives.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The address, which may carry credentials.
    pub address: &'a str,
    /// Where it was given, for people: `configuration`.
    pub origin: &'a str,
}

/// An upstream that was found; nothing was asked of it yet.
pub struct Found {
    /// Its address, credentials removed.
    pub address: String,
    /// For people: `PIP_INDEX_URL`, a file's path, `default`.
    pub origin: String,
    /// What the upstream wants to see of us.
    pub credentials: Vec<Credential>,
    /// Files with further roots of trust (PEM).
    pub roots: Vec<PathBuf>,
    /// Opens the ecosystem.
    pub open: Box<dyn FnOnce(&Ports) -> Opened + Send>,
}

/// The user and password that an address carries, for every address of its host: indexes hand out files that stand
/// elsewhere on it.
pub(crate) fn in_address(url: &url::Url) -> Option<Credential> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    if url.username().is_empty() {
        return None;
    }
    let user = Secret::new(decoded(url.username()));
    let password = Secret::new(decoded(url.password().unwrap_or_default()));
    let mut below = url.join("/").ok()?;
    below.set_username("").and_then(|()| below.set_password(None)).ok()?;
    Some(Credential { below, scheme: Scheme::Basic(user, password) })
}

/// What every ecosystem reads and writes through.
#[derive(Clone)]
pub struct Ports {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Bytes by digest.
    pub blobs: Arc<dyn Blobs>,
    /// Foreign servers.
    pub fetch: Arc<dyn Fetch>,
    /// Facts, first-seen digests.
    pub records: Arc<dyn Records>,
    /// Decides what is handed out.
    pub gate: Arc<dyn Gate>,
    /// The data folder.
    pub data: PathBuf,
}

/// An ecosystem that answers package managers and may be told to build.
pub struct Opened {
    /// Its serving side.
    pub registry: Arc<dyn Registry>,
    /// Asks the upstream for a project that every mirror has.
    pub probe: Box<dyn FnOnce() -> Eventually<Result<(), FetchError>> + Send>,
    /// Its building side.
    pub ecosystem: Box<dyn FnOnce(Workshop) -> Eventually<Joined> + Send>,
}

/// Reads the files of a source archive, within the limits that hostile archives ask for; why it is refused, in words.
pub type OpenSource = fn(&str, &Bytes) -> Result<Contents, String>;

/// An ecosystem that builds, or why it cannot here.
pub type Joined = Result<Arc<dyn Ecosystem>, JoinError>;

/// A future in a box.
pub type Eventually<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What builds need beside the ports.
#[derive(Clone)]
pub struct Workshop {
    /// Where untrusted steps run.
    pub sandbox: Arc<dyn Sandbox>,
    /// What their fetch phase reaches.
    pub gateways: Arc<dyn Gateways>,
    /// The bounds of one build.
    pub limits: Limits,
    /// Whether builds for this machine's own platform are tried.
    pub native: bool,
    /// Folders of definitions beside the built-in ones.
    pub definitions: Vec<PathBuf>,
    /// What opens a source archive, by its file name.
    pub open: OpenSource,
    /// Interpreters that the operator names beside those that are found.
    pub interpreters: Vec<PathBuf>,
}

/// An upstream address that is none. The address itself is not shown: it may carry credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address of the {ty} upstream from {origin} is not an http or https URL")]
pub struct BadAddress {
    /// The ecosystem.
    pub ty: &'static str,
    /// Who gave it.
    pub origin: String,
}

impl Coded for BadAddress {
    fn code(&self) -> &'static str {
        "TM0804"
    }

    fn help(&self) -> String {
        "give the registry's base address, such as https://packages.example.com/simple/".into()
    }
}

/// Why an ecosystem cannot build here: what the operator wrote for it is wrong.
#[derive(Debug)]
pub struct JoinError(Box<dyn Coded + Send + Sync>);

impl std::fmt::Display for JoinError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl JoinError {
    /// Any error with a code.
    pub fn new(error: impl Coded + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl Coded for JoinError {
    fn code(&self) -> &'static str {
        self.0.code()
    }

    fn help(&self) -> String {
        self.0.help()
    }
}
