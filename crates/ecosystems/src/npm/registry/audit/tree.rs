//! The older question: a client's whole tree, and the report about it.

use super::{Hit, Hits, title, url};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most paths of one release that are told.
const MAX_PATHS: usize = 100;

/// A tree of dependencies, by name.
#[derive(Deserialize)]
pub(super) struct Tree {
    #[serde(default)]
    version: Option<String>,
    /// What JSON may nest bounds the depth.
    #[serde(default)]
    dependencies: BTreeMap<String, Self>,
}

/// Paths by version, of one record.
type Paths = BTreeMap<String, Vec<String>>;

impl Tree {
    /// Reads the question.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Every name and version in it.
    pub(super) fn releases(&self) -> BTreeSet<(&str, &str)> {
        let mut releases = BTreeSet::new();
        self.walk(&mut Vec::new(), &mut |path, version| {
            releases.extend(path.last().map(|name| (*name, version)));
        });
        releases
    }

    /// Calls `visit` with the names that lead to every dependency, and its version.
    fn walk<'a>(&'a self, path: &mut Vec<&'a str>, visit: &mut impl FnMut(&[&'a str], &'a str)) {
        for (name, child) in &self.dependencies {
            path.push(name);
            if let Some(version) = &child.version {
                visit(path, version);
            }
            child.walk(path, visit);
            path.pop();
        }
    }

    /// What is answered.
    pub(super) fn report(&self, hits: &Hits) -> Value {
        let mut found: BTreeMap<u64, (&str, &Hit, Paths)> = BTreeMap::new();
        let mut total = 0_u64;
        self.walk(&mut Vec::new(), &mut |path, version| {
            total = total.saturating_add(1);
            let Some((name, of)) = path.last().and_then(|name| hits.get_key_value(*name)) else { return };
            for hit in of.values().filter(|hit| hit.versions.contains(version)) {
                let (_, _, paths) =
                    found.entry(hit.number()).or_insert_with(|| (name.as_str(), hit, Paths::new()));
                let paths = paths.entry(version.to_owned()).or_default();
                if paths.len() < MAX_PATHS {
                    paths.push(path.join(">"));
                }
            }
        });
        let mut counts: BTreeMap<&str, usize> =
            ["info", "low", "moderate", "high", "critical"].into_iter().map(|word| (word, 0)).collect();
        for (_, hit, paths) in found.values() {
            let count = counts.entry(hit.severity()).or_default();
            *count = count.saturating_add(paths.values().map(Vec::len).sum());
        }
        let advisories: Map<String, Value> = found
            .iter()
            .map(|(number, (name, hit, paths))| (number.to_string(), hit.told(name, paths)))
            .collect();
        let actions: Vec<Value> =
            found.iter().map(|(number, (name, _, paths))| action(*number, name, paths)).collect();
        json!({
            "actions": actions,
            "advisories": advisories,
            "muted": [],
            "metadata": {
                "vulnerabilities": counts, "dependencies": total, "devDependencies": 0,
                "optionalDependencies": 0, "totalDependencies": total,
            },
        })
    }
}

impl Hit {
    fn told(&self, name: &str, paths: &Paths) -> Value {
        let advisory = &self.finding.advisory;
        let findings: Vec<Value> =
            paths.iter().map(|(version, paths)| json!({ "version": version, "paths": paths })).collect();
        // The first that is not affected any more; npm's word for "none" is a range that nothing satisfies.
        let patched =
            self.finding.fixed.first().map_or_else(|| "<0.0.0".to_owned(), |fix| format!(">={fix}"));
        let cves: Vec<&String> = self.finding.ids.iter().filter(|id| id.starts_with("CVE-")).collect();
        let recommendation = match self.finding.fixed.first() {
            Some(fix) => format!("Upgrade to version {fix} or later"),
            None => "None".to_owned(),
        };
        json!({
            "id": self.number(), "github_advisory_id": advisory.id, "module_name": name,
            "title": title(advisory), "url": url(advisory), "severity": self.severity(),
            "vulnerable_versions": self.vulnerable_versions(), "patched_versions": patched,
            "findings": findings, "cves": cves, "cwe": [], "overview": title(advisory),
            "recommendation": recommendation, "references": url(advisory), "access": "public",
            "created": advisory.published.unwrap_or(advisory.modified).to_string(),
            "updated": advisory.modified.to_string(), "deleted": null,
            "found_by": { "name": "" }, "reported_by": { "name": "" },
        })
    }
}

fn action(number: u64, name: &str, paths: &Paths) -> Value {
    let resolved = |path: &String| json!({ "id": number, "path": path, "dev": false, "optional": false, "bundled": false });
    let resolves: Vec<Value> = paths.values().flatten().map(resolved).collect();
    json!({ "action": "review", "module": name, "resolves": resolves })
}
