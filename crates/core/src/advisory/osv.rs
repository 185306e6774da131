//! Reads records in the OSV schema, version 1 (<https://ossf.github.io/osv-schema/>).
//!
//! A record that is refused is a record that protects nobody, so that only what would be misread is refused: what is
//! unknown is ignored, and what speaks of another ecosystem is counted and left out.

use super::cvss;
use super::{Advisory, Affected, RangeEvent, RangeKind, Severity, VersionRange};
use crate::Purl;
use crate::port::Coded;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;

/// The largest record, in bytes.
pub const RECORD_BYTES: usize = 8 << 20;
/// Packages in one record.
const AFFECTED: usize = 4_096;
/// Ranges of one package.
const RANGES: usize = 1_024;
/// Events of one range.
const EVENTS: usize = 4_096;
/// Versions listed for one package.
const VERSIONS: usize = 65_536;
/// Aliases of one record.
const ALIASES: usize = 1_024;
/// The longest id, version, and name of a package.
const TEXT_BYTES: usize = 512;
/// The longest summary that is kept.
const SUMMARY_CHARS: usize = 200;
/// References that are kept.
const REFERENCES: usize = 5;

/// A record that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What the mill keeps of it. Without `affected` it is about other ecosystems alone.
    pub advisory: Advisory,
    /// Entries of `affected` that are about other ecosystems and were left out.
    pub foreign: usize,
    /// Severities that no CVSS version knows and that were left out.
    pub unscored: usize,
}

/// Why a record is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// More bytes than a record may have.
    #[error("it is larger than {RECORD_BYTES} bytes")]
    TooLarge,
    /// It is no JSON, or not the schema's.
    #[error("it is no record in the OSV schema: {0}")]
    Malformed(String),
    /// A version of the schema that is not known.
    #[error("its schema version {0:?} is not 1")]
    Schema(String),
    /// An id that is none.
    #[error("{0:?} is no id of an advisory")]
    Id(String),
    /// A time that is none.
    #[error("{field:?} is not a time in the form of RFC 3339")]
    Time {
        /// `modified`, `published` or `withdrawn`.
        field: &'static str,
    },
    /// A name that no package of its ecosystem can have.
    #[error("{name:?} is no name of a package in {ecosystem}")]
    Name {
        /// As the record has it.
        ecosystem: String,
        /// As the record has it.
        name: String,
    },
    /// A version that is empty or far too long.
    #[error("it names a version that is empty, too long or has control characters")]
    Version,
    /// An event that neither begins nor ends anything.
    #[error("an event of a range is none that the schema knows")]
    Event,
    /// More entries than can be meant.
    #[error("it has more than {limit} {what}")]
    TooMany {
        /// `affected packages`, `ranges`, …
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl Coded for RecordError {
    fn code(&self) -> &'static str {
        "TM0915"
    }

    fn help(&self) -> String {
        match self {
            Self::Schema(_) => {
                "use a later version of trustmill, or ask the feed for records of schema version 1".into()
            }
            _ => "tell whoever publishes the feed; what was known before is kept".into(),
        }
    }
}

/// Reads one record.
pub fn parse(bytes: &[u8]) -> Result<Parsed, RecordError> {
    if bytes.len() > RECORD_BYTES {
        return Err(RecordError::TooLarge);
    }
    // A list would be taken for the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(RecordError::Malformed("it is no JSON object".to_owned()));
    }
    let raw: Raw<'_> =
        serde_json::from_slice(bytes).map_err(|error| RecordError::Malformed(error.to_string()))?;
    let major = raw.schema_version.split('.').next().unwrap_or_default();
    // Records from before the field was made are of version 1.0.0, says the schema.
    if !raw.schema_version.is_empty() && major != "1" {
        return Err(RecordError::Schema(cut(&raw.schema_version, 40)));
    }
    if !is_id(&raw.id) {
        return Err(RecordError::Id(cut(&raw.id, 80)));
    }
    bounded(raw.affected.len(), AFFECTED, "affected packages")?;
    bounded(raw.aliases.len(), ALIASES, "aliases")?;
    let mut rating = Rating::default();
    rating.add(&raw.severity);
    rating.word(&raw.database_specific);
    let mut affected = Vec::new();
    for one in &raw.affected {
        if let Some(one) = one.read()? {
            affected.push(one);
        }
    }
    raw.affected.iter().for_each(|one| rating.add(&one.severity));
    let malicious = raw.is_malicious();
    Ok(Parsed {
        foreign: raw.affected.len() - affected.len(),
        unscored: rating.unscored,
        advisory: Advisory {
            modified: time(Some(&raw.modified), "modified")?
                .ok_or(RecordError::Time { field: "modified" })?,
            published: time(raw.published.as_deref(), "published")?,
            withdrawn: time(raw.withdrawn.as_deref(), "withdrawn")?,
            // One that is no id cannot be anybody's; without it the record still holds.
            aliases: raw.aliases.iter().filter(|alias| is_id(alias)).cloned().collect(),
            summary: raw.summary(),
            severity: if malicious { Severity::Critical } else { rating.severity },
            score: rating.score,
            malicious,
            informational: !malicious && raw.is_informational(),
            references: raw.references(),
            affected,
            id: raw.id,
        },
    })
}

/// Whether a text is an id: a database's prefix, a dash, and what the database says; fit for a path and a URL.
pub fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let (prefix, rest) = text.split_once('-').unwrap_or_default();
    text.len() <= 128
        && text.bytes().all(plain)
        && prefix.starts_with(|first: char| first.is_ascii_alphabetic())
        && !rest.is_empty()
        && !text.contains("..")
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(default, deserialize_with = "or_default")]
    schema_version: String,
    id: String,
    modified: String,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    summary: String,
    #[serde(borrow, default)]
    details: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "or_default")]
    severity: Vec<RawSeverity>,
    #[serde(default, deserialize_with = "or_default")]
    affected: Vec<RawAffected>,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<RawReference>,
    /// Whatever the database likes to say.
    #[serde(default)]
    database_specific: Value,
}

#[derive(Deserialize)]
struct RawSeverity {
    #[serde(rename = "type")]
    ty: String,
    score: String,
}

#[derive(Deserialize)]
struct RawAffected {
    #[serde(default)]
    package: Option<RawPackage>,
    #[serde(default, deserialize_with = "or_default")]
    severity: Vec<RawSeverity>,
    #[serde(default, deserialize_with = "or_default")]
    ranges: Vec<RawRange>,
    #[serde(default, deserialize_with = "or_default")]
    versions: Vec<String>,
    #[serde(default)]
    database_specific: Value,
}

#[derive(Deserialize)]
struct RawPackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct RawRange {
    #[serde(rename = "type")]
    ty: String,
    #[serde(default, deserialize_with = "or_default")]
    events: Vec<RawEvent>,
}

#[derive(Deserialize)]
struct RawEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

#[derive(Deserialize)]
struct RawReference {
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    ty: String,
    #[serde(default, deserialize_with = "or_default")]
    url: String,
}

/// Exporters write `null` for what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Raw<'_> {
    /// The summary, else the first line of the details.
    fn summary(&self) -> String {
        let details =
            || self.details.as_deref().unwrap_or_default().lines().find(|line| !line.trim().is_empty());
        let text = Some(self.summary.as_str()).filter(|text| !text.trim().is_empty()).or_else(details);
        let plain: String =
            text.unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        cut(plain.trim(), SUMMARY_CHARS)
    }

    /// Where to read more: what calls itself an advisory first.
    fn references(&self) -> Vec<String> {
        let usable = |one: &&RawReference| {
            let url = one.url.as_str();
            url.len() <= 2_048
                && (url.starts_with("https://") || url.starts_with("http://"))
                && !url.contains(|c: char| c.is_control() || c.is_whitespace())
        };
        let mut usable: Vec<_> = self.references.iter().filter(usable).collect();
        usable.sort_by_key(|one| one.ty != "ADVISORY");
        usable.into_iter().take(REFERENCES).map(|one| one.url.clone()).collect()
    }

    /// Malware, by the forms that databases have for it: a `MAL-` id, RustSec's category, leitwacht's section, and
    /// CWE-506 with its children.
    fn is_malicious(&self) -> bool {
        self.id.starts_with("MAL-")
            || self.database_specific.get("leitwacht").is_some_and(Value::is_object)
            || texts(&self.database_specific, "cwe_ids").any(is_malware_cwe)
            || self.affected.iter().any(|one| {
                texts(&one.database_specific, "categories").any(|category| category == "malicious")
                    || list(&one.database_specific, "cwes")
                        .filter_map(|cwe| cwe.get("cweId")?.as_str())
                        .any(is_malware_cwe)
            })
    }

    /// What RustSec only informs about: unmaintained, unsound, notice. If only some of the packages are meant so, it
    /// is more than information.
    fn is_informational(&self) -> bool {
        let informs = |one: &RawAffected| {
            one.database_specific.get("informational").is_some_and(|word| word.as_str().is_some())
        };
        !self.affected.is_empty() && self.affected.iter().all(informs)
    }
}

/// CWE-506, embedded malicious code, and its children: Trojan horses, viruses, trapdoors, logic bombs, spyware.
fn is_malware_cwe(id: &str) -> bool {
    matches!(id, "CWE-506" | "CWE-507" | "CWE-508" | "CWE-509" | "CWE-510" | "CWE-511" | "CWE-512")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn texts<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    list(value, key).filter_map(Value::as_str)
}

impl RawAffected {
    /// `None` if it is about another ecosystem, or about no package.
    fn read(&self) -> Result<Option<Affected>, RecordError> {
        let Some(package) = &self.package else { return Ok(None) };
        let Some(ty) = purl_type(&package.ecosystem) else { return Ok(None) };
        if !is_name(ty, &package.name) {
            return Err(RecordError::Name {
                ecosystem: cut(&package.ecosystem, 40),
                name: cut(&package.name, 80),
            });
        }
        bounded(self.ranges.len(), RANGES, "ranges")?;
        bounded(self.versions.len(), VERSIONS, "versions")?;
        if !self.versions.iter().all(|version| is_version(version)) {
            return Err(RecordError::Version);
        }
        let ranges = self.ranges.iter().map(RawRange::read).collect::<Result<_, _>>()?;
        let project = Purl::project(ty, &package.name);
        Ok(Some(Affected { project, ranges, versions: self.versions.clone() }))
    }
}

impl RawRange {
    fn read(&self) -> Result<VersionRange, RecordError> {
        bounded(self.events.len(), EVENTS, "events in a range")?;
        let kind = match self.ty.as_str() {
            "SEMVER" => RangeKind::Semver,
            "ECOSYSTEM" => RangeKind::Ecosystem,
            "GIT" => RangeKind::Git,
            other => return Err(RecordError::Malformed(format!("{:?} is no type of range", cut(other, 40)))),
        };
        let mut events = Vec::with_capacity(self.events.len());
        for event in &self.events {
            let before = events.len();
            events.extend(event.introduced.clone().map(RangeEvent::Introduced));
            events.extend(event.fixed.clone().map(RangeEvent::Fixed));
            events.extend(event.last_affected.clone().map(RangeEvent::LastAffected));
            events.extend(event.limit.clone().map(RangeEvent::Limit));
            // What ends or begins something in a way that is not known cannot be left out.
            if events.len() == before {
                return Err(RecordError::Event);
            }
        }
        let fits = |event: &RangeEvent| is_version(event.version());
        if events.iter().all(fits) { Ok(VersionRange { kind, events }) } else { Err(RecordError::Version) }
    }
}

/// The package URL type of an ecosystem that the mill knows; what follows a colon narrows it down.
fn purl_type(ecosystem: &str) -> Option<&'static str> {
    match ecosystem.split(':').next().unwrap_or_default() {
        "PyPI" => Some("pypi"),
        "npm" => Some("npm"),
        "crates.io" => Some("cargo"),
        _ => None,
    }
}

/// Whether a package can have that name. Old names on npm are wilder than new ones may be.
fn is_name(ty: &str, name: &str) -> bool {
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let npm = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_graphic() && !b"/\\%#?@\"<>".contains(&b))
            && !matches!(part, "." | "..")
    };
    !name.is_empty()
        && name.len() <= TEXT_BYTES
        && match (ty, name.split_once('/')) {
            ("npm", Some((scope, rest))) => scope.strip_prefix('@').is_some_and(npm) && npm(rest),
            ("npm", None) => npm(name),
            _ => plain(name),
        }
}

fn is_version(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_BYTES && !text.contains(char::is_control)
}

/// How bad it is by all that the record says: the worst counts.
#[derive(Default)]
struct Rating {
    severity: Severity,
    score: Option<u8>,
    unscored: usize,
}

impl Rating {
    fn add(&mut self, severities: &[RawSeverity]) {
        for one in severities {
            match cvss::base_score(&one.ty, &one.score) {
                Some(scored) => {
                    self.score = self.score.max(Some(scored.tenths));
                    self.severity = self.severity.max(scored.severity);
                }
                None => self.unscored += 1,
            }
        }
    }

    /// The word that GitHub's database puts beside the vector.
    fn word(&mut self, database_specific: &Value) {
        let word = database_specific.get("severity").and_then(Value::as_str).unwrap_or_default();
        let severity = match word.to_ascii_uppercase().as_str() {
            "LOW" => Severity::Low,
            "MODERATE" | "MEDIUM" => Severity::Medium,
            "HIGH" => Severity::High,
            "CRITICAL" => Severity::Critical,
            _ => Severity::Unknown,
        };
        self.severity = self.severity.max(severity);
    }
}

fn time(text: Option<&str>, field: &'static str) -> Result<Option<Timestamp>, RecordError> {
    text.map(|text| text.parse().map_err(|_| RecordError::Time { field })).transpose()
}

fn bounded(len: usize, limit: usize, what: &'static str) -> Result<(), RecordError> {
    if len > limit { Err(RecordError::TooMany { what, limit }) } else { Ok(()) }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests;
