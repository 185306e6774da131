//! Which model is asked, and what happens when one may not or cannot.

use super::world::{World, model, provider, settings};
use super::{does, mends, submits};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::port::model::{ModelError, Passing};
use trustmill_factory::agent::{Ended, SessionError};
use trustmill_factory::models::family::Route;
use trustmill_factory::models::{Allowance, Ban, Entry, Prices, RouteError, Settings, Team};
use trustmill_testkit::ScriptedModel;
use trustmill_testkit::model::{Turn, calls, passes};

fn two(first: &Arc<ScriptedModel>, second: &Arc<ScriptedModel>) -> Settings {
    let one = provider("anthropic", "api.anthropic.com", Arc::clone(first) as _);
    let other = provider("openai", "api.openai.com", Arc::clone(second) as _);
    settings(vec![one, other], &["anthropic/claude-sonnet-5", "openai/gpt-5.2"])
}

fn works() -> Arc<ScriptedModel> {
    Arc::new(ScriptedModel::new([mends(), submits()]))
}

fn ban(family: &str) -> Entry {
    Entry::Banned(Ban {
        family: family.into(),
        routes: BTreeSet::new(),
        by: "ada".into(),
        why: "a test".into(),
    })
}

fn nobody(error: SessionError) -> Vec<String> {
    match error {
        SessionError::Route(RouteError::Nobody { why, .. }) => why,
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_and_what_does_not_goes_to_the_next() {
    let refused = || Turn::Fails(ModelError::Refused { provider: "anthropic".into(), why: "revoked".into() });
    for (script, asked) in [
        (vec![Turn::Fails(passes(Passing::Limited, Some(Duration::from_secs(7)))), mends(), submits()], 3),
        (
            vec![
                Turn::Fails(passes(Passing::Cut, None)),
                Turn::Fails(passes(Passing::Overloaded, None)),
                mends(),
                submits(),
            ],
            4,
        ),
    ] {
        let (first, second) = (Arc::new(ScriptedModel::new(script)), works());
        let world = World::new(two(&first, &second));
        assert!(matches!(world.start().await.unwrap().1, Ended::Accepted { .. }));
        assert_eq!((first.asked().len(), second.asked().len()), (asked, 0));
    }
    for script in [
        vec![refused()],
        (0..3).map(|_| Turn::Fails(passes(Passing::TimedOut, None))).collect(),
        vec![Turn::Fails(passes(Passing::Limited, Some(Duration::from_secs(3600))))],
        vec![Turn::Fails(ModelError::UnknownModel {
            provider: "a".into(),
            model: "m".into(),
            why: "no".into(),
        })],
        (0..2)
            .map(|_| Turn::Fails(ModelError::Malformed { provider: "a".into(), why: "no".into() }))
            .collect(),
    ] {
        let script = script.into_iter().chain([refused()]);
        let (first, second) = (Arc::new(ScriptedModel::new(script)), works());
        let world = World::new(two(&first, &second));
        assert!(matches!(world.start().await.unwrap().1, Ended::Accepted { .. }));
        assert_eq!(second.asked().len(), 2, "the second one took both turns");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_revoked_in_the_middle_ends_nothing() {
    let refused = Turn::Fails(ModelError::Refused { provider: "anthropic".into(), why: "revoked".into() });
    let (first, second) =
        (Arc::new(ScriptedModel::new([mends(), refused])), Arc::new(ScriptedModel::new([submits()])));
    let world = World::new(two(&first, &second));
    assert!(matches!(world.start().await.unwrap().1, Ended::Accepted { .. }));
    assert_eq!((first.asked().len(), second.asked().len()), (2, 1));
}

#[tokio::test]
async fn a_ban_holds_at_once_and_for_every_way_to_the_family() {
    let (first, second) = (works(), works());
    let mut mill = two(&first, &second);
    let resold = provider("gateway", "gateway.example.com", Arc::new(ScriptedModel::default()));
    let mut alias = provider("house", "house.example.com", Arc::new(ScriptedModel::default()));
    alias.families.insert("best".into(), "anthropic".into());
    for provider in [resold, alias] {
        mill.providers.insert(provider.name.clone(), provider);
    }
    let route = ["anthropic/claude-sonnet-5", "gateway/anthropic/claude-sonnet-5", "house/best"].map(model);
    mill.routes.insert("default".into(), route.to_vec());
    mill.unpriced = true;
    let world = World::new(mill);
    world.router.ledger().write(&ban("anthropic")).await.unwrap();
    let why = nobody(world.start().await.unwrap_err());
    assert_eq!(why.len(), 3, "{why:?}");
    assert!(why.iter().all(|why| why.contains("anthropic is banned")), "{why:?}");
    assert_eq!(first.asked().len(), 0);
    let allowed = Entry::Allowed { family: "anthropic".into(), by: "ada".into(), why: "over".into() };
    world.router.ledger().write(&allowed).await.unwrap();
    assert!(matches!(world.start().await.unwrap().1, Ended::Accepted { .. }));
}

#[tokio::test]
async fn a_ban_of_a_route_leaves_the_others() {
    let (first, second) = (works(), works());
    let world = World::new(two(&first, &second));
    let routes = BTreeSet::from([Route::Resold, Route::Alias]);
    let entry = Ban { family: "anthropic".into(), routes, by: "ada".into(), why: "resold".into() };
    world.router.ledger().write(&Entry::Banned(entry)).await.unwrap();
    assert!(matches!(world.start().await.unwrap().1, Ended::Accepted { .. }));
    assert_eq!(first.asked().len(), 2);
}

#[tokio::test]
async fn a_ban_ends_a_reply_that_is_being_written() {
    let (first, second) = (Arc::new(ScriptedModel::new([Turn::Hangs])), works());
    let world = World::new(two(&first, &second));
    // Another process with the same stores says it.
    let other = World::over(Arc::clone(&world.records), Arc::clone(&world.blobs), Settings::default());
    let says = async {
        while first.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        other.router.ledger().write(&ban("anthropic")).await.unwrap();
    };
    let (ended, ()) = tokio::join!(world.start(), says);
    assert!(matches!(ended.unwrap().1, Ended::Accepted { .. }));
    assert_eq!((first.asked().len(), second.asked().len()), (1, 2));
    let links = world.router.ledger().links().await.unwrap();
    let dropped = |entry: &Entry| matches!(entry, Entry::Failed { how, .. } if how == "banned");
    assert!(links.iter().any(|link| dropped(&link.entry)));
}

#[tokio::test]
async fn what_is_not_known_or_not_allowed_is_not_asked() {
    let (first, second) = (works(), works());
    let mill = || two(&first, &second);
    let strange =
        Settings { routes: [("default".into(), vec![model("gateway/house-model")])].into(), ..mill() };
    let unknown = {
        let mut mill = strange.clone();
        let gateway = provider("gateway", "gateway.example.com", Arc::new(ScriptedModel::default()));
        mill.providers.insert("gateway".into(), gateway);
        mill
    };
    let allowed = Team { models: vec![model("openai/*")], daily: Allowance::default() };
    for (mill, word) in [
        (strange, "no provider"),
        (unknown, "nobody knows"),
        (Settings { self_hosted_only: true, ..mill() }, "servers of your own"),
        (Settings { regions: ["us".to_owned()].into(), ..mill() }, "region is eu"),
        (
            Settings {
                prices: Prices::default(),
                task: Allowance { micros: Some(1), ..Allowance::TASK },
                ..mill()
            },
            "price is not known",
        ),
        (Settings { routes: [].into(), ..mill() }, "no route"),
    ] {
        let why = nobody(World::new(mill).start().await.unwrap_err());
        assert!(why.iter().all(|why| why.contains(word)), "{word}: {why:?}");
    }
    assert_eq!((first.asked().len(), second.asked().len()), (0, 0));
    let world = World::new(Settings { teams: [("web".into(), allowed)].into(), ..mill() });
    let task = trustmill_factory::agent::Task { team: Some("web".into()), ..super::world::task() };
    assert!(matches!(world.session().start(task).await.unwrap().1, Ended::Accepted { .. }));
    assert_eq!((first.asked().len(), second.asked().len()), (0, 2), "the team may use the second one only");
}

#[tokio::test]
async fn a_day_has_its_own_budget_and_the_work_waits_for_the_next() {
    let scripted = Arc::new(ScriptedModel::new([does("list", json!({})), mends(), submits()]));
    let mut mill = World::with(Arc::clone(&scripted) as _).router.settings().clone();
    mill.daily.turns = Some(2);
    let world = World::new(mill);
    let error = world.start().await.unwrap_err();
    assert!(error.to_string().contains("the budget of the day is spent: 2 turns"), "{error}");
    world.clock.advance(Duration::from_secs(86_400));
    let release = super::world::release();
    let sessions = trustmill_factory::agent::Transcript::sessions(world.records.as_ref(), &release).await;
    let session = sessions.unwrap().remove(0).0;
    assert!(matches!(world.resume(&session).await.unwrap().1, Ended::Accepted { .. }));
}

#[tokio::test]
async fn what_goes_out_and_never_comes_back_counts_with_the_most_it_may_have_cost() {
    let scripted = Arc::new(ScriptedModel::new([Turn::Hangs]));
    let world = World::with(Arc::clone(&scripted) as _);
    let killed = tokio::time::timeout(Duration::from_millis(50), world.start()).await;
    assert!(killed.is_err());
    let books = world.router.ledger().follow().await.unwrap();
    let day = books.everybody("2026-11-01T13:00:00Z".parse().unwrap());
    let most = 8192 * 10;
    assert!(day.micros > most, "{day:?}");
}

#[tokio::test]
async fn a_log_that_was_changed_is_used_for_nothing() {
    let scripted = Arc::new(ScriptedModel::new([Turn::Says(calls(&[("give_up", json!({ "why": "x" }))]))]));
    let world = World::with(Arc::clone(&scripted) as _);
    world.start().await.unwrap();
    let facts = world.records.of_kind("model-log", 0).await.unwrap();
    assert_eq!(facts.len(), 2);
    // The same stores without the first entry: a use of the family that somebody wants forgotten.
    let forged = trustmill_testkit::MemRecords::new();
    use trustmill_core::port::records::Records as _;
    forged.append(&[facts[1].1.clone()]).await.unwrap();
    let other = World::over(Arc::new(forged), Arc::clone(&world.blobs), world.router.settings().clone());
    assert!(other.router.ledger().links().await.is_err());
    let error = other.start().await.unwrap_err();
    assert!(error.to_string().contains("does not hold together at entry 2"), "{error}");
}
