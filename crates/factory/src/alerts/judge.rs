//! What is to be said today of a release that was handed out.

use super::AlertsError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::Purl;
use trustmill_core::advisory::{Finding, Severity};
use trustmill_core::alert::{Alert, Cause, FORMAT, fold};
use trustmill_core::fact::Fact;
use trustmill_core::port::gate::Gate;
use trustmill_core::port::journal::Handed;
use trustmill_core::port::records::Records;
use trustmill_core::ruling::{Action, Decision, Effect, Listed, Principal, Question};
use trustmill_core::shelf::Shelf;

/// The kind of the fact that says what was known about a release when it was handed out: no news later.
const BASELINE: &str = "alert-baseline";

/// Ids of vulnerabilities that were known.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Baseline {
    format: u32,
    ids: BTreeSet<String>,
}

/// Everything that decides whether a release is worth an alert.
pub(super) struct Judged {
    findings: Vec<Finding>,
    decisions: Vec<Decision>,
    refusals: Vec<Cause>,
    raised: Vec<Cause>,
    /// What was known at first; `None` if nobody looked yet.
    baseline: Option<Baseline>,
    first: Timestamp,
}

impl Judged {
    pub(super) async fn read(
        records: &dyn Records,
        gate: &dyn Gate,
        release: &Purl,
        handed: &[Handed],
        now: Timestamp,
    ) -> Result<Self, AlertsError> {
        let raised = fold(&records.facts(release, Some(Alert::KIND)).await?)?;
        let baseline = records.facts(release, Some(BASELINE)).await?;
        let shelves = records.facts(release, Some(Shelf::KIND)).await?;
        Ok(Self {
            findings: gate.findings(release).await?,
            decisions: decisions(gate, release, handed, now).await?,
            refusals: refusals(&shelves, handed),
            raised: raised.into_iter().map(|state| state.alert.cause).collect(),
            // One that cannot be read knew nothing: rather an alert too many.
            baseline: baseline.last().map(|fact| Baseline::deserialize(&fact.body).unwrap_or_default()),
            first: handed.iter().map(|entry| entry.first).min().unwrap_or(now),
        })
    }

    /// What is news.
    pub(super) fn alerts(&self, release: &Purl, handed: &[Handed]) -> Vec<Alert> {
        let mut causes: Vec<Cause> = Vec::new();
        let found = self.findings.iter().filter_map(|finding| self.cause(finding));
        for cause in found.chain(self.blocked()).chain(self.refusals.iter().cloned()) {
            let known = self.raised.iter().chain(&causes).any(|known| known.is_same(&cause));
            if !known {
                causes.push(cause);
            }
        }
        causes.into_iter().map(|cause| Alert::new(release, cause, handed)).collect()
    }

    /// The fact by which later looks know what was known at first.
    pub(super) fn baseline_to_write(&self, release: &Purl, now: Timestamp) -> Option<Fact> {
        if self.baseline.is_some() {
            return None;
        }
        let body = serde_json::to_value(Baseline { format: FORMAT, ids: self.known_at_first() }).ok()?;
        let (about, kind) = (release.clone(), BASELINE.to_owned());
        Some(Fact { format: Fact::FORMAT, about, kind, subject: None, at: now, body })
    }

    /// What a finding is worth, if it is worth an alert. Malware always is: whoever was allowed to have it is told.
    fn cause(&self, finding: &Finding) -> Option<Cause> {
        let (ids, summary) = (finding.ids.clone(), finding.advisory.summary.clone());
        if finding.malicious {
            return Some(Cause::Malicious { ids, summary });
        }
        // Somebody looked at it, and said that it may be had.
        let is_accepted = !self.decisions.is_empty()
            && self.decisions.iter().all(|decision| decision.overridden_by.is_some());
        let is_old = match &self.baseline {
            Some(baseline) => finding.ids.iter().any(|id| baseline.ids.contains(id)),
            None => self.was_known(finding),
        };
        let cause =
            Cause::Vulnerable { ids, severity: finding.severity, summary, fixed: finding.fixed.clone() };
        (is_bad(finding) && !is_accepted && !is_old).then_some(cause)
    }

    fn known_at_first(&self) -> BTreeSet<String> {
        // A mild one may become worse, and then it is news.
        let known = self.findings.iter().filter(|finding| is_bad(finding) && self.was_known(finding));
        known.flat_map(|finding| finding.ids.clone()).collect()
    }

    /// Whether a finding that is there at the first look was there when the release was handed out. What was published
    /// since was not; and what was published before and reaches the mill after its first look is news as well.
    fn was_known(&self, finding: &Finding) -> bool {
        !finding.malicious && finding.advisory.published.unwrap_or(finding.advisory.modified) <= self.first
    }

    /// Malware is told by its finding, with more to say than that it is blocked.
    fn blocked(&self) -> impl Iterator<Item = Cause> + '_ {
        let is_told = self.findings.iter().any(|finding| finding.malicious);
        let blocked =
            self.decisions.iter().filter(move |decision| decision.effect == Effect::Block && !is_told);
        blocked.map(|decision| Cause::Blocked {
            code: decision.code.to_string(),
            reason: decision.reason.clone(),
        })
    }
}

fn is_bad(finding: &Finding) -> bool {
    finding.severity >= Severity::High && !finding.advisory.informational
}

/// The decisions for everybody who has it.
async fn decisions(
    gate: &dyn Gate,
    release: &Purl,
    handed: &[Handed],
    now: Timestamp,
) -> Result<Vec<Decision>, AlertsError> {
    let Some(version) = release.version() else { return Ok(Vec::new()) };
    let project = release.without_version();
    // It was there when it was handed out: whatever depends on its age is past.
    let published = handed.iter().map(|entry| entry.first).min();
    let releases = [Listed { version: Cow::Borrowed(version), published, ..Listed::default() }];
    let mut principals: Vec<&Principal> = Vec::new();
    for entry in handed {
        let same =
            |known: &&Principal| known.team == entry.principal.team && known.agent == entry.principal.agent;
        if !principals.iter().any(same) {
            principals.push(&entry.principal);
        }
    }
    let mut decisions = Vec::new();
    for principal in principals {
        let question =
            Question { principal, action: Action::Install, project: &project, releases: &releases };
        decisions.extend(gate.rule(&question, now).await?.decisions);
    }
    Ok(decisions)
}

/// Files that were handed out and are refused now.
fn refusals(shelves: &[Fact], handed: &[Handed]) -> Vec<Cause> {
    let mut newest: BTreeMap<&str, &Fact> = BTreeMap::new();
    for fact in shelves {
        if let Some(subject) = &fact.subject {
            newest.insert(subject, fact);
        }
    }
    let entries = newest.into_iter().filter(|(name, _)| handed.iter().any(|entry| entry.filename == *name));
    entries
        .filter_map(|(_, fact)| {
            // An entry that cannot be read refuses its file, and says nothing about what was handed out.
            let refuse = Shelf::read(fact).ok()?.refuse?;
            Some(Cause::Refused { code: refuse.code, reason: refuse.reason })
        })
        .collect()
}
