//! SPDX 2.3 as JSON (<https://spdx.github.io/spdx-spec/v2.3/>).

use super::clean;
use super::cyclonedx::{digests, hex};
use crate::cmd::Bill;
use crate::document::identity;
use serde::Serialize;
use std::borrow::Cow;
use trustmill_core::digest::Checksum;
use trustmill_core::lockfile::Scope;
use trustmill_core::{Purl, Sha256, Timestamp};
use trustmill_factory::inventory::Part;

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-Subject";
const TOOL: &str = concat!("Tool: trustmill-", env!("CARGO_PKG_VERSION"));
/// What the mill does not know, it does not say.
const UNKNOWN: &str = "NOASSERTION";

/// A document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    packages: Vec<Package>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: Timestamp,
    creators: [&'static str; 1],
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<String>,
    download_location: &'static str,
    files_analyzed: bool,
    license_concluded: &'static str,
    license_declared: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_comments: Option<String>,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Digest>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Digest {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: Purl,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation {
    annotation_date: Timestamp,
    annotation_type: &'static str,
    annotator: &'static str,
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    related_spdx_element: String,
    relationship_type: &'static str,
}

/// The document.
pub(crate) fn document(bill: &Bill) -> Document {
    let inventory = &bill.inventory;
    let subject = Package {
        id: ROOT.to_owned(),
        name: bill.name.clone(),
        primary_package_purpose: Some("APPLICATION"),
        ..blank()
    };
    let parts = inventory.parts.iter().map(|(purl, part)| package(purl, part, bill.at));
    let packages: Vec<Package> = std::iter::once(subject).chain(parts).collect();
    let relationships = relationships(bill);
    let skipped: Vec<_> = inventory
        .skipped
        .iter()
        .map(|skipped| clean(&format!("not listed: {} ({}): {}", skipped.entry, skipped.origin, skipped.why)))
        .collect();
    Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        document_namespace: format!("urn:uuid:{}", identity(&content(bill))),
        name: bill.name.clone(),
        creation_info: CreationInfo { created: bill.at, creators: [TOOL] },
        comment: (!skipped.is_empty()).then(|| skipped.join("\n")),
        packages,
        relationships,
    }
}

/// What the identity follows from: everything but the instant.
fn content(bill: &Bill) -> String {
    let inventory = &bill.inventory;
    let parts: Vec<_> =
        inventory.parts.iter().map(|(purl, part)| package(purl, part, Timestamp::UNIX_EPOCH)).collect();
    serde_json::to_string(&(&bill.name, parts, relationships(bill), &inventory.skipped)).unwrap_or_default()
}

fn blank() -> Package {
    Package {
        download_location: UNKNOWN,
        license_concluded: UNKNOWN,
        license_declared: UNKNOWN.into(),
        copyright_text: UNKNOWN,
        ..Package::default()
    }
}

/// The name of a release within the document: letters, digits and hyphens only.
fn id(purl: &Purl) -> String {
    format!("SPDXRef-Package-{}", Sha256::of(purl.to_string().as_bytes()).short())
}

fn package(purl: &Purl, part: &Part, at: Timestamp) -> Package {
    let (own, several) = digests(part);
    let note = |comment: String| Annotation {
        annotation_date: at,
        annotation_type: "OTHER",
        annotator: TOOL,
        comment,
    };
    let mut annotations = Vec::new();
    if let Some((verdict, bundles)) = &part.judged {
        annotations.push(note(format!("trustmill:verdict={verdict}")));
        annotations
            .extend(bundles.iter().map(|bundle| note(format!("trustmill:attestation=sha256:{bundle}"))));
    }
    annotations.extend(several.iter().map(|one| note(format!("trustmill:accepted-digest={one}"))));
    // Only an expression of the standard's own names may stand here; other words go beside it.
    let expression = part.licence.as_deref().filter(|text| spdx::Expression::parse(text).is_ok());
    let words = part.licence.as_deref().filter(|_| expression.is_none());
    Package {
        id: id(purl),
        name: purl.name(),
        version_info: purl.version().map(str::to_owned),
        primary_package_purpose: Some("LIBRARY"),
        checksums: own
            .iter()
            .map(|one| Digest { algorithm: algorithm(one), checksum_value: hex(one) })
            .collect(),
        external_refs: vec![Reference {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: purl.clone(),
        }],
        license_declared: expression.map_or(UNKNOWN.into(), |text| Cow::Owned(text.to_owned())),
        license_comments: words.map(|text| format!("its publisher writes: {}", clean(text))),
        annotations,
        ..blank()
    }
}

const fn algorithm(checksum: &Checksum) -> &'static str {
    match checksum {
        Checksum::Sha1(_) => "SHA1",
        Checksum::Sha256(_) => "SHA256",
        Checksum::Sha512(_) => "SHA512",
    }
}

fn relationships(bill: &Bill) -> Vec<Relationship> {
    let inventory = &bill.inventory;
    let relation = |from: &str, kind, to: &str| Relationship {
        spdx_element_id: from.to_owned(),
        related_spdx_element: to.to_owned(),
        relationship_type: kind,
    };
    let mut out = vec![relation(DOCUMENT, "DESCRIBES", ROOT)];
    for purl in &inventory.direct {
        let scope = inventory.parts.get(purl).map(|part| part.scope).unwrap_or_default();
        out.push(match scope {
            Scope::Runtime => relation(ROOT, "DEPENDS_ON", &id(purl)),
            Scope::Optional => relation(&id(purl), "OPTIONAL_DEPENDENCY_OF", ROOT),
            Scope::Development => relation(&id(purl), "DEV_DEPENDENCY_OF", ROOT),
        });
    }
    for (purl, needs) in &inventory.needs {
        out.extend(needs.iter().map(|need| relation(&id(purl), "DEPENDS_ON", &id(need))));
    }
    out
}
