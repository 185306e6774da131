//! A project key looks for new releases.

use crate::world::{Stage, artifact, at, purl, wheel};
use trustmill_core::outcome::Outcome;
use trustmill_core::package::ArtifactKind;
use trustmill_factory::pipeline;

#[tokio::test]
async fn the_newest_and_whatever_came_since_is_enqueued() {
    let stage = Stage::new(&wheel("x = 1"), &[]);
    let project = purl().without_version();
    {
        let mut known = stage.demo.project.lock().unwrap();
        for (version, seconds) in [("1.1", 100), ("0.9.1", 200), ("2.0", 300)] {
            let name = format!("demo-{version}-py3-none-any.whl");
            known.files.push(artifact(&name, ArtifactKind::Portable, version, &wheel("x"), seconds));
        }
        known.versions = ["0.9.1", "1.0", "1.1", "2.0"].map(str::to_owned).to_vec();
    }
    let keys = |versions: &[&str]| {
        Outcome::Enqueue(versions.iter().map(|version| project.at(version).into()).collect())
    };
    assert_eq!(pipeline::reconcile(&stage.world, &project).await.unwrap(), keys(&["2.0"]));
    stage.world.records.watch(&project, at(150)).await.unwrap();
    let outcome = pipeline::reconcile(&stage.world, &project).await.unwrap();
    assert_eq!(outcome, keys(&["0.9.1", "2.0"]), "a maintenance release counts too");
}
