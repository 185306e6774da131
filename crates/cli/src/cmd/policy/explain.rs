//! `trustmill policy explain`: why a release is or is not handed out.

use super::super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{policy as view, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::{Args, ValueEnum};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::port::Coded;
use trustmill_core::ruling::{Action, Principal};
use trustmill_factory::firewall::Explanation;
use trustmill_factory::progress::Unobserved;

/// Why a release is or is not handed out: every fact, every policy that fired, until when, and what lifted it.
///
/// For a project, one line for each release. Exits with 1 if the release is refused.
#[derive(Args)]
pub(super) struct Explain {
    /// A release, such as pkg:npm/chalk@5.6.1, or a project
    #[arg(value_name = "PURL")]
    purl: Purl,
    /// As somebody of this team sees it
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// As an AI agent of this name sees it
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// What for
    #[arg(long, value_enum, default_value_t = What::Install)]
    action: What,
}

/// What somebody wants with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// A client is shown it and given its files
    Install,
    /// The mill's own builds are
    Serve,
    /// A client uploads it
    Publish,
}

impl From<What> for Action {
    fn from(what: What) -> Self {
        match what {
            What::Install => Self::Install,
            What::Serve => Self::Serve,
            What::Publish => Self::Publish,
        }
    }
}

/// The registry does not list the release.
#[derive(Debug, thiserror::Error)]
#[error("the registry does not list {0}")]
struct Unlisted(Purl);

impl Coded for Unlisted {
    fn code(&self) -> &'static str {
        "TM0921"
    }

    fn help(&self) -> String {
        format!("`trustmill policy explain {}` shows the releases that it lists", self.0.without_version())
    }
}

/// Files that came later are a release of their own: the hardest decision is what one wants to hear of.
pub(crate) fn of_release(all: Vec<Explanation>, release: &Purl) -> Option<Explanation> {
    all.into_iter().filter(|one| one.release == *release).max_by_key(|one| one.decision.effect)
}

impl Explain {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(self.execute(global))
    }

    async fn execute(self, global: &Global) -> Result<Exit, Failure> {
        let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
        let principal = Principal { team: self.team, token: None, agent: self.agent };
        let all = mill.explain(&self.purl.without_version(), &principal, self.action.into()).await?;
        let overrides = mill.firewall.overrides().entries();
        if self.purl.version().is_none() {
            match global.json {
                true => to_json(&all),
                false => view::releases(&all),
            }
            return Ok(Exit::Success);
        }
        let Some(one) = of_release(all, &self.purl) else {
            return Err(Failure::new(Exit::Usage, Unlisted(self.purl)));
        };
        match global.json {
            true => to_json(&one),
            false => view::explanation(&one, &overrides),
        }
        Ok(if one.decision.effect.refuses() { Exit::Gate } else { Exit::Success })
    }
}
