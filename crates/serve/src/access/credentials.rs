//! Where clients put a token: pip, uv and curl send Basic with it as password or as user, the npm family sends Bearer,
//! cargo sends it as it is.

use super::denied::Denied;
use axum::http::{HeaderValue, Uri};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use trustmill_core::token::{self, PREFIX, Shown};

/// Longest `Authorization` that is read.
const MAX_HEADER: usize = 1024;

/// The token that a request shows.
pub(super) struct Given(pub(super) Shown);

/// Reads `Authorization`; `None` if there is none. What is there and holds no token is an error, never nobody.
pub(super) fn given<'a>(
    mut fields: impl Iterator<Item = &'a HeaderValue> + 'a,
) -> Result<Option<Given>, Denied> {
    let Some(field) = fields.next() else { return Ok(None) };
    // Two of them: a proxy and a server may believe different ones.
    if fields.next().is_some() {
        return Err(Denied::Foreign);
    }
    let text = field.to_str().ok().filter(|text| text.len() <= MAX_HEADER).ok_or(Denied::Foreign)?.trim();
    let (scheme, rest) = text.split_once(' ').map_or(("", text), |(scheme, rest)| (scheme, rest.trim()));
    let shown = match scheme {
        "" => token::parse(rest),
        scheme if scheme.eq_ignore_ascii_case("bearer") => token::parse(rest),
        scheme if scheme.eq_ignore_ascii_case("basic") => basic(rest)?,
        _ => return Err(Denied::Foreign),
    };
    shown.map(Given).map(Some).map_err(Denied::from)
}

/// User and password (RFC 7617); the token is whichever of them begins like one, the password before the user.
fn basic(encoded: &str) -> Result<Result<Shown, token::BadToken>, Denied> {
    let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| Denied::Foreign)?;
    let text = String::from_utf8(decoded).map_err(|_| Denied::Foreign)?;
    let (user, password) = text.split_once(':').unwrap_or((&text, ""));
    let chosen = if !password.starts_with(PREFIX) && user.starts_with(PREFIX) { user } else { password };
    Ok(token::parse(chosen))
}

/// Whether the request's address holds a token: it would stand in histories, logs and pages.
pub(super) fn in_address(uri: &Uri) -> bool {
    let whole = uri.path_and_query().map_or("", |whole| whole.as_str());
    if !whole.contains(PREFIX) && !whole.contains('%') {
        return false;
    }
    token::is_in(whole) || token::is_in(&percent_decode_str(whole).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> String {
        token::mint(&[7; token::RANDOM]).1.expose().to_owned()
    }

    fn read(text: &str) -> Result<Option<String>, &'static str> {
        let field = HeaderValue::from_str(text).unwrap();
        match given([&field].into_iter()) {
            Ok(given) => Ok(given.map(|Given(shown)| shown.id)),
            Err(denied) => Err(denied.code()),
        }
    }

    #[test]
    fn every_client_is_understood() {
        let (token, id) = (token(), Ok(Some(token::parse(&token()).unwrap().id)));
        let basic = |text: String| format!("Basic {}", BASE64_STANDARD.encode(text));
        for text in [
            token.clone(),
            format!("Bearer {token}"),
            format!("bearer  {token}"),
            basic(format!("__token__:{token}")),
            basic(format!("{token}:")),
            basic(format!("{token}:x")),
            basic(format!(":{token}")),
            basic(token),
        ] {
            assert_eq!(read(&text), id, "{text}");
        }
        assert!(given([].into_iter()).unwrap().is_none());
    }

    #[test]
    fn what_is_no_token_is_an_error() {
        let token = token();
        for text in ["", "x", "Bearer", "Bearer ghp_1", "Basic !", "Basic dTpw", "Digest username=x"] {
            assert_eq!(read(text), Err("TM0711"), "{text}");
        }
        let typo = format!("{}x", token.get(..token.len() - 1).unwrap());
        for text in [typo.clone(), format!("Bearer {typo}"), format!("Bearer {token} x")] {
            assert_eq!(read(&text), Err("TM0711"), "{text}");
        }
        let field = HeaderValue::from_str(&token).unwrap();
        assert!(given([&field, &field].into_iter()).is_err());
    }

    #[test]
    fn a_token_in_an_address_is_seen() {
        let token = token();
        let hidden = token.replacen("tm_", "%74m%5f", 1);
        for at in
            [format!("/x?t={token}"), format!("/{token}/x"), format!("/x?{hidden}"), format!("/{hidden}")]
        {
            assert!(in_address(&at.parse().unwrap()), "{at}");
        }
        assert!(!in_address(&"/pypi/simple/tm_x/?%20".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(32..=255_u8, 0..80)) {
            if let Ok(field) = HeaderValue::from_bytes(&bytes) {
                let _ = given([&field].into_iter());
            }
        }
    }
}
