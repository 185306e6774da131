//! `trustmill list`: the watch set and the keys that wait, run or are set aside.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{list as table, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::Args;
use serde::Serialize;
use std::sync::Arc;
use trustmill_core::port::queue::KeyInfo;
use trustmill_core::{Purl, Timestamp};
use trustmill_factory::progress::Unobserved;

/// What is watched, and what waits, runs or was set aside with its reason.
#[derive(Args)]
pub(super) struct List {}

/// What `list` shows.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    /// The watch set.
    pub(crate) watched: Vec<Watched>,
    /// The queue.
    pub(crate) keys: Vec<KeyInfo>,
}

/// One entry of the watch set.
#[derive(Debug, Serialize)]
pub(crate) struct Watched {
    /// Project or release.
    pub(crate) purl: Purl,
    /// Since when.
    pub(crate) since: Timestamp,
}

impl List {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
            let watched = mill.world.records.watched().await?;
            let listing = Listing {
                watched: watched.into_iter().map(|(purl, since)| Watched { purl, since }).collect(),
                keys: mill.world.queue.enumerate().await?,
            };
            match global.json {
                true => to_json(&listing),
                false => table::print(&listing),
            }
            Ok(Exit::Success)
        })
    }
}
