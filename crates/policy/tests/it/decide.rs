//! What the engine makes of policies.

use crate::{parse, source};
use std::collections::BTreeMap;
use trustmill_core::ruling::{Action, Effect, Principal};
use trustmill_policy::{Facts, Mode, Outcome, PolicySet, Settings, Source};

const PERMIT: &str = "@id(\"permitted\") permit (principal, action, resource);\n";

fn young(hours: i64) -> Facts {
    Facts { name: "left-pad".into(), age_hours: hours, age_known: true, ..Facts::default() }
}

fn decide(set: &PolicySet, facts: &Facts) -> Outcome {
    let settings = Settings { cooldown_hours: 72, ..Settings::default() };
    set.decide(&Principal::default(), Action::Install, facts, &settings)
}

fn policy(id: &str, effect: &str, when: &str) -> String {
    format!(
        "@id(\"{id}\") @effect(\"{effect}\") @reason(\"{id} of {{name}}\")\n\
         forbid (principal, action, resource) when {{ {when} }};\n"
    )
}

#[test]
fn the_hardest_of_what_fires_decides_and_all_are_named() {
    let text = [
        PERMIT,
        &policy("told", "warn", "true"),
        &policy("stopped", "block", "resource.age_hours == 1"),
        &policy("waits", "hold", "resource.age_hours < 10"),
    ]
    .concat();
    let set = parse(&text).unwrap();
    let outcome = decide(&set, &young(1));
    assert_eq!(outcome.decision.effect, Effect::Block);
    assert_eq!(outcome.decision.reason, "stopped of left-pad");
    assert_eq!(outcome.decision.code, "TM0905");
    assert_eq!(outcome.decision.policies, ["stopped", "waits", "told"]);
    assert_eq!(decide(&set, &young(5)).decision.effect, Effect::Hold);
    let old = decide(&set, &young(10));
    assert_eq!(
        (old.decision.effect, old.decision.policies.as_slice()),
        (Effect::Warn, &["told".to_owned()][..])
    );
}

#[test]
fn without_a_permit_nothing_is_handed_out() {
    let set = parse(&policy("told", "warn", "true")).unwrap();
    let outcome = decide(&set, &young(1));
    assert_eq!((outcome.decision.effect, &*outcome.decision.code), (Effect::Block, "TM0905"));
    assert_eq!(outcome.decision.reason, "no policy permits it");
    let narrow = "@id(\"own\") permit (principal, action, resource) when { resource.name == \"left-pad\" };";
    assert_eq!(decide(&parse(narrow).unwrap(), &young(1)).decision.effect, Effect::Allow);
    assert_eq!(decide(&parse(narrow).unwrap(), &Facts::default()).decision.effect, Effect::Block);
}

#[test]
fn a_policy_that_cannot_be_evaluated_refuses() {
    // Cedar's numbers have 64 bits, and an overflow is an error: Cedar alone would skip the policy and permit.
    let overflow = policy("sums", "warn", "resource.age_hours + 9223372036854775807 > 0");
    let set = parse(&[PERMIT, &overflow].concat()).unwrap();
    assert_eq!(decide(&set, &Facts::default()).decision.effect, Effect::Warn, "0 fits");
    let outcome = decide(&set, &young(1));
    assert_eq!((outcome.decision.effect, &*outcome.decision.code), (Effect::Block, "TM0906"));
    assert!(outcome.decision.reason.starts_with("policy sums cannot be evaluated: "), "{outcome:?}");
}

#[test]
fn a_permit_that_cannot_be_evaluated_permits_nothing() {
    let text = "@id(\"sums\") permit (principal, action, resource) when { resource.age_hours + 9223372036854775807 > 0 };";
    let outcome = decide(&parse(text).unwrap(), &young(1));
    assert_eq!((outcome.decision.effect, &*outcome.decision.code), (Effect::Block, "TM0906"));
}

#[test]
fn a_preview_refuses_nothing_and_says_what_it_would_do() {
    let text = [PERMIT, &policy("stopped", "block", "true")].concat();
    let preview = Source { mode: Mode::Preview, ..source(&text) };
    let outcome = decide(&PolicySet::parse(&[preview], &BTreeMap::new()).unwrap(), &young(1));
    assert_eq!(outcome.decision.effect, Effect::Warn);
    assert_eq!(outcome.decision.reason, "preview of stopped: would block: stopped of left-pad");
    let modes = BTreeMap::from([("stopped".to_owned(), Mode::Off)]);
    let outcome = decide(&PolicySet::parse(&[source(&text)], &modes).unwrap(), &young(1));
    assert_eq!(outcome.decision.effect, Effect::Allow, "one policy is off, the rest of its set is not");
}

#[test]
fn what_is_enforced_comes_before_a_harder_preview() {
    let block = Source { mode: Mode::Preview, ..source(&policy("previewed", "block", "true")) };
    let warn = source(&[PERMIT, &policy("enforced", "hold", "true")].concat());
    let outcome = decide(&PolicySet::parse(&[block, warn], &BTreeMap::new()).unwrap(), &young(1));
    assert_eq!((outcome.decision.effect, &*outcome.decision.reason), (Effect::Hold, "enforced of left-pad"));
}

#[test]
fn ages_at_which_an_answer_may_change_are_read_from_the_policies() {
    for (when, age, expected) in [
        ("resource.age_hours < 168", 10, Some(168)),
        ("168 > resource.age_hours", 10, Some(168)),
        ("!(resource.age_hours >= 168)", 10, Some(168)),
        ("resource.age_hours <= 168", 10, Some(169)),
        ("resource.age_hours < 168", 168, None),
        ("resource.age_hours < context.cooldown_hours", 10, Some(72)),
        ("resource[\"age_hours\"] < 168", 10, Some(168)),
        ("resource.age_hours * 2 < 168", 10, Some(11)),
        ("resource.age_hours == 20 || resource.age_hours < 12", 10, Some(12)),
        ("{ of: resource }.of.age_hours + 1 < 168", 10, Some(11)),
        ("resource.score < 168", 10, None),
    ] {
        let set = parse(&[PERMIT, &policy("aged", "hold", when)].concat()).unwrap();
        let outcome = decide(&set, &young(age));
        assert_eq!(outcome.changes_at, expected, "{when}");
        if outcome.decision.effect == Effect::Hold {
            assert_eq!(outcome.passes_at, expected, "{when}");
        }
    }
}

#[test]
fn a_policy_may_look_at_who_asks() {
    let text =
        [PERMIT, &policy("agents", "block", "principal.agent != \"\" && resource.install_script")].concat();
    let set = parse(&text).unwrap();
    assert!(set.names_principal() && !parse(PERMIT).unwrap().names_principal());
    let facts = Facts { install_script: true, ..Facts::default() };
    let agent = Principal { agent: Some("coder".into()), ..Principal::default() };
    let decide = |principal: &Principal| {
        set.decide(principal, Action::Install, &facts, &Settings::default()).decision.effect
    };
    assert_eq!((decide(&agent), decide(&Principal::default())), (Effect::Block, Effect::Allow));
    let teams = [
        PERMIT,
        "@id(\"t\") @effect(\"block\") @reason(\"no\") forbid (principal in Team::\"a\", action, resource);",
    ]
    .concat();
    let set = parse(&teams).unwrap();
    assert!(set.names_principal());
    let of = |team: &str| Principal { team: Some(team.into()), token: Some("t".into()), agent: None };
    let decide = |principal: &Principal| {
        set.decide(principal, Action::Serve, &facts, &Settings::default()).decision.effect
    };
    assert_eq!((decide(&of("a")), decide(&of("b"))), (Effect::Block, Effect::Allow));
}

proptest::proptest! {
    /// A reason is one short line of printable ASCII whatever a publisher writes into a name or a licence.
    #[test]
    fn whatever_is_published_gives_a_printable_reason(name in ".*", licence in "\\PC{0,2000}", age in proptest::prelude::any::<i64>()) {
        static SET: std::sync::LazyLock<PolicySet> = std::sync::LazyLock::new(|| {
            parse("@id(\"a\") @effect(\"hold\") @reason(\"{name} {licence} {age_hours}\") forbid (principal, action, resource);").unwrap()
        });
        let facts = Facts { name: name.as_str().into(), licence: licence.as_str().into(), age_hours: age, ..Facts::default() };
        let reason = decide(&SET, &facts).decision.reason;
        proptest::prop_assert!(reason.len() <= 400 && reason.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
    }
}
