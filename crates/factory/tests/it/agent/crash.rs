//! A loop that dies at any write, and goes on: nothing is asked twice that was answered, and the end is the same.

use super::recorded;
use super::world::{World, provider, release, settings};
use std::sync::Arc;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::records::Records;
use trustmill_factory::agent::{Ended, Transcript};
use trustmill_factory::models::Settings;
use trustmill_testkit::faults::Faulty;
use trustmill_testkit::{Faults, MemBlobs, MemRecords, ScriptedModel, When};

fn mill(scripted: &Arc<ScriptedModel>) -> Settings {
    let provider = provider("anthropic", "api.anthropic.com", Arc::clone(scripted) as _);
    settings(vec![provider], &["anthropic/claude-sonnet-5"])
}

/// Runs the recorded session with one write that fails; then a new process goes on with what is stored.
async fn dies_at(number: u64, when: When) -> bool {
    let (records, blobs) = (Arc::new(MemRecords::new()), Arc::new(MemBlobs::new()));
    let faults = Faults::nth(number, when);
    let faulty_records = Arc::new(Faulty::new(Arc::clone(&records), faults.clone()));
    let faulty_blobs = Arc::new(Faulty::new(Arc::clone(&blobs), faults.clone()));
    let scripted = Arc::new(ScriptedModel::new(recorded()));
    let world =
        World::over(faulty_records as Arc<dyn Records>, faulty_blobs as Arc<dyn Blobs>, mill(&scripted));
    let first = world.start().await;
    if !faults.fired() {
        assert!(matches!(first.unwrap().1, Ended::Accepted { .. }));
        return false;
    }
    // The script goes on where the model was: a turn whose reply was lost before it was stored is asked for again,
    // and the script has to say it again.
    let world = World::over(records.clone(), blobs.clone(), Settings::default());
    let sessions = Transcript::sessions(world.records.as_ref(), &release()).await.unwrap();
    let stored = match sessions.first() {
        Some((session, _)) => {
            let open =
                Transcript::open(world.records.as_ref(), world.blobs.as_ref(), &release(), session).await;
            let transcript = open.unwrap();
            transcript
                .steps()
                .iter()
                .filter(|step| matches!(step, trustmill_factory::agent::Step::Replied { .. }))
                .count()
        }
        None => 0,
    };
    let asked_before = scripted.asked().len();
    assert!(asked_before == stored || asked_before == stored + 1, "{asked_before} asked, {stored} stored");
    let again = Arc::new(ScriptedModel::new(recorded().into_iter().skip(stored)));
    let world = World::over(records, blobs, mill(&again));
    let (_, ended, _) = match sessions.first() {
        Some((session, _)) => world.resume(session).await.unwrap(),
        None => world.start().await.unwrap(),
    };
    assert!(matches!(ended, Ended::Accepted { .. }), "write {number} {when:?}: {ended:?}");
    assert_eq!(
        again.asked().len(),
        7 - stored,
        "write {number} {when:?}: what was stored is not asked again"
    );
    if let (Some(lost), Some(retried)) = (scripted.asked().get(stored), again.asked().first()) {
        assert_eq!(lost.key, retried.key, "a provider that knows the key charges once");
    }
    let links = world.router.ledger().links().await.unwrap();
    assert!(links.len() >= 14, "the log holds together");
    true
}

#[tokio::test]
async fn a_loop_that_dies_at_any_write_goes_on_where_it_was() {
    for when in [When::Before, When::After] {
        let mut number = 0;
        while dies_at(number, when).await {
            number += 1;
        }
        assert!(number > 60, "{number} writes were tried");
    }
}

#[tokio::test]
async fn two_that_work_on_one_session_are_told_apart() {
    let scripted = Arc::new(ScriptedModel::new(recorded().into_iter().take(2)));
    let world = World::with(Arc::clone(&scripted) as _);
    // The script ends early: the session stays where it is.
    world.start().await.unwrap_err();
    let sessions = Transcript::sessions(world.records.as_ref(), &release()).await.unwrap();
    let session = &sessions.first().unwrap().0;
    let release = release();
    let open = || Transcript::open(world.records.as_ref(), world.blobs.as_ref(), &release, session);
    let (mut one, mut other) = (open().await.unwrap(), open().await.unwrap());
    let at = "2026-11-02T12:00:00Z".parse().unwrap();
    let end =
        |why: &str| trustmill_factory::agent::Step::Ended { how: "gave-up".into(), why: why.into(), at };
    one.push(end("a")).await.unwrap();
    let error = other.push(end("b")).await.unwrap_err();
    assert!(error.to_string().contains("worked on elsewhere"), "{error}");
}
