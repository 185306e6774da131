//! The rules as a table: evidence in, recipe out, and the ladder step by step.

use super::testing::World;
use super::*;
use crate::pypi::hooks::Hooks;
use trustmill_core::Sha256;
use trustmill_core::attempt::{FailureClass, Usage};
use trustmill_core::comparison::{Comparison, Difference, DifferenceClass};

fn first_of(world: &World) -> Recipe {
    next_recipe(&world.evidence(), None, &[]).unwrap()
}

fn hooks(recipe: &Recipe) -> Hooks {
    Hooks::of(recipe.steps.last().unwrap()).unwrap()
}

fn attempt(recipe: &Recipe, result: AttemptResult) -> Attempt {
    Attempt {
        recipe: recipe.clone(),
        result,
        materials: Vec::new(),
        requests: Vec::new(),
        layers: Vec::new(),
        install_scripts: Vec::new(),
        environment_usage: Usage::default(),
        build_usage: Usage::default(),
        log: None,
    }
}

fn failed(recipe: &Recipe, class: FailureClass, detail: &str) -> Attempt {
    attempt(recipe, AttemptResult::Failed { class, detail: detail.to_owned() })
}

fn differs(recipe: &Recipe, differences: &[(&str, DifferenceClass, &str)]) -> Attempt {
    let differences: Vec<Difference> = differences
        .iter()
        .map(|(member, class, diff)| Difference {
            member: (*member).to_owned(),
            class: *class,
            alarming: false,
            published: None,
            rebuilt: None,
            detail: String::new(),
            diff: Some((*diff).to_owned()),
        })
        .collect();
    let verdict = if differences.is_empty() { Verdict::Identical } else { Verdict::Unexplained };
    let comparison = Comparison {
        format: Comparison::FORMAT,
        verdict,
        published: Sha256::of(b"p"),
        rebuilt: Sha256::of(b"r"),
        replay: None,
        normalisations: Vec::new(),
        differences,
    };
    attempt(recipe, AttemptResult::Compared(Box::new(comparison)))
}

const OLD: &str = "Metadata-Version: 2.1\nName: demo\nPlatform: UNKNOWN\nLicense-File: LICENSE\n\nText\n\n\n";

#[test]
fn a_bdist_wheel_of_2022_pins_wheel_and_bounds_setuptools() {
    let recipe = first_of(&World::new("bdist_wheel (0.37.1)").metadata(OLD));
    assert_eq!(recipe.requirements, ["setuptools", "wheel"]);
    assert_eq!(recipe.constraints, ["wheel==0.37.1", "setuptools>=57.0.0,<60.9"]);
    assert_eq!(recipe.tools["python"], "3.10");
    assert_eq!(hooks(&recipe).backend.as_deref(), Some("setuptools.build_meta:__legacy__"));
    assert_eq!(recipe.umask, 0o022);
    assert_eq!(recipe.source_date_epoch, None);
    assert!(recipe.reasons.iter().any(|reason| reason.contains("before 62.2")));
}

#[test]
fn the_evidence_on_setuptools_is_a_table() {
    let head = "Metadata-Version: 2.1\nName: demo\n";
    let rows = [
        ("Platform: any\n\nText\n\n", "setuptools<70.1"),
        ("Home-page: UNKNOWN\nPlatform: any\n\nText\n\n", "setuptools<60.6"),
        ("Author: UNKNOWN\nPlatform: any\n\nText\n\n", "setuptools<56.2"),
        ("License: UNKNOWN\nPlatform: any\n\nText\n\n", "setuptools<62.2"),
        ("\nText\n\n", "setuptools>=62.2,<70.1"),
        ("Platform: any\n\nText\n", "setuptools>=62.2,<70.1"),
        ("Platform: any\n\nText\n\n\n", "setuptools<62.2"),
        // An absence gives way to a proof.
        ("License-File: X\nPlatform: UNKNOWN\n\nText\n", "setuptools>=57.0.0,<62.2"),
    ];
    for (tail, expected) in rows {
        let world = World::new("bdist_wheel (0.38.4)")
            .metadata(&format!("{head}{tail}"))
            .uploaded("2024-02-01T00:00:00Z")
            // Read by setuptools from 61 on only: no release is equal to another.
            .source("pyproject.toml", "[tool.setuptools]\n");
        assert_eq!(first_of(&world).constraints[1], expected, "{tail:?}");
    }
    let underscore = World::new("bdist_wheel (0.43.0)")
        .metadata("Name: demo_pkg\nPlatform: any\n\nText\n\n")
        .uploaded("2024-05-01T00:00:00Z");
    assert_eq!(first_of(&underscore).constraints[1], "setuptools>=69.0.3,<70.1");
}

#[test]
fn of_equal_releases_the_cheaper_one_is_taken_and_the_rest_is_left_to_the_ladder() {
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD);
    let first = first_of(&world);
    assert_eq!(first.constraints[1], "setuptools>=57.0.0,<60.9");
    let tried = [differs(&first, &[("demo-1.0.dist-info/METADATA", DifferenceClass::Content, "-a\n+b\n")])];
    let second = next_recipe(&world.evidence(), None, &tried).unwrap();
    assert_eq!(second.constraints[1], "setuptools>=57.0.0,<62.2");
    let entries = world.member("demo-1.0.dist-info/entry_points.txt", "[console_scripts]\na = b:c\n");
    assert_eq!(first_of(&entries).constraints[1], "setuptools>=60.9.1,<60.10");
    let configured = entries.source("pyproject.toml", "[project]\nname = 'demo'\n");
    assert_eq!(first_of(&configured).constraints[1], "setuptools>=57.0.0,<62.2");
}

#[test]
fn entry_points_and_licences_tell_too() {
    let metadata = "Name: demo\nPlatform: any\n\nText\n\n";
    let raw = World::new("bdist_wheel (0.37.1)")
        .metadata(metadata)
        .member("demo-1.0.dist-info/entry_points.txt", "\n    [console_scripts]\n    a = b:c\n    ");
    assert_eq!(first_of(&raw).constraints[1], "setuptools<60.9");
    let ordered = World::new("bdist_wheel (0.37.1)")
        .metadata(metadata)
        .member("demo-1.0.dist-info/entry_points.txt", "[console_scripts]\na = b:c\n");
    assert_eq!(first_of(&ordered).constraints[1], "setuptools>=60.9.1,<70.1");
    let licence = World::new("bdist_wheel (0.37.1)").metadata(metadata).source("LICENSE.txt", "MIT");
    assert_eq!(first_of(&licence).constraints[1], "setuptools<57.0.0");
}

#[test]
fn setuptools_before_the_legacy_hook_runs_setup_py_on_an_old_python() {
    let world = World::new("bdist_wheel (0.31.1)").metadata(OLD).uploaded("2018-09-01T00:00:00Z");
    let recipe = first_of(&world);
    assert_eq!(hooks(&recipe).backend, None);
    assert_eq!(recipe.tools["python"], "3.7");
}

#[test]
fn newer_setuptools_is_pinned_and_the_spelling_tells_of_wheel() {
    let rows = [
        ("Requires-Dist: a (<2,>=1)", vec!["setuptools==75.1.0", "wheel<0.41.1"]),
        ("Requires-Dist: a <2,>=1 ; extra == 'x'", vec!["setuptools==75.1.0", "wheel>=0.41.1,<0.44"]),
        ("Requires-Dist: a<2,>=1", vec!["setuptools==75.1.0", "wheel>=0.44"]),
        ("Requires-Dist: a", vec!["setuptools==75.1.0"]),
    ];
    for (line, expected) in rows {
        let metadata = format!("Metadata-Version: 2.1\nName: demo\n{line}\n\nText\n");
        let world = World::new("setuptools (75.1.0)").metadata(&metadata).uploaded("2024-10-01T00:00:00Z");
        assert_eq!(first_of(&world).constraints, expected, "{line}");
    }
}

#[test]
fn setuptools_that_writes_its_own_requirements_needs_no_wheel() {
    let metadata = "Metadata-Version: 2.1\nName: demo\nRequires-Dist: a<2,>=1\n\nText\n";
    let world = World::new("setuptools (75.6.0)").metadata(metadata).uploaded("2024-12-01T00:00:00Z");
    assert_eq!(first_of(&world).constraints, ["setuptools==75.6.0"]);
}

#[test]
fn other_back_ends_are_pinned_to_their_own_line() {
    let rows = [
        ("hatchling 1.18.0", "hatchling", "hatchling.build", "hatchling==1.18.0"),
        ("flit 3.2.0", "flit_core >=2,<4", "flit_core.buildapi", "flit_core==3.2.0"),
        ("poetry-core 1.0.8", "poetry-core>=1", "poetry.core.masonry.api", "poetry-core==1.0.8"),
        ("pdm-backend (2.1.0)", "pdm-backend", "pdm.backend", "pdm-backend==2.1.0"),
    ];
    for (generator, requirement, backend, pin) in rows {
        let project = format!("[build-system]\nrequires = ['{requirement}']\nbuild-backend = '{backend}'\n");
        let recipe =
            first_of(&World::new(generator).metadata("Name: demo\n").source("pyproject.toml", &project));
        assert_eq!(recipe.requirements, [requirement]);
        assert_eq!(recipe.constraints, [pin]);
        assert_eq!(hooks(&recipe).backend.as_deref(), Some(backend));
    }
}

#[test]
fn a_back_end_builds_itself_or_is_built_by_the_one_before() {
    let project =
        "[build-system]\nrequires = []\nbuild-backend = 'flit_core.buildapi'\nbackend-path = ['.']\n";
    let itself = first_of(&World::new("flit 1.0").source("pyproject.toml", project));
    assert_eq!(hooks(&itself).backend_path, ["."]);
    assert!(itself.constraints.is_empty());
    let before = first_of(&World::new("flit 3.1.0").source("pyproject.toml", project));
    assert!(hooks(&before).backend_path.is_empty());
    assert_eq!(before.constraints, ["flit_core==3.1.0"]);
    assert_eq!(before.requirements, ["flit_core"]);
}

#[test]
fn setuptools_makes_its_own_wheel_from_its_own_tree() {
    let project =
        "[build-system]\nrequires = []\nbuild-backend = 'setuptools.build_meta'\nbackend-path = ['.']\n";
    let metadata = "Metadata-Version: 2.4\nName: setuptools\nRequires-Dist: a<2,>=1\n\nText\n";
    let world = World::new("setuptools (1.0)")
        .metadata(metadata)
        .source("pyproject.toml", project)
        .named("setuptools");
    let recipe = first_of(&world);
    assert!(recipe.constraints.is_empty() && recipe.requirements.is_empty());
    assert_eq!(hooks(&recipe).backend_path, ["."]);
    let wheel = World::new("bdist_wheel (1.0)").metadata(OLD).named("wheel");
    assert_eq!(first_of(&wheel).constraints, ["setuptools>=57.0.0,<60.9"]);
}

#[test]
fn the_old_name_of_poetry_core_is_translated() {
    let project = "[build-system]\nrequires = ['poetry>=0.12']\nbuild-backend = 'poetry.masonry.api'\n";
    let recipe = first_of(&World::new("poetry 1.0.5").source("pyproject.toml", project));
    assert_eq!(recipe.requirements, ["poetry-core==1.0.5"]);
    assert_eq!(hooks(&recipe).backend.as_deref(), Some("poetry.core.masonry.api"));
}

#[test]
fn setup_py_runs_where_the_declared_back_end_did_not() {
    let project = "[build-system]\nrequires = ['poetry>=0.12']\nbuild-backend = 'poetry.masonry.api'\n";
    let recipe =
        first_of(&World::new("bdist_wheel (0.36.2)").metadata(OLD).source("pyproject.toml", project));
    assert_eq!(recipe.requirements, ["setuptools", "wheel"]);
    assert_eq!(hooks(&recipe).backend.as_deref(), Some("setuptools.build_meta:__legacy__"));
}

#[test]
fn one_time_for_all_members_is_an_epoch() {
    let mut world = World::new("hatchling 1.18.0").metadata("Name: demo\n");
    assert_eq!(first_of(&world).source_date_epoch, None);
    world = world.at_one_time(1_580_601_600);
    assert_eq!(first_of(&world).source_date_epoch, Some(1_580_601_600));
}

#[test]
fn universal_tags_come_from_outside_where_the_source_does_not_say_so() {
    let universal = "Generator: bdist_wheel (0.37.1)\nTag: py2-none-any\nTag: py3-none-any\n";
    let world = World::new("").member("demo-1.0.dist-info/WHEEL", universal).metadata(OLD);
    assert_eq!(hooks(&first_of(&world)).distutils, ["bdist_wheel.universal=1"]);
    let says = world.source("setup.cfg", "[bdist_wheel]\nuniversal = 1\n");
    assert!(hooks(&first_of(&says)).distutils.is_empty());
}

#[test]
fn what_reproduced_ends_the_ladder() {
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD);
    let recipe = first_of(&world);
    assert_eq!(next_recipe(&world.evidence(), None, &[differs(&recipe, &[])]), None);
}

#[test]
fn what_no_recipe_causes_ends_the_ladder() {
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD);
    let recipe = first_of(&world);
    let tried = [differs(
        &recipe,
        &[
            ("demo/ghost.py", DifferenceClass::OnlyPublished, ""),
            ("demo/crlf.py", DifferenceClass::LineEndings, ""),
            ("demo-1.0.dist-info/RECORD", DifferenceClass::Content, ""),
        ],
    )];
    assert_eq!(next_recipe(&world.evidence(), None, &tried), None);
    let payload = [differs(&recipe, &[("demo/__init__.py", DifferenceClass::Content, "-a\n+b\n")])];
    assert_eq!(next_recipe(&world.evidence(), None, &payload), None);
}

#[test]
fn a_field_on_one_side_names_the_other_side_of_its_boundary() {
    let world = World::new("bdist_wheel (0.37.1)").metadata("Name: demo\nPlatform: any\n\nText\n\n");
    let recipe = first_of(&world);
    let after = |diff: &str| {
        let tried =
            [differs(&recipe, &[("demo-1.0.dist-info/METADATA", DifferenceClass::GeneratorMetadata, diff)])];
        next_recipe(&world.evidence(), None, &tried).unwrap().constraints[1].clone()
    };
    assert_eq!(after("-License-File: LICENSE\n"), "setuptools>=57.0.0,<70.1");
    assert_eq!(after("+License-File: LICENSE\n"), "setuptools<57.0.0");
    assert_eq!(after("-Platform: UNKNOWN\n"), "setuptools<62.2");
    assert_eq!(after("-Summary: x\n+Summary: y\n"), "setuptools<62.2");
}

#[test]
fn files_that_only_we_have_are_left_out_if_they_are_in_the_source() {
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD).source("src/demo/extra.py", "");
    let recipe = first_of(&world);
    let tried = [differs(&recipe, &[("demo/extra.py", DifferenceClass::OnlyRebuilt, "")])];
    let next = next_recipe(&world.evidence(), None, &tried).unwrap();
    assert_eq!(next.steps[0].argv.last().unwrap(), "src/demo/extra.py");
    assert_eq!(next.steps.len(), 2);
}

#[test]
fn failures_have_their_own_answers() {
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD);
    let recipe = first_of(&world);
    let after = |class, detail: &str| next_recipe(&world.evidence(), None, &[failed(&recipe, class, detail)]);
    let python = after(FailureClass::BackendError, "AttributeError").unwrap();
    assert_eq!(python.tools["python"], "3.11");
    let module =
        after(FailureClass::UndeclaredDependency, "code 1: ModuleNotFoundError: No module named 'toml'")
            .unwrap();
    assert_eq!(module.requirements, ["setuptools", "wheel", "toml"]);
    let told = after(FailureClass::MissingNativeTool, "setuptools-scm was unable").unwrap();
    assert_eq!(told.env["SETUPTOOLS_SCM_PRETEND_VERSION"], "1.0");
    assert_eq!(after(FailureClass::TimedOut, ""), None);
    assert_eq!(after(FailureClass::NetworkDenied, ""), None);
}

#[test]
fn declared_bounds_give_way_to_the_wheel() {
    let project = "[build-system]\nrequires = ['setuptools>=66', 'wheel>=0.40', 'setuptools_scm']\nbuild-backend = 'setuptools.build_meta'\n";
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD).source("pyproject.toml", project);
    let recipe = first_of(&world);
    let mut tried = vec![failed(&recipe, FailureClass::UnresolvableRequirements, "")];
    let second = next_recipe(&world.evidence(), None, &tried).unwrap();
    assert_eq!(second.requirements, ["setuptools", "wheel", "setuptools_scm"]);
    tried.push(failed(&second, FailureClass::UnresolvableRequirements, ""));
    assert_eq!(next_recipe(&world.evidence(), None, &tried).unwrap().requirements, ["setuptools", "wheel"]);
}

#[test]
fn a_back_end_whose_dependencies_came_late_is_resolved_a_year_later_then_alone() {
    let project = "[build-system]\nrequires = ['flit_core >=2', 'x']\nbuild-backend = 'flit_core.buildapi'\n";
    let world = World::new("flit 3.2.0").metadata("Name: demo\n").source("pyproject.toml", project);
    let first = first_of(&world);
    let mut tried = vec![failed(&first, FailureClass::UnresolvableRequirements, "")];
    let lifted = next_recipe(&world.evidence(), None, &tried).unwrap();
    assert_eq!(lifted.as_of.to_string(), "2023-06-01T12:00:00Z");
    tried.push(failed(&lifted, FailureClass::UnresolvableRequirements, ""));
    let alone = next_recipe(&world.evidence(), None, &tried).unwrap();
    assert_eq!(alone.requirements, ["flit_core==3.2.0"]);
    tried.push(failed(&alone, FailureClass::UnresolvableRequirements, ""));
    assert_eq!(next_recipe(&world.evidence(), None, &tried), None);
}

#[test]
fn a_placeholder_gives_way_to_the_version_of_the_archive() {
    let project = "[build-system]\nrequires = ['poetry-core']\nbuild-backend = 'poetry.core.masonry.api'\n[tool.poetry]\nversion = \"0\"\n";
    let world = World::new("poetry-core 1.0.8")
        .source("pyproject.toml", project)
        .source("PKG-INFO", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n");
    let tried =
        [failed(&first_of(&world), FailureClass::WrongArtifact, "the build made demo-0-py3-none-any.whl")];
    let next = next_recipe(&world.evidence(), None, &tried).unwrap();
    assert_eq!(next.steps[0].argv[3..], ["pyproject.toml", "version = \"0\"", "version = \"1.0\""]);
}

#[test]
fn a_lost_description_means_setup_py_itself() {
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD);
    let tried = [differs(
        &first_of(&world),
        &[("demo-1.0.dist-info/METADATA", DifferenceClass::Content, "-Text\n+UNKNOWN\n")],
    )];
    let next = next_recipe(&world.evidence(), None, &tried).unwrap();
    assert_eq!(hooks(&next).backend, None);
}

#[test]
fn nothing_is_tried_twice_and_the_ladder_ends() {
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD);
    let mut tried: Vec<Attempt> = Vec::new();
    while let Some(recipe) = next_recipe(&world.evidence(), None, &tried) {
        assert!(!tried.iter().any(|attempt| draft::same(&attempt.recipe, &recipe)));
        assert!(!recipe.reasons.is_empty());
        tried
            .push(differs(&recipe, &[("demo-1.0.dist-info/METADATA", DifferenceClass::Content, "-a\n+b\n")]));
    }
    assert!(tried.len() > 2 && tried.len() <= MOST_ATTEMPTS, "{}", tried.len());
}

#[test]
fn a_winner_of_the_same_tools_goes_first_with_this_releases_own_times() {
    let mut world = World::new("bdist_wheel (0.37.1)").metadata(OLD);
    let mut winner = first_of(&world);
    winner.as_of = "2021-01-01T00:00:00Z".parse().unwrap();
    winner.constraints[1] = "setuptools<60.6".into();
    world.remembered = vec![winner.clone()];
    let first = first_of(&world);
    assert_eq!(first.constraints[1], "setuptools<60.6");
    assert_eq!(first.as_of, world.evidence().uploaded);
    // It did not do: the evidence has the floor.
    let tried = [differs(&first, &[("demo-1.0.dist-info/METADATA", DifferenceClass::Content, "-a\n+b\n")])];
    let second = next_recipe(&world.evidence(), None, &tried).unwrap();
    assert_eq!(second.constraints[1], "setuptools>=57.0.0,<60.9");
    // Other tools: not plausible.
    winner.constraints[0] = "wheel==0.36.0".into();
    world.remembered = vec![winner];
    assert_eq!(first_of(&world).constraints[1], "setuptools>=57.0.0,<60.9");
}

#[test]
fn what_a_person_wrote_goes_before_everything_and_once() {
    let world = World::new("bdist_wheel (0.37.1)").metadata(OLD);
    let mend = |mut recipe: Recipe| {
        recipe.origin = Origin::Human;
        recipe.requirements.push("own".into());
        recipe
    };
    let first = next_recipe(&world.evidence(), Some(&mend), &[]).unwrap();
    assert_eq!(first.origin, Origin::Human);
    assert_eq!(first.requirements, ["setuptools", "wheel", "own"]);
    let tried = [failed(&first, FailureClass::BackendError, "")];
    let second = next_recipe(&world.evidence(), Some(&mend), &tried).unwrap();
    assert_eq!(second.origin, Origin::Inferred);
    assert_eq!(second.requirements, ["setuptools", "wheel"]);
}

proptest::proptest! {
    #[test]
    fn any_metadata_gives_a_recipe_that_reads_back(text in "[ -~\\n]{0,200}", generator in "[a-z_]{1,12} \\(?[0-9.]{1,6}\\)?") {
        let world = World::new(&generator).metadata(&text);
        let recipe = first_of(&world);
        proptest::prop_assert!(Draft::of(&recipe).is_some());
    }
}
