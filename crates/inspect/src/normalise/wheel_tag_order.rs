//! The `Tag` lines of `WHEEL` in another order.

use super::{Rule, write_headers};
use crate::archive::published::Family;
use crate::wheel::headers::Headers;
use crate::wheel::is_dist_info;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "wheel-tag-order",
    cites: "PyPA, Binary distribution format: `Tag` is the wheel's expanded set of compatibility tags, one line each; \
            a set has no order",
    family: Family::Python,
    applies: |path| is_dist_info(path, "WHEEL"),
    canonical,
};

fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.contains(&b'\r') {
        return None;
    }
    let mut headers = Headers::parse(bytes).ok()?;
    let (mut tags, mut rest): (Vec<_>, Vec<_>) =
        headers.fields.into_iter().partition(|field| field.name == "Tag");
    tags.sort();
    rest.append(&mut tags);
    headers.fields = rest;
    Some(write_headers(&headers))
}
