//! Empty lines, spacing and order in `entry_points.txt`.

use super::Rule;
use crate::archive::published::Family;
use crate::wheel::{entry_points, is_dist_info};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "entry-points-layout",
    cites: "PyPA, Entry points specification: an INI file of groups and unique names; empty lines, comments, \
            spacing around `=` and order are insignificant",
    family: Family::Python,
    applies: |path| is_dist_info(path, "entry_points.txt"),
    canonical,
};

fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.contains(&b'\r') {
        return None;
    }
    let mut out = String::new();
    for (group, entries) in entry_points::parse(bytes).ok()? {
        out.push_str(&format!("[{group}]\n"));
        for (name, object) in entries {
            out.push_str(&format!("{name} = {object}\n"));
        }
    }
    Some(out.into_bytes())
}
