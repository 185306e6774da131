//! Commits that say themselves that they are the fix, where the advisory names none: between the last release that is
//! affected and the first that is not, those whose message speaks of the advisory, or of a pull request or issue that
//! the advisory names.

use super::tags::{claim, tagged};
use crate::StepError;
use crate::repair::{Repairs, Task};
use std::collections::BTreeSet;
use trustmill_core::advisory::{Advisory, Finding};
use trustmill_core::port::repositories::Said;
use trustmill_core::source::{ObjectId, clean_address, is_on_forge};

/// Commits between two releases whose messages are read.
const MOST: usize = 5_000;
/// More that speak of one advisory than this are no fix, but a discussion.
const MOST_SPEAKING: usize = 8;

/// The commits, with their repository, the newest first, of those between the releases around the fix.
pub(super) fn of(finding: &Finding, records: &[&Advisory], between: &[Between]) -> Vec<(String, ObjectId)> {
    let marks = Marks::of(finding, records);
    let speaking = between.iter().map(|(address, said)| {
        let speaking = said.iter().filter(|said| marks.stand_in(&said.message));
        speaking.map(|said| (address.clone(), said.commit.clone())).collect::<Vec<_>>()
    });
    let mut few = speaking.filter(|speaking| (1..=MOST_SPEAKING).contains(&speaking.len()));
    few.next().unwrap_or_default()
}

/// A repository, and what the commits between two releases in it say.
pub(super) type Between = (String, Vec<Said>);

/// What the commits between releases around the fix say, for each line that has one and each repository that can be read.
pub(super) async fn between(
    repairs: &Repairs,
    finding: &Finding,
    task: &Task,
    records: &[&Advisory],
) -> Result<Vec<Between>, StepError> {
    let mut all = Vec::new();
    let Some(repositories) = &repairs.world.repositories else { return Ok(all) };
    let claim = claim(repairs, task)?;
    let mut addresses: Vec<String> = records.iter().flat_map(|record| forges(record)).collect();
    addresses.extend(claim.as_ref().map(|claim| claim.repository.clone()));
    let mut seen = BTreeSet::new();
    addresses.retain(|address| seen.insert(address.clone()));
    for (affected, fixed) in super::releases::around(repairs, finding, task).await? {
        for address in &addresses {
            let Ok(refs) = repositories.refs(address).await else { continue };
            let commit = |version: &str| tagged(&refs, claim.as_ref(), task, version);
            let Some((base, tip)) = commit(&affected).zip(commit(&fixed)) else { continue };
            match repositories.messages(address, &base, &tip, MOST).await {
                Ok(said) => all.push((address.clone(), said)),
                Err(error) => tracing::info!(%address, %error, "what commits say cannot be read"),
            }
        }
    }
    Ok(all)
}

/// The repositories on forges that a record links to.
fn forges(record: &Advisory) -> BTreeSet<String> {
    let before = |link: &str| {
        let parted = ["/commit/", "/pull/", "/issues/", "/security/", "/releases/", "/compare/", "/blob/"];
        let end = parted.iter().filter_map(|by| link.find(by)).min();
        end.and_then(|end| link.get(..end)).unwrap_or(link).to_owned()
    };
    let all = record.references.iter().filter_map(|link| clean_address(&before(link)));
    all.map(|(repository, _)| repository).filter(|repository| is_on_forge(repository)).collect()
}

/// What stands before the number of a pull request or issue.
const BEFORE: [&str; 8] = ["#", "gh-", "/pull/", "/issues/", "issue ", "issue_", "issue-", "bug "];

/// What a message has to hold.
struct Marks {
    /// Identifiers, in lower case.
    ids: Vec<String>,
    /// Numbers of pull requests and issues.
    numbers: Vec<String>,
}

impl Marks {
    fn of(finding: &Finding, records: &[&Advisory]) -> Self {
        let number = |link: &String| {
            let (_, rest) = link.split_once("/pull/").or_else(|| link.split_once("/issues/"))?;
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            (!number.is_empty()).then_some(number)
        };
        let numbers: BTreeSet<String> =
            records.iter().flat_map(|record| &record.references).filter_map(number).collect();
        let ids = finding.ids.iter().map(|id| id.to_ascii_lowercase()).collect();
        Self { ids, numbers: numbers.into_iter().collect() }
    }

    /// Whether one of them stands there as a word of its own.
    fn stand_in(&self, message: &str) -> bool {
        let lower = message.to_ascii_lowercase();
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        let holds = |mark: &str| {
            lower.match_indices(mark).any(|(at, found)| lower.get(at + found.len()..).is_some_and(ends))
        };
        let of_number = |number: &String| BEFORE.iter().any(|before| holds(&format!("{before}{number}")));
        self.ids.iter().any(|id| holds(id)) || self.numbers.iter().any(of_number)
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_mark_is_a_word_of_its_own() {
        let marks = Marks { ids: vec!["cve-2020-1".into()], numbers: vec!["27".into()] };
        for message in [
            "Fix CVE-2020-1: no",
            "Merge pull request #27 from a/b",
            "x (#27)",
            "Fixes GH-27.",
            "see https://forge/a/b/issues/27",
            "Better fix for issue 27",
            "Merge branch issue_27",
        ] {
            assert!(marks.stand_in(message), "{message}");
        }
        for message in ["Fix CVE-2020-12", "Merge #271", "27", "gh-277", ""] {
            assert!(!marks.stand_in(message), "{message}");
        }
    }
}
