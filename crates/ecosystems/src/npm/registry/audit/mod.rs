//! `npm audit`: what the mill's advisories say of the releases that a client has.
//!
//! There are two ways to ask: npm, yarn berry and bun name packages and versions
//! (<https://docs.npmjs.com/cli/v11/commands/npm-audit#bulk-advisory-endpoint>); pnpm and yarn classic send their
//! whole tree, as npm did before. Without advisories both are a 404, which clients take for "no audits here".

mod range;
mod tree;

use super::Inner;
use super::answers::{error, json};
use crate::npm::{names, version};
use crate::stop::broken;
use range::vulnerable_versions;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::advisory::{Advisory, Finding, Matched, Severity};
use trustmill_core::port::gate::GateError;
use trustmill_core::port::registry::Answer;
use trustmill_core::{Purl, Sha256};

const BULK: &str = "-/npm/v1/security/advisories/bulk";
const TREE: [&str; 2] = ["-/npm/v1/security/audits/quick", "-/npm/v1/security/audits"];
/// Longest question, in bytes, inflated.
pub(super) const MAX_BODY: usize = 16 << 20;
/// Most releases of one question.
const MAX_RELEASES: usize = 50_000;
/// Longest title.
const MAX_TITLE: usize = 200;

/// Whether a `POST` to this path asks for an audit.
pub(super) fn is_asked(path: &str) -> bool {
    path == BULK || TREE.contains(&path)
}

/// A record, and what it was found to hit.
struct Hit {
    finding: Finding,
    /// The versions that it hits.
    versions: BTreeSet<String>,
    /// Those of them that no range of the record has.
    exact: BTreeSet<String>,
}

/// Hits by package and id.
type Hits = BTreeMap<String, BTreeMap<String, Hit>>;

impl Inner {
    /// Answers a question whose path [`is_asked`].
    pub(super) async fn audit(&self, path: &str, body: &[u8]) -> Answer {
        let answer = if path == BULK { self.bulk(body).await } else { self.tree(body).await };
        match answer {
            Ok(Some(answer)) => json(&answer),
            Ok(None) => error(400, "this is no audit that can be read"),
            Err(error) => broken(&error),
        }
    }

    async fn bulk(&self, body: &[u8]) -> Result<Option<Value>, GateError> {
        let Ok(asked) = serde_json::from_slice::<BTreeMap<String, BTreeSet<String>>>(body) else {
            return Ok(None);
        };
        let mut releases = BTreeSet::new();
        for (name, versions) in &asked {
            releases.extend(versions.iter().map(|version| (name.as_str(), version.as_str())));
        }
        let Some(hits) = self.hits(&releases).await? else { return Ok(None) };
        let of = |hits: &BTreeMap<String, Hit>| hits.values().map(Hit::bulk).collect::<Vec<_>>();
        Ok(Some(hits.iter().map(|(name, hits)| (name.clone(), Value::from(of(hits)))).collect()))
    }

    async fn tree(&self, body: &[u8]) -> Result<Option<Value>, GateError> {
        let Some(tree) = tree::Tree::read(body) else { return Ok(None) };
        let hits = self.hits(&tree.releases()).await?;
        Ok(hits.map(|hits| tree.report(&hits)))
    }

    /// Every record that hits one of the releases; `None` if they are too many.
    async fn hits(&self, releases: &BTreeSet<(&str, &str)>) -> Result<Option<Hits>, GateError> {
        if releases.len() > MAX_RELEASES {
            return Ok(None);
        }
        let mut hits = Hits::new();
        for (name, version) in releases.iter().copied() {
            // What no registry has, no advisory is about: files, repositories, workspaces.
            if !names::is_valid(name) || !version::is_safe(version) {
                continue;
            }
            for finding in self.gate.findings(&Purl::release("npm", name, version)).await? {
                let of = hits.entry(name.to_owned()).or_default();
                let exact = finding.matched != Matched::Range && finding.matched != Matched::Every;
                let known = of.entry(finding.advisory.id.clone()).or_insert_with(|| Hit {
                    finding,
                    versions: BTreeSet::new(),
                    exact: BTreeSet::new(),
                });
                known.versions.insert(version.to_owned());
                if exact {
                    known.exact.insert(version.to_owned());
                }
            }
        }
        Ok(Some(hits))
    }
}

impl Hit {
    /// As the bulk question is answered.
    fn bulk(&self) -> Value {
        let advisory = &self.finding.advisory;
        json!({
            "id": self.number(),
            "url": url(advisory),
            "title": title(advisory),
            "severity": self.severity(),
            "vulnerable_versions": self.vulnerable_versions(),
            "cwe": [],
            "cvss": { "score": self.score(), "vectorString": null },
        })
    }

    fn vulnerable_versions(&self) -> String {
        let project = self.finding.release.without_version();
        let every = self.finding.matched == Matched::Every;
        if every {
            "*".to_owned()
        } else {
            vulnerable_versions(&self.finding.advisory, &project, &self.exact)
        }
    }

    /// The registry's own ids are numbers, and clients sort by them. This one is the same for the same record.
    fn number(&self) -> u64 {
        let digest = Sha256::of(self.finding.advisory.id.as_bytes());
        digest.as_bytes().iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// In npm's words. What nobody has judged is in the middle, so that no filter for the worst hides it alone.
    fn severity(&self) -> &'static str {
        match self.finding.severity {
            _ if self.finding.malicious => "critical",
            _ if self.finding.advisory.informational => "info",
            Severity::Low => "low",
            Severity::Unknown | Severity::Medium => "moderate",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    fn score(&self) -> f64 {
        self.finding.advisory.score.map_or(0.0, |tenths| f64::from(tenths) / 10.0)
    }
}

/// Where a person reads on.
fn url(advisory: &Advisory) -> String {
    let id = &advisory.id;
    if id.starts_with("GHSA-") {
        return format!("https://github.com/advisories/{id}");
    }
    format!("https://osv.dev/vulnerability/{id}")
}

/// One line without anything that a terminal would obey.
fn title(advisory: &Advisory) -> String {
    let plain = advisory.summary.chars().map(|c| if c.is_control() { ' ' } else { c });
    let title: String = plain.take(MAX_TITLE).collect();
    if title.trim().is_empty() { advisory.id.clone() } else { title }
}
