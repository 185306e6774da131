//! OpenVEX 0.2.0 (<https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md>).

use super::clean;
use crate::cmd::Said;
use crate::document::identity;
use serde::Serialize;
use trustmill_core::{Purl, Timestamp};
use trustmill_factory::stance::{Stance, Status};

/// A document.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: String,
    author: &'a str,
    timestamp: Timestamp,
    version: u32,
    tooling: &'static str,
    statements: Vec<Statement<'a>>,
}

#[derive(Serialize)]
struct Statement<'a> {
    vulnerability: Vulnerability,
    products: [Product<'a>; 1],
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impact_statement: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_statement: Option<String>,
    status_notes: String,
}

#[derive(Serialize)]
struct Vulnerability {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
}

#[derive(Serialize)]
struct Product<'a> {
    #[serde(rename = "@id")]
    id: &'a Purl,
    identifiers: Identifiers<'a>,
}

#[derive(Serialize)]
struct Identifiers<'a> {
    purl: &'a Purl,
}

/// The document.
pub(crate) fn document(said: &Said) -> Document<'_> {
    let statements: Vec<_> = said.stances.iter().map(statement).collect();
    let content = serde_json::to_string(&(&said.author, &statements)).unwrap_or_default();
    Document {
        context: "https://openvex.dev/ns/v0.2.0",
        id: format!("urn:uuid:{}", identity(&content)),
        author: &said.author,
        timestamp: said.at,
        version: 1,
        tooling: concat!("trustmill ", env!("CARGO_PKG_VERSION")),
        statements,
    }
}

fn statement(stance: &Stance) -> Statement<'_> {
    let not_affected = stance.status == Status::NotAffected;
    let notes = match stance.status {
        Status::Affected => "an advisory names this version",
        Status::Fixed => "an advisory names this version, or an earlier one, as mended",
        Status::NotAffected => "an advisory speaks of other versions alone",
        Status::UnderInvestigation => {
            "an advisory speaks of the project and cannot be compared with this version"
        }
    };
    let notes = stance.repaired.as_deref().unwrap_or(notes);
    let mut ids = stance.ids.iter().map(|id| clean(id));
    Statement {
        vulnerability: Vulnerability {
            name: ids.next().unwrap_or_default(),
            description: clean(&stance.summary),
            aliases: ids.collect(),
        },
        products: [Product { id: &stance.release, identifiers: Identifiers { purl: &stance.release } }],
        status: stance.status,
        justification: not_affected.then_some("vulnerable_code_not_present"),
        impact_statement: not_affected
            .then_some("The advisories give the affected versions, and this is none of them."),
        action_statement: stance.action.as_deref().map(clean),
        status_notes: stance.accepted.iter().fold(notes.to_owned(), |notes, one| notes + "; " + &clean(one)),
    }
}
