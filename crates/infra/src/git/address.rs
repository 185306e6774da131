//! From the address that a package names to the one that git is given: the operator's mirror map, then rules that
//! hold whatever the map says.

use super::failure::Failure;
use std::collections::BTreeMap;
use std::net::IpAddr;
use trustmill_core::Sha256;
use trustmill_core::source::SourceProblem;

/// Longest address, in bytes.
const LONGEST: usize = 2_048;

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Https,
    Ssh,
    /// To this machine only.
    Http,
    /// Through the mirror map only.
    File,
}

impl Scheme {
    /// As git calls the protocol in its configuration.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Ssh => "ssh",
            Self::Http => "http",
            Self::File => "file",
        }
    }
}

/// An address that may be given to git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// As it was asked for, credentials removed: for people.
    pub(super) shown: String,
    /// The mirror map applied: for git.
    pub(super) mapped: String,
    pub(super) scheme: Scheme,
    /// Host and port; empty for files.
    pub(super) host: String,
}

impl Address {
    /// Reads and maps an address.
    pub(super) fn of(given: &str, mirrors: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let through = map(given, mirrors);
        let mapped = through.as_deref().unwrap_or(given);
        let (scheme, host) = check(mapped)?;
        if scheme == Scheme::File && through.is_none() {
            return Err(unusable("a local path is read only where [source.mirrors] leads there"));
        }
        Ok(Self { shown: shown(given), mapped: mapped.to_owned(), scheme, host })
    }

    /// The same repository where a redirect says that it is now.
    pub(super) fn moved_to(&self, location: &str) -> Result<Self, Failure> {
        let base = location.split(['?', '#']).next().unwrap_or_default();
        let base = base.strip_suffix("/info/refs").unwrap_or(base);
        let mapped = match base.strip_prefix('/') {
            Some(path) if !path.starts_with('/') => {
                format!("{}://{}/{path}", self.scheme.as_str(), self.host)
            }
            _ => base.to_owned(),
        };
        let elsewhere = || {
            Failure::new(SourceProblem::RepositoryGone, "it redirects to another host, which is not followed")
        };
        let (scheme, host) = check(&mapped).map_err(|_| elsewhere())?;
        if scheme != self.scheme || !host.eq_ignore_ascii_case(&self.host) {
            return Err(elsewhere());
        }
        Ok(Self { mapped, ..self.clone() })
    }

    /// The name of the repository's folder in the cache.
    pub(super) fn key(&self) -> String {
        Sha256::of(self.mapped.as_bytes()).to_hex()
    }
}

fn unusable(why: &str) -> Failure {
    Failure::new(SourceProblem::UnusableAddress, why)
}

/// Applies the longest entry that the address is, or begins with at a `/`. A trailing `.git` or `/` does not count.
fn map(given: &str, mirrors: &BTreeMap<String, String>) -> Option<String> {
    let fits = |from: &str| -> Option<&str> {
        let bare = from.trim_end_matches('/');
        let rest = given.strip_prefix(bare)?;
        match rest {
            "" | "/" | ".git" | ".git/" => Some(""),
            _ if rest.starts_with('/') => Some(rest),
            _ => None,
        }
    };
    let found = mirrors.iter().filter_map(|(from, to)| Some((from.len(), fits(from)?, to)));
    let (_, rest, to) = found.max_by_key(|(length, ..)| *length)?;
    Some(if rest.is_empty() { to.clone() } else { format!("{}{rest}", to.trim_end_matches('/')) })
}

/// The scheme and the host of an address that git may have.
fn check(address: &str) -> Result<(Scheme, String), Failure> {
    if address.len() > LONGEST {
        return Err(unusable("the address is longer than any address should be"));
    }
    let (scheme, rest) = address.split_once("://").ok_or_else(|| unusable("it is not an address"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/+@:[]".contains(&b);
    if !rest.bytes().all(plain) {
        return Err(unusable("the address has characters that no repository's address needs"));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(unusable("the address climbs with `..`"));
    }
    let (user, host) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let scheme = match scheme {
        "https" => Scheme::Https,
        "ssh" => Scheme::Ssh,
        "http" if is_loopback(host) => Scheme::Http,
        "http" => return Err(unusable("plain http says nothing about who answers")),
        "file" => Scheme::File,
        _ => return Err(unusable("git is read over https and ssh only")),
    };
    match (scheme, user) {
        (Scheme::File, _) if !authority.is_empty() => {
            return Err(unusable("the path of a file is not absolute"));
        }
        (Scheme::File, _) => {}
        (_, _) if host.is_empty() || host.starts_with('-') => return Err(unusable("the host has no name")),
        (Scheme::Ssh, Some(user)) if user.starts_with('-') || user.contains(':') => {
            return Err(unusable("the address has a password, or an option for a user"));
        }
        (Scheme::Https | Scheme::Http, Some(_)) => return Err(unusable("the address has credentials")),
        _ => {}
    }
    if path.trim_matches('/').is_empty() {
        return Err(unusable("the address names a host and no repository"));
    }
    Ok((scheme, host.to_owned()))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// For people: without credentials and control characters, cut.
pub(super) fn shown(given: &str) -> String {
    let bare = match given.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit('@').next().unwrap_or_default();
            let user = if authority.starts_with("git@") { "git@" } else { "" };
            format!("{scheme}://{user}{host}/{path}")
        }
        None => given.to_owned(),
    };
    bare.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    }

    #[test]
    fn the_longest_entry_that_ends_at_a_slash_counts() {
        let mirrors = mirrors(&[
            ("https://git.example/", "https://mirror.example/git/"),
            ("https://git.example/org/", "file:///srv/org"),
            ("https://git.example/org/one", "file:///srv/one.git"),
        ]);
        for (given, want) in [
            ("https://git.example/a/b", "https://mirror.example/git/a/b"),
            ("https://git.example/org/two", "file:///srv/org/two"),
            ("https://git.example/org/one", "file:///srv/one.git"),
            ("https://git.example/org/one.git", "file:///srv/one.git"),
            ("https://git.example/org/one/", "file:///srv/one.git"),
            ("https://git.example/org/oneself", "file:///srv/org/oneself"),
            ("https://git.example.evil/org/one", "https://git.example.evil/org/one"),
        ] {
            assert_eq!(Address::of(given, &mirrors).unwrap().mapped, want, "{given}");
        }
    }

    #[test]
    fn only_addresses_that_git_may_have_pass() {
        let here = mirrors(&[("https://mirrored.example/", "file:///srv/")]);
        for given in [
            "file:///etc",
            "http://git.example/x",
            "git://git.example/x",
            "ext::sh -c true",
            "https://",
            "https://git.example",
            "https://git.example/",
            "https://me:pw@git.example/x",
            "https://-x/y",
            "ssh://-oProxyCommand=x/y",
            "ssh://git:pw@git.example/x",
            "ssh://-l@git.example/x",
            "https://git.example/a/../b",
            "https://mirrored.example/../etc",
            "https://mirrored.example/%2e%2e/etc",
            "https://git.example/x y",
            "https://git.example/x\n",
            "https://git.example/$(x)",
            "--upload-pack=x",
            "",
        ] {
            let failure = Address::of(given, &here).unwrap_err();
            assert_eq!(failure.class, SourceProblem::UnusableAddress, "{given}");
        }
        for given in [
            "https://git.example:8443/x",
            "ssh://git@git.example/x",
            "http://127.0.0.1:99/x",
            "http://[::1]:99/x",
        ] {
            assert!(Address::of(given, &here).is_ok(), "{given}");
        }
    }

    #[test]
    fn a_redirect_stays_with_its_host() {
        let address = Address::of("https://git.example/old/x", &BTreeMap::new()).unwrap();
        for location in
            ["/new/x/info/refs?service=git-upload-pack", "https://git.example/new/x/info/refs?service=y"]
        {
            assert_eq!(address.moved_to(location).unwrap().mapped, "https://git.example/new/x");
        }
        for location in [
            "https://evil.example/new/x/info/refs",
            "http://git.example/new/x",
            "https://git.example:444/x",
            "https://git.example@evil.example/x",
            "//evil.example/x",
            "file:///etc",
            "",
            "ext::sh",
        ] {
            assert_eq!(
                address.moved_to(location).unwrap_err().class,
                SourceProblem::RepositoryGone,
                "{location}"
            );
        }
    }

    #[test]
    fn no_password_is_shown() {
        assert_eq!(shown("https://me:pw@git.example/x\u{1b}[2J"), "https://git.example/x[2J");
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[a-z]{0,5}(://)?[ -~]{0,40}", location in "[/a-z:.@?-]{0,30}") {
            if let Ok(address) = Address::of(&text, &BTreeMap::new()) {
                proptest::prop_assert!(!address.mapped.starts_with('-'));
                if let Ok(moved) = address.moved_to(&location) {
                    proptest::prop_assert_eq!(moved.host.to_lowercase(), address.host.to_lowercase());
                }
            }
        }
    }
}
