//! Problems of policy files name file, line and column.

use crate::{parse, source};
use std::collections::BTreeMap;
use trustmill_policy::{PolicyProblem, PolicySet, Source};

fn problems(text: &str) -> Vec<PolicyProblem> {
    parse(text).map(|_| ()).unwrap_err().0
}

#[test]
fn a_syntax_error_is_placed() {
    let all = problems("@id(\"a\")\npermit (principal, action resource);\n");
    let first = all.first().unwrap();
    assert_eq!((first.file.as_str(), first.line, first.column), ("own.cedar", 2, 27), "{first}");
    assert_eq!(first.text, "permit (principal, action resource);");
}

#[test]
fn an_attribute_that_is_none_is_placed_with_the_one_that_may_be_meant() {
    let text = "@id(\"a\") @effect(\"hold\") @reason(\"r\")\nforbid (principal, action, resource)\nwhen { resource.age_hour < 3 };\n";
    let all = problems(text);
    let first = all.first().unwrap();
    assert_eq!(first.line, 3, "{first}");
    assert!(first.message.contains("age_hour"), "{first}");
    assert!(first.hint.as_deref().is_some_and(|hint| hint.contains("age_hours")), "{first:?}");
}

#[test]
fn a_wrong_type_is_an_error_and_not_a_policy_that_never_fires() {
    let text = "@id(\"a\") @effect(\"hold\") @reason(\"r\") forbid (principal, action, resource) when { resource.age_hours < \"3\" };";
    assert_eq!(problems(text).len(), 1);
}

#[test]
fn what_a_policy_must_say_of_itself_is_asked_for() {
    for (text, expected) in [
        ("permit (principal, action, resource);", "no @id"),
        ("@id(\"A b\") permit (principal, action, resource);", "no @id"),
        ("@id(\"a\") forbid (principal, action, resource);", "no @effect"),
        ("@id(\"a\") @effect(\"stop\") forbid (principal, action, resource);", "@effect(\"stop\")"),
        ("@id(\"a\") @effect(\"hold\") forbid (principal, action, resource);", "no @reason"),
        (
            "@id(\"a\") @effect(\"hold\") @reason(\"{nmae}\") forbid (principal, action, resource);",
            "\"nmae\"",
        ),
        (
            "@id(\"a\") @effect(\"hold\") @reason(\"r\") @code(\"x1\") forbid (principal, action, resource);",
            "@code",
        ),
        ("@id(\"a\") @effect(\"hold\") permit (principal, action, resource);", "a permit has no @effect"),
        ("@id(\"a\") @efect(\"hold\") permit (principal, action, resource);", "@efect has no meaning"),
        ("@id(\"a\") permit (principal == ?principal, action, resource);", "templates"),
        ("@id(\"a\") permit (principal, action == Action::\"instal\", resource);", "instal"),
    ] {
        let all = problems(text);
        assert!(all.iter().any(|problem| problem.message.contains(expected)), "{text}: {all:?}");
        assert!(all.iter().all(|problem| problem.line == 1), "{text}");
    }
}

#[test]
fn every_problem_of_every_file_is_told_at_once() {
    let one =
        source("permit (principal, action, resource);\npermit (principal, action, resource) when { true };");
    let two = Source { file: "two.cedar".into(), ..source("permit (") };
    let all = PolicySet::parse(&[one, two], &BTreeMap::new()).map(|_| ()).unwrap_err().0;
    let places: Vec<_> = all.iter().map(|problem| (problem.file.as_str(), problem.line)).collect();
    assert!(places.contains(&("own.cedar", 1)) && places.contains(&("own.cedar", 2)), "{places:?}");
    assert!(places.iter().any(|(file, _)| *file == "two.cedar"), "{places:?}");
}

#[test]
fn an_id_that_stands_twice_is_refused_wherever_it_stands() {
    let text = "@id(\"a\") permit (principal, action, resource);";
    let two = Source { file: "two.cedar".into(), ..source(text) };
    let all = PolicySet::parse(&[source(text), two], &BTreeMap::new()).map(|_| ()).unwrap_err().0;
    assert!(all[0].message.contains("own.cedar") && all[0].file == "two.cedar", "{all:?}");
}

#[test]
fn a_mode_of_a_policy_that_is_not_there_is_refused() {
    let modes = BTreeMap::from([("coldown".to_owned(), trustmill_policy::Mode::Preview)]);
    let all = PolicySet::parse(&[source("@id(\"a\") permit (principal, action, resource);")], &modes)
        .map(|_| ())
        .unwrap_err();
    assert!(all.to_string().contains("coldown"), "{all}");
}

#[test]
fn a_giant_is_refused_before_it_is_parsed() {
    let all = problems(&"/".repeat((1 << 20) + 1));
    assert!(all[0].message.contains("bytes"), "{all:?}");
}

proptest::proptest! {
    /// A file that is no policy gives problems and never a panic.
    #[test]
    fn whatever_the_file_holds_is_answered(text in "[ -~\n@\"(){}]{0,200}") {
        if let Err(problems) = parse(&text) {
            proptest::prop_assert!(!problems.0.is_empty());
        }
    }
}
