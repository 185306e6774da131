//! `trustmill doctor`: what this machine gives the mill, and the fix for what is missing.

use super::{FeedHealth, Global};
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{doctor as view, to_json};
use crate::wire;
use clap::Args;
use serde::Serialize;
use trustmill_core::port::sandbox::LayerStatus;

/// Which isolation layers are active here and what is missing, with the fix; interpreters; git; upstreams; feeds; disk.
#[derive(Args)]
pub(super) struct Doctor {}

/// What the doctor found.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    /// Backends, with the layers of each.
    pub(crate) sandboxes: Vec<Backend>,
    /// The scanner.
    pub(crate) scanner: ScannerHealth,
    /// Interpreters.
    pub(crate) interpreters: Vec<Found>,
    /// Git, unless the configuration leaves source repositories out.
    pub(crate) git: Option<Program>,
    /// Upstreams.
    pub(crate) upstreams: Vec<Reached>,
    /// Feeds of advisories.
    pub(crate) feeds: Vec<FeedHealth>,
    /// The policies that decide, in a few words.
    pub(crate) policies: String,
    /// The data folder.
    pub(crate) data: Data,
    /// What must be mended before the mill can work.
    pub(crate) problems: Vec<String>,
}

/// The scanner's processes.
#[derive(Debug, Serialize)]
pub(crate) struct ScannerHealth {
    /// Whether it is obeyed: `enforce`, `preview` or `off`.
    pub(crate) mode: &'static str,
    /// The version of its rules.
    pub(crate) rules: String,
    /// What a worker started now has.
    pub(crate) layers: Vec<LayerStatus>,
    /// Why it cannot be used, if it cannot.
    pub(crate) problem: Option<String>,
}

/// One sandbox backend.
#[derive(Debug, Serialize)]
pub(crate) struct Backend {
    /// Its name.
    pub(crate) name: String,
    /// Whether the configuration chooses it.
    pub(crate) chosen: bool,
    /// What it gives here.
    pub(crate) layers: Vec<LayerStatus>,
}

/// Something found on this machine.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// Its version.
    pub(crate) version: String,
    /// Where it is.
    pub(crate) path: String,
}

/// A program that the mill starts.
#[derive(Debug, Serialize)]
pub(crate) struct Program {
    /// Its version.
    pub(crate) version: Option<String>,
    /// Why it cannot be used, if it cannot.
    pub(crate) error: Option<String>,
}

/// One upstream.
#[derive(Debug, Serialize)]
pub(crate) struct Reached {
    /// The ecosystem.
    pub(crate) ecosystem: String,
    /// Its address, credentials removed.
    pub(crate) address: String,
    /// Where the address comes from.
    pub(crate) origin: String,
    /// Why it cannot be read, if it cannot.
    pub(crate) error: Option<String>,
}

/// The data folder.
#[derive(Debug, Serialize)]
pub(crate) struct Data {
    /// The folder.
    pub(crate) path: String,
    /// Bytes that are free on its volume.
    pub(crate) free_bytes: Option<u64>,
    /// Why it cannot be used, if it cannot.
    pub(crate) error: Option<String>,
}

impl Doctor {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let findings = wire::examine(global).await?;
            match global.json {
                true => to_json(&findings),
                false => view::print(&findings),
            }
            Ok(if findings.problems.is_empty() { Exit::Success } else { Exit::Gate })
        })
    }
}
