//! What policies decide, and what is wrong with those that cannot.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the tests' own setup speaks by panicking")]

mod calls;
mod decide;
mod problems;
mod schema;
mod shipped;

use std::collections::BTreeMap;
use trustmill_policy::{Mode, PolicyProblems, PolicySet, Source};

fn source(text: &str) -> Source {
    Source { file: "own.cedar".into(), text: text.into(), set: "own".into(), mode: Mode::Enforce }
}

fn parse(text: &str) -> Result<PolicySet, PolicyProblems> {
    PolicySet::parse(&[source(text)], &BTreeMap::new())
}
