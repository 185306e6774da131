//! `trustmill repair recipe`: a rebuild that gives other bytes, or none, gets a better recipe.

use super::{Steps, no_purl, patiently};
use crate::cmd::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{repair as view, to_json};
use crate::wire::{Mill, Purpose};
use clap::Args;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::port::Coded;
use trustmill_core::{Purl, Verdict};
use trustmill_factory::pipeline::{Widened, widen};
use trustmill_factory::progress::{Observer, Unobserved};

/// Search for a recipe where a rebuild gave other bytes than were published, or none
///
/// Goes on from the nearest attempt, one change of the recipe at a time, and prints what helped as a definition
/// (docs/definitions.md). Exits with 1 where a file's bytes still do not come out.
#[derive(Args)]
pub(super) struct Recipe {
    /// A release, such as pkg:pypi/sqlalchemy@2.0.44
    #[arg(value_name = "PURL")]
    purl: String,
    /// Builds at most, for each published file, beside those of the rebuild
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=200))]
    builds: u16,
    /// Write what is found into this folder of definitions, which `[build] definitions` may name
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

/// A definition cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written")]
struct Unwritten {
    path: String,
    #[source]
    source: std::io::Error,
}

impl Coded for Unwritten {
    fn code(&self) -> &'static str {
        "TM1206"
    }

    fn help(&self) -> String {
        "name a folder that you may write with --into; a file that is there is not replaced".into()
    }
}

impl Recipe {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let purl: Purl = self.purl.parse().map_err(no_purl)?;
        let observer: Arc<dyn Observer> = match global.json {
            true => Arc::new(Unobserved),
            false => Arc::new(Steps { live: std::io::stderr().is_terminal() }),
        };
        let mill = Mill::open(global, Purpose::Work, observer).await?;
        let search = async || widen(&mill.world, &purl, usize::from(self.builds)).await;
        let all = patiently(search).await?;
        for definition in all.iter().filter_map(|one| one.definition.as_ref()) {
            if let Some(folder) = &self.into {
                write(&folder.join(&definition.path), &definition.text)?;
            }
        }
        match global.json {
            true => to_json(&all),
            false => view::widened(&all, self.into.as_deref()),
        }
        let is_there = |one: &Widened| one.after <= Verdict::Normalised;
        Ok(if !all.is_empty() && all.iter().all(is_there) { Exit::Success } else { Exit::Gate })
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::File::create_new(path)?.write_all(text.as_bytes()))
        .map_err(|source| Failure::new(Exit::Usage, Unwritten { path: path.display().to_string(), source }))
}
