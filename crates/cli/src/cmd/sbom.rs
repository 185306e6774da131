//! `trustmill sbom`: a bill of materials of lockfiles, or of the watch set.

use super::Global;
use crate::document;
use crate::error::Failure;
use crate::exit::Exit;
use crate::lockfiles;
use crate::render::{cyclonedx, spdx};
use crate::wire;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use trustmill_core::Timestamp;
use trustmill_factory::inventory::{self, Inventory};

/// Write a bill of materials of what lockfiles pin, with the mill's verdicts where it has them.
///
/// The same content gives the same document: set SOURCE_DATE_EPOCH for the same bytes.
#[derive(Args)]
pub(super) struct Sbom {
    /// Lockfiles
    #[arg(required_unless_present = "watched", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The watch set instead of lockfiles
    #[arg(long, conflicts_with = "files")]
    watched: bool,
    /// CycloneDX 1.6 or SPDX 2.3, both as JSON
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Cyclonedx)]
    format: Format,
    /// What the bill is of [default: the folder of the first lockfile]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where it is written [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A format of bills of materials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// CycloneDX 1.6
    Cyclonedx,
    /// SPDX 2.3
    Spdx,
}

/// A bill of materials before it has a format.
pub(crate) struct Bill {
    /// What it is of.
    pub(crate) name: String,
    /// The instant that it bears.
    pub(crate) at: Timestamp,
    /// The parts.
    pub(crate) inventory: Inventory,
}

impl Sbom {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        let locked = lockfiles::read(&self.files)?;
        let bill = wire::runtime(async {
            let records = wire::records(global).await?;
            let mut inventory = match (&records, self.watched) {
                (Some(records), true) => Inventory::listed(inventory::watched(records.as_ref()).await?),
                _ => Inventory::of(&locked),
            };
            if let Some(records) = &records {
                inventory.judge(records.as_ref()).await?;
            }
            let at = document::instant(wire::now()).map_err(|error| Failure::new(Exit::Usage, error))?;
            Ok(Bill { name: self.subject(), at, inventory })
        })?;
        let output = self.output.as_deref();
        match self.format {
            Format::Cyclonedx => document::write(&cyclonedx::bom(&bill), output)?,
            Format::Spdx => document::write(&spdx::document(&bill), output)?,
        }
        Ok(Exit::Success)
    }

    fn subject(&self) -> String {
        let folder = || {
            let path = std::path::absolute(self.files.first()?).ok()?;
            Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
        };
        let name = self.name.clone().or_else(|| if self.watched { None } else { folder() });
        name.map_or_else(|| "watched".to_owned(), |name| crate::render::clean(&name))
    }
}
