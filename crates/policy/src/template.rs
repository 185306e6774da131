//! The text of a reason, with the names of attributes in braces.

use crate::attribute::{Client, Facts, Settings, Value};
use std::fmt::Write as _;

/// A parsed text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Attribute(String),
}

/// The longest reason that is made, in characters: it travels in a status line.
const LONGEST: usize = 400;

/// The longest value that is put into one.
const LONGEST_VALUE: usize = 120;

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// What is wrong: a brace without its other half, or a name that no attribute has.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::parse_of(text, known)
    }

    /// Parses a text whose names are others.
    ///
    /// # Errors
    /// As for [`Template::parse`].
    pub(crate) fn parse_of(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| "a `{` has no `}` after it".to_owned())?;
            if !known(name) {
                return Err(format!("{name:?} is no attribute"));
            }
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Attribute(name.to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err("a `}` has no `{` before it".to_owned());
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// Whether it says who asks.
    pub(crate) fn names_client(&self) -> bool {
        let of_client = |name: &str| Client::ATTRIBUTES.iter().any(|one| one.name == name);
        self.0.iter().any(|piece| matches!(piece, Piece::Attribute(name) if of_client(name)))
    }

    /// One line, in any script; what moves or hides text becomes a mark.
    pub(crate) fn fill(&self, value: impl Fn(&str) -> Option<Value>) -> String {
        let mut line = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => line.push_str(text),
                Piece::Attribute(name) => {
                    let text = value(name).map(|value| value.to_string()).unwrap_or_default();
                    line.extend(
                        text.chars().take(LONGEST_VALUE).map(|c| if hides(c) { '\u{fffd}' } else { c }),
                    );
                }
            }
        }
        line
    }

    /// One line of printable ASCII.
    pub(crate) fn render(&self, facts: &Facts, settings: &Settings, client: &Client) -> String {
        let mut line = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => printable(&mut line, text, LONGEST),
                Piece::Attribute(name) => {
                    let value = facts.get(name).or_else(|| settings.get(name)).or_else(|| client.get(name));
                    let text = value.map(|value| value.to_string()).unwrap_or_default();
                    printable(&mut line, &text, LONGEST_VALUE);
                }
            }
        }
        line.truncate(LONGEST);
        line
    }
}

/// Control characters, and those that are not seen or that change the direction of others.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn known(name: &str) -> bool {
    [Facts::ATTRIBUTES, Settings::ATTRIBUTES, Client::ATTRIBUTES].concat().iter().any(|one| one.name == name)
}

/// Appends at most `most` characters; what is not printable ASCII becomes `?`.
pub(crate) fn printable(line: &mut String, text: &str, most: usize) {
    for c in text.chars().take(most) {
        let _ = line.write_char(if c == ' ' || c.is_ascii_graphic() { c } else { '?' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_whatever_the_publisher_writes() {
        let template = Template::parse("{name} {version}, {age_hours} h old (of {cooldown_hours})").unwrap();
        let facts = Facts {
            name: "evil\r\nX: y".into(),
            version: "é".repeat(500).into(),
            age_hours: 3,
            ..Facts::default()
        };
        let settings = Settings { cooldown_hours: 72, ..Settings::default() };
        let line = template.render(&facts, &settings, &Client::default());
        assert!(line.starts_with("evil??X: y ??") && line.ends_with("?, 3 h old (of 72)"), "{line}");
    }

    #[test]
    fn a_name_that_is_none_and_a_lonely_brace_are_refused() {
        for text in ["{nmae}", "{name", "name}", "{}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        assert!(Template::parse("").is_ok());
    }
}
