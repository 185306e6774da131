//! White space in `package.json`, and the order of keys where it means nothing.

use super::Rule;
use crate::archive::published::Family;
use crate::manifest::json::Json;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "package-json-layout",
    cites: "RFC 8259, sections 2 and 4: white space between tokens is insignificant, and an object is an unordered \
            collection. Order counts as nothing at the top and in maps from names (npm Docs, package.json), and is \
            kept everywhere else: in `exports` and `imports` it has a meaning (Node.js, Packages: conditional exports)",
    family: Family::JavaScript,
    applies: is_package_json,
    canonical,
};

/// Keys whose objects map names to values that are looked up by name.
const NAMES: [&str; 7] = [
    "scripts",
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "engines",
];

/// Whether it is the manifest of a package, or of a folder in one.
pub(crate) fn is_package_json(path: &str) -> bool {
    path == "package.json" || path.ends_with("/package.json")
}

fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.contains(&b'\r') {
        return None;
    }
    let mut json = Json::parse(bytes)?;
    if let Json::Object(members) = &mut json {
        for (_, value) in members.iter_mut().filter(|(key, _)| NAMES.contains(&key.as_str())) {
            value.sort_keys();
        }
    }
    json.sort_keys();
    let mut out = String::new();
    json.write(&mut out);
    Some(out.into_bytes())
}
