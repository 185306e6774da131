//! The firewall of one installation: its policies from files, its facts and advisories from the data folder.

use super::Mill;
use crate::cmd::Global;
use crate::config::Config;
use crate::error::Failure;
use crate::exit::Exit;
use crate::policies::{self, Looks};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::clock::Clock as _;
use trustmill_core::port::journal::Journal;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::{NoReleases, Releases};
use trustmill_core::ruling::{Action, Principal, Question};
use trustmill_core::{Purl, Timestamp};
use trustmill_ecosystems::join;
use trustmill_factory::facts::{self, Alarm};
use trustmill_factory::firewall::overrides::Desk;
use trustmill_factory::firewall::{Book, Counter, Entry, Explanation, Firewall, Sources};
use trustmill_infra::{DataDir, SystemClock};
use trustmill_policy::{Mode, PolicySet};
use trustmill_trust::keys::{TrustedKeys, file as key_file};

/// How often what other processes and editors may have changed is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Opens the firewall.
pub(super) async fn open(
    config: &Config,
    data: &DataDir,
    trusted: TrustedKeys,
) -> Result<Arc<Firewall>, Failure> {
    let usage = |error| Failure::new(Exit::Usage, error);
    let policies = policies::load(&config.policy).map_err(usage)?;
    let scanned = config.scanner.mode != Mode::Off;
    let settings = config.policy.settings(policies::popular(&config.policy).map_err(usage)?, scanned);
    let schemes = join::ALL.iter().map(|family| family.versions).collect();
    let sources = Sources {
        advisories: data.advisories(),
        records: data.records(),
        journal: Some(data.journal()),
        trusted,
        schemes,
    };
    Ok(Arc::new(Firewall::open(sources, settings, policies, SystemClock.now()).await?))
}

impl Mill {
    /// Where overrides are made, listed and taken back.
    pub(crate) fn desk(&self) -> Desk<'_> {
        Desk {
            records: &*self.world.records,
            signer: &self.world.signer,
            trusted: &self.trusted,
            most_days: self.config.policy.overrides.max_days,
        }
    }

    /// The same, for the API.
    pub(super) fn counter(&self) -> Counter {
        Counter {
            records: Arc::clone(&self.world.records),
            signer: Arc::clone(&self.world.signer),
            trusted: self.trusted.clone(),
            most_days: self.config.policy.overrides.max_days,
            clock: Arc::clone(&self.world.clock),
            firewall: Arc::clone(&self.firewall),
        }
    }

    /// What was handed out.
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        self.data.journal()
    }

    /// What the firewall makes of each release that the registry lists of a project.
    pub(crate) async fn explain(
        &self,
        project: &Purl,
        principal: &Principal,
        action: Action,
    ) -> Result<Vec<Explanation>, Failure> {
        let Releases { project, releases } = self.releases(project).await?;
        let question = Question { principal, action, project: &project, releases: &releases };
        Ok(self.firewall.explain(&question, self.world.clock.now()).await?)
    }

    /// The releases of a project, as its registry asks the firewall about them.
    pub(crate) async fn releases(&self, project: &Purl) -> Result<Releases, NoReleases> {
        match self.registries.iter().find(|registry| registry.ty() == project.ty()) {
            Some(registry) => registry.releases(project).await,
            None => Err(NoReleases {
                project: Box::new(project.clone()),
                why: format!("this mill has no registry for {}", project.ty()),
            }),
        }
    }
}

/// Every override that is signed, where there is a mill that could have signed one.
pub(crate) async fn overrides(global: &Global) -> Result<Vec<Entry>, Failure> {
    let folder = super::data_dir(global)?;
    let keys = folder.join("keys");
    let Some(records) = super::records(global).await?.filter(|_| keys.is_dir()) else {
        return Ok(Vec::new());
    };
    let trusted = key_file::trusted(&keys)?;
    let book = Book::default().follow(&*records, &trusted, SystemClock.now()).await?;
    Ok(book.unwrap_or_default().entries())
}

/// The configuration alone: for verbs that look at files and need no data folder.
pub(crate) fn config(global: &Global) -> Result<Config, Failure> {
    super::load_config(global, &super::data_dir(global)?)
}

/// How many policies there are, by mode.
pub(super) fn in_brief(set: &PolicySet) -> String {
    let rules = set.rules();
    let of = |mode| rules.iter().filter(|rule| rule.mode == mode).count();
    format!("{} enforced, {} in preview", of(Mode::Enforce), of(Mode::Preview))
}

/// What is told of policies that are in force again after files that were not valid.
const MENDED: &str = "the policy files are valid again";

/// The newest alarm about something, as one line; none where the newest says that it was mended.
pub(crate) async fn newest_alarm(records: &dyn Records, about: &Purl) -> Result<Option<String>, Failure> {
    let facts = records.facts(about, Some("alarm")).await?;
    Ok(facts.last().and_then(|fact| {
        let what = fact.body.get("what").and_then(serde_json::Value::as_str).unwrap_or_default();
        (what != MENDED).then(|| format!("{}: {what}", fact.at))
    }))
}

/// Looks, until `stopped`, at policy files, and at overrides and advisories that another process wrote. A broken file
/// keeps the policies that are there, and is told in the log and by an alarm.
pub(crate) async fn follow(
    firewall: Arc<Firewall>,
    config: Config,
    records: Arc<dyn Records>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut seen = look(&config).await;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let now = SystemClock.now();
        if let Err(error) = firewall.refresh(now).await {
            tracing::error!(%error, "overrides and advisories cannot be looked at; those that are known stay");
        }
        let looks = look(&config).await;
        if looks != seen {
            seen = looks;
            reload(&firewall, &config, &*records, now).await;
        }
    }
}

async fn look(config: &Config) -> Looks {
    let policy = config.policy.clone();
    tokio::task::spawn_blocking(move || policies::looks(&policy)).await.unwrap_or_default()
}

async fn reload(firewall: &Firewall, config: &Config, records: &dyn Records, now: Timestamp) {
    let policy = config.policy.clone();
    // Parsing and checking take milliseconds; requests go on being answered by the policies before.
    let Ok(loaded) = tokio::task::spawn_blocking(move || policies::load(&policy)).await else { return };
    match loaded {
        Ok(set) => {
            tracing::warn!(policies = set.rules().len(), "the policies were read again");
            firewall.replace(set);
            let about = Purl::project("mill", "policies");
            if matches!(newest_alarm(records, &about).await, Ok(Some(_))) {
                write_down(records, now, MENDED.to_owned()).await;
            }
        }
        Err(error) => {
            tracing::error!(%error, "the policies changed and are not valid: those before stay");
            write_down(records, now, format!("policies not taken over: {error}")).await;
        }
    }
}

/// Remembers what became of the policies, for `policy status`.
async fn write_down(records: &dyn Records, now: Timestamp, what: String) {
    let alarm = Alarm { code: "TM0907".to_owned(), what };
    let fact = facts::fact(&Purl::project("mill", "policies"), Some(&now.to_string()), now, &alarm);
    if let Ok(fact) = fact
        && let Err(error) = records.append(&[fact]).await
    {
        tracing::error!(%error, "the alarm cannot be written down");
    }
}
