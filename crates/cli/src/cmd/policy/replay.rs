//! `trustmill policy replay`: what was handed out, and would be refused today.

use super::super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{policy as view, to_json};
use crate::when::When;
use crate::wire::{self, Mill, Purpose};
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use trustmill_core::ruling::{Action, Decision, Listed, Principal, Question};
use trustmill_core::{Purl, Timestamp};
use trustmill_factory::progress::Unobserved;

/// What the journal says was handed out, judged by the policies of now: what would be refused today, and by which.
///
/// Ages are those of now, so a cooldown that has passed since refuses nothing.
#[derive(Args)]
pub(super) struct Replay {
    /// Look at what was handed out since then: 30d, 2026-11-01
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    since: When,
}

/// What came of a replay.
#[derive(Debug, Serialize)]
pub(crate) struct Replayed {
    /// Since when.
    pub(crate) since: Timestamp,
    /// How many releases were handed out.
    pub(crate) releases: usize,
    /// Those that would be refused.
    pub(crate) refused: Vec<Refused>,
    /// How many each policy would refuse.
    pub(crate) by_policy: BTreeMap<String, usize>,
    /// Projects that could not be looked at, and why.
    pub(crate) unread: BTreeMap<String, String>,
}

/// A release that was handed out and would be refused.
#[derive(Debug, Serialize)]
pub(crate) struct Refused {
    /// It.
    pub(crate) release: Purl,
    /// Why.
    pub(crate) decision: Decision,
    /// How many teams and tokens were given it.
    pub(crate) principals: usize,
    /// When last.
    pub(crate) last: Timestamp,
}

impl Replay {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(self.execute(global))
    }

    async fn execute(self, global: &Global) -> Result<Exit, Failure> {
        let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
        let now = mill.world.clock.now();
        let since = self.since.before(now);
        let mut projects: BTreeMap<Purl, BTreeSet<Purl>> = BTreeMap::new();
        for release in mill.journal().releases_since(since).await? {
            projects.entry(release.without_version()).or_default().insert(release);
        }
        let mut replayed = Replayed {
            since,
            releases: projects.values().map(BTreeSet::len).sum(),
            refused: Vec::new(),
            by_policy: BTreeMap::new(),
            unread: BTreeMap::new(),
        };
        for (project, handed) in projects {
            if let Err(failure) = one(&mill, &project, &handed, now, &mut replayed).await {
                replayed.unread.insert(project.to_string(), failure.to_string());
            }
        }
        match global.json {
            true => to_json(&replayed),
            false => view::replayed(&replayed),
        }
        Ok(Exit::Success)
    }
}

/// One project: its releases that are still listed, and those that are no more.
async fn one(
    mill: &Mill,
    project: &Purl,
    handed: &BTreeSet<Purl>,
    now: Timestamp,
    replayed: &mut Replayed,
) -> Result<(), Failure> {
    let mut releases = mill.releases(project).await.map(|found| found.releases).unwrap_or_default();
    // What the registry took down is asked about too: it is what one wants to hear of.
    for version in handed.iter().filter_map(Purl::version) {
        if releases.iter().all(|listed| listed.version != version) {
            releases.push(Listed { version: version.to_owned().into(), ..Listed::default() });
        }
    }
    let principal = Principal::default();
    let question = Question { principal: &principal, action: Action::Install, project, releases: &releases };
    let explained = mill.firewall.explain(&question, now).await?;
    for one in explained.into_iter().filter(|one| one.decision.effect.refuses()) {
        if !handed.contains(&one.release) {
            continue;
        }
        let given = mill.journal().handed(&one.release).await?;
        for policy in &one.decision.policies {
            *replayed.by_policy.entry(policy.clone()).or_default() += 1;
        }
        replayed.refused.push(Refused {
            principals: given.iter().map(|handed| &handed.principal).collect::<HashSet<_>>().len(),
            last: given.iter().map(|handed| handed.last).max().unwrap_or(now),
            release: one.release,
            decision: one.decision,
        });
    }
    Ok(())
}
