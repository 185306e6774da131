//! The result of `trustmill check` as SARIF 2.1.0
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as code scanning takes it.

use super::check::{accepted, because, release};
use super::clean;
use crate::cmd::Checked;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Component, Path};
use trustmill_core::Sha256;
use trustmill_core::advisory::Severity;
use trustmill_factory::audit::{Hit, Place, place};

/// A log with one run.
#[derive(Serialize)]
pub(crate) struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Value; 1],
}

/// The log.
pub(crate) fn log(checked: &Checked) -> Log {
    let mut rules: Vec<&Hit> = Vec::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for hit in &checked.audit.findings {
        by_id.entry(id(hit)).or_insert_with(|| {
            rules.push(hit);
            rules.len() - 1
        });
    }
    let results = checked.audit.findings.iter().flat_map(|hit| {
        let index = by_id.get(id(hit)).copied().unwrap_or_default();
        hit.places.iter().map(move |place| result(hit, place, index))
    });
    let run = json!({
        "tool": { "driver": {
            "name": "trustmill",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules.into_iter().map(rule).collect::<Vec<_>>(),
        }},
        "automationDetails": { "id": "trustmill/check/" },
        "columnKind": "utf16CodeUnits",
        "invocations": [{
            // The run did what it should; that a gate does not hold is a result.
            "executionSuccessful": true,
            "endTimeUtc": checked.at,
            "toolExecutionNotifications": notifications(checked),
        }],
        "results": results.collect::<Vec<_>>(),
    });
    Log::of(run)
}

impl Log {
    /// A log with this run.
    pub(super) fn of(run: Value) -> Self {
        Self { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] }
    }
}

fn id(hit: &Hit) -> &str {
    hit.ids.first().map(String::as_str).unwrap_or_default()
}

fn rule(hit: &Hit) -> Value {
    let mut properties = json!({
        "tags": ["security", if hit.malicious { "malware" } else { "vulnerability" }],
        "precision": "very-high",
        "aliases": hit.ids.iter().skip(1).map(|id| clean(id)).collect::<Vec<_>>(),
    });
    if let (Some(score), Some(properties)) = (score(hit), properties.as_object_mut()) {
        properties.insert("security-severity".into(), score.into());
    }
    let summary = if hit.summary.is_empty() { id(hit) } else { &hit.summary };
    // Code scanning wants a help of every rule.
    let help = format!("{}: {summary}. {}", hit.ids.join(", "), hit.references.join(" "));
    let mut rule = json!({
        "id": clean(id(hit)),
        "shortDescription": { "text": text(summary) },
        "fullDescription": { "text": text(summary) },
        "help": { "text": text(help.trim_end()) },
        "defaultConfiguration": { "level": level(hit) },
        "properties": properties,
    });
    if let (Some(uri), Some(rule)) = (hit.references.iter().find(|uri| is_uri(uri)), rule.as_object_mut()) {
        rule.insert("helpUri".into(), uri.as_str().into());
    }
    rule
}

fn result(hit: &Hit, place: &Place, index: usize) -> Value {
    let way = if place.way.len() > 1 {
        format!(" It is there through {}.", place.way.join(" > "))
    } else {
        String::new()
    };
    let message = format!(
        "{} has {} ({}): {} {}.{way}",
        release(&hit.release),
        hit.ids.join(", "),
        because(hit.matched),
        if hit.summary.is_empty() {
            "To do:".to_owned()
        } else {
            format!("{}. To do:", hit.summary.trim_end_matches('.'))
        },
        hit.remedy,
    );
    // Neither the line nor the words: both change while the problem stays.
    let identity = format!("{}\n{}\n{}", id(hit), hit.release.without_version(), place.file);
    let mut result = json!({
        "ruleId": clean(id(hit)),
        "ruleIndex": index,
        "level": level(hit),
        "kind": "fail",
        "message": { "text": text(&message) },
        "locations": [location(&place.file, place.line)],
        "partialFingerprints": { "trustmillProblem/v1": Sha256::of(identity.as_bytes()).to_hex() },
        "properties": {
            "purl": hit.release,
            "fixed": hit.fixed,
            "malicious": hit.malicious,
            "way": place.way,
        },
    });
    if let (Some(ignore), Some(result)) = (&hit.ignored, result.as_object_mut()) {
        let why =
            json!([{ "kind": "external", "status": "accepted", "justification": clean(&accepted(ignore)) }]);
        result.insert("suppressions".into(), why);
    }
    result
}

/// What was not checked is said beside the results.
fn notifications(checked: &Checked) -> Vec<Value> {
    let skipped = checked.audit.skipped.iter().map(|skipped| {
        let (file, line) = place(&skipped.origin);
        json!({
            "level": "note",
            "descriptor": { "id": "not-checked" },
            "message": { "text": text(&format!("{} is not checked: {}", skipped.entry, skipped.why)) },
            "locations": [location(file, line)],
        })
    });
    let stale = checked.stale.iter().map(
        |why| json!({ "level": "error", "descriptor": { "id": "TM0932" }, "message": { "text": text(why) } }),
    );
    skipped.chain(stale).collect()
}

fn level(hit: &Hit) -> &'static str {
    match hit.severity {
        _ if hit.malicious => "error",
        _ if hit.informational => "note",
        Severity::Critical | Severity::High | Severity::Unknown => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// What code scanning sorts by: a CVSS score, or the middle of the severity's span where none is given.
fn score(hit: &Hit) -> Option<String> {
    if hit.malicious {
        return Some("10.0".to_owned());
    }
    let tenths = hit.score.or(match hit.severity {
        _ if hit.informational => None,
        Severity::Unknown => None,
        Severity::Low => Some(20),
        Severity::Medium => Some(55),
        Severity::High => Some(80),
        Severity::Critical => Some(95),
    })?;
    Some(format!("{}.{}", tenths / 10, tenths % 10))
}

/// A place in a file of this machine.
pub(super) fn location(file: &str, line: Option<usize>) -> Value {
    let path = Path::new(file);
    let here = std::env::current_dir().unwrap_or_default();
    let relative = path.strip_prefix(&here).unwrap_or(path);
    let artifact = if relative.is_absolute() {
        json!({ "uri": format!("file://{}", uri_path(relative)) })
    } else {
        json!({ "uri": uri_path(relative), "uriBaseId": "%SRCROOT%" })
    };
    let mut physical = json!({ "artifactLocation": artifact });
    if let (Some(line), Some(physical)) = (line, physical.as_object_mut()) {
        physical.insert("region".into(), json!({ "startLine": line.max(1) }));
    }
    json!({ "physicalLocation": physical })
}

/// A path as a URI reference (RFC 3986), percent-encoded.
fn uri_path(path: &Path) -> String {
    let mut out = String::new();
    for part in path.components() {
        let part = match part {
            Component::RootDir => {
                out.push('/');
                continue;
            }
            Component::CurDir => continue,
            Component::ParentDir => "..".into(),
            Component::Normal(part) => part.to_string_lossy(),
            Component::Prefix(prefix) => prefix.as_os_str().to_string_lossy(),
        };
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        for byte in part.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(byte));
                }
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
    }
    out
}

/// Foreign text as a message: what would be a link (section 3.11.6) or a placeholder (3.11.5) is neither.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '\\' | '[' | ']' => out.extend(['\\', c]),
            '{' | '}' => out.extend([c, c]),
            other => out.push(other),
        }
    }
    out
}

/// Whether a reference may stand where the schema wants a URI.
pub(crate) fn is_uri(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_neither_link_nor_placeholder() {
        assert_eq!(text("[x](javascript:1) {0} \\ \u{1b}[2J"), "\\[x\\](javascript:1) {{0}} \\\\ ?\\[2J");
    }

    #[test]
    fn paths_become_references() {
        assert_eq!(uri_path(Path::new("./a b/é:%.txt")), "a%20b/%C3%A9%3A%25.txt");
        assert_eq!(uri_path(Path::new("/a/../b")), "/a/../b");
        assert!(
            is_uri("https://x.example/a?b=c") && !is_uri("javascript:alert(1)") && !is_uri("https://a b")
        );
    }
}
