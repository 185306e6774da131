//! `trustmill add`: packages join the watch set.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::to_json;
use crate::wire::{self, Mill, Purpose};
use clap::Args;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_factory::progress::Unobserved;

/// Watch projects or releases: `trustmill up` keeps rebuilding them.
///
/// A project (pkg:pypi/requests) is watched for its newest and all later releases; a release
/// (pkg:pypi/requests@2.32.5) for itself.
#[derive(Args)]
pub(super) struct Add {
    /// Package URLs
    #[arg(required = true, value_name = "PURL")]
    purls: Vec<Purl>,
}

impl Add {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
            let mut changes = Vec::new();
            for purl in &self.purls {
                mill.world.ecosystem(purl)?;
                let added = mill.world.records.watch(purl, mill.world.clock.now()).await?;
                changes.push(serde_json::json!({ "purl": purl, "added": added }));
                if !global.json {
                    say!("{} {purl}", if added { "watching" } else { "already watched:" });
                }
            }
            if global.json {
                to_json(&changes);
            }
            Ok(Exit::Success)
        })
    }
}
