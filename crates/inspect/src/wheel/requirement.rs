//! Requirements in one spelling (PyPA "Dependency specifiers", PEP 440 for the specifiers, PEP 685 for extras).
//!
//! Back ends of different ages write one requirement as `a (<2,>=1) ; extra=='x'` and as
//! `a<2,>=1; extra == "x"`. The grammar gives both the same meaning; this gives both the same text.

/// `text` in the one spelling. What the grammar does not cover comes back unchanged but for outer white space,
/// so that two texts are never made equal by a guess.
pub fn canonical(text: &str) -> String {
    let (requirement, marker) = split_marker(text);
    let Some(subject) = subject(requirement) else { return text.trim().to_owned() };
    let Some(marker) = marker.map(canonical_marker) else { return subject };
    if marker.is_empty() {
        return text.trim().to_owned();
    }
    // A URL may hold a semicolon, so that the marker needs white space before its own.
    let gap = if subject.contains('@') { " " } else { "" };
    format!("{subject}{gap}; {marker}")
}

/// A project or extra name in its normal form (PyPA "Names and normalization").
pub fn canonical_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if matches!(c, '-' | '_' | '.') { '-' } else { c.to_ascii_lowercase() };
        if !(c == '-' && out.ends_with('-')) {
            out.push(c);
        }
    }
    out
}

/// The marker follows the first `;`; after a URL the grammar wants white space before it.
fn split_marker(text: &str) -> (&str, Option<&str>) {
    let before = text.split(';').next().unwrap_or_default();
    let split = if before.contains('@') { text.split_once(" ;") } else { text.split_once(';') };
    split.map_or((text, None), |(requirement, marker)| (requirement, Some(marker)))
}

fn subject(text: &str) -> Option<String> {
    let text = text.trim();
    let name_end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(name_end)?;
    if name.is_empty() {
        return None;
    }
    let mut out = canonical_name(name);
    let mut rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix('[') {
        let (extras, after) = after.split_once(']')?;
        let mut extras: Vec<String> = extras.split(',').map(|extra| canonical_name(extra.trim())).collect();
        extras.sort();
        extras.dedup();
        out.push_str(&format!("[{}]", extras.join(",")));
        rest = after.trim_start();
    }
    if let Some(url) = rest.strip_prefix('@') {
        let url = url.trim();
        let is_one = !url.is_empty() && !url.contains(char::is_whitespace);
        return is_one.then(|| format!("{out} @ {url}"));
    }
    if let Some(inner) = rest.strip_prefix('(') {
        rest = inner.strip_suffix(')')?;
    }
    let rest = specifiers(rest);
    if !rest.is_empty() && !rest.split(',').all(is_clause) {
        return None;
    }
    Some(out + &rest)
}

/// An operator and a version; nothing that the grammar does not have there.
fn is_clause(clause: &str) -> bool {
    let version = |c: char| c.is_ascii_alphanumeric() || "<>=!~.*+_-".contains(c);
    clause.starts_with(['<', '>', '=', '!', '~']) && clause.chars().all(version)
}

/// A comma means "and" (PEP 440, "Version specifiers"), so order and white space say nothing.
pub fn specifiers(text: &str) -> String {
    let clauses = text.split(',').map(|clause| clause.split_whitespace().collect::<String>());
    let mut clauses: Vec<String> = clauses.filter(|clause| !clause.is_empty()).collect();
    clauses.sort();
    clauses.join(",")
}

/// Markers keep their structure: only white space outside quotes and the kind of quotes are made one.
fn canonical_marker(marker: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut rest = marker.trim();
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '"' | '\'' => {
                rest.chars().skip(1).position(|c| c == first).map_or(rest.chars().count(), |at| at + 2)
            }
            '(' | ')' => 1,
            c if is_word(c) => rest.chars().take_while(|c| is_word(*c)).count(),
            _ => rest.chars().take_while(|c| matches!(c, '<' | '>' | '=' | '!' | '~')).count().max(1),
        };
        let token: String = rest.chars().take(len).collect();
        rest = rest.get(token.len()..).unwrap_or_default().trim_start();
        out.push(quoted(&token).unwrap_or(token));
    }
    name_extras(&mut out);
    out.join(" ")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// A quoted string in double quotes, where it has none inside.
fn quoted(token: &str) -> Option<String> {
    let inner = token.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains('"')).then(|| format!("\"{inner}\""))
}

/// `extra == "Test_It"` compares normalised names (PEP 685).
fn name_extras(tokens: &mut [String]) {
    for at in 2..tokens.len() {
        let is_extra =
            tokens.get(at - 2).is_some_and(|t| t == "extra") && tokens.get(at - 1).is_some_and(|t| t == "==");
        if let Some(value) = tokens.get_mut(at).filter(|_| is_extra) {
            *value = canonical_name(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_requirement_are_one() {
        for (a, b) in [
            ("urllib3 (<3,>=1.21.1)", "urllib3<3,>=1.21.1"),
            ("urllib3 <3,>=1.21.1", "urllib3>=1.21.1, <3"),
            ("PySocks (!=1.5.7,>=1.5.6) ; extra == 'socks'", "pysocks!=1.5.7,>=1.5.6; extra == \"socks\""),
            (
                "a ; (python_version<'3') and extra=='test_it'",
                "a; (python_version < \"3\") and extra == \"Test-It\"",
            ),
            ("a[y, x]>=1", "A[x,y] >=1"),
            ("b (<2,>=1) ; extra == '@'", "b<2,>=1; extra == \"@\""),
            ("a@https://h/p;x ; extra == 'e'", "a @ https://h/p;x ; extra == \"e\""),
        ] {
            assert_eq!(canonical(a), canonical(b), "{a}");
        }
    }

    #[test]
    fn different_requirements_stay_different() {
        for (a, b) in [
            ("a", "b"),
            ("a", "a[x]"),
            ("a>=1", "a>1"),
            ("a>=1", "a>=1,<2"),
            ("a", "a; extra == 'x'"),
            ("a; extra == 'x'", "a; extra == 'y'"),
            ("a; os_name == 'a b'", "a; os_name == 'ab'"),
            ("a; python_version < '3'", "a; python_version <= '3'"),
            ("a; (x == 'a' or y == 'b') and z == 'c'", "a; x == 'a' or (y == 'b' and z == 'c')"),
            ("a @ https://h/p", "a @ https://h/q"),
            ("a (>=1", "a >=1"),
        ] {
            assert_ne!(canonical(a), canonical(b), "{a}");
        }
    }
}
