//! The ladder, rung by rung.

use super::next_recipe;
use super::testing::{artifact, contents, sources};
use trustmill_core::Purl;
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass, Usage};
use trustmill_core::package::Artifact;
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::Recipe;

const PUBLISHED: &str = r#"{"name": "demo", "version": "1.2.3"}"#;

/// Every recipe of the ladder, each tried and failed.
fn ladder(ours: &str, artifact: &Artifact, remembered: &[Recipe]) -> Vec<Recipe> {
    let sources = sources(&[("package.json", ours), ("index.js", "x")], "", "2020-12-01T00:00:00Z");
    let published = contents(&[("package.json", PUBLISHED), ("index.js", "x")]);
    let purl = Purl::release("npm", "demo", "1.2.3");
    let evidence = Evidence {
        purl: &purl,
        published: Some((artifact, &published)),
        sources: &sources,
        uploaded: "2024-02-02T00:00:00Z".parse().unwrap(),
        remembered,
    };
    let mut tried: Vec<Attempt> = Vec::new();
    while let Some(recipe) = next_recipe(&evidence, &tried) {
        assert!(tried.len() < 20, "the ladder ends");
        tried.push(Attempt {
            recipe,
            result: AttemptResult::Failed { class: FailureClass::Other, detail: String::new() },
            materials: Vec::new(),
            requests: Vec::new(),
            layers: Vec::new(),
            environment_usage: Usage::default(),
            build_usage: Usage::default(),
            log: None,
        });
    }
    tried.into_iter().map(|attempt| attempt.recipe).collect()
}

fn npms(recipes: &[Recipe]) -> Vec<&str> {
    recipes.iter().map(|recipe| recipe.tools["npm"].as_str()).collect()
}

#[test]
fn the_commits_day_decides_the_first_npm_and_the_others_follow() {
    let recipes = ladder(PUBLISHED, &artifact("demo", "1.2.3"), &[]);
    assert_eq!(npms(&recipes), ["6", "10", "8", "11"]);
    for recipe in &recipes {
        assert_eq!(recipe.steps.len(), 1);
        assert!(recipe.steps[0].argv.contains(&"--ignore-scripts".to_owned()));
        assert!(recipe.reasons[0].contains("nothing is built"));
    }
}

#[test]
fn what_the_registry_recorded_comes_first() {
    let mut artifact = artifact("demo", "1.2.3");
    artifact.hints.insert("_npmVersion".into(), "7.5.1".into());
    assert_eq!(npms(&ladder(PUBLISHED, &artifact, &[]))[0], "7.5.1");
    artifact.hints.insert("_npmVersion".into(), "../../x".into());
    assert_eq!(npms(&ladder(PUBLISHED, &artifact, &[]))[0], "6");
}

#[test]
fn a_placeholder_is_replaced_by_the_published_version_and_said() {
    let recipes =
        ladder(r#"{"name": "demo", "version": "0.0.0-development"}"#, &artifact("demo", "1.2.3"), &[]);
    let steps: Vec<&str> = recipes[0].steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["write", "pack"]);
    assert!(recipes[0].steps[0].argv.contains(&"1.2.3".to_owned()));
    assert!(recipes[0].reasons.iter().any(|reason| reason.contains("0.0.0-development")));
}

#[test]
fn a_remembered_recipe_comes_first_with_this_releases_version() {
    let mut before = ladder(r#"{"version": "1.2.2"}"#, &artifact("demo", "1.2.3"), &[]).remove(2);
    before.as_of = "2019-01-01T00:00:00Z".parse().unwrap();
    let recipes = ladder(PUBLISHED, &artifact("demo", "1.2.3"), std::slice::from_ref(&before));
    assert_eq!(npms(&recipes)[0], "8");
    assert_eq!(recipes[0].steps.len(), 1, "the version that was written then is not written now");
    assert_eq!(recipes.len(), 4, "what was remembered is not tried twice");
}
