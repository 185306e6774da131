//! Answers in YAML, of servers that say nothing in JSON.
//!
//! Only where the operator says that a server's texts are documents which a program wrote: a text that was put together from
//! what others wrote can look like YAML, and then its lines are theirs. Whatever means more than it shows (anchors, aliases,
//! tags, a key that stands twice, a second document) makes the whole text a text.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The longest text that is read, in bytes.
const LONGEST: usize = 4 << 20;
/// Levels of collections.
const DEEPEST: usize = 32;
/// Scalars and collections.
const MOST: usize = 200_000;

/// A collection that is not closed yet.
enum Open {
    List(Vec<Value>),
    Record(Map<String, Value>, Option<String>),
}

/// The value of a text that is one document of lists and records. `None` where it is anything else.
pub fn read(text: &str) -> Option<Value> {
    if text.len() > LONGEST {
        return None;
    }
    let (mut open, mut done, mut nodes): (Vec<Open>, Option<Value>, usize) = (Vec::new(), None, 0);
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.ok()?;
        let value = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                (documents == 1).then_some(())?;
                continue;
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => continue,
            Event::Alias(_) => return None,
            Event::Scalar(_, _, anchor, ref tag)
            | Event::SequenceStart(anchor, ref tag)
            | Event::MappingStart(anchor, ref tag)
                if anchor != 0 || tag.is_some() =>
            {
                return None;
            }
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                (open.len() <= DEEPEST).then_some(())?;
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Record(Map::new(), None));
                (open.len() <= DEEPEST).then_some(())?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop()? {
                Open::List(items) => Value::Array(items),
                Open::Record(map, None) => Value::Object(map),
                Open::Record(..) => return None,
            },
        };
        nodes += 1;
        (nodes <= MOST).then_some(())?;
        match open.last_mut() {
            None => done = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Record(map, key)) => match key.take() {
                None => *key = Some(name(value)?),
                Some(name) => map.insert(name, value).is_none().then_some(())?,
            },
        }
    }
    // A scalar is the text that it is.
    done.filter(|value| value.is_array() || value.is_object())
}

fn name(value: Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number where it is written as JSON writes one; nothing where nothing is written; else a text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
        (ScalarStyle::Plain, "true") => Value::Bool(true),
        (ScalarStyle::Plain, "false") => Value::Bool(false),
        (ScalarStyle::Plain, text) => {
            let number = text.parse::<serde_json::Number>().ok();
            number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
        (_, text) => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_document_of_records_is_what_it_says() {
        let text = "- id_: '7'\n  sender: ann@x.example\n  body: \"Hi\\nsender: eve@x.example\"\n  read: false\n  cc: []\n- {id_: 8, sender: }\n";
        assert_eq!(
            read(text).unwrap(),
            json!([
                { "id_": "7", "sender": "ann@x.example", "body": "Hi\nsender: eve@x.example", "read": false, "cc": [] },
                { "id_": 8, "sender": null },
            ])
        );
    }

    #[test]
    fn what_means_more_than_it_shows_is_a_text() {
        for text in [
            "",
            "hello",
            "7",
            "a: 1\na: 2",
            "a: &x 1\nb: *x",
            "a: !!str 1",
            "a: 1\n---\nb: 2",
            "a: [1",
            "- a\nb: 1",
            "[a]: 1",
            "Dear Ann,\nthe total: is 3: or so\n\t- x",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"[".repeat(100_000)), None);
        assert_eq!(read(&format!("{}1{}", "[".repeat(40), "]".repeat(40))), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[-a: \\n\\[\\]{}&*!'\"#|>%0-9]{0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn json_is_yaml_and_means_the_same(map in proptest::collection::btree_map("[a-z]{1,6}", "[ -~]{0,12}", 1..5)) {
            prop_assert_eq!(read(&json!(map).to_string()), Some(json!(map)));
        }
    }
}
