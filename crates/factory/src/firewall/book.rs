//! The overrides that count, by project: read from signed facts, as they are appended by whichever process.

use super::overrides::KIND;
use crate::facts::{self, Alarm};
use std::collections::HashMap;
use trustmill_core::advisory::lookup_key;
use trustmill_core::fact::Fact;
use trustmill_core::overrides::{Override, Revocation};
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::ruling::{Decision, Effect, Principal};
use trustmill_core::version::VersionScheme;
use trustmill_core::{Purl, Timestamp};
use trustmill_trust::attest::overrides::OverrideId;
use trustmill_trust::keys::TrustedKeys;
use trustmill_trust::verify::overrides::{Said, open};

/// An override that is signed, whether or not it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: OverrideId,
    /// What it says.
    pub said: Override,
    /// Who took it back, and why.
    pub revoked: Option<Revocation>,
}

impl Entry {
    /// Where it stands at an instant: `in force`, `not yet`, `expired` or `revoked`.
    pub fn standing(&self, now: Timestamp) -> &'static str {
        match (&self.revoked, now) {
            (Some(_), _) => "revoked",
            (None, now) if now >= self.said.until => "expired",
            (None, now) if now < self.said.since => "not yet",
            (None, _) => "in force",
        }
    }
}

/// Every override and revocation that was read.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// By the text under which all spellings of a project are one.
    by_project: HashMap<String, Vec<Entry>>,
    /// Revocations by the id that they name: one may be read before what it takes back.
    revoked: HashMap<String, Revocation>,
    /// The place of the last fact that was read.
    read_to: u64,
}

impl Book {
    /// Reads what was appended since; `None` where nothing was. What does not count is left out, and an alarm is
    /// appended.
    pub async fn follow(
        &self,
        records: &dyn Records,
        trusted: &TrustedKeys,
        now: Timestamp,
    ) -> Result<Option<Self>, RecordsError> {
        let new = records.of_kind(KIND, self.read_to).await?;
        let Some(last) = new.last().map(|(place, _)| *place) else { return Ok(None) };
        let mut book = Self { read_to: last, ..self.clone() };
        let mut alarms = Vec::new();
        for (_, fact) in new {
            if let Err(why) = book.take(&fact, trusted) {
                tracing::error!(purl = %fact.about, why, "an override is ignored");
                alarms.extend(alarm(&fact, &why, now));
            }
        }
        records.append(&alarms).await?;
        Ok(Some(book))
    }

    fn take(&mut self, fact: &Fact, trusted: &TrustedKeys) -> Result<(), String> {
        let said = open(fact.body.to_string().as_bytes(), trusted).map_err(|error| error.to_string())?;
        match said.into_inner() {
            Said::Override(id, said) => {
                if said.project != fact.about {
                    return Err(format!("it speaks of {} and is filed under {}", said.project, fact.about));
                }
                let revoked = self.revoked.get(id.as_str()).cloned();
                let entries = self.by_project.entry(lookup_key(&said.project)).or_default();
                if entries.iter().all(|entry| entry.id != id) {
                    entries.push(Entry { id, said: *said, revoked });
                }
            }
            Said::Revocation(revocation) => {
                let entries = self.by_project.values_mut().flatten();
                for entry in entries.filter(|entry| entry.id.as_str() == revocation.id) {
                    entry.revoked.get_or_insert_with(|| revocation.clone());
                }
                self.revoked.entry(revocation.id.clone()).or_insert(revocation);
            }
        }
        Ok(())
    }

    /// Every override, the newest first.
    pub fn entries(&self) -> Vec<Entry> {
        let mut all: Vec<_> = self.by_project.values().flatten().cloned().collect();
        all.sort_by(|a, b| b.said.since.cmp(&a.said.since).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// Lifts refusals that an override covers. Returns the next instant at which one that matters here begins or ends.
    pub(super) fn lift<'a>(
        &self,
        project: &Purl,
        principal: &Principal,
        now: Timestamp,
        scheme: Option<&dyn VersionScheme>,
        decisions: impl Iterator<Item = (&'a str, &'a mut Decision)>,
    ) -> Option<Timestamp> {
        let entries = self.by_project.get(&lookup_key(project))?;
        let standing: Vec<_> = entries.iter().filter(|entry| entry.revoked.is_none()).collect();
        for (version, decision) in decisions.filter(|(_, decision)| decision.effect.refuses()) {
            let covers = |entry: &&&Entry| {
                let strong = decision.effect == Effect::Hold || entry.said.even_malicious;
                strong && entry.said.covers(version, principal.team.as_deref(), now, scheme)
            };
            // The one that lasts longest.
            if let Some(entry) = standing.iter().filter(covers).max_by_key(|entry| entry.said.until) {
                lift(decision, entry);
            }
        }
        let instants = standing.iter().flat_map(|entry| [entry.said.since, entry.said.until]);
        instants.filter(|at| *at > now).min()
    }
}

fn lift(decision: &mut Decision, entry: &Entry) {
    decision.effect = Effect::Allow;
    decision.overridden_by = Some(entry.id.as_str().to_owned());
    decision.until = Some(entry.said.until);
}

/// The alarm about an override that does not count, once for each.
fn alarm(fact: &Fact, why: &str, now: Timestamp) -> Option<Fact> {
    let what = format!("an override is ignored: {why}");
    let body = Alarm { code: super::overrides::CODE.to_owned(), what };
    facts::fact(&fact.about, Some(&fact.address().to_hex()), now, &body).ok()
}
