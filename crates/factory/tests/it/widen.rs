//! The search for a recipe after the ladder has ended.

use crate::world::{Scripted, Stage, WHEEL, purl, wheel};
use trustmill_core::Verdict;
use trustmill_core::attempt::FailureClass;
use trustmill_factory::pipeline::widen;

fn fails() -> Scripted {
    Scripted::Fails(FailureClass::BackendError)
}

#[tokio::test]
async fn what_brings_the_bytes_nearer_is_built_upon_until_they_are_there() {
    let published = wheel("x = 1");
    let stage = Stage::new(&published, &[fails()]).widened_by(&[
        fails(),
        Scripted::Wheel(wheel("x = 2")),
        Scripted::Wheel(published.clone()),
        fails(),
    ]);
    let all = widen(&stage.world, &purl(), 9).await.unwrap();
    let [one] = &all[..] else { panic!("{all:?}") };
    assert_eq!((one.file.as_str(), one.before, one.after), (WHEEL, Verdict::BuildFailed, Verdict::Identical));
    assert_eq!((one.builds, one.differences, &one.left), (3, Some(0), &None));
    let definition = one.definition.as_ref().unwrap();
    assert!(
        definition.text.starts_with("wide 2: ") && definition.text.contains("after 3 more builds"),
        "{definition:?}"
    );
    assert_eq!(*stage.demo.built.lock().unwrap(), ["rung 0", "wide 0", "wide 1", "wide 2"]);
}

#[tokio::test]
async fn a_search_that_helps_nothing_ends_and_says_what_is_in_the_way() {
    let stage = Stage::new(&wheel("x = 1"), &[fails()]).widened_by(&[fails(), fails(), fails()]);
    let all = widen(&stage.world, &purl(), 2).await.unwrap();
    assert_eq!((all[0].after, all[0].builds, all[0].differences), (Verdict::BuildFailed, 2, None));
    assert!(all[0].definition.is_none());
    assert!(all[0].left.as_ref().unwrap().contains("backend-error: it raised"), "{all:?}");
    // What was built is kept: the next search goes on behind it.
    widen(&stage.world, &purl(), 9).await.unwrap();
    assert_eq!(*stage.demo.built.lock().unwrap(), ["rung 0", "wide 0", "wide 1", "wide 2"]);
}

#[tokio::test]
async fn where_the_ladder_reached_the_bytes_nothing_is_searched() {
    let published = wheel("x = 1");
    let stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]).widened_by(&[fails()]);
    let all = widen(&stage.world, &purl(), 9).await.unwrap();
    assert_eq!((all[0].after, all[0].builds), (Verdict::Identical, 0));
    assert!(all[0].definition.is_none());
}

#[tokio::test]
async fn a_search_that_only_comes_nearer_says_what_still_differs() {
    let stage = Stage::new(&wheel("x = 1"), &[fails()]).widened_by(&[Scripted::Wheel(wheel("x = 2"))]);
    let all = widen(&stage.world, &purl(), 9).await.unwrap();
    assert!(all[0].after < Verdict::BuildFailed && all[0].after > Verdict::Normalised, "{all:?}");
    assert!(all[0].left.as_ref().unwrap().contains("demo.py differ"), "{all:?}");
}
