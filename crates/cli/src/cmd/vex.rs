//! `trustmill vex`: what the mill can say of releases and known vulnerabilities, for scanners that take it.

use super::Global;
use crate::document::{self, DocumentError};
use crate::error::Failure;
use crate::exit::Exit;
use crate::ignores;
use crate::lockfiles;
use crate::render::check::accepted;
use crate::render::openvex;
use crate::wire;
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use trustmill_core::version::VersionScheme;
use trustmill_core::{Purl, Timestamp};
use trustmill_ecosystems::join;
use trustmill_factory::audit::{self, AuditError};
use trustmill_factory::ignores::Ignore;
use trustmill_factory::stance::{self, Stance, Status};

/// Write an OpenVEX document: which known vulnerabilities releases have, have mended, or never had.
///
/// It says what the advisories say, and what this mill repaired, and nothing of what neither knows.
#[derive(Args)]
pub(super) struct Vex {
    /// Lockfiles or package URLs of releases
    #[arg(required = true, value_name = "FILE|PURL")]
    subjects: Vec<String>,
    /// Only statements of this status, may be given again
    #[arg(long, value_enum, value_name = "STATUS")]
    only: Vec<Only>,
    /// Who says it
    #[arg(long, value_name = "AUTHOR", default_value = "Trustmill")]
    author: String,
    /// A file of accepted problems, as `check` takes it: their reasons are written down
    #[arg(long, value_name = "FILE")]
    ignores: Option<PathBuf>,
    /// Where it is written [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A status on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    /// The release has the vulnerability
    Affected,
    /// The release is the version that mends it, or a later one
    Fixed,
    /// Records speak of other versions
    NotAffected,
    /// Records cannot be compared with the version
    UnderInvestigation,
}

impl Only {
    const fn status(self) -> Status {
        match self {
            Self::Affected => Status::Affected,
            Self::Fixed => Status::Fixed,
            Self::NotAffected => Status::NotAffected,
            Self::UnderInvestigation => Status::UnderInvestigation,
        }
    }
}

/// What is said, before it has a format.
pub(crate) struct Said {
    /// Who says it.
    pub(crate) author: String,
    /// The instant that the document bears.
    pub(crate) at: Timestamp,
    /// By release.
    pub(crate) stances: Vec<Stance>,
}

type Releases = BTreeMap<Purl, &'static dyn VersionScheme>;

impl Vex {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        let releases = self.releases()?;
        let ignores = self.ignores.as_deref().map(ignores::read).transpose()?.unwrap_or_default();
        let said = wire::runtime(async {
            let known = wire::known(global).await?;
            let types = releases.values().map(|scheme| scheme.ty());
            let sources = known.advisories.sources().await?;
            audit::covered(&sources, types.map(|ty| (ty, ty))).map_err(usage)?;
            let releases: Vec<_> = releases.into_iter().collect();
            let mut stances = stance::stances(known.advisories.as_ref(), &releases).await?;
            let repaired = match wire::records(global).await? {
                Some(records) => trustmill_factory::repair::facts::in_records(records.as_ref()).await?,
                None => Vec::new(),
            };
            for stance in stances.iter_mut().filter(|stance| stance.status == Status::Affected) {
                let mine = repaired.iter().find(|one| one.mends(&stance.release, &stance.ids));
                if let Some(one) = mine {
                    (stance.status, stance.action) = (Status::Fixed, None);
                    let (ruling, by) = (one.ruling.as_str(), one.proposer.shown());
                    stance.repaired = Some(format!("this mill repaired and signed it: {ruling}, by {by}"));
                }
            }
            let wanted =
                |status| self.only.is_empty() || self.only.iter().any(|only| only.status() == status);
            stances.retain(|stance| wanted(stance.status));
            let at =
                document::instant(known.clock.now()).map_err(|error| Failure::new(Exit::Usage, error))?;
            let overrides = wire::overrides(global).await?;
            // The document bears a whole second; what began within it is in force.
            let within = at.saturating_add(Duration::from_millis(999)).unwrap_or(at);
            for stance in stances.iter_mut().filter(|stance| stance.status == Status::Affected) {
                if let Some((_, scheme)) = releases.iter().find(|(release, _)| *release == stance.release) {
                    stance.overridden(&overrides, *scheme, within);
                }
                let until = |ignore: &Ignore| ignore.until.is_none_or(|until| at < until);
                let about = ignores
                    .iter()
                    .filter(|ignore| until(ignore) && ignore.names(&stance.release, &stance.ids));
                stance.accepted.extend(about.map(accepted));
            }
            Ok(Said { author: crate::render::clean(&self.author), at, stances })
        })?;
        document::write(&openvex::document(&said), self.output.as_deref())?;
        Ok(Exit::Success)
    }

    fn releases(&self) -> Result<Releases, Failure> {
        let (purls, files): (Vec<_>, Vec<_>) = self.subjects.iter().partition(|one| one.starts_with("pkg:"));
        let mut releases = Releases::new();
        for text in purls {
            let (purl, scheme) = release(text).ok_or_else(|| {
                Failure::new(Exit::Usage, DocumentError::NoRelease(crate::render::clean(text)))
            })?;
            releases.insert(purl, scheme);
        }
        let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
        for locked in lockfiles::read(&files)? {
            releases.extend(locked.pins.pins.into_iter().map(|pin| (pin.purl, locked.versions)));
        }
        Ok(releases)
    }
}

fn release(text: &str) -> Option<(Purl, &'static dyn VersionScheme)> {
    let purl: Purl = text.parse().ok()?;
    purl.version()?;
    let family = join::ALL.into_iter().find(|family| family.ty == purl.ty())?;
    Some((purl, family.versions))
}

fn usage(error: AuditError) -> Failure {
    Failure::new(Exit::Usage, error)
}
