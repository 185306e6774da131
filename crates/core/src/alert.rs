//! Alerts: something that was handed out turned out to be bad, and who has it.
//!
//! An alert is a fact of kind [`Alert::KIND`] about a release. That somebody looked at it, and that it was delivered, are
//! facts of their own, with the alert's id as subject: nothing is ever changed, and [`fold`] says how things stand.

use crate::advisory::Severity;
use crate::fact::Fact;
use crate::port::journal::Handed;
use crate::ruling::Principal;
use crate::{Purl, Sha256};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the shapes that this code writes.
pub const FORMAT: u32 = 1;

/// Longest name of whoever acknowledges, and longest reason, in bytes.
const MAX_WORDS: usize = 500;

/// What turned out about a release that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// An advisory says that it is malware.
    Malicious {
        /// Every id of the problem, the best-known first.
        ids: Vec<String>,
        /// One line for a reader.
        summary: String,
    },
    /// An advisory says that it has a vulnerability, which was not known when it was handed out.
    Vulnerable {
        /// Every id of the problem, the best-known first.
        ids: Vec<String>,
        /// How bad it is.
        severity: Severity,
        /// One line for a reader.
        summary: String,
        /// Versions with a fix, lowest first.
        fixed: Vec<String>,
    },
    /// Policy blocks it now.
    Blocked {
        /// Stable code.
        code: String,
        /// One line for a reader.
        reason: String,
    },
    /// A file of it is refused now, for what its rebuild or its registry showed.
    Refused {
        /// Stable code.
        code: String,
        /// One line for a reader.
        reason: String,
    },
}

impl Cause {
    /// Whether two causes are one finding: the same kind, and an id or the code in common.
    pub fn is_same(&self, other: &Self) -> bool {
        let meet = |a: &[String], b: &[String]| a.iter().any(|id| b.contains(id));
        match (self, other) {
            (Self::Malicious { ids: a, .. }, Self::Malicious { ids: b, .. }) => meet(a, b),
            (Self::Vulnerable { ids: a, .. }, Self::Vulnerable { ids: b, .. }) => meet(a, b),
            (Self::Blocked { code: a, .. }, Self::Blocked { code: b, .. })
            | (Self::Refused { code: a, .. }, Self::Refused { code: b, .. }) => a == b,
            _ => false,
        }
    }

    /// The word in tables: `malicious`, `high`, `blocked`, …
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malicious { .. } => "malicious",
            Self::Vulnerable { severity, .. } => severity.as_str(),
            Self::Blocked { .. } => "blocked",
            Self::Refused { .. } => "refused",
        }
    }

    /// One line for a reader.
    pub fn line(&self) -> String {
        match self {
            Self::Malicious { ids, summary } => format!("{}: {summary}", ids.join(", ")),
            Self::Vulnerable { ids, summary, fixed, .. } => {
                let fixed = fixed.first().map(|version| format!("; fixed in {version}")).unwrap_or_default();
                format!("{}: {summary}{fixed}", ids.join(", "))
            }
            Self::Blocked { code, reason } | Self::Refused { code, reason } if reason.starts_with(code) => {
                reason.clone()
            }
            Self::Blocked { code, reason } | Self::Refused { code, reason } => format!("{code}: {reason}"),
        }
    }

    /// What tells this finding from another about the same release.
    fn key(&self) -> &str {
        match self {
            Self::Malicious { ids, .. } | Self::Vulnerable { ids, .. } => {
                ids.first().map_or("", String::as_str)
            }
            Self::Blocked { code, .. } | Self::Refused { code, .. } => code,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Malicious { .. } => "malicious",
            Self::Vulnerable { .. } => "vulnerable",
            Self::Blocked { .. } => "blocked",
            Self::Refused { .. } => "refused",
        }
    }
}

/// A file that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AlertFile {
    /// Its name.
    pub filename: String,
    /// Its bytes.
    pub sha256: Sha256,
}

/// Somebody who was given files of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    #[serde(flatten)]
    pub principal: Principal,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// How many files, each as often as it was given.
    pub times: u64,
}

/// An alert as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Version of this record's shape.
    pub format: u32,
    /// Its id: the same release and finding always give the same.
    pub id: String,
    /// What turned out.
    pub cause: Cause,
    /// What was handed out.
    pub files: Vec<AlertFile>,
    /// Who had it when the alert was raised; somebody without a token is nobody by name.
    pub who: Vec<Holder>,
}

/// That somebody looked at an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Version of this record's shape.
    pub format: u32,
    /// Who, in their own words.
    pub who: String,
    /// What came of it.
    pub why: String,
    /// As whom they were known to the server, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Principal>,
}

impl Alert {
    /// The kind of the fact.
    pub const KIND: &str = "alert";
    /// The kind of the fact that it was delivered.
    pub const SENT: &str = "alert-sent";

    /// What turned out about a release, and who was given it.
    pub fn new(release: &Purl, cause: Cause, handed: &[Handed]) -> Self {
        let digest = Sha256::of(format!("{release}\n{}\n{}", cause.kind(), cause.key()).as_bytes());
        let mut files: Vec<_> = handed
            .iter()
            .map(|entry| AlertFile { filename: entry.filename.clone(), sha256: entry.sha256 })
            .collect();
        files.sort();
        files.dedup();
        Self {
            format: FORMAT,
            id: format!("alert-{:.16}", digest.to_hex()),
            cause,
            files,
            who: holders(handed),
        }
    }

    /// As a fact.
    pub fn fact(&self, release: &Purl, at: Timestamp) -> Fact {
        fact(Self::KIND, release, &self.id, at, serde_json::to_value(self))
    }

    /// The fact that an alert was delivered.
    pub fn sent(release: &Purl, id: &str, at: Timestamp) -> Fact {
        fact(Self::SENT, release, id, at, Ok(serde_json::json!({ "format": FORMAT })))
    }
}

impl Ack {
    /// The kind of the fact.
    pub const KIND: &str = "alert-ack";

    /// The words of whoever looked, if they are such: not empty, and short.
    pub fn new(who: &str, why: &str, by: Option<Principal>) -> Option<Self> {
        let fits = |text: &str| !text.trim().is_empty() && text.len() <= MAX_WORDS;
        let ack = || Self { format: FORMAT, who: who.trim().into(), why: why.trim().into(), by };
        (fits(who) && fits(why)).then(ack)
    }

    /// As a fact.
    pub fn fact(&self, release: &Purl, id: &str, at: Timestamp) -> Fact {
        fact(Self::KIND, release, id, at, serde_json::to_value(self))
    }
}

fn fact(
    kind: &str,
    about: &Purl,
    id: &str,
    at: Timestamp,
    body: Result<serde_json::Value, serde_json::Error>,
) -> Fact {
    Fact {
        format: Fact::FORMAT,
        about: about.clone(),
        kind: kind.to_owned(),
        subject: Some(id.to_owned()),
        at,
        // Nothing in these shapes can fail to be JSON; an empty body is one that no reader takes.
        body: body.unwrap_or_default(),
    }
}

/// One entry per principal, the first who had it first.
fn holders(handed: &[Handed]) -> Vec<Holder> {
    let mut holders: Vec<Holder> = Vec::new();
    for entry in handed {
        if let Some(holder) = holders.iter_mut().find(|holder| holder.principal == entry.principal) {
            holder.first = holder.first.min(entry.first);
            holder.last = holder.last.max(entry.last);
            holder.times = holder.times.saturating_add(entry.times);
        } else {
            let Handed { principal, first, last, times, .. } = entry.clone();
            holders.push(Holder { principal, first, last, times });
        }
    }
    holders.sort_by_key(|holder| holder.first);
    holders
}

/// How things stand with an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertState {
    /// The release.
    pub release: Purl,
    /// When it was raised.
    pub at: Timestamp,
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
    /// That somebody looked at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Ack>,
    /// When somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// When it was delivered to the webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
}

impl AlertState {
    /// Whether nobody looked at it.
    pub const fn is_open(&self) -> bool {
        self.acknowledged.is_none()
    }
}

/// A fact that cannot be read as what its kind says.
#[derive(Debug, thiserror::Error)]
#[error("a record of kind {kind} about {about} cannot be read")]
pub struct Unreadable {
    /// The kind.
    pub kind: String,
    /// About what.
    pub about: Box<Purl>,
    /// The cause.
    #[source]
    pub source: serde_json::Error,
}

impl crate::port::Coded for Unreadable {
    fn code(&self) -> &'static str {
        "TM0622"
    }

    fn help(&self) -> String {
        "use the version of trustmill that wrote this data folder, or a later one".into()
    }
}

/// How things stand, from facts of the three kinds in any mixture; the newest alert first. What stands for the first
/// time stands: a second acknowledgement changes nothing.
///
/// # Errors
/// One of the facts cannot be read.
pub fn fold(facts: &[Fact]) -> Result<Vec<AlertState>, Unreadable> {
    let mut states: BTreeMap<String, AlertState> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.kind == Alert::KIND) {
        let alert: Alert = read(fact)?;
        states.entry(alert.id.clone()).or_insert_with(|| AlertState {
            release: fact.about.clone(),
            at: fact.at,
            alert,
            acknowledged: None,
            acknowledged_at: None,
            delivered_at: None,
        });
    }
    for fact in facts {
        let Some(state) = fact.subject.as_ref().and_then(|id| states.get_mut(id)) else { continue };
        if fact.kind == Alert::SENT {
            state.delivered_at.get_or_insert(fact.at);
        } else if fact.kind == Ack::KIND && state.acknowledged.is_none() {
            state.acknowledged = Some(read(fact)?);
            state.acknowledged_at = Some(fact.at);
        }
    }
    let mut states: Vec<_> = states.into_values().collect();
    states.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.alert.id.cmp(&b.alert.id)));
    Ok(states)
}

/// Every kind that [`fold`] reads.
pub const KINDS: [&str; 3] = [Alert::KIND, Ack::KIND, Alert::SENT];

fn read<T: for<'de> Deserialize<'de>>(fact: &Fact) -> Result<T, Unreadable> {
    T::deserialize(&fact.body).map_err(|source| Unreadable {
        kind: fact.kind.clone(),
        about: Box::new(fact.about.clone()),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn handed(filename: &str, team: &str, first: i64, last: i64) -> Handed {
        Handed {
            release: Purl::release("npm", "a", "1"),
            filename: filename.into(),
            sha256: Sha256::of(filename.as_bytes()),
            principal: Principal { team: Some(team.into()), ..Principal::default() },
            first: at(first),
            last: at(last),
            times: 2,
        }
    }

    fn malicious(ids: &[&str]) -> Cause {
        Cause::Malicious { ids: ids.iter().map(|&id| id.to_owned()).collect(), summary: "steals".into() }
    }

    #[test]
    fn an_alert_says_who_has_what() {
        let release = Purl::release("npm", "a", "1");
        let entries = [handed("b", "blue", 5, 9), handed("a", "blue", 3, 4), handed("a", "red", 4, 4)];
        let alert = Alert::new(&release, malicious(&["MAL-1"]), &entries);
        assert_eq!(alert.files.iter().map(|file| file.filename.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let who: Vec<_> =
            alert.who.iter().map(|h| (h.principal.team.clone().unwrap(), h.first, h.last, h.times)).collect();
        assert_eq!(who, [("blue".into(), at(3), at(9), 4), ("red".into(), at(4), at(4), 2)]);
        let again = Alert::new(&release, malicious(&["MAL-1"]), &[]);
        assert_eq!(alert.id, again.id, "the id is of the release and the finding");
        assert_ne!(alert.id, Alert::new(&Purl::release("npm", "a", "2"), malicious(&["MAL-1"]), &[]).id);
    }

    #[test]
    fn a_finding_under_another_name_is_the_same() {
        assert!(malicious(&["MAL-1", "GHSA-1"]).is_same(&malicious(&["GHSA-1"])));
        assert!(!malicious(&["MAL-1"]).is_same(&malicious(&["MAL-2"])));
        let blocked = Cause::Blocked { code: "MAL-1".into(), reason: String::new() };
        assert!(!malicious(&["MAL-1"]).is_same(&blocked));
    }

    #[test]
    fn how_things_stand_follows_from_the_facts() {
        let release = Purl::release("npm", "a", "1");
        let alert = Alert::new(&release, malicious(&["MAL-1"]), &[handed("a", "blue", 3, 4)]);
        let other = Alert::new(&release, malicious(&["MAL-2"]), &[]);
        let ack = Ack::new(" Ada ", "rotated the keys", None).unwrap();
        let facts = [
            ack.fact(&release, &alert.id, at(30)),
            alert.fact(&release, at(10)),
            other.fact(&release, at(20)),
            Alert::sent(&release, &alert.id, at(11)),
            Ack::new("Bob", "late", None).unwrap().fact(&release, &alert.id, at(31)),
            Ack::new("Bob", "of nothing", None).unwrap().fact(&release, "alert-0", at(31)),
        ];
        let states = fold(&facts).unwrap();
        assert_eq!(
            states.iter().map(|state| &state.alert).collect::<Vec<_>>(),
            [&other, &alert],
            "newest first"
        );
        assert!(states[0].is_open() && states[0].delivered_at.is_none());
        assert_eq!((states[1].acknowledged.as_ref(), states[1].delivered_at), (Some(&ack), Some(at(11))));
        assert_eq!(ack.who, "Ada");
        let broken = Fact { body: serde_json::json!({}), ..facts[1].clone() };
        assert!(fold(&[broken]).is_err());
        assert!(Ack::new("", "x", None).is_none() && Ack::new("x", " ", None).is_none());
    }
}
