//! Ruling on all releases of a project: first each for itself, then those that depend on what became of others.

use super::dossier::{Dossier, Entry, is_critical};
use super::memo::{Memo, Remembered};
use std::collections::HashMap;
use trustmill_core::Timestamp;
use trustmill_core::advisory::Finding;
use trustmill_core::ruling::Listed;
use trustmill_policy::{Facts, PolicySet, Settings};

/// The outcomes of a question, in its order.
pub(super) fn rule(
    dossier: &Dossier<'_>,
    policies: &PolicySet,
    settings: &Settings,
    before: Option<&Memo>,
) -> Vec<Remembered> {
    let known = before.map(Memo::by_version).unwrap_or_default();
    let decider = Decider { dossier, policies, settings, known };
    let mut ruled: Vec<Remembered> =
        dossier.entries().into_iter().map(|entry| decider.decide(entry)).collect();
    decider.go_elsewhere(&mut ruled);
    ruled
}

struct Decider<'a> {
    dossier: &'a Dossier<'a>,
    policies: &'a PolicySet,
    settings: &'a Settings,
    known: HashMap<&'a str, &'a Remembered>,
}

impl Decider<'_> {
    /// Decides, or remembers: a decision stands while its attributes do, and its age is before the next threshold.
    fn decide(&self, entry: Entry) -> Remembered {
        let known = self.known.get(&*entry.facts.version);
        if let Some(known) = known.filter(|known| known.stands(&entry, self.dossier.now)) {
            return (*known).clone();
        }
        self.afresh(entry.facts, entry.since)
    }

    fn afresh(&self, facts: Facts, since: Option<Timestamp>) -> Remembered {
        let question = self.dossier.question;
        let outcome = self.policies.decide(question.principal, question.action, &facts, self.settings);
        let at = |age: Option<i64>| age.and_then(|hours| instant(since?, hours));
        let changes_at = at(outcome.changes_at);
        let until = at(outcome.passes_at);
        let mut decision = outcome.decision;
        decision.until = until.filter(|_| decision.effect.refuses());
        Remembered { facts, plain: None, since, decision, made_at: self.dossier.now, changes_at }
    }

    /// For each release that advisories hit: the version to go to, and what follows from there being one. From the
    /// highest version down, so that what one is sent to is decided already.
    fn go_elsewhere(&self, ruled: &mut [Remembered]) {
        let Some(scheme) = self.dossier.scheme else { return };
        if self.dossier.findings.iter().all(Vec::is_empty) {
            return;
        }
        let releases = self.dossier.question.releases;
        let order = self.dossier.in_order(scheme);
        for (place, index) in order.iter().enumerate().rev() {
            let findings = self.dossier.findings(*index);
            if findings.is_empty() {
                continue;
            }
            let above = order.get(place + 1..).unwrap_or_default().iter();
            let fit = above.filter(|other| {
                let free = ruled.get(**other).is_some_and(|one| !one.decision.effect.refuses());
                free && !shares_problem(findings, self.dossier.findings(**other))
            });
            let Some(from) = releases.get(*index) else { continue };
            let mut fix = None;
            // Whoever wants a repaired release asks for it: nobody is sent to one.
            let upstream = |other: &&Listed<'_>| !self.dossier.repaired.contains_key(&*other.version);
            for other in fit.filter_map(|other| releases.get(*other)).filter(upstream) {
                match scheme.is_compatible(&from.version, &other.version) {
                    // Nothing above is compatible either.
                    Some(false) | None => break,
                    Some(true) if other.yanked || scheme.is_prerelease(&other.version) => {}
                    Some(true) => {
                        fix = Some(&*other.version);
                        break;
                    }
                }
            }
            let Some(slot) = ruled.get_mut(*index) else { continue };
            self.send(slot, fix, findings.iter().any(is_critical));
        }
    }

    fn send(&self, slot: &mut Remembered, fix: Option<&str>, critical: bool) {
        let facts = Facts {
            fixed: fix.is_some(),
            fix: fix.unwrap_or_default().into(),
            critical_with_fix: critical && fix.is_some(),
            ..slot.facts.clone()
        };
        if facts != slot.facts {
            let plain = Some(Box::new(slot.facts.clone()));
            *slot = Remembered { plain, ..self.afresh(facts, slot.since) };
        }
    }
}

/// Whether one of the problems of a release is there in the other too.
fn shares_problem(of: &[Finding], other: &[Finding]) -> bool {
    other.iter().any(|theirs| of.iter().any(|ours| ours.ids.iter().any(|id| theirs.ids.contains(id))))
}

fn instant(since: Timestamp, hours: i64) -> Option<Timestamp> {
    let seconds = hours.checked_mul(3600)?.checked_add(since.as_second())?;
    Timestamp::from_second(seconds).ok().map(|at| {
        // Thresholds are full hours since the very instant.
        Timestamp::new(at.as_second(), since.subsec_nanosecond()).unwrap_or(at)
    })
}

/// The first instant at which time alone changes one of the decisions.
pub(super) fn until(ruled: &[Remembered], now: Timestamp) -> Option<Timestamp> {
    ruled.iter().filter_map(|one| one.changes_at).filter(|at| *at > now).min()
}

/// Whether anything is refused as malware and waits for a person: a feed that says too much, or the scanner.
pub(super) fn waits_for_a_person(one: &Remembered) -> bool {
    one.decision.effect.refuses() && matches!(&*one.decision.code, "TM0904" | "TM1004" | "TM1005" | "TM1006")
}
