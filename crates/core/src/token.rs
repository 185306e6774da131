//! Tokens: what a team shows to be known, and what the mill keeps of it.
//!
//! A token is `tm_`, ten characters of public id, `_`, 52 of secret (256 bits) and six of checksum, in lower-case
//! letters and digits of Crockford's base32: one word without punctuation, so that it survives URLs, shells and every
//! client's configuration, and can be searched for as `tm_[0-9a-hjkmnp-tv-z]{10}_[0-9a-hjkmnp-tv-z]{58}`. The checksum
//! tells a typo from a wrong token without asking anybody; it protects nothing.

use crate::Sha256;
use crate::port::registry::Secret;
use crate::ruling::Principal;
use jiff::Timestamp;
use serde::Serialize;

/// How every token begins.
pub const PREFIX: &str = "tm_";
/// Characters of the public id (50 bits).
const ID: usize = 10;
/// Characters of the secret (256 bits, and four that are zero).
const SECRET: usize = 52;
/// Characters of the checksum (30 bits).
const CHECKSUM: usize = 6;
/// Characters of a whole token.
const LENGTH: usize = PREFIX.len() + ID + 1 + SECRET + CHECKSUM;
/// Crockford's base32, lower case: no letter that is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Longest name of a team or agent, in bytes.
const MAX_NAME: usize = 64;
/// Longest note, in bytes.
const MAX_NOTE: usize = 200;

/// Random bytes that a new token takes: eight for its id, the rest for its secret.
pub const RANDOM: usize = 8 + 32;

/// A token as somebody shows it; its form is right, and nothing else is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its public id.
    pub id: String,
    /// SHA-256 of its text.
    pub hash: Sha256,
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It does not look like one.
    #[error("it is not a token of this mill, which begins with tm_")]
    Foreign,
    /// It begins like one, and its length, letters or checksum are wrong.
    #[error("it is a token of this mill that was not copied whole, or mistyped")]
    Mistyped,
}

/// Makes a token out of randomness: its id, and the text that is shown once.
pub fn mint(random: &[u8; RANDOM]) -> (String, Secret) {
    let (for_id, for_secret) = random.split_at(8);
    let id = base32(for_id, ID);
    let body = format!("{PREFIX}{id}_{}", base32(for_secret, SECRET));
    let checksum = checksum(&body);
    (id, Secret::new(body + &checksum))
}

/// Reads a token.
///
/// # Errors
/// [`BadToken`].
pub fn parse(text: &str) -> Result<Shown, BadToken> {
    let rest = text.strip_prefix(PREFIX).ok_or(BadToken::Foreign)?;
    let (id, secret) = rest.split_once('_').ok_or(BadToken::Mistyped)?;
    let fits = id.len() == ID && secret.len() == SECRET + CHECKSUM;
    let (body, given) = text.split_at_checked(LENGTH - CHECKSUM).ok_or(BadToken::Mistyped)?;
    if fits && [id, secret].iter().all(|part| part.bytes().all(is_letter)) && checksum(body) == given {
        return Ok(Shown { id: id.to_owned(), hash: Sha256::of(text.as_bytes()) });
    }
    Err(BadToken::Mistyped)
}

/// Whether a text holds something that is shaped like a whole token, right or not: a path or query that does must not
/// be written anywhere.
pub fn is_in(text: &str) -> bool {
    text.match_indices(PREFIX).any(|(at, _)| {
        let candidate = text.get(at..at.saturating_add(LENGTH)).unwrap_or_default();
        let mut parts = candidate.split('_').skip(1);
        let (id, secret) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        id.len() == ID
            && secret.len() == SECRET + CHECKSUM
            && (id.bytes().chain(secret.bytes())).all(is_letter)
    })
}

fn is_letter(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

fn checksum(body: &str) -> String {
    base32(Sha256::of(body.as_bytes()).as_bytes(), CHECKSUM)
}

/// The first `length` characters of the base32 of `bytes`, which are padded with zeros where they end.
fn base32(bytes: &[u8], length: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| (byte >> (7 - at % 8)) & 1);
    let letter = |at: usize| {
        let value = (0..5).fold(0, |value, place| (value << 1) | bit(at * 5 + place));
        char::from(ALPHABET.get(usize::from(value)).copied().unwrap_or(b'0'))
    };
    (0..length).map(letter).collect()
}

/// What the mill keeps of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenRecord {
    /// Its public id.
    pub id: String,
    /// SHA-256 of its text. The secret has 256 bits, so that nothing slower is needed.
    #[serde(skip)]
    pub hash: Sha256,
    /// The team that it belongs to.
    pub team: String,
    /// The AI agent that it was given to, if it was given to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Whether the writing part of the API is open to it.
    pub admin: bool,
    /// What its maker noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is not taken any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

/// What a token is worth at some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is taken.
    Valid,
    /// It was revoked then.
    Revoked(Timestamp),
    /// It ended then.
    Expired(Timestamp),
}

impl TokenRecord {
    /// Whether the record is of the token that was shown; takes as long whatever is wrong.
    pub fn is_of(&self, shown: &Shown) -> bool {
        let pairs = self.hash.as_bytes().iter().zip(shown.hash.as_bytes());
        pairs.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }

    /// As whom its holder is known.
    pub fn principal(&self) -> Principal {
        Principal { team: Some(self.team.clone()), token: Some(self.id.clone()), agent: self.agent.clone() }
    }

    /// What the token is worth.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match (self.revoked, self.expires) {
            (Some(at), _) => Standing::Revoked(at),
            (None, Some(at)) if at <= now => Standing::Expired(at),
            _ => Standing::Valid,
        }
    }
}

/// Whether a text can name a team or an agent: it stands in policies, tables and logs.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(allowed)
}

/// Whether a text can be a note: one line.
pub fn is_note(text: &str) -> bool {
    text.len() <= MAX_NOTE && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one() -> String {
        mint(&std::array::from_fn(|n| u8::try_from(n * 7 % 256).unwrap())).1.expose().to_owned()
    }

    #[test]
    fn a_token_is_what_the_documentation_says() {
        let token = one();
        assert_eq!(token, "tm_003gw58w4c_70zmckambdh6jw3qft2rs4wtm6mazdnxrk5x5pf0wzqfbz03188g3tqqj8");
        assert_eq!(token.len(), LENGTH);
        let shown = parse(&token).unwrap();
        assert_eq!((shown.id.as_str(), shown.hash), ("003gw58w4c", Sha256::of(token.as_bytes())));
    }

    #[test]
    fn what_is_no_token_is_told_from_what_was_one() {
        assert_eq!(parse("ghp_abc"), Err(BadToken::Foreign));
        assert_eq!(parse(""), Err(BadToken::Foreign));
        assert_eq!(parse("tm_"), Err(BadToken::Mistyped));
        let token = one();
        for cut in 3..token.len() {
            assert_eq!(parse(token.get(..cut).unwrap()), Err(BadToken::Mistyped));
        }
        assert_eq!(parse(&token.to_ascii_uppercase().replacen("TM", "tm", 1)), Err(BadToken::Mistyped));
        assert_eq!(parse(&format!("{token} ")), Err(BadToken::Mistyped));
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let token = one();
        assert!(is_in(&token) && is_in(&format!("/pypi/simple/?token={token}&x")));
        assert!(!is_in(token.get(..LENGTH - 1).unwrap()));
        assert!(is_in(&format!("tm_tm_{token}")) && is_in(&format!("é{token}é")));
        assert!(!is_in("/pypi/simple/tm_parser/") && !is_in(token.get(1..).unwrap()));
    }

    #[test]
    fn names_are_plain() {
        for good in ["payments", "team-1", "a.b_c"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a b", "é", "a/b", "a\n", &"x".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_typo_is_seen(random in proptest::array::uniform32(any::<u8>()), at in 3..LENGTH, to in "[0-9a-z_]") {
            let mut all = [7; RANDOM];
            all[8..].copy_from_slice(&random);
            let token = mint(&all).1.expose().to_owned();
            prop_assert!(parse(&token).is_ok());
            let mut typo = token.clone();
            typo.replace_range(at..=at, &to);
            prop_assert_eq!(parse(&typo).is_ok(), typo == token);
        }

        #[test]
        fn nothing_panics(text in ".*", tail in "tm_[0-9a-z_é]{0,90}") {
            let text = text + &tail;
            let _ = (parse(&text), parse(&tail), is_in(&text));
        }
    }
}
