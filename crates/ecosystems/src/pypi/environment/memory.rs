//! What was resolved before, and for which instants the answer holds.
//!
//! A resolution sees, of every project that it asks about, the files uploaded before its instant. Between
//! two uploads of those projects the answer is the same, so it is kept with that span; of a project that a
//! constraint bounds, only uploads within the bounds count.

use super::pylock::Wheel;
use super::{Projects, Wanted, requirement};
use jiff::Timestamp;
use pep440_rs::{Version, VersionSpecifiers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use trustmill_core::Sha256;

/// Spans per set of requirements; the oldest goes first.
const MOST_SPANS: usize = 256;

/// Instants for which an answer holds: later than `after`, and no later than `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    after: Timestamp,
    until: Timestamp,
}

impl Span {
    /// Only the one instant.
    fn only(at: Timestamp) -> Self {
        let before = at.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(at);
        Self { after: before, until: at }
    }

    fn contains(self, at: Timestamp) -> bool {
        self.after < at && at <= self.until
    }
}

#[derive(Serialize, Deserialize)]
struct Answer {
    span: Span,
    wheels: Vec<Wheel>,
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    format: u32,
    answers: Vec<Answer>,
}

/// The answers for one set of requirements, constraints and interpreter.
pub(super) struct Memory {
    path: PathBuf,
    key: String,
}

impl Memory {
    const FORMAT: u32 = 1;

    /// Where the answers for `wanted` are kept.
    pub(super) fn of(root: &Path, wanted: Wanted<'_>) -> Self {
        let sorted = |all: &[String]| all.iter().map(|one| one.trim().to_owned()).collect::<BTreeSet<_>>();
        let mut question = serde_json::json!({
            "requirements": sorted(wanted.requirements),
            "constraints": sorted(wanted.constraints),
            "python": wanted.interpreter.version.to_string(),
            "platform": [std::env::consts::ARCH, std::env::consts::OS],
            "uv": crate::pypi::uv::VERSION,
        });
        if let Some(question) = question.as_object_mut().filter(|_| !wanted.local.is_empty()) {
            let local: BTreeSet<String> = wanted.local.iter().map(|wheel| wheel.sha256.to_string()).collect();
            question.insert("local".to_owned(), serde_json::json!(local));
        }
        let key = Sha256::of(question.to_string().as_bytes()).to_hex();
        Self { path: root.join("resolutions").join(format!("{key}.json")), key }
    }

    /// The key, for whoever must not resolve it twice at once.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    async fn read(&self) -> File {
        let read = tokio::fs::read(&self.path).await.ok();
        read.and_then(|bytes| serde_json::from_slice::<File>(&bytes).ok())
            .filter(|file| file.format == Self::FORMAT)
            .unwrap_or_else(|| File { format: Self::FORMAT, answers: Vec::new() })
    }

    /// The wheels, if an earlier answer holds at that instant.
    pub(super) async fn recall(&self, as_of: Timestamp) -> Option<Vec<Wheel>> {
        let file = self.read().await;
        file.answers.into_iter().find(|answer| answer.span.contains(as_of)).map(|answer| answer.wheels)
    }

    /// Keeps an answer.
    pub(super) async fn remember(&self, span: Span, wheels: &[Wheel]) -> std::io::Result<()> {
        let mut file = self.read().await;
        file.answers.push(Answer { span, wheels: wheels.to_vec() });
        let excess = file.answers.len().saturating_sub(MOST_SPANS);
        file.answers.drain(..excess);
        if let Some(parent) = self.path.parent() {
            tokio::fs::create_dir_all(parent).await?;
        }
        let part = self.path.with_extension("part");
        tokio::fs::write(&part, serde_json::to_vec(&file)?).await?;
        tokio::fs::rename(part, &self.path).await
    }
}

/// For which instants `wheels` is the answer. Where anything is not known, for the asked instant alone.
pub(super) async fn span(
    projects: &dyn Projects,
    wanted: Wanted<'_>,
    wheels: &[Wheel],
    asked: &BTreeSet<String>,
) -> Span {
    let names: BTreeSet<&str> =
        asked.iter().map(String::as_str).chain(wheels.iter().map(|wheel| wheel.name.as_str())).collect();
    let mut span = Span { after: Timestamp::MIN, until: Timestamp::MAX };
    for name in names {
        let Ok(project) = projects.project(name).await else { return Span::only(wanted.as_of) };
        let bounds = bounds(wanted, name);
        for file in project.files.iter().filter(|file| file.filename.ends_with(".whl")) {
            let Ok(version) = Version::from_str(&file.version) else { continue };
            if !bounds.iter().all(|bound| bound.contains(&version)) {
                continue;
            }
            let Some(uploaded) = file.upload_time else { return Span::only(wanted.as_of) };
            if uploaded < wanted.as_of {
                span.after = span.after.max(uploaded);
            } else {
                span.until = span.until.min(uploaded);
            }
        }
    }
    // What will be uploaded later is not known now.
    if span.until == Timestamp::MAX {
        span.until = wanted.as_of;
    }
    span
}

/// The bounds that constraints and requirements without marker put on a project.
fn bounds(wanted: Wanted<'_>, name: &str) -> Vec<VersionSpecifiers> {
    wanted
        .constraints
        .iter()
        .chain(wanted.requirements)
        .filter(|text| !text.contains(';') && requirement::name(text).as_deref() == Some(name))
        .filter_map(|text| VersionSpecifiers::from_str(requirement::specifiers(text)?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shelf, interpreter};
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn shelf() -> Shelf {
        Shelf::new(&[
            ("setuptools", "60.0.0", "2021-12-20T00:00:00Z"),
            ("setuptools", "61.0.0", "2022-03-24T00:00:00Z"),
            ("setuptools", "62.0.0", "2022-04-04T00:00:00Z"),
            ("wheel", "0.37.1", "2021-12-22T00:00:00Z"),
            ("wheel", "0.38.0", "2022-10-21T00:00:00Z"),
        ])
    }

    async fn span_of(requirements: &[&str], constraints: &[&str], as_of: &str, names: &[&str]) -> Span {
        let own = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (requirements, constraints) = (own(requirements), own(constraints));
        let python = interpreter();
        let wanted = Wanted {
            requirements: &requirements,
            constraints: &constraints,
            as_of: at(as_of),
            interpreter: &python,
            local: &[],
        };
        span(&shelf(), wanted, &[], &names.iter().map(ToString::to_string).collect()).await
    }

    #[tokio::test]
    async fn an_answer_holds_between_two_uploads() {
        let got =
            span_of(&["setuptools", "wheel"], &[], "2022-04-01T00:00:00Z", &["setuptools", "wheel"]).await;
        assert_eq!(got, Span { after: at("2022-03-24T00:00:00Z"), until: at("2022-04-04T00:00:00Z") });
        assert!(got.contains(at("2022-04-04T00:00:00Z")));
        assert!(!got.contains(at("2022-03-24T00:00:00Z")));
    }

    #[tokio::test]
    async fn uploads_outside_the_bounds_do_not_end_it() {
        let names = ["setuptools", "wheel"];
        let got = span_of(
            &["setuptools", "wheel"],
            &["setuptools<61", "wheel==0.37.1"],
            "2022-04-01T00:00:00Z",
            &names,
        )
        .await;
        assert_eq!(got, Span { after: at("2021-12-22T00:00:00Z"), until: at("2022-04-01T00:00:00Z") });
    }

    #[tokio::test]
    async fn an_unknown_project_makes_it_hold_for_the_instant_alone() {
        let got = span_of(&["nothing"], &[], "2022-04-01T00:00:00Z", &["nothing"]).await;
        assert!(got.contains(at("2022-04-01T00:00:00Z")));
        assert!(!got.contains(at("2022-03-31T23:59:59Z")));
        assert!(!got.contains(at("2022-04-01T00:00:01Z")));
    }

    #[tokio::test]
    async fn what_is_remembered_is_recalled_within_its_span() {
        let folder = tempfile::tempdir().unwrap();
        let python = interpreter();
        let requirements = ["wheel".to_owned()];
        let wanted = Wanted {
            requirements: &requirements,
            constraints: &[],
            as_of: at("2022-04-01T00:00:00Z"),
            interpreter: &python,
            local: &[],
        };
        let memory = Memory::of(folder.path(), wanted);
        let wheels = [Wheel {
            name: "wheel".into(),
            version: "0.37.1".into(),
            url: "x".into(),
            sha256: Sha256::of(b"w"),
        }];
        assert_eq!(memory.recall(wanted.as_of).await, None);
        let span = Span { after: at("2021-12-22T00:00:00Z"), until: at("2022-10-21T00:00:00Z") };
        memory.remember(span, &wheels).await.unwrap();
        assert_eq!(memory.recall(at("2022-01-01T00:00:00Z")).await.as_deref(), Some(&wheels[..]));
        assert_eq!(memory.recall(at("2021-12-22T00:00:00Z")).await, None);
    }
}
