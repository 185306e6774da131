//! Every write fails once, before it landed and after: the work still ends as if nothing had happened.

use crate::world::{Scripted, Stage, purl, wheel};
use std::sync::Arc;
use trustmill_core::attempt::FailureClass;
use trustmill_core::outcome::Outcome;
use trustmill_factory::pipeline;
use trustmill_testkit::faults::{Faults, Faulty, When};

/// Runs the release with one planned failure, trying again as the dispatcher would.
async fn run(faults: &Faults) -> Stage {
    let published = wheel("x = 1");
    let rungs = [Scripted::Fails(FailureClass::BackendError), Scripted::Wheel(published.clone())];
    let mut stage = Stage::new(&published, &rungs);
    stage.world.records = Arc::new(Faulty::new(Arc::clone(&stage.world.records), faults.clone()));
    stage.world.blobs = Arc::new(Faulty::new(Arc::clone(&stage.world.blobs), faults.clone()));
    for _ in 0..3 {
        if let Ok(outcome) = pipeline::reconcile(&stage.world, &purl()).await {
            assert_eq!(outcome, Outcome::Done);
            return stage;
        }
    }
    panic!("one failure keeps the key from ever settling");
}

#[tokio::test]
async fn each_write_may_fail_before_or_after_it_landed() {
    let counted = Faults::none();
    let whole = run(&counted).await;
    let writes = counted.writes();
    assert!(writes >= 8, "only {writes} writes were seen");
    for number in 0..writes {
        for when in [When::Before, When::After] {
            let faults = Faults::nth(number, when);
            let stage = run(&faults).await;
            assert!(faults.fired(), "write {number} was never reached");
            for kind in ["judgement", "shelf", "winner", "release"] {
                let (got, expected) = (stage.facts(kind).await, whole.facts(kind).await);
                assert_eq!(got.len(), expected.len(), "{kind} after write {number} failed {when:?}");
            }
            let rebuilt = stage.demo.built.lock().unwrap().len();
            assert!(rebuilt <= 3, "write {number} {when:?}: {rebuilt} builds where 2 were needed");
        }
    }
}
