//! Both incidents at the decision point, and what a crash, a clock and an edited plan change: nothing.

use crate::support::{SUGGEST, by, call, engine, engine_at, make, read_inbox, trash};
use serde_json::json;
use std::collections::BTreeSet;
use trustmill_core::Timestamp;
use trustmill_doors::engine::{Approved, EngineError};
use trustmill_doors::log::Log;
use trustmill_guard::decide::Decision;
use trustmill_guard::record::{Event, Outcome};

fn trashed(engine: &trustmill_doors::engine::Engine, ids: std::ops::Range<usize>) -> usize {
    ids.filter(|id| make(engine, "s", &trash(*id)).decision == Decision::Allow).count()
}

#[test]
fn six_hundred_mails_and_a_rule_that_the_agent_forgot() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    engine.begin("s", "agent", "yue", SUGGEST).unwrap();
    read_inbox(&engine, "s", 600);
    assert_eq!(trashed(&engine, 0..600), 0, "nothing without a plan");
    let waiting = engine.waiting();
    assert_eq!((waiting.len(), waiting[0].plan.calls().len()), (1, 600), "one card for all");

    let plan = &waiting[0].plan;
    let forty: BTreeSet<_> = plan.calls()[..40].iter().map(|call| call.digest).collect();
    assert_eq!(
        engine.approve("s", &plan.digest(), &Approved { keep: Some(forty), ..by(&["yue"]) }).unwrap(),
        40
    );
    assert_eq!(trashed(&engine, 0..600), 40, "exactly what was approved");
    assert_eq!(trashed(&engine, 0..600), 0, "and each once");
    assert_eq!(make(&engine, "s", &call("purge", json!({ "email_id": "1" }))).decision, Decision::Deny);
}

#[test]
fn stop_at_two_hundred_means_no_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    engine.begin("s", "agent", "yue", SUGGEST).unwrap();
    read_inbox(&engine, "s", 600);
    trashed(&engine, 0..600);
    let plan = engine.waiting()[0].plan.clone();
    engine.approve("s", &plan.digest(), &by(&["yue"])).unwrap();
    assert_eq!(trashed(&engine, 0..200), 200);
    engine.stop(None, "yue").unwrap();
    assert_eq!(trashed(&engine, 200..600), 0);
    read_inbox(&engine, "s", 600);
    engine.resume(None, "yue").unwrap();
    engine.resume(Some("s"), "yue").unwrap();
    assert_eq!(trashed(&engine, 200..600), 0, "what was leased before is gone");
}

#[test]
fn a_plan_that_changed_since_it_was_shown_is_not_approved() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    engine.begin("s", "agent", "yue", SUGGEST).unwrap();
    read_inbox(&engine, "s", 9);
    trashed(&engine, 0..3);
    let shown = engine.waiting()[0].plan.digest();
    trashed(&engine, 3..4);
    let changed = engine.approve("s", &shown, &by(&["yue"]));
    assert!(matches!(changed, Err(EngineError::Changed { .. })));
    let now = engine.waiting()[0].plan.digest();
    let agent = engine.approve("s", &now, &by(&["agent"]));
    assert!(matches!(agent, Err(EngineError::Refused(_))), "an agent approves nothing");
    assert!(engine.approve("s", &now, &by(&["yue"])).is_ok());
}

#[test]
fn analysing_publishes_nothing_and_access_takes_two() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    engine
        .begin("s", "agent", "ann", "Please analyse the question about the report of ann@example.com")
        .unwrap();
    let answer =
        make(&engine, "s", &call("send_email", json!({ "to": "all@example.com", "body": "do this" })));
    assert_eq!(answer.decision, Decision::Deny, "nobody asked for it, and nobody named them");
    let grant = call("grant", json!({ "who": "ann@example.com", "what": "report" }));
    assert_eq!(make(&engine, "s", &grant).decision, Decision::Ask);
    let plan = engine.waiting()[0].plan.digest();
    let one = engine.approve("s", &plan, &by(&["ann"]));
    assert!(matches!(one, Err(EngineError::MorePeople { needed: 2, given: 1 })));
    engine.approve("s", &plan, &by(&["ann", "bob"])).unwrap();
    assert_eq!(make(&engine, "s", &grant).decision, Decision::Allow);
    assert_eq!(make(&engine, "s", &grant).decision, Decision::Ask, "once");
}

#[test]
fn a_guard_that_was_killed_knows_what_it_knew() {
    let folder = tempfile::tempdir().unwrap();
    {
        let engine = engine(folder.path());
        engine.begin("s", "agent", "yue", SUGGEST).unwrap();
        read_inbox(&engine, "s", 5);
        trashed(&engine, 0..2);
        let plan = engine.waiting()[0].plan.digest();
        engine.approve("s", &plan, &by(&["yue"])).unwrap();
        assert_eq!(engine.decide("s", &trash(0)).decision, Decision::Allow);
        // Nobody hears how that call ended: the process is gone here.
    }
    let engine = engine(folder.path());
    assert_eq!(engine.decide("s", &trash(0)).decision, Decision::Ask, "a lease that was used is used");
    assert_eq!(engine.decide("s", &trash(1)).decision, Decision::Allow, "one that was not is there");
    drop(engine);
    let unknown = |event: &Event| matches!(event, Event::Ended { outcome: Outcome::Unknown, .. });
    let (_, records) = Log::look(folder.path()).unwrap();
    assert_eq!(records.iter().filter(|record| unknown(&record.event)).count(), 1, "and the record says so");
}

#[test]
fn a_clock_that_is_moved_back_makes_no_lease_valid_again() {
    let early = || "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
    let late = || "2026-01-03T00:00:00Z".parse::<Timestamp>().unwrap();
    let folder = tempfile::tempdir().unwrap();
    {
        let engine = engine_at(folder.path(), early);
        engine.begin("s", "agent", "yue", SUGGEST).unwrap();
        read_inbox(&engine, "s", 2);
        trashed(&engine, 0..2);
        let plan = engine.waiting()[0].plan.digest();
        engine.approve("s", &plan, &by(&["yue"])).unwrap();
    }
    assert_eq!(make(&engine_at(folder.path(), late), "s", &trash(0)).decision, Decision::Ask, "it ended");
    assert_eq!(
        make(&engine_at(folder.path(), early), "s", &trash(1)).decision,
        Decision::Ask,
        "time goes on"
    );
}

#[test]
fn what_cannot_be_recorded_is_not_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    engine.begin("s", "agent", "yue", SUGGEST).unwrap();
    let full = call("get_received_emails", json!({}));
    assert_eq!(engine.decide("s", &full).decision, Decision::Allow);
    assert_eq!(engine.decide("nobody", &full).decision, Decision::Deny);
}
