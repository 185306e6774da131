//! CycloneDX 1.6 as JSON (<https://cyclonedx.org/docs/1.6/json/>).

use super::clean;
use crate::cmd::Bill;
use crate::document::identity;
use serde::Serialize;
use std::collections::BTreeMap;
use trustmill_core::digest::Checksum;
use trustmill_core::lockfile::Scope;
use trustmill_core::{Purl, Timestamp};
use trustmill_factory::inventory::Part;

/// What the bill is of, within the bill.
const ROOT: &str = "subject";

/// A bill of materials.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
    compositions: [Composition; 1],
}

#[derive(Serialize)]
struct Metadata {
    timestamp: Timestamp,
    lifecycles: [Phase; 1],
    tools: Tools,
    component: Component,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Phase {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools {
    components: [Component; 1],
}

#[derive(Default, Serialize)]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licenses: Option<[Licence; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<Purl>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Licence {
    Expression(String),
    License { name: String },
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
}

#[derive(Serialize)]
struct Composition {
    aggregate: &'static str,
    assemblies: [&'static str; 1],
}

/// The bill.
pub(crate) fn bom(bill: &Bill) -> Bom {
    let inventory = &bill.inventory;
    let components: Vec<_> = inventory.parts.iter().map(|(purl, part)| component(purl, part)).collect();
    let dependencies = dependencies(bill);
    let skipped: Vec<_> = inventory
        .skipped
        .iter()
        .map(|skipped| Property {
            name: "trustmill:not-listed",
            value: clean(&format!("{} ({}): {}", skipped.entry, skipped.origin, skipped.why)),
        })
        .collect();
    let content =
        serde_json::to_string(&(&bill.name, &components, &dependencies, &skipped)).unwrap_or_default();
    let aggregate = if skipped.is_empty() { "complete" } else { "incomplete" };
    Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{}", identity(&content)),
        version: 1,
        metadata: Metadata {
            timestamp: bill.at,
            lifecycles: [Phase { phase: "pre-build" }],
            tools: Tools { components: [tool()] },
            component: Component {
                kind: "application",
                reference: Some(ROOT.to_owned()),
                name: bill.name.clone(),
                ..Component::default()
            },
            properties: skipped,
        },
        components,
        dependencies,
        compositions: [Composition { aggregate, assemblies: [ROOT] }],
    }
}

fn tool() -> Component {
    Component {
        kind: "application",
        name: "trustmill".to_owned(),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..Component::default()
    }
}

fn component(purl: &Purl, part: &Part) -> Component {
    let full = purl.name();
    let (group, name) = match full.rsplit_once('/') {
        Some((group, name)) => (Some(group.to_owned()), name.to_owned()),
        None => (None, full),
    };
    let mut properties: Vec<Property> = Vec::new();
    if let Some((verdict, bundles)) = &part.judged {
        properties.push(Property { name: "trustmill:verdict", value: verdict.to_string() });
        properties.extend(
            bundles
                .iter()
                .map(|bundle| Property { name: "trustmill:attestation", value: format!("sha256:{bundle}") }),
        );
    }
    let (own, several) = digests(part);
    properties.extend(
        several.iter().map(|one| Property { name: "trustmill:accepted-digest", value: one.to_string() }),
    );
    Component {
        kind: "library",
        reference: Some(purl.to_string()),
        group,
        name,
        version: purl.version().map(str::to_owned),
        scope: Some(match part.scope {
            Scope::Runtime => "required",
            Scope::Optional => "optional",
            Scope::Development => "excluded",
        }),
        hashes: own.iter().map(|one| Hash { alg: algorithm(one), content: hex(one) }).collect(),
        licenses: part.licence.as_deref().map(|licence| [self::licence(licence)]),
        purl: Some(purl.clone()),
        properties,
    }
}

fn licence(text: &str) -> Licence {
    match spdx::Expression::parse(text) {
        Ok(_) => Licence::Expression(text.to_owned()),
        Err(_) => Licence::License { name: clean(text) },
    }
}

/// The digests of the one file of a release, or those of its several files: a component has one of each algorithm, and
/// a lockfile that accepts any of several files does not say which is meant.
pub(crate) fn digests(part: &Part) -> (Vec<&Checksum>, Vec<&Checksum>) {
    let mut by_algorithm: BTreeMap<&str, Vec<&Checksum>> = BTreeMap::new();
    for one in &part.digests {
        by_algorithm.entry(one.algorithm()).or_default().push(one);
    }
    let (one, several): (Vec<_>, Vec<_>) = by_algorithm.into_values().partition(|all| all.len() == 1);
    (one.into_iter().flatten().collect(), several.into_iter().flatten().collect())
}

const fn algorithm(checksum: &Checksum) -> &'static str {
    match checksum {
        Checksum::Sha1(_) => "SHA-1",
        Checksum::Sha256(_) => "SHA-256",
        Checksum::Sha512(_) => "SHA-512",
    }
}

/// The digits of a digest.
pub(crate) fn hex(checksum: &Checksum) -> String {
    checksum.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn dependencies(bill: &Bill) -> Vec<Dependency> {
    let texts = |purls: &std::collections::BTreeSet<Purl>| purls.iter().map(Purl::to_string).collect();
    let root = Dependency { reference: ROOT.to_owned(), depends_on: texts(&bill.inventory.direct) };
    let rest = bill
        .inventory
        .needs
        .iter()
        .map(|(purl, needs)| Dependency { reference: purl.to_string(), depends_on: texts(needs) });
    std::iter::once(root).chain(rest).collect()
}
