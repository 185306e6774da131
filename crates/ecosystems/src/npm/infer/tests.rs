//! The ladder, rung by rung.

use super::next_recipe;
use super::testing::{artifact, contents, sources};
use trustmill_core::Purl;
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass, Usage};
use trustmill_core::content::Contents;
use trustmill_core::package::Artifact;
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::Recipe;

const PUBLISHED: &str = r#"{"name": "demo", "version": "1.2.3"}"#;

/// Every recipe of the ladder, each tried and failed.
fn ladder(ours: &str, artifact: &Artifact, remembered: &[Recipe]) -> Vec<Recipe> {
    let published = contents(&[("package.json", PUBLISHED), ("index.js", "x")]);
    climb(&[("package.json", ours), ("index.js", "x")], &published, artifact, remembered, FailureClass::Other)
}

/// The ladder of a package that is built: the commit holds these files, and nothing of what is published but the
/// manifest.
fn building(files: &[(&str, &str)], theirs: &str) -> Vec<Recipe> {
    let published = contents(&[("package.json", theirs), ("dist/index.js", "made")]);
    climb(files, &published, &artifact("demo", "1.2.3"), &[], FailureClass::BackendError)
}

fn climb(
    files: &[(&str, &str)],
    published: &Contents,
    artifact: &Artifact,
    remembered: &[Recipe],
    class: FailureClass,
) -> Vec<Recipe> {
    let sources = sources(files, "", "2020-12-01T00:00:00Z");
    let purl = Purl::release("npm", "demo", "1.2.3");
    let evidence = Evidence {
        purl: &purl,
        published: Some((artifact, published)),
        sources: &sources,
        uploaded: "2024-02-02T00:00:00Z".parse().unwrap(),
        remembered,
    };
    let mut tried: Vec<Attempt> = Vec::new();
    while let Some(recipe) = next_recipe(&evidence, &tried) {
        assert!(tried.len() < 20, "the ladder ends");
        tried.push(Attempt {
            recipe,
            result: AttemptResult::Failed { class, detail: String::new() },
            materials: Vec::new(),
            requests: Vec::new(),
            layers: Vec::new(),
            install_scripts: Vec::new(),
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

const BUILT: &str = r#"{"name": "demo", "version": "1.2.3", "scripts": {"prepare": "tsc", "test": "tap"}}"#;
const LOCK: (&str, &str) = ("package-lock.json", r#"{"lockfileVersion": 2}"#);

fn names(recipe: &Recipe) -> Vec<&str> {
    recipe.steps.iter().map(|step| step.name.as_str()).collect()
}

#[test]
fn a_build_follows_the_lockfile_and_runs_install_scripts_late() {
    let recipes = building(&[("package.json", BUILT), LOCK], BUILT);
    assert_eq!(names(&recipes[0]), ["relock", "install", "work-tree", "script", "pack"]);
    assert_eq!((recipes[0].tools["node"].as_str(), recipes[0].tools["npm"].as_str()), ("14", "8"));
    assert!(recipes[0].as_of > "2029-01-01T00:00:00Z".parse().unwrap());
    let installs = |recipe: &Recipe| names(recipe).contains(&"install-scripts");
    assert!(!recipes[..2].iter().any(installs) && recipes.iter().any(installs));
}

#[test]
fn dependencies_that_cannot_be_had_are_not_asked_for_again() {
    let published = contents(&[("package.json", BUILT), ("dist/index.js", "made")]);
    let class = FailureClass::UnresolvableRequirements;
    let recipes = climb(&[("package.json", BUILT), LOCK], &published, &artifact("demo", "1.2.3"), &[], class);
    let of = |step: &str| recipes.iter().filter(|one| names(one).contains(&step)).count();
    assert_eq!(
        (of("install"), of("install-loosely")),
        (2, 1),
        "one for each Node, and what the lockfile lacks"
    );
    assert_eq!(names(&recipes[1])[..2], ["relock", "install-loosely"]);
    let resolved = climb(
        &[("package.json", BUILT), LOCK],
        &published,
        &artifact("demo", "1.2.3"),
        &[],
        FailureClass::BackendError,
    );
    assert!(resolved.iter().all(|one| !names(one).contains(&"install-loosely")), "the lockfile was enough");
}

#[test]
fn the_published_manifest_tells_whether_pnpm_packed_it() {
    let lock = ("pnpm-lock.yaml", "lockfileVersion: '6.0'\n");
    let by = |theirs: &str| {
        let first = building(&[("package.json", BUILT), lock], theirs).remove(0);
        first.steps.last().unwrap().argv[1].clone()
    };
    assert!(by(BUILT).contains("npm-cli"), "what pnpm takes out is still there");
    assert!(by(PUBLISHED).contains("pnpm"));
}

#[test]
fn what_the_repository_says_of_node_counts() {
    let node = |files: &[(&str, &str)]| {
        let mut all = vec![LOCK];
        all.extend(files);
        building(&all, BUILT)[0].tools["node"].clone()
    };
    let with = |field: &str| BUILT.replace("\"name\"", &format!("{field}, \"name\""));
    assert_eq!(node(&[("package.json", BUILT)]), "14");
    assert_eq!(node(&[("package.json", BUILT), (".nvmrc", "v16.3.0\n")]), "16.3.0");
    assert_eq!(
        node(&[("package.json", &with(r#""volta": {"node": "12.22.0"}"#)), (".nvmrc", "16")]),
        "12.22.0"
    );
    assert_eq!(node(&[("package.json", &with(r#""engines": {"node": ">=18"}"#))]), "18");
}

#[test]
fn clean_publish_packs_what_it_wrote() {
    let ours = r#"{"name": "demo", "version": "1.2.3", "devDependencies": {"clean-publish": "^3.0.0"}}"#;
    let recipes = building(&[("package.json", ours), LOCK], PUBLISHED);
    assert_eq!(names(&recipes[0]), ["relock", "install", "work-tree", "clean", "pack"]);
    let other = building(&[("package.json", ours), LOCK], ours);
    assert!(other.iter().all(|recipe| !names(recipe).contains(&"clean")), "the published one is not cleaned");
}

#[test]
fn a_package_in_an_unnamed_folder_is_found_by_its_name_and_circles_of_workspaces_end() {
    let files = [
        ("package.json", r#"{"name": "root", "workspaces": ["packages/*", "."]}"#),
        ("packages/demo/package.json", BUILT),
        ("packages/demo/node_modules/demo/package.json", BUILT),
        ("packages/other/package.json", r#"{"name": "other", "workspaces": [".."]}"#),
    ];
    let first = building(&files, BUILT).remove(0);
    assert_eq!(first.steps[0].argv[2..4], ["--prefix", "/build/source"]);
    assert!(first.steps[2].argv.contains(&"/build/source/packages/demo".to_owned()));
}

#[test]
fn a_script_that_chooses_files_comes_after_plain_packing_and_before_other_pack_rules() {
    let ours = r#"{"name": "demo", "version": "1.2.3", "scripts": {"prepack": "npmignore --auto"}}"#;
    let recipes = ladder(ours, &artifact("demo", "1.2.3"), &[]);
    assert_eq!(names(&recipes[0]), ["pack"]);
    assert_eq!(names(&recipes[1]), ["install", "work-tree", "script", "pack"]);
    assert_eq!(recipes[1].as_of, "2024-02-02T00:00:00Z".parse().unwrap(), "nothing pins the dependencies");
    assert!(recipes[3..6].iter().all(|recipe| names(recipe) == ["pack"]));
}

#[test]
fn a_release_tool_that_drops_the_last_newline_is_followed() {
    let ours = format!("{PUBLISHED}\n");
    let recipes = ladder(&ours, &artifact("demo", "1.2.3"), &[]);
    assert_eq!(recipes[0].steps[0].argv.last().map(String::as_str), Some("bare"));
    assert!(recipes[0].reasons.iter().any(|reason| reason.contains("newline")));
}
