//! The contract of [`Journal`].

use jiff::Timestamp;
use std::sync::Arc;
use trustmill_core::port::journal::{Handed, Journal};
use trustmill_core::ruling::Principal;
use trustmill_core::{Purl, Sha256};

/// Checks every clause.
pub async fn journal(open: impl Fn() -> Arc<dyn Journal>) {
    one_entry_per_file_and_principal(&*open()).await;
    releases_are_listed_once(&*open()).await;
    what_is_old_is_forgotten(&*open()).await;
    many_at_once_lose_nothing(open()).await;
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_nanosecond((1_700_000_000 + i128::from(second)) * 1_000_000_000 + 123_456_789).unwrap()
}

fn team(name: &str) -> Principal {
    Principal { team: Some(name.into()), token: Some(format!("{name}-1")), agent: None }
}

fn of(release: &Purl, filename: &str) -> (Purl, String, Sha256) {
    (release.clone(), filename.to_owned(), Sha256::of(filename.as_bytes()))
}

fn entry(of: &(Purl, String, Sha256), principal: &Principal, first: i64, last: i64, times: u64) -> Handed {
    Handed {
        release: of.0.clone(),
        filename: of.1.clone(),
        sha256: of.2,
        principal: principal.clone(),
        first: at(first),
        last: at(last),
        times,
    }
}

fn note(journal: &dyn Journal, of: &(Purl, String, Sha256), principal: &Principal, second: i64) {
    journal.note(&of.0, &of.1, of.2, principal, at(second));
}

async fn one_entry_per_file_and_principal(journal: &dyn Journal) {
    let project = Purl::project("npm", "@a/b");
    let (wheel, later) = (of(&project.at("1"), "b-1.tgz"), of(&project.at("2"), "b-2.tgz"));
    let other = of(&Purl::release("npm", "@a/bc", "1"), "b-1.tgz");
    let (anybody, blue) = (Principal::default(), team("blue"));
    assert_eq!(journal.handed(&project).await.unwrap(), []);
    note(journal, &wheel, &blue, 5);
    note(journal, &wheel, &anybody, 6);
    note(journal, &later, &blue, 7);
    note(journal, &other, &blue, 8);
    journal.flush().await.unwrap();
    note(journal, &wheel, &blue, 9);
    note(journal, &wheel, &blue, 3);
    let of_wheel = [entry(&wheel, &blue, 3, 9, 3), entry(&wheel, &anybody, 6, 6, 1)];
    assert_eq!(journal.handed(&wheel.0).await.unwrap(), of_wheel, "the first time first");
    let all = journal.handed(&project).await.unwrap();
    assert_eq!(all[..2], of_wheel, "of a project: of all its releases");
    assert_eq!(all[2..], [entry(&later, &blue, 7, 7, 1)], "and of no other project");
    let moved = (wheel.0.clone(), wheel.1.clone(), Sha256::of(b"other bytes"));
    note(journal, &moved, &blue, 10);
    assert_eq!(journal.handed(&wheel.0).await.unwrap().len(), 3, "other bytes are another entry");
}

async fn releases_are_listed_once(journal: &dyn Journal) {
    let (a, b) = (Purl::release("pypi", "a", "1"), Purl::release("pypi", "b", "1"));
    note(journal, &of(&b, "b.whl"), &team("x"), 5);
    note(journal, &of(&a, "a.whl"), &team("x"), 5);
    note(journal, &of(&a, "a.tar.gz"), &team("y"), 6);
    assert_eq!(journal.releases_since(at(0)).await.unwrap(), [a.clone(), b]);
    assert_eq!(journal.releases_since(at(6)).await.unwrap(), [a]);
    assert_eq!(journal.releases_since(at(7)).await.unwrap(), []);
}

async fn what_is_old_is_forgotten(journal: &dyn Journal) {
    let (a, b) = (Purl::release("pypi", "a", "1"), Purl::release("pypi", "b", "1"));
    note(journal, &of(&a, "a.whl"), &team("x"), 1);
    note(journal, &of(&a, "a.whl"), &team("x"), 9);
    note(journal, &of(&b, "b.whl"), &team("x"), 2);
    assert_eq!(journal.forget_before(at(5)).await.unwrap(), 1, "the last time counts");
    assert_eq!(journal.releases_since(at(0)).await.unwrap(), [a]);
}

async fn many_at_once_lose_nothing(journal: Arc<dyn Journal>) {
    let release = Purl::release("pypi", "a", "1");
    let tasks: Vec<_> = (0..8_i64)
        .map(|task| {
            let (journal, release) = (Arc::clone(&journal), release.clone());
            tokio::spawn(async move {
                for n in 0..200 {
                    note(&*journal, &of(&release, &format!("{n}.whl")), &team("x"), task);
                    if n % 50 == task {
                        journal.flush().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let handed = journal.handed(&release).await.unwrap();
    assert_eq!(handed.len(), 200);
    assert!(handed.iter().all(|entry| entry.times == 8 && entry.first == at(0) && entry.last == at(7)));
}
