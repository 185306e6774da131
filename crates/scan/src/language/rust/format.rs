//! `format!`: the text with what is put into it.

use crate::program::{At, Expr};

/// The arguments of `format!` as texts that are joined.
pub(super) fn joined(args: Vec<Expr>, at: At) -> Expr {
    let mut args = args.into_iter();
    let Some(Expr::Text(pattern, place)) = args.next() else { return Expr::Group(args.collect()) };
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = &*pattern;
    while let Some(open) = rest.find(['{', '}']) {
        plain.push_str(rest.get(..open).unwrap_or_default());
        let after = rest.get(open..).unwrap_or_default();
        if after.starts_with("{{") || after.starts_with("}}") {
            plain.extend(after.chars().next());
            rest = after.get(2..).unwrap_or_default();
            continue;
        }
        let close = after.find('}').unwrap_or(after.len().saturating_sub(1));
        let name = after.get(1..close).unwrap_or_default().split(':').next().unwrap_or_default();
        parts.push(Expr::Text(std::mem::take(&mut plain).into(), place));
        let named = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
        parts.push(if named { Expr::Name(name.into(), place) } else { args.next().unwrap_or_default() });
        rest = after.get(close + 1..).unwrap_or_default();
    }
    plain.push_str(rest);
    parts.push(Expr::Text(plain.into(), place));
    // Named arguments (`x = value`) are put in somewhere.
    parts.extend(args);
    Expr::Join(parts, at)
}
