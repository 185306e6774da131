//! The loop with models that were written down, good and bad.

mod adversary;
mod cases;
mod crash;
mod routing;
pub(crate) mod world;

use serde_json::{Value, json};
use std::sync::Arc;
use trustmill_core::repair::{Proposer, Ruling};
use trustmill_factory::agent::{Ended, Step, Transcript};
use trustmill_testkit::ScriptedModel;
use trustmill_testkit::model::{Turn, calls, says};
use world::{MENDED, World, release};

/// A reply that mends the hole.
pub(crate) fn mends() -> Turn {
    let edit = json!({ "path": "demo/__init__.py", "old": "    return eval(text)", "new": MENDED });
    Turn::Says(calls(&[("edit", edit)]))
}

pub(crate) fn does(name: &str, arguments: Value) -> Turn {
    Turn::Says(calls(&[(name, arguments)]))
}

pub(crate) fn submits() -> Turn {
    does("submit", json!({ "summary": "int in the place of eval" }))
}

/// A recorded transcript: it looks, is refused once, and mends.
pub(crate) fn recorded() -> Vec<Turn> {
    vec![
        Turn::Says(calls(&[
            ("list", json!({})),
            ("search", json!({ "text": "EVAL", "ignore_case": true })),
            ("log", json!({ "name": "strategies" })),
            ("similar_cases", json!({})),
        ])),
        does("read", json!({ "path": "demo/__init__.py" })),
        does(
            "edit",
            json!({ "path": "tests/test_hole.py", "old": "", "new": "def test_hole():\n    pass\n" }),
        ),
        submits(),
        mends(),
        Turn::Says(calls(&[("test", json!({})), ("build", json!({})), ("diff", json!({}))])),
        submits(),
    ]
}

/// What the tools answered, by name.
pub(crate) async fn answers(world: &World) -> Vec<(String, String, bool)> {
    let sessions = Transcript::sessions(world.records.as_ref(), &release()).await.unwrap();
    let (session, _) = sessions.first().unwrap();
    let transcript =
        Transcript::open(world.records.as_ref(), world.blobs.as_ref(), &release(), session).await.unwrap();
    let answer = |step: &Step| match step {
        Step::Did { answer, .. } => Some((answer.name.clone(), answer.text.clone(), answer.failed)),
        _ => None,
    };
    transcript.steps().iter().filter_map(answer).collect()
}

#[tokio::test]
async fn a_refused_submission_comes_back_with_its_reasons_and_the_work_goes_on() {
    let scripted = Arc::new(ScriptedModel::new(recorded()));
    let world = World::with(Arc::clone(&scripted) as _);
    let (_, ended, overhead) = world.start().await.unwrap();
    let Ended::Accepted { candidate, judgement } = ended else { panic!("{ended:?}") };
    assert_eq!(judgement.ruling(), Ruling::Proven);
    assert_eq!(candidate.fix.edits.keys().collect::<Vec<_>>(), ["demo/__init__.py"]);
    assert_eq!(candidate.tests.edits.keys().collect::<Vec<_>>(), ["tests/test_hole.py"]);
    let Proposer::Model { provider, family, model, cost_micros, .. } = &candidate.proposer else { panic!() };
    assert_eq!(
        (provider.as_str(), family.as_str(), model.as_str()),
        ("anthropic", "anthropic", "claude-sonnet-5")
    );
    assert_eq!(*cost_micros, Some(7 * (1000 + 100 * 10)), "seven turns at the table's price");
    assert!(overhead.own() <= overhead.total);
    let answers = answers(&world).await;
    let of = |name: &str| answers.iter().filter(|(tool, ..)| tool == name).collect::<Vec<_>>();
    assert!(of("submit")[0].2 && of("submit")[0].1.contains("eval is still reached"));
    assert!(of("list")[0].1.contains("demo/__init__.py") && of("list")[0].1.contains("workshop"));
    assert!(of("search")[0].1.contains("demo/__init__.py:2:"));
    assert!(of("similar_cases")[0].1.contains("+int"));
    assert!(of("diff")[0].1.contains("+    return int(text)"));
    // What was refused was told to the model, word for word.
    let last = scripted.asked().pop().unwrap();
    assert!(serde_json::to_string(&last.messages).unwrap().contains("eval is still reached"));
}

#[tokio::test]
async fn a_question_parks_the_work_until_a_person_answers() {
    let scripted =
        Arc::new(ScriptedModel::new([mends(), does("ask", json!({ "question": "is int() enough?" }))]));
    let world = World::with(Arc::clone(&scripted) as _);
    let (session, ended, _) = world.start().await.unwrap();
    assert_eq!(ended, Ended::Parked { question: "is int() enough?".into() });
    assert_eq!(world.resume(&session).await.unwrap().1, ended, "nobody answered");
    assert_eq!(scripted.asked().len(), 2);
    let mut transcript =
        Transcript::open(world.records.as_ref(), world.blobs.as_ref(), &release(), &session).await.unwrap();
    let at = "2026-11-09T12:00:00Z".parse().unwrap();
    transcript.push(Step::Answered { by: "ada".into(), text: "yes".into(), at }).await.unwrap();
    scripted.then(Turn::Sees(Box::new(|request| {
        let said = serde_json::to_string(&request.messages).unwrap();
        assert!(said.contains("a_person_answers") && said.contains("yes"), "{said}");
        Ok(calls(&[("submit", json!({ "summary": "done" }))]))
    })));
    // Days later, on another machine that was given the stores.
    let elsewhere =
        World::over(Arc::clone(&world.records), Arc::clone(&world.blobs), world.router.settings().clone());
    let (_, ended, _) = elsewhere.resume(&session).await.unwrap();
    assert!(matches!(ended, Ended::Accepted { .. }), "{ended:?}");
}

#[tokio::test]
async fn it_ends_when_it_gives_up_or_says_nothing_of_use() {
    let gave = |ended| match ended {
        Ended::GaveUp { why } => why,
        other => panic!("{other:?}"),
    };
    let world =
        World::with(Arc::new(ScriptedModel::new([does("give_up", json!({ "why": "no such code" }))])));
    assert_eq!(gave(world.start().await.unwrap().1), "no such code");
    let world = World::with(Arc::new(ScriptedModel::forever(says("I am thinking."))));
    assert!(gave(world.start().await.unwrap().1).contains("no tool in 3 turns"));
    let forever = ScriptedModel::forever(calls(&[("read", json!({ "path": "README.md" }))]));
    let world = World::with(Arc::new(forever));
    assert!(gave(world.start().await.unwrap().1).contains("8 calls in a row"));
}

#[tokio::test]
async fn budgets_end_it() {
    let turns = |at: u32| calls(&[("search", json!({ "text": format!("x{at}") }))]);
    let endless = || ScriptedModel::new((0..200).map(|at| Turn::Says(turns(at))));
    for (change, word) in [
        (&(|world: &mut World| world.allowance.turns = Some(5)) as &dyn Fn(&mut World), "5 turns"),
        (&|world: &mut World| world.allowance.tokens = Some(4_000), "4400 tokens"),
        (&|world: &mut World| world.allowance.micros = Some(100_000), "of money"),
    ] {
        let scripted = Arc::new(endless());
        let mut world = World::with(Arc::clone(&scripted) as _);
        change(&mut world);
        let (session, ended, _) = world.start().await.unwrap();
        let Ended::Spent { what } = &ended else { panic!("{word}: {ended:?}") };
        assert!(what.contains(word), "{what}");
        let asked = scripted.asked().len();
        assert_eq!(world.resume(&session).await.unwrap().1, ended, "it stays ended");
        assert_eq!(scripted.asked().len(), asked);
        let books = world.router.ledger().follow().await.unwrap();
        assert!(books.task(session.as_str()).micros <= 100_000);
    }
}
