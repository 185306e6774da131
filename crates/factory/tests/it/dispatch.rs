//! The dispatcher: what a result means for its key.

use crate::world::{Scripted, Stage, at, purl, wheel};
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::queue::{Enqueue, KeyInfo, KeyState};
use trustmill_factory::progress::Event;
use trustmill_factory::reconcile::{Dispatcher, Drained, Settings};

fn settings() -> Settings {
    Settings { grace: Duration::from_millis(50), patience: 3, max_attempts: 2, ..Settings::default() }
}

/// Runs a dispatcher until `done` holds of what was seen, then stops it.
async fn run(stage: &Stage, settings: Settings, done: impl Fn(&[Event]) -> bool) -> Drained {
    let (stop, stopped) = watch::channel(false);
    let dispatcher = tokio::spawn(Dispatcher::new(stage.world.clone(), settings).run(stopped));
    for _ in 0..2_000 {
        if done(&stage.seen.0.lock().unwrap()) {
            stop.send(true).unwrap();
            return dispatcher.await.unwrap().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        // Waiting keys fall due without anybody waiting.
        stage.clock.advance(Duration::from_secs(60));
    }
    panic!("it never happened; seen: {:?}", stage.seen.0.lock().unwrap());
}

async fn enqueue(stage: &Stage) {
    stage.world.queue.enqueue(&[Enqueue::now(purl().to_string(), 0)]).await.unwrap();
}

async fn key(stage: &Stage) -> Option<KeyInfo> {
    stage.world.queue.enumerate().await.unwrap().into_iter().next()
}

fn settled(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Settled { .. }))
}

fn parked(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Parked { .. }))
}

fn retries(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Retry { .. })).count()
}

#[tokio::test]
async fn a_settled_key_leaves_the_queue() {
    let published = wheel("x = 1");
    let stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]);
    enqueue(&stage).await;
    assert_eq!(run(&stage, settings(), settled).await, Drained { given_back: 0 });
    assert_eq!(key(&stage).await, None);
}

#[tokio::test]
async fn infrastructure_burns_no_attempt_and_parks_when_patience_ends() {
    let stage = Stage::new(&wheel("x = 1"), &[Scripted::SandboxBroken]);
    enqueue(&stage).await;
    run(&stage, settings(), parked).await;
    let key = key(&stage).await.unwrap();
    assert_eq!((key.state, key.attempts), (KeyState::Parked, 0));
    assert!(key.why.unwrap().contains("[TM0402]"));
    assert_eq!(retries(&stage.seen.0.lock().unwrap()), 2);
}

#[tokio::test]
async fn infrastructure_that_comes_back_is_forgotten() {
    let published = wheel("x = 1");
    let stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]);
    *stage.demo.unavailable.lock().unwrap() = true;
    enqueue(&stage).await;
    let flaky = |events: &[Event]| {
        if retries(events) == 1 {
            *stage.demo.unavailable.lock().unwrap() = false;
        }
        settled(events)
    };
    run(&stage, settings(), flaky).await;
    assert_eq!(key(&stage).await, None);
}

#[tokio::test]
async fn a_panic_in_an_adapter_is_the_keys_failure_and_not_the_processs() {
    let stage = Stage::new(&wheel("x = 1"), &[Scripted::Panics]);
    enqueue(&stage).await;
    run(&stage, settings(), parked).await;
    assert!(key(&stage).await.unwrap().why.unwrap().contains("[TM0499]"));
    assert_eq!(stage.demo.built.lock().unwrap().len(), 2, "max_attempts tries");
}

#[tokio::test]
async fn a_drain_gives_back_what_still_runs_without_burning_an_attempt() {
    let stage = Stage::new(&wheel("x = 1"), &[Scripted::Hangs]);
    enqueue(&stage).await;
    let building = |events: &[Event]| {
        events.iter().any(|event| matches!(event, Event::Step { step, .. } if step.starts_with("build")))
    };
    assert_eq!(run(&stage, settings(), building).await, Drained { given_back: 1 });
    let key = key(&stage).await.unwrap();
    assert_eq!((key.state, key.attempts, key.owner), (KeyState::Queued, 0, None));
}

#[tokio::test]
async fn a_clock_that_goes_back_loses_nothing() {
    let published = wheel("x = 1");
    let stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]);
    enqueue(&stage).await;
    stage.clock.set(at(-1_000_000));
    run(&stage, settings(), settled).await;
    assert_eq!(key(&stage).await, None);
}

#[tokio::test]
async fn a_key_that_is_none_or_that_nobody_here_works_on_is_set_aside() {
    for (text, why) in [
        ("nonsense", "is not a package URL"),
        ("burn:pkg:pypi/demo@1.0", "asks for \"burn\""),
        ("recipe:pkg:pypi/demo", "names no version"),
        ("recipe:pkg:pypi/demo@1.0", "this process repairs nothing"),
    ] {
        let stage = Stage::new(&wheel("x = 1"), &[]);
        stage.world.queue.enqueue(&[Enqueue::now(text, 0)]).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let dispatcher = tokio::spawn(Dispatcher::new(stage.world.clone(), settings()).run(stopped));
        while key(&stage).await.unwrap().state != KeyState::Parked {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let said = key(&stage).await.unwrap().why.unwrap();
        assert!(said.contains(why), "{said}");
        stop.send(true).unwrap();
        dispatcher.await.unwrap().unwrap();
    }
}
