//! The contract of [`Records`].

use jiff::Timestamp;
use std::sync::Arc;
use trustmill_core::fact::Fact;
use trustmill_core::port::records::{FirstSeen, Records, RecordsError};
use trustmill_core::{Purl, Sha256};

/// Checks every clause.
pub async fn records(open: impl Fn() -> Arc<dyn Records>) {
    facts_come_back_in_order(&*open()).await;
    the_same_fact_is_one(&*open()).await;
    revisions_change_with_the_project(&*open()).await;
    facts_of_one_kind_are_followed(&*open()).await;
    newer_formats_are_refused(&*open()).await;
    the_first_digest_stays(&*open()).await;
    one_of_many_locks_wins(open()).await;
    the_watch_set_is_a_set(&*open()).await;
}

fn fact(about: &Purl, kind: &str, n: u64) -> Fact {
    Fact {
        format: Fact::FORMAT,
        about: about.clone(),
        kind: kind.to_owned(),
        subject: n.is_multiple_of(2).then(|| format!("file-{n}.whl")),
        at: at(n),
        body: serde_json::json!({ "n": n, "text": "ünï \u{0} '\"" }),
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + i64::try_from(second).unwrap()).unwrap()
}

async fn facts_come_back_in_order(records: &dyn Records) {
    let project = Purl::project("pypi", "requests");
    let (one, two) = (project.at("1"), project.at("2"));
    let other = Purl::release("pypi", "requests-extra", "1");
    let same_name = Purl::release("npm", "requests", "1");
    let facts = [
        fact(&one, "release", 9),
        fact(&two, "release", 1),
        fact(&project, "note", 2),
        fact(&one, "verdict", 3),
        fact(&other, "release", 4),
        fact(&same_name, "release", 5),
    ];
    records.append(&facts[..3]).await.unwrap();
    records.append(&facts[3..]).await.unwrap();
    records.append(&[]).await.unwrap();
    let found = |about: Purl, kind| async move { records.facts(&about, kind).await.unwrap() };
    assert_eq!(found(one.clone(), None).await, [facts[0].clone(), facts[3].clone()], "of a release");
    assert_eq!(found(project.clone(), None).await, facts[..4], "of a project: all, in the order they came");
    assert_eq!(found(project.clone(), Some("release")).await, facts[..2], "narrowed by kind");
    assert_eq!(found(project.at("3"), None).await, [], "of nothing");
    assert_eq!(found(other, None).await, facts[4..5], "a longer name is another project");
    assert_eq!(found(same_name, None).await, facts[5..], "the same name elsewhere is another project");
}

async fn the_same_fact_is_one(records: &dyn Records) {
    let about = Purl::release("pypi", "a", "1");
    let first = fact(&about, "release", 2);
    let later = Fact { at: at(99), ..first.clone() };
    records.append(&[first.clone(), later.clone()]).await.unwrap();
    let revision = records.revision(&about);
    records.append(&[later, fact(&about, "release", 3)]).await.unwrap();
    assert_eq!(records.facts(&about, None).await.unwrap(), [first, fact(&about, "release", 3)]);
    assert_ne!(records.revision(&about), revision, "the new one of the two counts");
}

async fn revisions_change_with_the_project(records: &dyn Records) {
    let (a, b) = (Purl::project("pypi", "a"), Purl::project("pypi", "b"));
    let before = (records.revision(&a), records.revision(&b));
    records.append(&[fact(&a.at("1"), "release", 1)]).await.unwrap();
    let after = records.revision(&a);
    assert_ne!(after, before.0, "a fact about a release changes its project's revision");
    assert_eq!(records.revision(&a.at("7")), after, "a release has its project's revision");
    assert_eq!(records.revision(&b), before.1, "and no other's");
    records.append(&[fact(&a, "note", 1)]).await.unwrap();
    assert_ne!(records.revision(&a), after);
}

async fn facts_of_one_kind_are_followed(records: &dyn Records) {
    let (a, b) = (Purl::release("pypi", "a", "1"), Purl::project("npm", "b"));
    assert_eq!(records.of_kind("override", 0).await.unwrap(), []);
    let facts = [fact(&a, "override", 1), fact(&a, "release", 2), fact(&b, "override", 3)];
    records.append(&facts).await.unwrap();
    let all = records.of_kind("override", 0).await.unwrap();
    let found: Vec<_> = all.iter().map(|(_, fact)| fact.clone()).collect();
    assert_eq!(found, [facts[0].clone(), facts[2].clone()], "of all packages, in the order they came");
    let (first, last) = (all[0].0, all[1].0);
    assert!(0 < first && first < last, "places grow");
    assert_eq!(records.of_kind("override", first).await.unwrap(), all[1..]);
    assert_eq!(records.of_kind("override", last).await.unwrap(), []);
    records.append(&[facts[0].clone(), fact(&b, "override", 5)]).await.unwrap();
    let new = records.of_kind("override", last).await.unwrap();
    assert_eq!(new.len(), 1, "what was there already does not come again");
    assert!(new[0].0 > last);
    let newer = Fact { format: Fact::FORMAT + 1, ..fact(&a, "override", 7) };
    records.append(&[newer]).await.unwrap();
    assert!(records.of_kind("override", last).await.is_err(), "a newer format is not left out");
}

async fn newer_formats_are_refused(records: &dyn Records) {
    let about = Purl::release("pypi", "a", "1");
    let newer = Fact { format: Fact::FORMAT + 1, ..fact(&about, "release", 1) };
    records.append(&[fact(&about, "verdict", 1), newer]).await.unwrap();
    match records.facts(&about, None).await {
        Err(RecordsError::Newer { found, known }) => assert_eq!((found, known), (known + 1, Fact::FORMAT)),
        other => assert!(other.is_err(), "a record of a newer format must not be left out: {other:?}"),
    }
    assert_eq!(records.facts(&about, Some("verdict")).await.unwrap().len(), 1, "others can be read");
}

async fn the_first_digest_stays(records: &dyn Records) {
    let (first, second) = (Sha256::of(b"first"), Sha256::of(b"second"));
    assert_eq!(records.locked("pypi", "a.whl").await.unwrap(), None);
    assert_eq!(records.lock("pypi", "a.whl", &first, at(0)).await.unwrap(), FirstSeen::Locked);
    assert_eq!(records.lock("pypi", "a.whl", &first, at(1)).await.unwrap(), FirstSeen::Same);
    let conflict = records.lock("pypi", "a.whl", &second, at(2)).await.unwrap();
    assert_eq!(conflict, FirstSeen::Conflict { first });
    assert_eq!(records.locked("pypi", "a.whl").await.unwrap(), Some(first), "a conflict changes nothing");
    let several = records.locked_many("pypi", &["none.whl", "a.whl"]).await.unwrap();
    assert_eq!(several, [None, Some(first)], "several are answered in their order");
    assert_eq!(records.lock("npm", "a.whl", &second, at(3)).await.unwrap(), FirstSeen::Locked);
}

async fn one_of_many_locks_wins(records: Arc<dyn Records>) {
    for round in 0..20 {
        let file = format!("file-{round}.whl");
        let tasks: Vec<_> = (0..8u8)
            .map(|n| {
                let (records, file) = (Arc::clone(&records), file.clone());
                let digest = Sha256::of(&[n]);
                tokio::spawn(
                    async move { (digest, records.lock("pypi", &file, &digest, at(0)).await.unwrap()) },
                )
            })
            .collect();
        let mut seen = Vec::new();
        for task in tasks {
            seen.push(task.await.unwrap());
        }
        let winners: Vec<_> = seen.iter().filter(|(_, answer)| *answer == FirstSeen::Locked).collect();
        assert_eq!(winners.len(), 1, "exactly one caller locks");
        let first = winners[0].0;
        for (digest, answer) in seen {
            let expected = if digest == first { FirstSeen::Locked } else { FirstSeen::Conflict { first } };
            assert_eq!(answer, expected, "everybody else hears of the first");
        }
    }
}

async fn the_watch_set_is_a_set(records: &dyn Records) {
    let (a, b) = (Purl::project("pypi", "a"), Purl::release("pypi", "b", "1"));
    assert!(records.watch(&b, at(1)).await.unwrap());
    assert!(records.watch(&a, at(2)).await.unwrap());
    assert!(!records.watch(&a, at(3)).await.unwrap(), "it was there");
    assert_eq!(records.watched().await.unwrap(), [(a.clone(), at(2)), (b.clone(), at(1))]);
    assert!(records.unwatch(&a).await.unwrap());
    assert!(!records.unwatch(&a).await.unwrap(), "it was not there");
    assert_eq!(records.watched().await.unwrap(), [(b, at(1))]);
}
