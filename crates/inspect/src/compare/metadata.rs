//! Differences in the metadata of a wheel: what a resolver acts on, and what a back end's version writes.

use crate::wheel::headers::{Field, Headers};
use crate::wheel::requirement::{canonical, canonical_name, specifiers};
use crate::wheel::{entry_points, is_dist_info};
use std::collections::BTreeSet;
use trustmill_core::comparison::DifferenceClass;

/// Fields that decide what is installed, and where.
const RESOLVED: [&str; 13] = [
    "name",
    "version",
    "requires-dist",
    "provides-extra",
    "requires-python",
    "requires",
    "provides",
    "provides-dist",
    "obsoletes",
    "obsoletes-dist",
    "requires-external",
    "root-is-purelib",
    "tag",
];

/// Fields that the back end's version writes, whatever the project says.
const GENERATED: [&str; 6] =
    ["metadata-version", "generator", "wheel-version", "license-file", "dynamic", "platform"];

/// The class of a difference in a metadata file; `None` where it is none, or where the text has to say.
pub(super) fn classify(path: &str, published: &[u8], rebuilt: &[u8]) -> Option<(DifferenceClass, String)> {
    if is_dist_info(path, "entry_points.txt") {
        return entry_points_class(published, rebuilt);
    }
    if !is_dist_info(path, "METADATA") && !is_dist_info(path, "WHEEL") {
        return None;
    }
    let (Ok(a), Ok(b)) = (Headers::parse(published), Headers::parse(rebuilt)) else {
        return Some((DifferenceClass::Content, "one side is malformed".into()));
    };
    let (only_a, only_b) = differing(&resolved(&a), &resolved(&b));
    if !only_a.is_empty() || !only_b.is_empty() {
        return Some((DifferenceClass::Dependencies, sides(&only_a, &only_b)));
    }
    if published.contains(&b'\r') != rebuilt.contains(&b'\r') {
        return None;
    }
    let (only_a, only_b) = differing(&others(&a), &others(&b));
    let generated = only_a.iter().chain(&only_b).all(is_generated);
    let (tags_a, tags_b) = (tags(&a), tags(&b));
    // Older setuptools writes up to two more empty lines before the description, and one after it.
    if !generated || a.body.trim_matches('\n') != b.body.trim_matches('\n') {
        return None;
    }
    if tags_a != tags_b {
        let detail = "the platforms are named as a build names them on one side and after the oldest system that the \
                      wheel runs on (PEP 600) on the other";
        return Some((DifferenceClass::PlatformTag, detail.to_owned()));
    }
    let fields: BTreeSet<&str> = only_a.iter().chain(&only_b).map(|field| field.name.as_str()).collect();
    let detail = if fields.is_empty() {
        "only order, spacing or empty lines differ".to_owned()
    } else {
        format!("only fields that the back end writes differ: {}", Vec::from_iter(fields).join(", "))
    };
    Some((DifferenceClass::GeneratorMetadata, detail))
}

/// The fields that a resolver acts on, in one spelling.
fn resolved(headers: &Headers) -> BTreeSet<Field> {
    let fields = headers.fields.iter().map(lower).filter(|field| RESOLVED.contains(&field.name.as_str()));
    fields
        .map(|field| {
            let value = match field.name.as_str() {
                "requires-dist" => canonical(&field.value),
                "requires-python" => specifiers(&field.value),
                "name" | "provides-extra" => canonical_name(&field.value),
                "tag" => platform(&field.value),
                _ => field.value,
            };
            Field { name: field.name, value }
        })
        .collect()
}

/// A tag with every name of a Linux with glibc made one: `cp311-cp311-manylinux_2_17_x86_64` as
/// `cp311-cp311-linux_x86_64`. What is installed goes by the name of the file.
fn platform(tag: &str) -> String {
    let Some((head, platform)) = tag.rsplit_once('-') else { return tag.to_owned() };
    let arch = ["_x86_64", "_aarch64"].into_iter().find(|arch| platform.ends_with(arch));
    match arch.filter(|_| platform.starts_with("manylinux")) {
        Some(arch) => format!("{head}-linux{arch}"),
        None => tag.to_owned(),
    }
}

fn tags(headers: &Headers) -> BTreeSet<&str> {
    headers.all("Tag").collect()
}

/// The other fields, white space made one.
fn others(headers: &Headers) -> BTreeSet<Field> {
    let fields = headers.fields.iter().map(lower).filter(|field| !RESOLVED.contains(&field.name.as_str()));
    fields
        .map(|field| Field { value: field.value.split_whitespace().collect::<Vec<_>>().join(" "), ..field })
        .collect()
}

fn lower(field: &Field) -> Field {
    Field { name: field.name.to_ascii_lowercase(), value: field.value.clone() }
}

/// `UNKNOWN` is what setuptools before 62.2 writes for a field that is not set.
fn is_generated(field: &Field) -> bool {
    GENERATED.contains(&field.name.as_str()) || field.value == "UNKNOWN"
}

fn differing(a: &BTreeSet<Field>, b: &BTreeSet<Field>) -> (Vec<Field>, Vec<Field>) {
    (a.difference(b).cloned().collect(), b.difference(a).cloned().collect())
}

fn sides(only_a: &[Field], only_b: &[Field]) -> String {
    let list = |fields: &[Field]| {
        let shown =
            fields.iter().take(5).map(|field| format!("`{}: {}`", field.name, field.value.escape_debug()));
        let shown: String = shown.collect::<Vec<_>>().join(", ").chars().take(400).collect();
        if shown.is_empty() { "nothing".to_owned() } else { shown }
    };
    format!("what a resolver acts on differs: published has {}, rebuilt has {}", list(only_a), list(only_b))
}

/// Entry points that are equal differ in their line ends only, and those the text says.
fn entry_points_class(published: &[u8], rebuilt: &[u8]) -> Option<(DifferenceClass, String)> {
    let (Ok(a), Ok(b)) = (entry_points::parse(published), entry_points::parse(rebuilt)) else {
        return Some((DifferenceClass::Dependencies, "the entry points of one side are malformed".into()));
    };
    let flat = |points: entry_points::EntryPoints| -> BTreeSet<Field> {
        let entries = points.into_iter().flat_map(|(group, entries)| {
            entries
                .into_iter()
                .map(move |(name, object)| Field { name: format!("[{group}] {name}"), value: object })
        });
        entries.collect()
    };
    let (only_a, only_b) = differing(&flat(a), &flat(b));
    let equal = only_a.is_empty() && only_b.is_empty();
    (!equal).then(|| (DifferenceClass::Dependencies, sides(&only_a, &only_b)))
}
