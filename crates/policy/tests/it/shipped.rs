//! What the shipped policies say.

use std::collections::BTreeMap;
use trustmill_core::ruling::{Action, Effect, Principal};
use trustmill_policy::{Facts, Mode, Outcome, PolicySet, Settings, cases, shipped};

fn decide_for(action: Action, facts: &Facts) -> Outcome {
    let set = PolicySet::parse(&shipped::sources(Mode::Enforce), &BTreeMap::new()).unwrap();
    let settings = Settings { cooldown_hours: 72, ..Settings::default() };
    set.decide(&Principal::default(), action, facts, &settings)
}

fn decide(facts: &Facts) -> (Effect, String) {
    let decision = decide_for(Action::Install, facts).decision;
    (decision.effect, decision.code.into_owned())
}

fn old() -> Facts {
    Facts {
        ecosystem: "npm".into(),
        name: "demo".into(),
        version: "1.0.0".into(),
        age_hours: 1000,
        age_known: true,
        verdict: "identical".into(),
        ..Facts::default()
    }
}

fn is(effect: Effect, code: &str) -> (Effect, String) {
    (effect, code.to_owned())
}

#[test]
fn what_nothing_is_known_against_is_handed_out() {
    assert_eq!(decide(&old()), is(Effect::Allow, ""));
    assert_eq!(decide(&Facts { verdict: "unknown".into(), ..old() }), is(Effect::Warn, "TM0905"));
}

#[test]
fn malware_is_blocked_for_everybody_and_everything() {
    let malware = Facts { malicious: true, advisory: "MAL-2025-1".into(), own: true, ..old() };
    for action in Action::ALL {
        let decision = decide_for(action, &malware).decision;
        assert_eq!((decision.effect, &*decision.code), (Effect::Block, "TM0901"), "{action:?}");
        assert_eq!(decision.reason, "demo 1.0.0 is malware, says MAL-2025-1");
    }
    let everywhere = Facts { malicious_everywhere: true, ..malware.clone() };
    assert_eq!(decide(&everywhere), is(Effect::Block, "TM0901"));
    assert_eq!(decide(&Facts { popular: true, ..everywhere }), is(Effect::Hold, "TM0904"));
    assert_eq!(
        decide(&Facts { popular: true, ..malware }),
        is(Effect::Block, "TM0901"),
        "one version of something popular"
    );
}

#[test]
fn a_new_release_waits_unless_there_is_a_reason_not_to() {
    let new = Facts { age_hours: 71, ..old() };
    let outcome = decide_for(Action::Install, &new);
    assert_eq!((outcome.decision.effect, &*outcome.decision.code), (Effect::Hold, "TM0902"));
    assert_eq!(outcome.passes_at, Some(72));
    assert_eq!(decide(&Facts { age_hours: 72, ..old() }), is(Effect::Allow, ""));
    let proven = Facts { proven: true, source: "git".into(), ..new.clone() };
    for free in [Facts { own: true, ..new.clone() }, Facts { is_fix: true, ..new.clone() }, proven.clone()] {
        assert_eq!(decide(&free), is(Effect::Allow, ""), "{free:?}");
    }
    assert_eq!(
        decide(&Facts { source: "sdist".into(), ..proven }),
        is(Effect::Hold, "TM0902"),
        "an sdist is the publisher's word"
    );
    for action in [Action::Serve, Action::Publish] {
        assert_eq!(decide_for(action, &new).decision.effect, Effect::Allow, "{action:?}");
    }
}

#[test]
fn an_unknown_age_is_held_where_the_configuration_says_so() {
    let unknown = Facts { age_known: false, age_hours: 0, ..old() };
    assert_eq!(decide(&unknown), is(Effect::Allow, ""));
    let set = PolicySet::parse(&shipped::sources(Mode::Enforce), &BTreeMap::new()).unwrap();
    let hold = Settings { cooldown_hours: 72, hold_unknown_age: true };
    let outcome = set.decide(&Principal::default(), Action::Install, &unknown, &hold);
    assert_eq!((outcome.decision.effect, outcome.passes_at), (Effect::Hold, None));
}

#[test]
fn a_critical_vulnerability_is_held_only_where_there_is_somewhere_to_go() {
    let critical = Facts { severity: "critical".into(), advisory: "GHSA-1".into(), ..old() };
    assert_eq!(decide(&critical), is(Effect::Warn, "TM0903"));
    let fixed = Facts { critical_with_fix: true, fixed: true, fix: "1.0.1".into(), ..critical };
    assert_eq!(decide(&fixed), is(Effect::Hold, "TM0903"));
    assert!(decide_for(Action::Install, &fixed).decision.reason.contains("1.0.1 does not: take that"));
    assert_eq!(
        decide_for(Action::Serve, &fixed).decision.effect,
        Effect::Allow,
        "a build sees the registry of then"
    );
    assert_eq!(decide(&Facts { severity: "medium".into(), ..old() }), is(Effect::Allow, ""));
}

#[test]
fn the_shipped_cases_hold() {
    let set = PolicySet::parse(&shipped::sources(Mode::Enforce), &BTreeMap::new()).unwrap();
    let cases = cases::parse(shipped::CASES, |_| Settings::default()).unwrap();
    assert!(cases.len() > 10);
    for result in cases.iter().map(|case| case.run(&set)) {
        assert_eq!(result.wrong, [""; 0], "{result:?}");
    }
}

#[test]
fn a_case_that_does_not_hold_says_what_is_wrong() {
    let set = PolicySet::parse(&shipped::sources(Mode::Enforce), &BTreeMap::new()).unwrap();
    let text = "[[case]]\nname = \"a\"\npurl = \"pkg:npm/a@1\"\nexpect = \"block\"\ncode = \"TM0901\"\npolicy = \"malicious\"\n";
    let case = cases::parse(text, |_| Settings::default()).unwrap().remove(0);
    assert_eq!(case.run(&set).wrong.len(), 3);
    for (bad, expected) in [
        (text.replace("a@1", "a"), "names no version"),
        (format!("{text}facts = {{ agehours = 1 }}"), "facts.agehours"),
        (format!("{text}facts = {{ age_hours = true }}"), "facts.age_hours"),
        (format!("{text}fact = {{ age_hours = 1 }}"), "fact"),
    ] {
        let error = cases::parse(&bad, |_| Settings::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn each_shipped_policy_says_what_it_is_for() {
    let set = PolicySet::parse(&shipped::sources(Mode::Enforce), &BTreeMap::new()).unwrap();
    assert!(set.rules().iter().all(|rule| !rule.doc.is_empty()));
    assert!(!set.names_principal(), "one decision serves everybody");
}
