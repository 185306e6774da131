//! The guard's shipped policies: their cases hold, each of them weakened fails one, and more trust never refuses.

use cedar_policy as cedar;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use trustmill_policy::calls::{Asked, Decision, EFFECTS, Facts, Policies, Tool, cases, schema, shipped};
use trustmill_policy::{Mode, Source};

static CASES: LazyLock<Vec<cases::Case>> = LazyLock::new(|| cases::parse(shipped::CASES).unwrap());
static SHIPPED: LazyLock<Policies> = LazyLock::new(|| Policies::with_own(&[], &[]).unwrap());

fn source(file: &str, text: &str) -> Source {
    Source { file: file.into(), text: text.into(), set: "own".into(), mode: Mode::Enforce }
}

#[test]
fn the_shipped_cases_hold_and_the_policies_fit_the_schema() {
    let policies = Policies::only(&shipped::sources()).unwrap();
    for result in CASES.iter().map(|case| case.run(&policies)) {
        assert_eq!(result.wrong, [""; 0], "{result:?}");
    }
    assert!(policies.rules().iter().all(|rule| !rule.doc.is_empty()));
    let named: BTreeSet<String> = CASES.iter().map(|case| case.run(&policies).rule).collect();
    for rule in policies.rules() {
        assert!(named.contains(&rule.id), "no case is decided by {}", rule.id);
    }
}

/// Every policy with one thing about it changed: an operand dropped, a negation dropped, a comparison moved by one, an
/// attribute taken for true or false, an action dropped from or added to its scope.
fn mutants(value: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                match (key.as_str(), inner) {
                    ("&&" | "||", sides) => found.extend([sides["left"].clone(), sides["right"].clone()]),
                    ("!", of) => found.push(of["arg"].clone()),
                    ("<", sides) => found.push(json!({ "<=": sides })),
                    ("<=", sides) => found.push(json!({ "<": sides })),
                    ("==", sides) => found.push(json!({ "!=": sides })),
                    (".", _) => found.extend([json!({ "Value": true }), json!({ "Value": false })]),
                    _ => {}
                }
                // An attribute is taken whole: its parts mean nothing by themselves.
                if key == "." || key == "annotations" {
                    continue;
                }
                for mutant in mutants(inner) {
                    let mut changed = map.clone();
                    changed.insert(key.clone(), mutant);
                    found.push(Value::Object(changed));
                }
            }
            if map.get("op").is_some_and(|op| op == "in") {
                found.push(json!({ "op": "All" }));
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let mut fewer = items.clone();
                fewer.remove(at);
                found.push(Value::Array(fewer));
                for mutant in mutants(item) {
                    let mut changed = items.clone();
                    changed[at] = mutant;
                    found.push(Value::Array(changed));
                }
            }
        }
        _ => {}
    }
    found
}

/// The policies of a file, each as its text and its JSON form.
fn policies_of(text: &str) -> Vec<(String, Value)> {
    let set: cedar::PolicySet = text.parse().unwrap();
    set.policies().map(|policy| (policy.to_string(), policy.to_json().unwrap())).collect()
}

/// Every mutant of a file's policies, of which at least `least` must be tried, fails a case.
fn no_mutant_survives(name: &str, least: usize) {
    let sources = shipped::sources();
    let (mut tried, mut survivors) = (0, Vec::new());
    for (at, file) in sources.iter().enumerate().filter(|(_, file)| file.file.ends_with(name)) {
        for (text, json) in policies_of(&file.text) {
            let without = file.text.replace(text.trim(), "");
            let mut changed = vec![("taken out".to_owned(), without)];
            for mutant in mutants(&json) {
                // What Cedar does not take for a policy cannot be shipped.
                let Ok(policy) = cedar::Policy::from_json(None, mutant) else { continue };
                let other = policy.to_cedar().unwrap_or_default();
                changed.push((other.clone(), file.text.replace(text.trim(), &other)));
            }
            for (what, text) in changed {
                let mut weakened = sources.clone();
                weakened[at].text = text;
                tried += 1;
                let Ok(policies) = SHIPPED.exchanged(&weakened) else { continue };
                if CASES.iter().all(|case| case.run(&policies).wrong.is_empty()) {
                    survivors.push(what);
                }
            }
        }
    }
    assert!(tried >= least, "{tried}");
    assert!(survivors.is_empty(), "{} of {tried}:\n{}", survivors.len(), survivors.join("\n\n"));
}

#[test]
fn each_refusal_changed_in_any_way_fails_a_case() {
    no_mutant_survives("refused.cedar", 40);
}

#[test]
fn each_question_changed_in_any_way_fails_a_case() {
    no_mutant_survives("asked.cedar", 80);
}

#[test]
fn each_permit_changed_in_any_way_fails_a_case() {
    no_mutant_survives("allowed.cedar", 10);
}

fn facts() -> impl Strategy<Value = Facts> {
    let flags = prop::collection::vec(any::<bool>(), 25);
    let numbers = (0..4_i64, 0..4_i64, 0..4_i64, 0..4_i64, 0..4_i64, 0..4_i64, 0..4_i64);
    (flags, numbers).prop_map(|(flags, (approvers, needed, secrecy, done, ceiling, amount, most))| Facts {
        session: flags[0],
        known: flags[1],
        drifted: flags[2],
        stopped: flags[3],
        withheld: flags[4],
        asked: flags[5],
        leased: flags[6],
        reversible: flags[7],
        irreversible_allowed: flags[8],
        public: flags[9],
        grounded: flags[10],
        meant: flags[11],
        audience_named: flags[12],
        stray_address: if flags[13] { "x.example".into() } else { "".into() },
        amount_unreadable: flags[14],
        approvers,
        approvers_needed: needed,
        secrecy,
        done,
        ceiling,
        amount,
        pay_most: most,
        unchecked: flags[15],
        stale: flags[16],
        replayed: flags[17],
        repeated: flags[18],
        rate: i64::from(flags[19]),
        outsiders: flags[20],
        unmarked: flags[21],
        deviated: flags[22],
        less: if flags[23] { "to: a".into() } else { "".into() },
        ending: flags[24],
        rate_ceiling: 1,
        ..Facts::default()
    })
}

/// The same call with one thing about it more trusted.
fn more_trusted(facts: &Facts, which: usize) -> Facts {
    let mut more = facts.clone();
    match which {
        0 => more.session = true,
        1 => more.known = true,
        2 => more.drifted = false,
        3 => more.stopped = false,
        4 => more.withheld = false,
        5 => more.asked = true,
        6 => more.leased = true,
        7 => more.reversible = true,
        8 => more.irreversible_allowed = true,
        9 => more.public = false,
        10 => more.grounded = true,
        11 => more.meant = true,
        12 => more.audience_named = true,
        13 => more.stray_address = "".into(),
        14 => more.amount_unreadable = false,
        15 => more.approvers += 1,
        16 => more.approvers_needed -= 1,
        17 => more.secrecy = (more.secrecy - 1).max(0),
        18 => more.done -= 1,
        19 => more.ceiling += 1,
        20 => more.amount = (more.amount - 1).max(0),
        21 => more.unchecked = false,
        22 => more.stale = false,
        23 => more.replayed = false,
        24 => more.repeated = false,
        25 => more.rate = 0,
        26 => more.rate_ceiling += 1,
        27 => more.outsiders = false,
        28 => more.unmarked = false,
        29 => more.deviated = false,
        30 => more.less = "".into(),
        31 => more.ending = true,
        _ => more.pay_most += 1,
    }
    more
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn more_trust_never_turns_an_allow_into_less(facts in facts(), effect in 0..8_usize, which in 0..33_usize) {
        let (tool, input) = (format!("any/{}", EFFECTS[effect]), BTreeMap::new());
        let decide = |facts: &Facts| SHIPPED.decide(&Asked { tool: &tool, facts, input: &input });
        let (less, more) = (decide(&facts), decide(&more_trusted(&facts, which)));
        prop_assert!(
            less.decision != Decision::Allow || more.decision == Decision::Allow,
            "{which}: {less:?} became {more:?}"
        );
        prop_assert!(less.rule != "unevaluated" && more.rule != "unevaluated");
    }
}

fn bank() -> Vec<Tool> {
    vec![Tool {
        name: "bank/send_money".into(),
        effect: "pay".into(),
        inputs: ["recipient", "amount"].map(str::to_owned).into(),
    }]
}

const OURS: &str = r#"
@id("no-eve") @effect("deny") @doc("x") @reason("{tool} to {weak_value} is not done")
forbid (principal, action == Action::"bank/send_money", resource)
when { context.input has recipient && context.input.recipient.contains("EVE") };
"#;

#[test]
fn a_policy_of_the_operators_sees_tools_and_their_arguments() {
    let policies = Policies::with_own(&[source("own.cedar", OURS)], &bank()).unwrap();
    let facts = Facts { leased: true, ..cases::plain() };
    let ask = |policies: &Policies, to: &str| {
        let input = BTreeMap::from([("recipient".to_owned(), BTreeSet::from([to.to_owned()]))]);
        policies.decide(&Asked { tool: "bank/send_money", facts: &facts, input: &input })
    };
    assert_eq!(ask(&policies, "ANN").decision, Decision::Allow);
    let refused = ask(&policies, "EVE");
    assert_eq!((refused.decision, refused.rule.as_str()), (Decision::Deny, "no-eve"));
    assert!(refused.reason.starts_with("bank/send_money to"));
}

#[test]
fn a_slip_in_a_policy_is_an_error_and_an_error_in_deciding_is_a_denial() {
    for (bad, expected) in [
        (OURS.replace("bank/send_money", "bank/send_mony"), "send_mony"),
        (OURS.replace("recipient", "recipeint"), "impossible"),
        (OURS.replace("context.input has", "context.inputs has"), "inputs"),
        (OURS.replace("@id(\"no-eve\")", ""), "is no id"),
        (OURS.replace("no-eve", "read"), "already"),
        (OURS.replace("deny", "block"), "@effect"),
        (OURS.replace("deny", "ask"), "no lease would ever answer"),
        (OURS.replace("{tool}", "{tole}"), "tole"),
        (OURS.replace("@doc", "@docs"), "@docs"),
    ] {
        let problems = Policies::with_own(&[source("own.cedar", &bad)], &bank()).unwrap_err();
        let text = problems.0.iter().map(ToString::to_string).collect::<String>();
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // An overflow is no reason to skip a policy.
    let overflow = "@id(\"sum\") @effect(\"deny\") @reason(\"x\") forbid (principal, action, resource) when { 0 < context.pay_most + 1 };";
    let policies = Policies::with_own(&[source("own.cedar", overflow)], &[]).unwrap();
    let facts = Facts { leased: true, ..cases::plain() };
    let ruling = policies.decide(&Asked { tool: "any/write", facts: &facts, input: &BTreeMap::new() });
    assert_eq!((ruling.decision, ruling.rule.as_str()), (Decision::Deny, "unevaluated"));
}

#[test]
fn foreign_names_make_no_schema_of_their_own() {
    let odd = ["a\"]; permit(principal, action, resource); //", "é/\u{202e}", "\\", "a\nb"];
    let tools: Vec<Tool> = odd
        .iter()
        .map(|name| Tool {
            name: (*name).into(),
            effect: "send".into(),
            inputs: BTreeSet::from([(*name).into()]),
        })
        .collect();
    let policies = Policies::with_own(&[], &tools).unwrap();
    for tool in &tools {
        let input = BTreeMap::from([(tool.name.clone(), BTreeSet::from(["x".to_owned()]))]);
        let ruling = policies.decide(&Asked { tool: &tool.name, facts: &cases::plain(), input: &input });
        assert_eq!(ruling.rule, "unasked");
    }
    assert!(schema::cedar(&tools).contains("send"));
}

#[test]
fn facts_are_read_back_from_what_is_recorded_of_them() {
    let facts = cases::plain();
    assert_eq!(Facts::from_json(&facts.to_json()), facts);
}
