//! Canonical JSON: the same statement is the same bytes, whoever writes it and however the build was made.
//!
//! The subset of RFC 8785 that statements need: no white space, members ordered by UTF-16 code units,
//! shortest escapes, whole numbers only. `serde_json` alone would follow whichever map order a feature of
//! some other crate turns on.

use serde::Serialize;
use serde_json::Value;
use trustmill_core::Sha256;

/// How deep values may nest.
const MAX_DEPTH: usize = 64;

/// Why a value has no canonical form here.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Its type does not serialise.
    #[error("a value does not serialise")]
    Serialise(#[from] serde_json::Error),
    /// A number that is not whole: its shortest text is not worth a second implementation.
    #[error("{0} is not a whole number")]
    Fraction(String),
    /// Nested too deep.
    #[error("values nest deeper than {MAX_DEPTH}")]
    TooDeep,
}

/// The canonical JSON of `value`, UTF-8.
///
/// # Errors
/// [`EncodeError`] if the value does not serialise, has a fraction, or nests deeper than 64.
pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = String::new();
    write(&serde_json::to_value(value)?, 0, &mut out)?;
    Ok(out.into_bytes())
}

/// The SHA-256 of the canonical JSON of `value`.
///
/// # Errors
/// As [`canonical`].
pub fn digest<T: Serialize + ?Sized>(value: &T) -> Result<Sha256, EncodeError> {
    canonical(value).map(|bytes| Sha256::of(&bytes))
}

fn write(value: &Value, depth: usize, out: &mut String) -> Result<(), EncodeError> {
    if depth > MAX_DEPTH {
        return Err(EncodeError::TooDeep);
    }
    match value {
        Value::Number(number) if number.is_f64() => return Err(EncodeError::Fraction(number.to_string())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| (None, item));
            write_all('[', items, ']', depth, out)?;
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(name, member)| (Some(name), member)).collect();
            members.sort_by(|(a, _), (b, _)| utf16(*a).cmp(utf16(*b)));
            write_all('{', members.into_iter(), '}', depth, out)?;
        }
    }
    Ok(())
}

fn write_all<'a>(
    open: char,
    items: impl Iterator<Item = (Option<&'a String>, &'a Value)>,
    close: char,
    depth: usize,
    out: &mut String,
) -> Result<(), EncodeError> {
    out.push(open);
    for (index, (name, item)) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if let Some(name) = name {
            out.push_str(&Value::from(name.as_str()).to_string());
            out.push(':');
        }
        write(item, depth + 1, out)?;
    }
    out.push(close);
    Ok(())
}

fn utf16(name: Option<&String>) -> impl Iterator<Item = u16> + '_ {
    name.into_iter().flat_map(|name| name.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        String::from_utf8(canonical(value).unwrap()).unwrap()
    }

    #[test]
    fn members_are_ordered_as_rfc_8785_says() {
        // The example of RFC 8785, section 3.2.3, keys only.
        let value = json!({"\u{20ac}":1,"\r":2,"\u{fb33}":3,"1":4,"\u{1f600}":5,"\u{80}":6,"\u{f6}":7});
        assert_eq!(
            text(&value),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn nothing_is_lost_and_no_space_is_added() {
        assert_eq!(
            text(&json!({"b": [1, null, true, "a\"b\u{1}"], "a": {}})),
            r#"{"a":{},"b":[1,null,true,"a\"b\u0001"]}"#
        );
    }

    #[test]
    fn fractions_and_towers_are_refused() {
        assert!(matches!(canonical(&json!(1.5)), Err(EncodeError::Fraction(_))));
        let tower = (0..70).fold(json!(0), |inner, _| json!([inner]));
        assert!(matches!(canonical(&tower), Err(EncodeError::TooDeep)));
    }
}
