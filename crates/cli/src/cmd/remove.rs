//! `trustmill remove`: packages leave the watch set. What is known about them stays.

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

/// Stop watching projects or releases. Facts and files stay.
#[derive(Args)]
pub(super) struct Remove {
    /// Package URLs
    #[arg(required = true, value_name = "PURL")]
    purls: Vec<Purl>,
}

impl Remove {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
            let mut changes = Vec::new();
            for purl in &self.purls {
                let removed = mill.world.records.unwatch(purl).await?;
                changes.push(serde_json::json!({ "purl": purl, "removed": removed }));
                if !global.json {
                    say!("{} {purl}", if removed { "no longer watching" } else { "was not watched:" });
                }
            }
            if global.json {
                to_json(&changes);
            }
            Ok(Exit::Success)
        })
    }
}
