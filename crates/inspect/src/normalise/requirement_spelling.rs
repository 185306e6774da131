//! Requirements that older and newer back ends spell differently and every resolver reads alike.

use super::{Rule, write_headers};
use crate::archive::published::Family;
use crate::wheel::headers::Headers;
use crate::wheel::is_dist_info;
use crate::wheel::requirement::{canonical as requirement, specifiers};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "requirement-spelling",
    cites: "PyPA, Dependency specifiers (PEP 508): parentheses, white space and the kind of quotes mean nothing; \
            PEP 440: a comma is \"and\"; PEP 685: extras compare by normalised name",
    family: Family::Python,
    applies: |path| is_dist_info(path, "METADATA"),
    canonical,
};

fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.contains(&b'\r') {
        return None;
    }
    let mut headers = Headers::parse(bytes).ok()?;
    for field in &mut headers.fields {
        match field.name.as_str() {
            "Requires-Dist" => field.value = requirement(&field.value),
            "Requires-Python" => field.value = specifiers(&field.value),
            _ => {}
        }
    }
    Some(write_headers(&headers))
}
