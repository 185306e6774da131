//! The result of `trustmill scan` as SARIF 2.1.0, as code scanning takes it.
//!
//! Of a folder each finding has its file and line. Of an archive the place is the archive, which is what a repository
//! has, and the member and line stand beside it as a logical location (section 3.33) and in the message.

use super::clean;
use super::sarif::{Log, location, text};
use crate::cmd::{Listed, Scanned, scan_rules};
use serde_json::{Value, json};
use std::path::Path;
use trustmill_core::Sha256;
use trustmill_core::scan::{Finding, Report};

/// The log.
pub(crate) fn log(scanned: &Scanned) -> Log {
    let rules = with_added(scan_rules(), scanned);
    let results = scanned.reports.iter().flat_map(|report| {
        let rules = &rules;
        report.findings.iter().map(move |finding| result(scanned, report, finding, rules))
    });
    Log::of(json!({
        "tool": { "driver": {
            "name": "trustmill",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules.iter().map(rule).collect::<Vec<_>>(),
        }},
        "automationDetails": { "id": "trustmill/scan/" },
        "columnKind": "unicodeCodePoints",
        // The run did what it should; what it concludes is a result.
        "invocations": [{ "executionSuccessful": true }],
        "results": results.collect::<Vec<_>>(),
        "properties": {
            "conclusion": scanned.conclusion,
            "rules": scanned.reports.first().map(|report| &report.rules),
        },
    }))
}

/// The rules, and those of the findings that are none of the scanner's own.
fn with_added(mut rules: Vec<Listed>, scanned: &Scanned) -> Vec<Listed> {
    for finding in scanned.reports.iter().flat_map(|report| &report.findings) {
        if !rules.iter().any(|rule| rule.id == finding.rule) {
            rules.push(Listed {
                id: finding.rule.clone(),
                family: finding.family.as_str().to_owned(),
                summary: finding.what.clone(),
                look: finding.look.clone(),
            });
        }
    }
    rules
}

fn rule(rule: &Listed) -> Value {
    json!({
        "id": clean(&rule.id),
        "shortDescription": { "text": text(&rule.summary) },
        "fullDescription": { "text": text(&rule.summary) },
        "help": { "text": text(&format!("{}. Look at {}.", rule.summary, rule.look)) },
        "defaultConfiguration": { "level": "warning" },
        "properties": { "tags": ["security", "malware", rule.family], "precision": "high" },
    })
}

fn result(scanned: &Scanned, report: &Report, finding: &Finding, rules: &[Listed]) -> Value {
    let strong = report.scores.iter().any(|score| {
        score.family == finding.family && score.score >= score.holds_at && finding.weight >= score.holds_at
    });
    let message = format!(
        "{} ({}; it runs {}). Look at {}.",
        finding.what,
        finding.place,
        finding.when.phrase(),
        finding.look
    );
    // Neither the line nor the digest: both change while the problem stays.
    let identity = format!("{}\n{}\n{}", finding.rule, report.filename, finding.place.path);
    let mut result = json!({
        "ruleId": clean(&finding.rule),
        "level": if strong { "error" } else { "warning" },
        "kind": "fail",
        "message": { "text": text(&message) },
        "locations": [place(scanned, finding)],
        "partialFingerprints": { "trustmillFinding/v1": Sha256::of(identity.as_bytes()).to_hex() },
        "properties": {
            "family": finding.family,
            "weight": finding.weight,
            "when": finding.when,
            "layers": finding.layers,
            "new": finding.new,
            "file": report.filename,
            "sha256": report.sha256,
        },
    });
    let index = rules.iter().position(|rule| rule.id == finding.rule);
    if let (Some(index), Some(result)) = (index, result.as_object_mut()) {
        result.insert("ruleIndex".into(), index.into());
    }
    result
}

fn place(scanned: &Scanned, finding: &Finding) -> Value {
    if !scanned.folder {
        let mut archive = location(&scanned.target, None);
        if let Some(archive) = archive.as_object_mut() {
            let name = clean(&finding.place.to_string());
            archive.insert("logicalLocations".into(), json!([{ "fullyQualifiedName": name }]));
        }
        return archive;
    }
    let path = Path::new(&scanned.target).join(&finding.place.path);
    let line = usize::try_from(finding.place.line).ok().filter(|line| *line > 0);
    let mut location = location(&path.to_string_lossy(), line);
    let region = location.pointer_mut("/physicalLocation/region").and_then(Value::as_object_mut);
    if let Some(region) = region.filter(|_| finding.place.column > 0) {
        region.insert("startColumn".into(), finding.place.column.into());
    }
    location
}
