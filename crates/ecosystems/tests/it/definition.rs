//! Definitions: what is shipped parses and applies, and what is malformed names its line.

use proptest::prelude::*;
use std::path::{Path, PathBuf};
use trustmill_core::port::Coded as _;
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};
use trustmill_ecosystems::pypi::definition::{Definition, DefinitionError, Definitions};
use trustmill_ecosystems::pypi::hooks::Hooks;

const MINIMAL: &str = "versions = \">=1\"\nreason = \"because\"\n";

fn recipe() -> Recipe {
    Recipe {
        format: Recipe::FORMAT,
        origin: Origin::Inferred,
        source: SourceKind::Sdist,
        tools: [("python".to_owned(), "3.11".to_owned())].into(),
        requirements: vec!["setuptools".into()],
        constraints: vec!["setuptools==75.1.0".into()],
        as_of: "2025-01-01T00:00:00Z".parse().unwrap(),
        env: [("A".to_owned(), "1".to_owned())].into(),
        umask: 0o022,
        source_date_epoch: Some(7),
        steps: vec![
            Hooks { backend: Some("b".into()), settings: vec!["k=old".into()], ..Hooks::default() }.step(),
        ],
        reasons: vec!["inferred".into()],
    }
}

fn parse(body: &str) -> Result<Definition, DefinitionError> {
    Definition::parse("pypi/demo/x.toml", &format!("{MINIMAL}{body}"))
}

fn applied(body: &str) -> Recipe {
    parse(body).unwrap().apply(recipe())
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions")
}

#[test]
fn what_is_shipped_is_what_is_built_in() {
    let built_in = Definitions::load(&[]).unwrap();
    let files: Vec<String> = built_in.iter().map(|(_, definition)| definition.file().to_owned()).collect();
    let mut on_disk = Vec::new();
    for project in std::fs::read_dir(shipped().join("pypi")).unwrap() {
        for file in std::fs::read_dir(project.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            on_disk.push(path.strip_prefix(shipped()).unwrap().display().to_string());
        }
    }
    on_disk.sort();
    assert_eq!(files, on_disk, "a definition is missing from builtin.rs");
    assert!(built_in.iter().all(|(_, definition)| definition.reason().len() > 40));
    assert!(Definitions::load(&[&shipped()]).is_ok(), "the folder loads as a user's would");
}

#[test]
fn a_shipped_definition_is_found_and_applied() {
    let all = Definitions::load(&[]).unwrap();
    assert!(all.find("boto3", "1.43.0").is_none());
    assert!(all.find("boto3", "not-a-version").is_none());
    assert!(all.find("nothing", "1").is_none());
    let recipe = all.find("Boto3", "1.41.2").unwrap().apply(recipe());
    assert_eq!(recipe.origin, Origin::Human);
    assert_eq!(recipe.requirements, ["setuptools", "wheel"]);
    assert_eq!(recipe.constraints, ["setuptools==75.1.0", "wheel<=0.41"]);
    assert!(
        recipe.reasons[1].contains("parentheses") && recipe.reasons[1].contains("pypi/boto3/old-wheel.toml")
    );
}

#[test]
fn every_part_of_a_recipe_is_replaced() {
    let all = applied(
        "python = \"3.9\"\numask = 0o002\nsource-date-epoch = \"archive\"\n[requirements]\nreplace = [\"flit_core\"]\nadd = [\"wheel\", \"flit_core\"]\n\
         [constraints]\nreplace = []\n[env]\nA = \"2\"\nB = \"3\"\n[config-settings]\nk = \"new\"\nl = [\"1\", \"2\"]",
    );
    assert_eq!(all.tools["python"], "3.9");
    assert_eq!((all.umask, all.source_date_epoch), (0o002, None));
    assert_eq!(all.requirements, ["flit_core", "wheel"]);
    assert!(all.constraints.is_empty());
    assert_eq!((all.env["A"].as_str(), all.env["B"].as_str()), ("2", "3"));
    assert_eq!(Hooks::of(&all.steps[0]).unwrap().settings, ["k=new", "l=1", "l=2"]);
    let steps =
        applied("source-date-epoch = 12\n[[steps]]\nname = \"s\"\nargv = [\"/env/bin/python\", \"x\"]");
    assert_eq!(steps.steps, [Step { name: "s".into(), argv: vec!["/env/bin/python".into(), "x".into()] }]);
    assert_eq!((steps.source_date_epoch, steps.umask), (Some(12), 0o022));
    assert_eq!(applied("umask = 0").steps, recipe().steps, "what is not named stays");
}

#[test]
fn mistakes_are_errors_with_file_and_line() {
    for (body, line) in [
        ("colour = 1", ":3"),
        ("[env]\n\"A B\" = \"x\"", ":4"),
        ("[requirements]\nmore = []", ":4"),
        ("[requirements]\nadd = [\"a b\"]", ":4"),
        ("[constraints]\nadd = [\"a @ https://files.example/a\"]", ":4"),
        ("python = \"python3\"", ":3"),
        ("umask = 0o1000", ":3"),
        ("umask = -1", ":3"),
        ("source-date-epoch = \"now\"", ":3"),
        ("[[steps]]\nname = \"s\"\nargv = [\"sh\"]", ":3"),
        ("[[steps]]\nname = \"s\"\nargv = [\"/x\"]\n[config-settings]\nk = \"v\"", ":3"),
        ("[[steps]]\nname = \"s\"\nargv = [\"/x\"]\nshell = true", ":6"),
        ("[config-settings]\n\"k=\" = \"v\"", ""),
        ("", ""),
    ] {
        let error = parse(body).unwrap_err();
        let DefinitionError::Malformed { origin, what } = &error else { panic!("{error}") };
        assert_eq!(origin, &format!("pypi/demo/x.toml{line}"), "{body}: {what}");
        assert_eq!(error.code(), "TM0221");
    }
}

#[test]
fn the_reason_is_required() {
    for (text, line) in [
        ("versions = \">=1\"\numask = 0", 1),
        ("versions = \">=1\"\nreason = \" \\n\"\numask = 0", 2),
        ("versions = \"1\"\nreason = \"x\"\numask = 0", 1),
    ] {
        let DefinitionError::Malformed { origin, .. } =
            Definition::parse("pypi/demo/x.toml", text).unwrap_err()
        else {
            panic!("{text}")
        };
        assert_eq!(origin, format!("pypi/demo/x.toml:{line}"), "{text}");
    }
    assert!(Definition::parse("pypi/De_mo/x.toml", &format!("{MINIMAL}umask = 0")).is_err());
}

#[test]
fn a_folder_of_the_user_wins_and_may_not_contradict_itself() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("pypi/boto3");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("README.md"), "not a definition").unwrap();
    std::fs::write(folder.join("mine.toml"), "versions = \"==1.41.2\"\nreason = \"mine\"\numask = 0o002")
        .unwrap();
    let all = Definitions::load(&[root.path()]).unwrap();
    assert_eq!(all.find("boto3", "1.41.2").unwrap().reason(), "mine");
    assert!(all.find("boto3", "1.41.1").unwrap().file().ends_with("old-wheel.toml"));
    std::fs::write(folder.join("other.toml"), "versions = \">1.41\"\nreason = \"too\"\numask = 0").unwrap();
    let error = Definitions::load(&[root.path()]).unwrap_err();
    assert_eq!(error.code(), "TM0222", "{error}");
    let missing = Definitions::load(&[&root.path().join("none")]).unwrap_err();
    assert_eq!(missing.code(), "TM0220", "{missing}");
}

#[test]
fn the_schema_names_the_keys_that_the_reader_knows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/definition.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let message = parse("no-such-key = 1").unwrap_err().to_string();
    assert_eq!(message.matches('`').count() / 2 - 1, keys.len(), "{message}");
    assert!(keys.iter().all(|key| message.contains(&format!("`{key}`"))), "{message}");
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn no_edit_of_a_shipped_file_makes_the_reader_panic(at in 0usize..2000, byte in 0u8..128) {
        let mut text = std::fs::read(shipped().join("pypi/boto3/old-wheel.toml")).unwrap();
        let at = at % text.len();
        text[at] = byte;
        if let Ok(text) = String::from_utf8(text) && let Ok(definition) = Definition::parse("pypi/boto3/x.toml", &text) {
            prop_assert!(!definition.reason().is_empty());
        }
    }
}
