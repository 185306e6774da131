//! Models as part of the queue: which misses they are due for, and when they are not.

use crate::agent::does;
use crate::agent::world::{provider, settings};
use crate::mending::{BACKPORT, advise, concluded, due, mending, watched, work};
use crate::workshop::{BROKEN, EVIL, MENDED, vulnerable};
use crate::world::{Stage, at, purl};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::queue::{Enqueue, KeyState};
use trustmill_core::port::records::Records as _;
use trustmill_core::repair::{Proposer, Ruling};
use trustmill_core::{Key, Sha256};
use trustmill_factory::agent::{Begun, Outline, Step, StepFact, Task, Transcript};
use trustmill_factory::facts::{self, Kind as _};
use trustmill_factory::inbox::Inbox;
use trustmill_factory::models::{Ledger, Link, Router, Settings};
use trustmill_factory::reconcile::{self, Dispatcher};
use trustmill_factory::repair::{Mending, Miss, Models, Repaired};
use trustmill_testkit::model::{Turn, calls};
use trustmill_testkit::{MemRecords, ScriptedModel};

/// Turns that close the hole, and bring a test of it.
fn mends() -> [Turn; 3] {
    [
        does("edit", json!({ "path": "demo.py", "old": BROKEN, "new": MENDED })),
        does("edit", json!({ "path": EVIL, "old": "", "new": "get('exit()')\n" })),
        does("submit", json!({ "summary": "int in the place of eval" })),
    ]
}

fn asks() -> Turn {
    does("ask", json!({ "question": "are there only numbers?" }))
}

fn gives_up() -> Turn {
    does("give_up", json!({ "why": "no such code" }))
}

/// A mill in which a release with a hole is watched, that strategies cannot mend and a model may.
async fn scene(script: impl IntoIterator<Item = Turn>) -> (Stage, Mending, Arc<ScriptedModel>) {
    let stage = vulnerable();
    let (mut mending, advisories) = mending(&stage);
    advise(&advisories, "2026-01-01T00:00:00Z");
    watched(&stage).await;
    let model = Arc::new(ScriptedModel::new(script));
    mending.models = Some(models(&stage, &model, |_| ()));
    (stage, mending, model)
}

/// As another process would have them.
fn models(stage: &Stage, model: &Arc<ScriptedModel>, change: impl FnOnce(&mut Settings)) -> Arc<Models> {
    let provider = provider("anthropic", "api.anthropic.com", Arc::clone(model) as _);
    let mut settings = settings(vec![provider], &["anthropic/claude-sonnet-5"]);
    change(&mut settings);
    let world = &stage.world;
    let ledger = Ledger::new(world.records.clone(), world.blobs.clone(), world.clock.clone());
    Arc::new(Models::new(Router::new(settings, Arc::new(ledger)), None))
}

/// What is due is worked on; what came of it since the last time.
async fn round(stage: &Stage, mending: &Mending) -> Vec<String> {
    let before = concluded(stage).len();
    work(stage, mending, &mending.due(false).await.unwrap()).await;
    concluded(stage).split_off(before)
}

async fn repaired(stage: &Stage) -> Vec<Repaired> {
    let bodies = stage.facts(Repaired::NAME).await;
    bodies.into_iter().map(|body| serde_json::from_value(body).unwrap()).collect()
}

async fn sessions(stage: &Stage) -> Vec<Outline> {
    let world = &stage.world;
    Transcript::outlines(world.records.as_ref(), world.blobs.as_ref(), &purl()).await.unwrap()
}

const REPAIRED: &str = "backport:pkg:pypi/demo@1.0 PYSEC-1 the oracle took what a model proposed: unproven as \
                        pkg:pypi/demo@1.0%2Btm.1";

#[tokio::test]
async fn what_strategies_missed_a_model_repairs_from_the_queue() {
    let (stage, mending, model) = scene(mends()).await;
    assert_eq!(due(&mending).await, [BACKPORT]);
    let said = round(&stage, &mending).await;
    assert!(said[0].contains("PYSEC-1 incomplete: "), "{said:?}");
    assert_eq!(said[1..], [REPAIRED]);
    let [done] = &repaired(&stage).await[..] else { panic!() };
    assert_eq!(done.ruling, Ruling::Unproven);
    assert!(matches!(&done.proposer, Proposer::Model { model, .. } if model == "claude-sonnet-5"));
    assert!(round(&stage, &mending).await.is_empty());
    assert_eq!(model.asked().len(), 3, "what is repaired is not worked on");
}

#[tokio::test]
async fn a_question_is_not_due_until_a_person_answers() {
    let (stage, mending, model) = scene([asks()]).await;
    let said = round(&stage, &mending).await;
    assert!(
        said[1].ends_with("PYSEC-1 a model asks (`trustmill inbox`): are there only numbers?"),
        "{said:?}"
    );
    assert!(due(&mending).await.is_empty(), "it waits for a person");
    work(&stage, &mending, &[Key::Backport(purl())]).await;
    assert_eq!(model.asked().len(), 1, "whoever asks the queue");

    let inbox = Inbox { records: stage.world.records.as_ref(), blobs: stage.world.blobs.as_ref() };
    let waits = inbox.list().await.unwrap();
    inbox.answer(waits[0].id.as_str(), "ada", "only numbers", at(2_000)).await.unwrap();
    assert_eq!(due(&mending).await, [BACKPORT]);
    mends().into_iter().for_each(|turn| model.then(turn));
    assert_eq!(round(&stage, &mending).await, [REPAIRED]);
    assert!(serde_json::to_string(&model.asked()[1].messages).unwrap().contains("only numbers"));
    assert_eq!((stage.facts(Miss::NAME).await.len(), sessions(&stage).await.len()), (1, 1), "nothing anew");
}

#[tokio::test]
async fn what_ended_is_not_begun_again_while_the_miss_stands() {
    let (stage, mending, model) = scene([gives_up()]).await;
    let said = round(&stage, &mending).await;
    assert!(said[1].ends_with("PYSEC-1 a model gave up: no such code"), "{said:?}");
    assert!(due(&mending).await.is_empty());
    work(&stage, &mending, &[Key::Backport(purl())]).await;
    // A person who asks strategies once more has not asked models.
    let findings = mending.repairs.hits(&purl(), None).await.unwrap();
    mending.repairs.repair(&findings[0]).await.unwrap();
    assert!(due(&mending).await.is_empty());
    assert_eq!((model.asked().len(), stage.facts(Miss::NAME).await.len()), (1, 2));

    stage.clock.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(due(&mending).await, [BACKPORT], "when strategies try again, so do models");
    model.then(gives_up());
    round(&stage, &mending).await;
    assert_eq!((model.asked().len(), sessions(&stage).await.len()), (2, 2));
}

#[tokio::test]
async fn models_that_are_off_are_asked_nothing_and_take_up_what_stands_when_they_are_on() {
    let (stage, mut mending, model) = scene(mends()).await;
    let on = mending.models.take();
    assert_eq!(round(&stage, &mending).await.len(), 1);
    assert!(due(&mending).await.is_empty() && model.asked().is_empty());
    mending.models = on;
    assert_eq!(due(&mending).await, [BACKPORT]);
    assert_eq!(round(&stage, &mending).await, [REPAIRED]);
    assert_eq!(stage.facts(Miss::NAME).await.len(), 1, "strategies are not tried again for that");
}

#[tokio::test]
async fn a_spent_day_is_waited_out() {
    let (stage, mut mending, model) = scene(mends()).await;
    mending.models = Some(models(&stage, &model, |settings| settings.daily.turns = Some(2)));
    let said = round(&stage, &mending).await;
    assert!(
        said[1].contains("waits for models until 2023-11-15T00:00:00Z: the budget of the day"),
        "{said:?}"
    );
    assert!(due(&mending).await.is_empty() && stage.world.queue.enumerate().await.unwrap().is_empty());
    work(&stage, &mending, &[Key::Backport(purl())]).await;
    assert_eq!(model.asked().len(), 2);
    stage.clock.advance(Duration::from_secs(86_400));
    assert_eq!(due(&mending).await, [BACKPORT]);
    assert_eq!(round(&stage, &mending).await, [REPAIRED]);
    assert_eq!((model.asked().len(), sessions(&stage).await.len()), (3, 1), "where it was left");
}

#[tokio::test]
async fn models_that_cannot_be_reached_are_backed_off_from() {
    let (stage, mending, model) = scene([]).await;
    round(&stage, &mending).await;
    let [key] = &stage.world.queue.enumerate().await.unwrap()[..] else { panic!() };
    assert_eq!((key.state, model.asked().len()), (KeyState::Parked, 2), "as often as patience lasts");
    assert!(key.why.as_ref().unwrap().contains("[TM1410]"), "{key:?}");
    assert!(due(&mending).await.is_empty(), "not over and over");
    mends().into_iter().for_each(|turn| model.then(turn));
    work(&stage, &mending, &mending.due(true).await.unwrap()).await;
    assert_eq!(concluded(&stage).last().unwrap(), REPAIRED);
    assert_eq!(sessions(&stage).await.len(), 1);
}

#[tokio::test]
async fn a_process_that_is_to_end_ends_between_two_turns_and_the_next_goes_on() {
    let (stage, mending, model) = scene([]).await;
    let (stop, stopped) = watch::channel(false);
    let [first, second, third] = mends();
    let Turn::Says(reply) = first else { panic!() };
    model.then(Turn::Sees(Box::new(move |_| {
        stop.send(true).unwrap();
        Ok(reply.clone())
    })));
    stage.world.queue.enqueue(&[Enqueue::now(BACKPORT, 0)]).await.unwrap();
    let dispatcher = Dispatcher::new(stage.world.clone(), reconcile::Settings::default());
    let drained = dispatcher.mending(mending.clone()).run(stopped).await.unwrap();
    assert_eq!((drained.given_back, model.asked().len()), (0, 1), "it ended by itself");
    let [key] = &stage.world.queue.enumerate().await.unwrap()[..] else { panic!() };
    assert_eq!((key.state, key.attempts), (KeyState::Queued, 0));
    [second, third].into_iter().for_each(|turn| model.then(turn));
    work(&stage, &mending, &[]).await;
    assert_eq!(concluded(&stage).last().unwrap(), REPAIRED);
    assert_eq!(model.asked().len(), 3, "nothing is asked twice");
}

#[tokio::test]
async fn what_the_oracle_took_and_nobody_kept_is_kept_without_asking_again() {
    let (before, mending, _) = scene(mends()).await;
    round(&before, &mending).await;

    // The same mill, but for what was written last.
    let (mut stage, _, _) = scene([]).await;
    let records = Arc::new(MemRecords::new());
    for kind in [Miss::NAME, StepFact::NAME, Link::NAME] {
        for (_, fact) in before.world.records.of_kind(kind, 0).await.unwrap() {
            records.append(&[fact]).await.unwrap();
        }
    }
    (stage.world.records, stage.world.blobs) = (records, before.world.blobs.clone());
    watched(&stage).await;
    let (mut mending, advisories) = crate::mending::mending(&stage);
    advise(&advisories, "2026-01-01T00:00:00Z");
    let model = Arc::new(ScriptedModel::forever(calls(&[])));
    mending.models = Some(models(&stage, &model, |_| ()));
    assert_eq!(due(&mending).await, [BACKPORT]);
    assert_eq!(round(&stage, &mending).await, [REPAIRED]);
    assert!(round(&stage, &mending).await.is_empty() && model.asked().is_empty());
    assert_eq!(repaired(&stage).await.len(), 1);
}

#[tokio::test]
async fn a_session_on_a_source_that_the_release_no_longer_has_is_ended_and_begun_anew() {
    let (stage, mut mending, model) = scene(mends()).await;
    let on = mending.models.take();
    round(&stage, &mending).await;
    mending.models = on;
    let task = Task {
        release: purl(),
        class: "incomplete".into(),
        goal: "carry the fix of PYSEC-1 to pkg:pypi/demo@1.0".into(),
        data: Vec::new(),
        team: None,
        metadata: false,
    };
    let begun = Begun { task, tree: Sha256::of(b"another"), prompt: Sha256::of(b""), at: at(3_000) };
    let world = &stage.world;
    Transcript::begin(world.records.as_ref(), world.blobs.as_ref(), begun).await.unwrap();
    assert_eq!(round(&stage, &mending).await, [REPAIRED]);
    let ends: Vec<String> = sessions(&stage)
        .await
        .into_iter()
        .map(|one| match one.last {
            Step::Ended { how, .. } => how,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((ends.join(" "), model.asked().len()), ("gave-up accepted".to_owned(), 3));
    let fact = facts::all::<Repaired>(stage.world.records.as_ref(), &purl()).await.unwrap();
    assert_eq!(fact.len(), 1);
}
