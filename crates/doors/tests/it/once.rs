//! What is done once, and how much of it: idempotency keys after an end that nobody saw, and quantities that nobody named.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use trustmill_core::Timestamp;
use trustmill_doors::engine::Engine;
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::catalogue::Catalogue;
use trustmill_guard::decide::{Decision, Rulebook, Settings};
use trustmill_guard::record::Outcome;

const CATALOGUE: &str = r#"
about = "x"
[tools.send_money]
effect = "pay"
arguments.account = { role = "payee", kind = "account" }
arguments.amount = { role = "amount", kind = "number" }
arguments.key = { role = "key" }
[tools.search]
effect = "read"
returns = { mints = { product_id = "product" }, names = ["title"] }
[tools.add_to_cart]
effect = "write"
reversible = true
arguments.product_id = { role = "goods", kind = "product" }
arguments.quantity = { role = "quantity", kind = "number" }
"#;

fn engine(folder: &Path) -> Engine {
    let catalogues = BTreeMap::from([("x".to_owned(), Catalogue::parse("x", CATALOGUE).unwrap())]);
    Engine::open(folder, Rulebook::new(catalogues, Settings::default(), &[]).unwrap(), Timestamp::now)
        .unwrap()
}

fn call(tool: &str, arguments: Value) -> Call {
    Call::new("x", tool, arguments, Limits::default()).unwrap()
}

fn pay(amount: u32, key: &str) -> Call {
    call("send_money", json!({ "account": "GB29NWBK60161331926819", "amount": amount, "key": key }))
}

fn begun(folder: &Path) -> Engine {
    let engine = engine(folder);
    let words = "Please pay 50 to GB29NWBK60161331926819 for the rent";
    engine.begin("s", "agent", "ann", words).unwrap();
    engine
}

/// Makes the payment, which ends as it ends.
fn paid(engine: &Engine, outcome: Outcome) {
    let first = engine.decide("s", &pay(50, "k1"));
    assert_eq!(first.decision, Decision::Allow, "{first:?}");
    engine.ended("s", first.number, &pay(50, "k1"), outcome, None).unwrap();
}

#[test]
fn a_payment_whose_end_nobody_saw_may_be_said_again_and_none_other_under_its_key() {
    let folder = tempfile::tempdir().unwrap();
    {
        let engine = begun(folder.path());
        paid(&engine, Outcome::Unknown);
        assert_ne!(engine.decide("s", &pay(60, "k1")).decision, Decision::Allow, "another amount");
    }
    // Also after a restart: what was unknown is unknown still.
    let engine = engine(folder.path());
    let again = engine.decide("s", &pay(50, "k1"));
    assert_eq!(again.decision, Decision::Allow, "{again:?}");
    engine.ended("s", again.number, &pay(50, "k1"), Outcome::Done, None).unwrap();
    assert_ne!(engine.decide("s", &pay(50, "k1")).decision, Decision::Allow, "now it is known to be done");
}

#[test]
fn a_payment_that_was_done_is_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let engine = begun(folder.path());
    paid(&engine, Outcome::Done);
    assert_ne!(engine.decide("s", &pay(50, "k1")).decision, Decision::Allow);
}

#[test]
fn more_than_one_goes_into_a_cart_only_if_the_user_said_so() {
    let bought = |words: &str, quantity: Value| {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        engine.begin("s", "agent", "ann", words).unwrap();
        let search = call("search", json!({ "query": "socks" }));
        let answer = engine.decide("s", &search);
        let found = json!([{ "product_id": "p-1", "title": "socks" }]);
        engine.ended("s", answer.number, &search, Outcome::Done, Some(&found)).unwrap();
        engine
            .decide("s", &call("add_to_cart", json!({ "product_id": "p-1", "quantity": quantity })))
            .decision
    };
    assert_eq!(bought("Please add the socks to my cart", json!(1)), Decision::Allow);
    assert_eq!(bought("Please add 3 of the socks to my cart", json!(3)), Decision::Allow);
    assert_eq!(bought("Please add three of the socks to my cart", json!(3)), Decision::Allow);
    assert_ne!(bought("Please add the socks to my cart", json!(900)), Decision::Allow);
    assert_ne!(bought("Please add 3 of the socks to my cart", json!("900")), Decision::Allow);
}
