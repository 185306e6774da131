//! What was handed out and turns out to be bad is told, once, to whoever wants to know.

use std::sync::Arc;
use trustmill_core::advisory::{Advisory, Finding, Matched, Severity};
use trustmill_core::alert::{Ack, AlertState, Cause};
use trustmill_core::fact::Fact;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::journal::Journal;
use trustmill_core::port::records::Records;
use trustmill_core::ruling::{Decision, Effect, Principal};
use trustmill_core::shelf::{Shelf, ShelfRefusal};
use trustmill_core::{Purl, Sha256, Timestamp};
use trustmill_factory::alerts::{Outbox, Watchman, acknowledge, all};
use trustmill_testkit::{ManualClock, MemJournal, MemRecords, ScriptedGate, ScriptedWebhook};
use trustmill_trust::keys::SigningKey;
use trustmill_trust::webhook::verifies;

struct World {
    records: Arc<MemRecords>,
    journal: Arc<MemJournal>,
    gate: Arc<ScriptedGate>,
    clock: Arc<ManualClock>,
    watchman: Watchman,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn release() -> Purl {
    Purl::release("npm", "left", "1.0.0")
}

fn finding(id: &str, severity: Severity, malicious: bool, published: &str) -> Finding {
    let advisory = Advisory {
        id: id.into(),
        modified: at(published),
        published: Some(at(published)),
        withdrawn: None,
        aliases: Vec::new(),
        summary: "steals tokens".into(),
        severity,
        score: None,
        malicious,
        informational: false,
        affected: Vec::new(),
        references: Vec::new(),
    };
    let (advisory, ids) = (Arc::new(advisory), vec![id.to_owned()]);
    Finding {
        release: release(),
        advisory,
        ids,
        severity,
        malicious,
        fixed: vec!["1.0.1".into()],
        matched: Matched::Range,
    }
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(at("2026-06-10T00:00:00Z")));
        let (records, journal) = (Arc::new(MemRecords::new()), Arc::new(MemJournal::new()));
        let gate = Arc::new(ScriptedGate::new());
        let watchman = Watchman::new(records.clone(), journal.clone(), gate.clone(), clock.clone(), 90);
        let world = Self { records, journal, gate, clock, watchman };
        world.hand("blue");
        world
    }

    fn hand(&self, team: &str) {
        let who = Principal { team: Some(team.into()), token: Some(format!("{team}-1")), agent: None };
        self.journal.note(&release(), "left-1.0.0.tgz", Sha256::of(b"left"), &who, self.clock.now());
    }

    /// The process ends and starts again: nothing is left but what was written.
    fn restart(&mut self) {
        let (records, journal) = (self.records.clone(), self.journal.clone());
        self.watchman = Watchman::new(records, journal, self.gate.clone(), self.clock.clone(), 90);
    }

    async fn look(&mut self) -> Vec<Cause> {
        self.watchman.look().await.unwrap().into_iter().map(|alert| alert.cause).collect()
    }

    async fn states(&self) -> Vec<AlertState> {
        all(self.records.as_ref()).await.unwrap()
    }
}

#[tokio::test]
async fn malware_is_told_once_with_who_has_it() {
    let mut world = World::new();
    assert_eq!(world.look().await, []);
    world.hand("red");
    world.gate.know(vec![finding("MAL-2026-1", Severity::Critical, true, "2026-06-09T00:00:00Z")]);
    let raised = world.look().await;
    assert!(matches!(&raised[..], [Cause::Malicious { ids, .. }] if *ids == ["MAL-2026-1"]), "{raised:?}");
    world.restart();
    assert_eq!(world.look().await, [], "once, also across restarts");
    let states = world.states().await;
    let who: Vec<_> =
        states[0].alert.who.iter().map(|holder| holder.principal.team.as_deref().unwrap()).collect();
    assert_eq!((states.len(), who), (1, vec!["blue", "red"]));
    assert_eq!(states[0].alert.files[0].sha256, Sha256::of(b"left"));
}

#[tokio::test]
async fn a_vulnerability_that_was_known_is_no_news_and_a_later_one_is() {
    let mut world = World::new();
    let old = finding("CVE-1", Severity::High, false, "2026-06-01T00:00:00Z");
    world.gate.know(vec![old.clone()]);
    assert_eq!(world.look().await, [], "it was published before, and here at the first look");
    world.restart();
    assert_eq!(world.look().await, [], "also after a restart");
    let late = finding("CVE-2", Severity::Critical, false, "2026-06-01T00:00:00Z");
    let mild = finding("CVE-3", Severity::Medium, false, "2026-06-11T00:00:00Z");
    world.gate.know(vec![old.clone(), late.clone(), mild.clone()]);
    let raised = world.look().await;
    assert!(
        matches!(&raised[..], [Cause::Vulnerable { ids, .. }] if *ids == ["CVE-2"]),
        "a feed may be late: {raised:?}"
    );
    let worse = Finding { severity: Severity::High, ..mild };
    world.gate.know(vec![old, late, worse]);
    assert!(matches!(&world.look().await[..], [Cause::Vulnerable { ids, .. }] if *ids == ["CVE-3"]));
}

#[tokio::test]
async fn what_was_published_after_it_was_handed_out_is_news_at_the_first_look() {
    let mut world = World::new();
    world.gate.know(vec![finding("CVE-1", Severity::High, false, "2026-06-10T00:00:01Z")]);
    assert_eq!(world.look().await.len(), 1);
}

#[tokio::test]
async fn what_a_person_accepted_is_told_only_if_it_is_malware() {
    let mut world = World::new();
    world.look().await;
    let accepted = Decision { overridden_by: Some("o-1".into()), ..Decision::allow() };
    world.gate.decide_for(Some("blue"), release(), accepted);
    world.gate.know(vec![finding("CVE-1", Severity::High, false, "2026-06-11T00:00:00Z")]);
    assert_eq!(world.look().await, []);
    world.gate.know(vec![finding("MAL-1", Severity::Critical, true, "2026-06-11T00:00:00Z")]);
    assert_eq!(world.look().await.len(), 1);
}

#[tokio::test]
async fn policy_and_verdicts_are_reasons_too() {
    let mut world = World::new();
    world.look().await;
    let block =
        Decision { effect: Effect::Block, code: "TM0905".into(), reason: "no".into(), ..Decision::allow() };
    world.gate.decide_for(Some("red"), release(), block.clone());
    assert_eq!(world.look().await, [], "red does not have it");
    world.gate.decide_for(Some("blue"), release(), block);
    assert_eq!(world.look().await, [Cause::Blocked { code: "TM0905".into(), reason: "no".into() }]);
    let refuse = ShelfRefusal { code: "TM0703".into(), reason: "unexplained".into() };
    let shelf = |name: &str, at: Timestamp| Fact {
        format: Fact::FORMAT,
        about: release(),
        kind: Shelf::KIND.into(),
        subject: Some(name.into()),
        at,
        body: serde_json::to_value(Shelf { refuse: Some(refuse.clone()), ..Shelf::new() }).unwrap(),
    };
    world.records.append(&[shelf("other.tgz", world.clock.now())]).await.unwrap();
    assert_eq!(world.look().await, [], "nobody has that file");
    world.records.append(&[shelf("left-1.0.0.tgz", world.clock.now())]).await.unwrap();
    assert_eq!(world.look().await, [Cause::Refused { code: "TM0703".into(), reason: "unexplained".into() }]);
}

#[tokio::test]
async fn a_gate_that_cannot_decide_delays_and_loses_nothing() {
    let mut world = World::new();
    world.look().await;
    world.gate.know(vec![finding("MAL-1", Severity::Critical, true, "2026-06-11T00:00:00Z")]);
    world.gate.break_down(true);
    assert_eq!(world.look().await, []);
    world.gate.break_down(false);
    assert_eq!(world.look().await.len(), 1);
}

#[tokio::test]
async fn what_was_handed_out_long_ago_is_left_alone() {
    let mut world = World::new();
    world.look().await;
    world.clock.set(at("2026-09-30T00:00:00Z"));
    world.gate.know(vec![finding("MAL-1", Severity::Critical, true, "2026-06-11T00:00:00Z")]);
    assert_eq!(world.look().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_was_down_gets_every_alert_when_it_is_up() {
    let mut world = World::new();
    world.look().await;
    world.gate.know(vec![finding("MAL-1", Severity::Critical, true, "2026-06-11T00:00:00Z")]);
    world.look().await;
    let (receiver, key) = (Arc::new(ScriptedWebhook::default()), Arc::new(SigningKey::from_secret([7; 32])));
    receiver.set_down(true);
    let outbox = || Outbox::new(world.records.clone(), receiver.clone(), key.clone(), world.clock.clone());
    let sent = || receiver.got().len();
    let mut first = outbox();
    first.refill().await;
    for _ in 0..100 {
        first.deliver().await;
        tokio::time::advance(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(sent(), 4, "after 0, 1, 3 and 7 seconds");
    assert!(world.states().await[0].delivered_at.is_none());
    // The process is killed; the next one finds what is to be sent.
    drop(first);
    receiver.set_down(false);
    let mut second = outbox();
    second.refill().await;
    second.deliver().await;
    second.refill().await;
    second.deliver().await;
    assert_eq!(sent(), 5, "and then no more");
    assert!(world.states().await[0].delivered_at.is_some());
    let messages = receiver.got();
    for message in &messages {
        assert_eq!(message.id, world.states().await[0].alert.id, "one id for every try");
        assert!(verifies(&key.public(), &message.signature, &message.id, message.timestamp, &message.body));
    }
    let body: serde_json::Value = serde_json::from_slice(&messages[4].body).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["release"]),
        (&"alert.raised".into(), &release().to_string().into())
    );
    assert_eq!(body["data"]["who"][0]["team"], "blue");
}

#[tokio::test]
async fn what_somebody_looked_at_is_not_sent_any_more() {
    let mut world = World::new();
    world.look().await;
    world.gate.know(vec![finding("MAL-1", Severity::Critical, true, "2026-06-11T00:00:00Z")]);
    world.look().await;
    let state = world.states().await.remove(0);
    let ack = Ack::new("Ada", "rotated", None).unwrap();
    acknowledge(world.records.as_ref(), &state, &ack, world.clock.now()).await.unwrap();
    let receiver = Arc::new(ScriptedWebhook::default());
    let key = Arc::new(SigningKey::from_secret([7; 32]));
    let mut outbox = Outbox::new(world.records.clone(), receiver.clone(), key, world.clock.clone());
    outbox.refill().await;
    outbox.deliver().await;
    assert!(receiver.got().is_empty());
}
