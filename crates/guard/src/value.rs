//! Values of arguments and results: their kind, and the one form in which they are compared.
//!
//! An address, an amount or an id is written in many ways. Two values are the same when their kinds are and their
//! normal forms are; what does not look like its kind has no normal form, and is grounded by nothing.

use serde::{Deserialize, Serialize};

/// What a value is. A value of one kind never stands for one of another: a file's id is not a date.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Kind {
    /// A mail address.
    Email,
    /// A bank account: IBAN (ISO 13616), another number, or the name under which the bank knows it.
    Account,
    /// A number: an amount, a quantity.
    Number,
    /// A web address.
    Url,
    /// A path or file name.
    Path,
    /// A calendar date or an instant (ISO 8601).
    Date,
    /// A name or text of few words.
    Name,
    /// An id that a system of record gave, by what it is an id of: `file`, `event`, `mail`.
    Id(String),
}

impl From<String> for Kind {
    fn from(text: String) -> Self {
        match text.as_str() {
            "email" => Self::Email,
            "account" => Self::Account,
            "number" => Self::Number,
            "url" => Self::Url,
            "path" => Self::Path,
            "date" => Self::Date,
            "name" => Self::Name,
            other => Self::Id(other.strip_prefix("id:").unwrap_or(other).to_owned()),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Email => "email".into(),
            Kind::Account => "account".into(),
            Kind::Number => "number".into(),
            Kind::Url => "url".into(),
            Kind::Path => "path".into(),
            Kind::Date => "date".into(),
            Kind::Name => "name".into(),
            Kind::Id(of) => format!("id:{of}"),
        }
    }
}

/// The longest value that can be grounded, in bytes: what decides who receives or pays is never longer.
const LONGEST: usize = 512;

impl Kind {
    /// The form in which values of this kind are compared; `None` where `text` does not look like one.
    pub fn normal(&self, text: &str) -> Option<String> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST || text.chars().any(is_disguise) {
            return None;
        }
        match self {
            Self::Email => email(text),
            Self::Account => account(text),
            Self::Number => number(text),
            Self::Url => url(text),
            Self::Path => Some(text.trim_start_matches("./").to_owned()),
            Self::Date => date(text),
            Self::Name => Some(folded(text)),
            Self::Id(_) => Some(text.to_owned()),
        }
    }
}

/// Characters that make a text look like another one: control characters, invisible ones, changes of direction.
pub(crate) fn is_disguise(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A text for people: what would hide or move it is shown as a mark.
pub fn visible(text: &str) -> String {
    text.chars().map(|c| if is_disguise(c) { '\u{fffd}' } else { c }).collect()
}

/// What looks like a web address in a text, word for word.
pub(crate) fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "<>\"'()[]{}|\\^`,;".contains(c))
        .filter(|word| word.contains("://") || word.starts_with("www."))
        .map(|word| word.trim_end_matches(['.', '!', '?', ':']))
}

/// Lower case, single spaces.
pub(crate) fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn email(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || "._+-%'".contains(c));
    let good =
        !local.is_empty() && plain(local) && domain.contains('.') && plain(domain) && !domain.ends_with('.');
    good.then(|| text.to_lowercase())
}

fn account(text: &str) -> Option<String> {
    let joined: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect::<String>().to_uppercase();
    let is_number =
        joined.chars().all(|c| c.is_ascii_alphanumeric()) && joined.chars().any(|c| c.is_ascii_digit());
    // Banks know payees by their names as well.
    if is_number { (joined.len() >= 5).then_some(joined) } else { Some(folded(text)) }
}

/// Decimal digits with thousands separators taken out: `1,200.50` and `1200.5` are one number.
pub(crate) fn number(text: &str) -> Option<String> {
    let bare = text.trim_matches(|c: char| !c.is_ascii_digit() && c != '-' && c != '.');
    let bare = bare.trim_end_matches('.').replace([',', '_', ' '], "");
    let value: f64 = bare.parse().ok()?;
    value.is_finite().then(|| format!("{value}"))
}

fn url(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let bare = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
    let bare = bare.strip_prefix("www.").unwrap_or(bare).trim_end_matches('/');
    let host = bare.split(['/', '?', '#']).next().unwrap_or_default();
    // Before an `@` stands who logs in, and a reader takes it for the host.
    let good = host.contains('.') && !host.contains('@') && !bare.contains(char::is_whitespace);
    good.then(|| bare.to_owned())
}

fn date(text: &str) -> Option<String> {
    let normal = text.replace('T', " ");
    let digits = normal.chars().filter(char::is_ascii_digit).count();
    (digits >= 4 && normal.chars().all(|c| c.is_ascii_digit() || "-:+. Z".contains(c))).then_some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_write_a_value_are_one_value() {
        assert_eq!(Kind::Email.normal(" Ann@Example.COM "), Kind::Email.normal("ann@example.com"));
        assert_eq!(Kind::Account.normal("GB29 NWBK 6016 1331"), Kind::Account.normal("gb29nwbk60161331"));
        assert_eq!(Kind::Number.normal("$1,200.50"), Kind::Number.normal("1200.5"));
        assert_eq!(Kind::Url.normal("https://www.example.com/"), Kind::Url.normal("example.com"));
        assert_eq!(Kind::Name.normal("Ann  LEE"), Kind::Name.normal("ann lee"));
    }

    #[test]
    fn what_does_not_look_like_its_kind_is_no_value_of_it() {
        for (kind, text) in [
            (Kind::Email, "ann"),
            (Kind::Email, "ann@example.com, eve@example.org"),
            (Kind::Account, "A1"),
            (Kind::Number, "many"),
            (Kind::Url, "https://example.com@evil.example/"),
            (Kind::Name, "ann\u{202e}"),
            (Kind::Name, "a\u{200b}nn"),
            (Kind::Date, "tomorrow"),
        ] {
            assert_eq!(kind.normal(text), None, "{text:?}");
        }
        assert_eq!(Kind::Name.normal(&"a".repeat(600)), None);
    }
}
