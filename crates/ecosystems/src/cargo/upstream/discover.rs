//! The index that this machine's own `cargo` is configured for, found without running `cargo`.
//!
//! Follows <https://doc.rust-lang.org/cargo/reference/source-replacement.html> and
//! <https://doc.rust-lang.org/cargo/reference/registry-authentication.html> over `CARGO_HOME`: what a single
//! project configures in its own folder is that project's.

use crate::cargo::default_index::{DEFAULT_INDEX, LOCKED_AS};
use std::path::{Path, PathBuf};
use trustmill_core::port::registry::Secret;
use url::Url;

/// Longest configuration file that is read, in bytes.
const MAX_CONFIG: usize = 1 << 20;
/// Replacements that are followed: a source may replace one that replaces another.
const MAX_REPLACEMENTS: usize = 8;

/// An index and who chose it.
#[derive(Clone, PartialEq, Eq)]
pub struct Discovered {
    /// Its address, which may carry credentials.
    pub url: Url,
    /// For people: a file's path, an environment variable, `default`.
    pub origin: String,
    /// What its `Authorization` header must say, where this machine has a token for it.
    pub token: Option<Secret>,
}

impl std::fmt::Debug for Discovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Discovered({} from {})", redact(&self.url), self.origin)
    }
}

/// The configured index is not one that the mill reads. Addresses are not shown: they may carry credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadIndexUrl {
    /// The address is none.
    #[error("the index address from {origin} is not a sparse registry's (http or https)")]
    Address {
        /// Who chose it.
        origin: String,
    },
    /// Replacements lead nowhere, or in a circle.
    #[error("source replacement in {origin} leads to {name:?}, which is not defined there as a registry")]
    Replacement {
        /// The file.
        origin: String,
        /// The last name that was followed.
        name: String,
    },
    /// The file is none.
    #[error("{origin} cannot be read as TOML")]
    File {
        /// The file.
        origin: String,
    },
}

impl BadIndexUrl {
    /// Who chose it.
    pub fn origin(&self) -> &str {
        match self {
            Self::Address { origin } | Self::Replacement { origin, .. } | Self::File { origin } => origin,
        }
    }
}

/// A URL for logs and errors: without user, password and query.
pub fn redact(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs without a host, which carry no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.into()
}

/// Checks an index address, with or without `sparse+`; a slash is added at its end, so that files join below it.
///
/// # Errors
/// It is no `http` or `https` URL.
pub fn index_url(text: &str, origin: &str) -> Result<Url, BadIndexUrl> {
    let bad = || BadIndexUrl::Address { origin: origin.to_owned() };
    let text = text.trim();
    let mut url = Url::parse(text.strip_prefix("sparse+").unwrap_or(text)).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(bad());
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Finds the index, given the environment's variables and a reader of files.
///
/// # Errors
/// The configuration replaces crates.io with what the mill does not read: crates.io must not be taken in its stead.
pub fn discover(
    variable: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> Result<Discovered, BadIndexUrl> {
    let set = set(&variable);
    let files = CargoHome::read(&set, read)?;
    let chosen = match &files.config {
        Some((table, origin)) => replacement(table, origin, &set)?,
        None => None,
    };
    let chosen = chosen.unwrap_or_else(|| Chosen {
        registry: "crates-io".to_owned(),
        address: DEFAULT_INDEX.to_owned(),
        origin: "default".to_owned(),
    });
    let token = token(&chosen.registry, files.tables(), &set);
    Ok(Discovered { url: index_url(&chosen.address, &chosen.origin)?, origin: chosen.origin, token })
}

/// The token that this machine's cargo has for an index that somebody else named: the one of the registry that is
/// configured with this address.
pub fn token_for(
    index: &Url,
    variable: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> Option<Secret> {
    let set = set(&variable);
    let files = CargoHome::read(&set, read).ok()?;
    let (config, _) = files.config.as_ref()?;
    let is_it = |registry: &toml::Value| {
        let address = registry.as_table()?.get("index")?.as_str()?;
        index_url(address, "").ok().filter(|known| known == index)
    };
    let registries = config.get("registries")?.as_table()?;
    let (name, _) = registries.iter().find(|(_, registry)| is_it(registry).is_some())?;
    token(name, files.tables(), &set)
}

/// The variables that are set to something.
fn set(variable: &impl Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    |name| variable(name).filter(|value| !value.trim().is_empty())
}

/// What stands in the folder that is cargo's own.
struct CargoHome {
    /// `config.toml`, and its path.
    config: Option<(toml::Table, String)>,
    /// `credentials.toml`.
    credentials: Option<toml::Table>,
}

impl CargoHome {
    fn read(
        set: &impl Fn(&str) -> Option<String>,
        read: impl Fn(&Path) -> Option<String>,
    ) -> Result<Self, BadIndexUrl> {
        let home =
            set("CARGO_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&set("HOME")?).join(".cargo")));
        let table = |names: [&str; 2]| -> Result<Option<(toml::Table, String)>, BadIndexUrl> {
            // cargo prefers the name without an ending where both are there.
            let found = names.iter().find_map(|name| {
                let path = home.as_ref()?.join(name);
                Some((read(&path)?, path.display().to_string()))
            });
            let Some((text, origin)) = found else { return Ok(None) };
            let parsed = (text.len() <= MAX_CONFIG).then(|| text.parse::<toml::Table>().ok()).flatten();
            parsed.map(|table| Some((table, origin.clone()))).ok_or(BadIndexUrl::File { origin })
        };
        let config = table(["config", "config.toml"])?;
        let credentials = table(["credentials", "credentials.toml"])?.map(|(table, _)| table);
        Ok(Self { config, credentials })
    }

    /// Where tokens stand; the first counts.
    fn tables(&self) -> [Option<&toml::Table>; 2] {
        [self.credentials.as_ref(), self.config.as_ref().map(|(table, _)| table)]
    }
}

/// A registry, and who named its address.
struct Chosen {
    registry: String,
    address: String,
    origin: String,
}

/// What crates.io is replaced with; `None` where it is not.
fn replacement(
    config: &toml::Table,
    origin: &str,
    set: &impl Fn(&str) -> Option<String>,
) -> Result<Option<Chosen>, BadIndexUrl> {
    let text = |path: &[&str]| lookup(config, path);
    let mut name = "crates-io".to_owned();
    for _ in 0..MAX_REPLACEMENTS {
        let Some(next) = text(&["source", &name, "replace-with"]) else { break };
        name = next.to_owned();
    }
    if name == "crates-io" {
        return Ok(None);
    }
    let variable = format!("CARGO_REGISTRIES_{}_INDEX", shouted(&name));
    let from_file = || text(&["source", &name, "registry"]).or_else(|| text(&["registries", &name, "index"]));
    let (address, origin) = match set(&variable) {
        Some(address) => (address, variable),
        None => match from_file() {
            Some(address) => (address.to_owned(), origin.to_owned()),
            None => return Err(BadIndexUrl::Replacement { origin: origin.to_owned(), name }),
        },
    };
    if LOCKED_AS.contains(&address.as_str())
        || LOCKED_AS.iter().any(|id| id.strip_prefix("registry+") == Some(&address))
    {
        return Ok(Some(Chosen {
            registry: "crates-io".to_owned(),
            address: DEFAULT_INDEX.to_owned(),
            origin,
        }));
    }
    if !address.starts_with("sparse+") {
        return Err(BadIndexUrl::Address { origin });
    }
    Ok(Some(Chosen { registry: name, address, origin }))
}

/// The token for a registry: environment first, then the credentials file, then the configuration.
fn token(
    registry: &str,
    tables: [Option<&toml::Table>; 2],
    set: &impl Fn(&str) -> Option<String>,
) -> Option<Secret> {
    if registry == "crates-io" {
        // Reading crates.io takes no token, and the one for publishing has no business in a reader.
        return None;
    }
    let from_file =
        || tables.iter().flatten().find_map(|table| lookup(table, &["registries", registry, "token"]));
    set(&format!("CARGO_REGISTRIES_{}_TOKEN", shouted(registry)))
        .or_else(|| from_file().map(str::to_owned))
        .map(Secret::new)
}

/// A name as environment variables spell it.
fn shouted(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

fn lookup<'a>(table: &'a toml::Table, path: &[&str]) -> Option<&'a str> {
    let (last, folders) = path.split_last()?;
    let mut table = table;
    for folder in folders {
        table = table.get(*folder)?.as_table()?;
    }
    table.get(*last)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &str, credentials: &str, env: &[(&str, &str)]) -> Result<Discovered, BadIndexUrl> {
        let variable = |name: &str| {
            let own = env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            own.or_else(|| (name == "HOME").then(|| "/home/u".to_owned()))
        };
        let read = |path: &Path| {
            let text = match path.to_str()? {
                "/home/u/.cargo/config.toml" | "/c/config.toml" => config,
                "/home/u/.cargo/credentials.toml" => credentials,
                _ => return None,
            };
            (!text.is_empty()).then(|| text.to_owned())
        };
        discover(variable, read)
    }

    fn shown(found: &Discovered) -> (&str, &str, Option<&str>) {
        (found.url.as_str(), &found.origin, found.token.as_ref().map(Secret::expose))
    }

    #[test]
    fn nobody_says_otherwise() {
        for config in [
            "",
            "[build]\njobs = 2\n",
            "[source.crates-io]\n",
            "[registries.other]\nindex = \"sparse+https://o.invalid/\"\n",
        ] {
            let found = found(config, "[registry]\ntoken = \"publish\"\n", &[]).unwrap();
            assert_eq!(shown(&found), (DEFAULT_INDEX, "default", None));
        }
    }

    #[test]
    fn replacements_are_followed_with_their_tokens() {
        let config = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nreplace-with = \"my-mirror\"\n[registries.my-mirror]\nindex = \"sparse+https://m.invalid/index\"\n";
        let file = "/home/u/.cargo/config.toml";
        let from_file = found(config, "[registries.my-mirror]\ntoken = \"t1\"\n", &[]).unwrap();
        assert_eq!(shown(&from_file), ("https://m.invalid/index/", file, Some("t1")));
        let env = [
            ("CARGO_REGISTRIES_MY_MIRROR_INDEX", "sparse+https://e.invalid/"),
            ("CARGO_REGISTRIES_MY_MIRROR_TOKEN", "t2"),
        ];
        let from_env = found(config, "", &env).unwrap();
        assert_eq!(shown(&from_env), ("https://e.invalid/", "CARGO_REGISTRIES_MY_MIRROR_INDEX", Some("t2")));
        let elsewhere = found(
            &config.replace("registries.my-mirror]\nindex", "source.my-mirror]\nregistry"),
            "",
            &[("CARGO_HOME", "/c")],
        );
        assert_eq!(shown(&elsewhere.unwrap()), ("https://m.invalid/index/", "/c/config.toml", None));
        assert!(!format!("{from_env:?}").contains("t2"));
    }

    #[test]
    fn an_index_that_the_operator_names_has_the_token_that_cargo_has_for_it() {
        let config = "[registries.my-own]\nindex = \"sparse+https://m.invalid/index\"\n";
        let credentials = "[registries.my-own]\ntoken = \"t1\"\n";
        let token = |address: &str, env: Option<&str>| {
            let variable = |name: &str| match name {
                "HOME" => Some("/home/u".to_owned()),
                "CARGO_REGISTRIES_MY_OWN_TOKEN" => env.map(str::to_owned),
                _ => None,
            };
            let read = |path: &Path| match path.to_str()? {
                "/home/u/.cargo/config.toml" => Some(config.to_owned()),
                "/home/u/.cargo/credentials.toml" => Some(credentials.to_owned()),
                _ => None,
            };
            let found = token_for(&index_url(address, "test").unwrap(), variable, read);
            found.map(|token| token.expose().to_owned())
        };
        assert_eq!(token("https://m.invalid/index/", None).as_deref(), Some("t1"));
        assert_eq!(token("sparse+https://m.invalid/index", Some("t2")).as_deref(), Some("t2"));
        for other in
            ["https://m.invalid/", "http://m.invalid/index/", "https://m.invalid:444/index/", DEFAULT_INDEX]
        {
            assert_eq!(token(other, Some("t2")), None, "{other}");
        }
    }

    #[test]
    fn crates_io_is_not_taken_where_something_else_was_meant() {
        let replaced =
            |rest: &str| found(&format!("[source.crates-io]\nreplace-with = \"v\"\n{rest}"), "", &[]);
        for rest in ["", "[source.v]\ndirectory = \"vendor\"\n", "[source.v]\nreplace-with = \"v\"\n"] {
            assert!(matches!(replaced(rest), Err(BadIndexUrl::Replacement { .. })), "{rest}");
        }
        for address in ["https://git.invalid/index", "sparse+file:///x", "sparse+", "git://h.invalid/x"] {
            let rest = format!("[source.v]\nregistry = \"{address}\"\n");
            assert!(matches!(replaced(&rest), Err(BadIndexUrl::Address { .. })), "{address}");
        }
        assert!(matches!(found("[source", "", &[]), Err(BadIndexUrl::File { .. })));
        let git = LOCKED_AS[0].trim_start_matches("registry+");
        let same = replaced(&format!("[source.v]\nregistry = \"{git}\"\n")).unwrap();
        assert_eq!(same.url.as_str(), DEFAULT_INDEX);
    }
}
