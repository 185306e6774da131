//! `METADATA` fields in another order. Fields that may repeat keep the order among themselves.

use super::{Rule, write_headers};
use crate::archive::published::Family;
use crate::wheel::headers::Headers;
use crate::wheel::is_dist_info;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "metadata-field-order",
    cites: "PyPA, Core metadata specifications: fields are read by name from an RFC 822 header block; no order \
            between different fields is given a meaning",
    family: Family::Python,
    applies: |path| is_dist_info(path, "METADATA"),
    canonical,
};

fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    // Reading fields drops carriage returns, and line ends are never normalised.
    if bytes.contains(&b'\r') {
        return None;
    }
    let mut headers = Headers::parse(bytes).ok()?;
    headers.fields.sort_by(|a, b| a.name.cmp(&b.name));
    Some(write_headers(&headers))
}
