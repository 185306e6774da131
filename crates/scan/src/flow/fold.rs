//! What methods of texts give, where the text and the arguments are known. Both languages' names, since a method of that
//! name does the same in both.

use super::value::{UNKNOWN, Value};
use crate::decode::{Decoder, MAX_OUTPUT, latin1, text_of};
use crate::program::Name;
use compact_str::ToCompactString;
use std::rc::Rc;

/// The value of `object.method(args)`, where it can be told.
pub(super) fn method(object: &Value, method: &str, args: &[Value]) -> Option<Value> {
    if let Some(parts) = &object.parts {
        return of_list(parts, method, args);
    }
    let text = object.text.as_deref()?;
    let arg = |at: usize| args.get(at).and_then(|arg| arg.text.as_deref());
    let number = |at: usize| args.get(at).and_then(|arg| arg.number);
    let out: String = match method {
        "lower" | "toLowerCase" => text.to_lowercase(),
        "upper" | "toUpperCase" => text.to_uppercase(),
        "reverse" => {
            let turned: String = text.chars().rev().collect();
            return Some(Value {
                text: Some(turned.into()),
                decoded: Some("reversed".into()),
                ..object.clone()
            });
        }
        "strip" | "trim" => text.trim().to_owned(),
        "encode" | "decode" | "toString" | "valueOf" | "format" | "normalize" | "to_string" | "to_owned"
        | "into" | "as_str" | "to_vec" | "as_bytes" | "unwrap" | "expect" => decoded_by(text, arg(0)),
        "replace" | "replaceAll" => {
            let from = arg(0).filter(|from| !from.is_empty())?;
            text.replace(from, arg(1)?)
        }
        "concat" => {
            args.iter().fold(text.to_owned(), |all, arg| all + arg.text.as_deref().unwrap_or("\u{FFFC}"))
        }
        "join" => {
            let given = args.first()?;
            // What was made of character codes is one text already.
            if given.parts.is_none() && text.is_empty() {
                return given.known_text().map(|_| Value { path: None, ..given.clone() });
            }
            let parts = given.parts.as_ref()?;
            let decoded = parts.iter().find_map(|(_, part)| part.decoded.clone());
            let text = join(parts, text)?.into();
            return Some(Value { text: Some(text), decoded, ..object.clone() });
        }
        "split" => return split(text, arg(0).unwrap_or(" ")),
        "charAt" => text.chars().nth(index(number(0)?)?)?.to_string(),
        "charCodeAt" | "codePointAt" => {
            let number = text.chars().nth(index(number(0)?)?).map(|c| f64::from(u32::from(c)))?;
            return Some(Value { number: Some(number), labels: object.labels, ..Value::default() });
        }
        "substring" | "slice" | "substr" => {
            let from = index(number(0)?)?;
            let rest = text.chars().skip(from);
            match number(1) {
                None => rest.collect(),
                Some(end) if method == "substr" => rest.take(index(end)?).collect(),
                Some(end) => rest.take(index(end)?.saturating_sub(from)).collect(),
            }
        }
        "repeat" => {
            let times = index(number(0)?)?;
            (text.len().saturating_mul(times) <= MAX_OUTPUT).then(|| text.repeat(times))?
        }
        _ => return None,
    };
    (out.len() <= MAX_OUTPUT).then(|| Value { text: Some(out.into()), ..object.clone() })
}

/// `.decode("hex")`, `.toString("base64")`: an encoding that is a decoder; any other gives the text itself.
fn decoded_by(text: &str, encoding: Option<&str>) -> String {
    let decoder = match encoding {
        Some("hex") => Decoder::Hex,
        Some("base64" | "base64_codec") => Decoder::Base64,
        Some("rot13" | "rot_13") => Decoder::Rot13,
        Some("zlib" | "zlib_codec") => Decoder::Zlib,
        _ => return text.to_owned(),
    };
    // `toString("hex")` of a text that is no hex encodes; then the text says more than its encoding.
    decoder.decode(text).unwrap_or_else(|| text.to_owned())
}

fn of_list(parts: &Rc<Vec<(Name, Value)>>, method: &str, args: &[Value]) -> Option<Value> {
    let labels = parts.iter().fold(crate::facts::Labels::NONE, |all, (_, part)| all.and(part.labels));
    match method {
        "join" => {
            let between = args.first().map_or(Some(","), |arg| arg.text.as_deref())?;
            let text = join(parts, between)?;
            Some(Value { text: Some(text.into()), labels, ..Value::default() })
        }
        "reverse" | "reversed" => {
            let mut turned: Vec<Value> = parts.iter().map(|(_, part)| part.clone()).collect();
            turned.reverse();
            Some(list(turned))
        }
        "concat" => {
            let more = args.iter().filter_map(|arg| arg.parts.as_ref()).flat_map(|parts| parts.iter());
            Some(list(parts.iter().chain(more).map(|(_, part)| part.clone()).collect()))
        }
        _ => None,
    }
}

/// A list of values.
pub(super) fn list(values: Vec<Value>) -> Value {
    let numbered = values.into_iter().take(super::value::MAX_PARTS).enumerate();
    Value::of_parts(numbered.map(|(at, value)| (at.to_compact_string(), value)).collect())
}

fn join(parts: &[(Name, Value)], between: &str) -> Option<String> {
    let mut out = String::new();
    for (at, (_, part)) in parts.iter().enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        match &part.text {
            Some(text) => out.push_str(text),
            None => out.push(UNKNOWN),
        }
        if out.len() > MAX_OUTPUT {
            return None;
        }
    }
    Some(out)
}

fn split(text: &str, at: &str) -> Option<Value> {
    let pieces: Vec<Value> = if at.is_empty() {
        text.chars().take(super::value::MAX_PARTS).map(|c| Value::text(c.to_string())).collect()
    } else {
        text.split(at).take(super::value::MAX_PARTS).map(Value::text).collect()
    };
    Some(list(pieces))
}

/// What is walked over, one by one, where all of it is known: the characters of a text, the items of a list.
pub(super) fn items(value: &Value) -> Option<Vec<Value>> {
    const MOST: usize = 4_096;
    let is_known = |value: &Value| value.known_text().is_some() || value.number.is_some();
    let items: Vec<Value> = match (&value.parts, value.known_text()) {
        (Some(parts), _)
            if parts.iter().all(|(key, part)| is_known(part) && key.parse::<usize>().is_ok()) =>
        {
            parts.iter().map(|(_, part)| part.clone()).collect()
        }
        (None, Some(text)) => {
            text.chars().map(|c| Value { text: Some(c.to_string().into()), ..value.clone() }).collect()
        }
        _ => return None,
    };
    (2..=MOST).contains(&items.len()).then_some(items)
}

/// A number as a position.
pub(super) fn index(number: f64) -> Option<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked below")]
    let whole = number as usize;
    (number >= 0.0 && number.fract() == 0.0 && number < 1e9).then_some(whole)
}

/// The characters of numbers: `String.fromCharCode(…)`, `bytes([…])`, `chr(…)`.
pub(super) fn characters(args: &[Value]) -> Option<Value> {
    let mut out = String::new();
    let flat = args.iter().flat_map(|arg| match &arg.parts {
        Some(parts) => parts.iter().map(|(_, part)| part).collect::<Vec<_>>(),
        None => vec![arg],
    });
    for arg in flat {
        let code = index(arg.number?)?;
        out.push(char::from_u32(u32::try_from(code).ok()?)?);
    }
    // A list of bytes may be UTF-8.
    let out = latin1(&out).map_or(out, |bytes| text_of(&bytes));
    (!out.is_empty()).then(|| Value { decoded: Some("character codes".into()), ..Value::text(out) })
}

/// The result of arithmetic on known numbers.
pub(super) fn arithmetic(operator: &str, left: f64, right: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
    #[expect(clippy::cast_precision_loss, reason = "it came from a float")]
    let number = |whole: i64| whole as f64;
    Some(match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" | "//" if right != 0.0 => left / right,
        "%" if right != 0.0 => left % right,
        // As Python has it.
        "mod" if right != 0.0 => left.rem_euclid(right),
        "^" => number(whole(left)? ^ whole(right)?),
        "&" => number(whole(left)? & whole(right)?),
        "|" => number(whole(left)? | whole(right)?),
        _ => return None,
    })
}
