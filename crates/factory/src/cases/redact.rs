//! Takes secrets and personal data out of text that leaves the mill. What looks like a secret is one: a case that loses
//! a harmless word is still of use, a key that is exported is gone.

/// What begins a secret of a known kind, and how many characters at least follow.
const PREFIXES: &[(&str, usize)] = &[
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("sk-", 16),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("ya29.", 20),
    ("npm_", 30),
    ("pypi-", 40),
    ("hf_", 20),
    ("dop_v1_", 20),
    ("eyJ", 30),
    ("tm_", 30),
    ("SG.", 30),
    ("EAACEdEose0cBA", 10),
    ("-----BEGIN", 0),
];

/// Words before `=` or `:` whose value is a secret.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "private_key",
    "credential",
    "authorization",
    "cookie",
];

/// The text without secrets and personal data: keys and tokens, values that are named so, credentials in addresses, mail
/// addresses, names of authors, home folders, network addresses.
pub fn redact(text: &str) -> String {
    outside_keys(text, line)
}

/// The text without keys and tokens of known kinds, and nothing else: for what still has to work.
pub fn redact_secrets(text: &str) -> String {
    if !PREFIXES.iter().any(|(prefix, _)| text.contains(prefix)) {
        return text.to_owned();
    }
    outside_keys(text, |line, out| {
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let end = rest.find(|c| !is_secret_part(c)).unwrap_or(rest.len());
            let word = rest.get(..end).unwrap_or_default();
            match end {
                0 => out.push(c),
                _ if has_known_prefix(word) => out.push_str("[secret]"),
                _ => out.push_str(word),
            }
            let taken = if end == 0 { c.len_utf8() } else { end };
            rest = rest.get(taken..).unwrap_or_default();
        }
    })
}

/// The text without private keys in PEM (RFC 7468), every other line as `line` writes it.
fn outside_keys(text: &str, line: impl Fn(&str, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_key = false;
    for one in text.split_inclusive('\n') {
        if one.contains("-----BEGIN") && one.contains("PRIVATE KEY") {
            in_key = true;
            out.push_str("[private key]\n");
        }
        if in_key {
            in_key = !(one.contains("-----END") && one.contains("PRIVATE KEY"));
            continue;
        }
        line(one, &mut out);
    }
    out
}

/// Characters of which keys are made.
fn is_secret_part(c: char) -> bool {
    c.is_alphanumeric() || "_-.+/".contains(c)
}

/// As [`redact`], for every text within a value; names of members stay.
pub fn redact_json(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(match serde_json::from_str::<Value>(text) {
            // Arguments of calls are JSON within JSON.
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => redact_json(&inner).to_string(),
            _ => redact(text),
        }),
        Value::Array(list) => list.iter().map(redact_json).collect(),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, value)| (name.clone(), redact_json(value))).collect())
        }
        other => other.clone(),
    }
}

fn line(line: &str, out: &mut String) {
    let lower = line.to_ascii_lowercase();
    for signed in [
        "co-authored-by:",
        "signed-off-by:",
        "reviewed-by:",
        "reported-by:",
        "author:",
        "authors:",
        "maintainer:",
    ] {
        if let Some(at) = lower.find(signed) {
            let end = at + signed.len();
            words(line.get(..end).unwrap_or_default(), out);
            out.push_str(" [name]");
            out.push_str(if line.ends_with('\n') { "\n" } else { "" });
            return;
        }
    }
    words(line, out);
}

/// Characters of which keys, addresses and paths are made.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_-.+/=@:~%".contains(c)
}

/// What the words before say of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Plain,
    /// A name stood there whose value is secret: `=` or `:` may follow.
    Named,
    /// The value is next.
    Secret,
}

fn words(line: &str, out: &mut String) {
    let mut rest = line;
    let mut next = Next::Plain;
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end == 0 {
            out.push(c);
            // Quotes and spaces may stand between a name and its value.
            if !" \t\"'`".contains(c) {
                next = Next::Plain;
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        }
        next = word(rest.get(..end).unwrap_or_default(), next, out);
        rest = rest.get(end..).unwrap_or_default();
    }
}

/// Writes one word; what the next one is.
fn word(word: &str, is: Next, out: &mut String) -> Next {
    let lower = word.to_ascii_lowercase();
    let is_sign = matches!(word, "=" | ":" | "==" | ":=" | "=>");
    if is != Next::Plain && (is_sign || (is == Next::Secret && matches!(lower.as_str(), "bearer" | "basic")))
    {
        out.push_str(word);
        return Next::Secret;
    }
    if is == Next::Secret && word.chars().any(char::is_alphanumeric) {
        out.push_str("[secret]");
        return Next::Plain;
    }
    if let Some((name, value)) = word.split_once(['=', ':']).filter(|(name, _)| is_secret_name(name)) {
        out.push_str(name);
        out.push_str(word.get(name.len()..=name.len()).unwrap_or("="));
        if value.is_empty() {
            return Next::Secret;
        }
        out.push_str("[secret]");
        return Next::Plain;
    }
    if lower == "bearer" {
        out.push_str(word);
        return Next::Secret;
    }
    out.push_str(&plain(word));
    if is_secret_name(word) { Next::Named } else { Next::Plain }
}

fn is_secret_name(name: &str) -> bool {
    let lower = name.trim_matches(['-', '_', '.', '/', '@']).to_ascii_lowercase();
    NAMES.iter().any(|secret| lower.ends_with(secret))
}

fn plain(word: &str) -> String {
    if has_known_prefix(word) || is_random(word) {
        return "[secret]".to_owned();
    }
    if let Some((scheme, rest)) = word.split_once("://") {
        let (place, path) = rest.split_once('/').map_or((rest, ""), |(place, path)| (place, path));
        if let Some((_, host)) = place.rsplit_once('@') {
            let slash = if path.is_empty() { "" } else { "/" };
            return format!("{scheme}://[secret]@{host}{slash}{}", plain(path));
        }
    }
    if let Some((user, host)) = word.split_once('@')
        && !user.is_empty()
        && host.contains('.')
        && !word.contains("://")
        && !word.starts_with("pkg:")
        && host.chars().next().is_some_and(char::is_alphabetic)
    {
        return "[mail]".to_owned();
    }
    for home in ["/home/", "/Users/"] {
        if let Some((before, after)) = word.split_once(home) {
            let rest = after.split_once('/').map(|(_, rest)| format!("/{rest}")).unwrap_or_default();
            return format!("{before}{home}[name]{rest}");
        }
    }
    if is_address(word.trim_matches([':', '/', '.'])) { "[address]".to_owned() } else { word.to_owned() }
}

fn has_known_prefix(word: &str) -> bool {
    PREFIXES.iter().filter(|(prefix, _)| *prefix != "-----BEGIN").any(|(prefix, least)| {
        let found = word.find(prefix).and_then(|at| word.get(at + prefix.len()..));
        found.is_some_and(|rest| {
            let run = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).count();
            run >= *least && rest.chars().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
        })
    })
}

/// A run of letters of both cases and digits that no language has: a key of an unknown kind. Digests are hexadecimal, and
/// stay.
fn is_random(word: &str) -> bool {
    let runs = word.split(|c: char| !(c.is_ascii_alphanumeric() || "+/_-".contains(c)));
    runs.filter(|run| run.len() >= 32 && !run.contains('/')).any(|run| {
        let has = |test: fn(&char) -> bool| run.chars().filter(test).count();
        let (upper, lower, digits) =
            (has(char::is_ascii_uppercase), has(char::is_ascii_lowercase), has(char::is_ascii_digit));
        let hex = run.chars().all(|c| c.is_ascii_hexdigit());
        let distinct = run.chars().collect::<std::collections::BTreeSet<_>>().len();
        !hex && upper >= 4 && lower >= 4 && digits >= 3 && distinct >= 16
    })
}

/// An IPv4 address that is not this machine's.
fn is_address(word: &str) -> bool {
    let host = word.split([':', '/']).next().unwrap_or_default();
    host.parse::<std::net::Ipv4Addr>()
        .is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secrets in the forms in which they stand in logs and sources; made up.
    const PLANTED: &[&str] = &[
        "ghp_R7f9Kq2LmX4pVb8Nc1Zt6Yw3Hs5Jd0Ae2uQ",
        "sk-ant-api03-R7f9Kq2LmX4pVb8Nc1Zt6Yw3Hs5Jd0",
        "AKIAIOSFODNN7EXAMPLQ",
        "AIzaSyD9x8K2mQ7vB4nL1pT6wR3yE5uI0oA8sDf",
        "xoxb-123456789012-AbCdEf",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP",
        "npm_R7f9Kq2LmX4pVb8Nc1Zt6Yw3Hs5Jd0Ae2uQx",
        "Zm9vYmFyQkFaMTIzNDU2Nzg5MGFiY2RlZkdISUpL",
    ];

    #[test]
    fn keys_of_known_kinds_leave_a_text_that_is_the_same_otherwise() {
        let key = format!("sk-{}", "a1".repeat(12));
        let text = format!("ann@example.com /home/ann é token={key}, \"{key}\" abc");
        assert_eq!(redact_secrets(&text), "ann@example.com /home/ann é token=[secret], \"[secret]\" abc");
        let pem = "x\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\ny";
        assert_eq!(redact_secrets(pem), "x\n[private key]\ny");
        assert_eq!(redact_secrets("no secret, sk-short"), "no secret, sk-short");
    }

    #[test]
    fn planted_secrets_do_not_survive() {
        for secret in PLANTED {
            for text in [
                secret.to_string(),
                format!("export KEY={secret}\n"),
                format!("{{\"key\": \"{secret}\"}}"),
                format!("curl -H 'Authorization: Bearer {secret}' https://h/"),
                format!("https://h/?key={secret}&x=1"),
                format!("url = 'https://user:{secret}@git.example.com/a/b.git'"),
                format!("({secret})"),
            ] {
                let clean = redact(&text);
                assert!(!clean.contains(secret), "{text} became {clean}");
            }
        }
        for (text, secret) in [
            ("password = 'hunter2'", "hunter2"),
            ("DB_PASSWORD=hunter2", "hunter2"),
            ("\"api_key\": \"abc123\"", "abc123"),
            ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
            ("Cookie: sid=31337", "31337"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----\nafter", "MIIEow"),
        ] {
            let clean = redact(text);
            assert!(!clean.contains(secret), "{text} became {clean}");
        }
        assert!(
            redact("-----BEGIN EC PRIVATE KEY-----\nx\n-----END EC PRIVATE KEY-----\nafter")
                .contains("after")
        );
    }

    #[test]
    fn people_are_not_named() {
        for (text, name) in [
            ("From: Ada Lovelace <ada@example.org>", "ada@example.org"),
            ("Co-authored-by: Ada Lovelace <ada@example.org>", "Lovelace"),
            ("File \"/home/ada/src/demo/x.py\", line 3", "ada"),
            ("/Users/ada", "ada"),
            ("connect to 203.0.113.7:8443 failed", "203.0.113.7"),
        ] {
            let clean = redact(text);
            assert!(!clean.contains(name), "{text} became {clean}");
        }
    }

    #[test]
    fn what_is_neither_stays_as_it_is() {
        for text in [
            "def load(text):\n    return int(text)\n",
            "pkg:pypi/requests@2.32.5",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "127.0.0.1:8080 and 0.0.0.0",
            "CVE-2024-12345 in urllib3 1.26.5",
            "src/trustmill/adapters/very_long_module_name_of_some_package/__init__.py",
            "--- a/demo.py\n+++ b/demo.py\n@@ -1,2 +1,2 @@\n-    return eval(text)\n+    return int(text)\n",
            "the token is checked, the password is not",
            "@pytest.mark.parametrize",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_redacted_and_redacting_twice_changes_nothing_more(text in "\\PC{0,60}") {
            let once = redact(&text);
            proptest::prop_assert_eq!(redact(&once).contains("[secret]"), once.contains("[secret]"));
        }
    }
}
