//! The registries that this machine's own `npm` is configured for, found without running `npm`.
//!
//! Follows <https://docs.npmjs.com/cli/configuring-npm/npmrc>: environment variables, then the project's, the
//! user's and the machine's `.npmrc`. Scopes may have registries of their own, and credentials belong to the
//! address that they were written for.

use super::default_registry::DEFAULT_REGISTRY;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
pub use trustmill_core::port::fetch::{Credential, Scheme};
use trustmill_core::port::registry::Secret;
use url::Url;

/// Longest configuration file that is read, in bytes.
const MAX_CONFIG: usize = 1 << 20;
/// Where installations of Node have the machine's file, if no variable says.
const MACHINE: [&str; 3] = ["/usr/etc/npmrc", "/usr/local/etc/npmrc", "/etc/npmrc"];
/// What a variable of the environment begins with, in any case.
const PREFIX: &str = "npm_config_";

/// Where packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registries {
    /// For every package whose scope has none of its own. Without credentials, with a slash at its end.
    pub default: Url,
    /// By scope, without the at sign.
    pub scopes: BTreeMap<String, Url>,
}

impl Registries {
    /// One registry for all.
    pub const fn one(default: Url) -> Self {
        Self { default, scopes: BTreeMap::new() }
    }

    /// The registry of a package.
    pub fn of(&self, name: &str) -> &Url {
        super::names::split(name).0.and_then(|scope| self.scopes.get(scope)).unwrap_or(&self.default)
    }
}

/// What was found, and who chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// The registries.
    pub registries: Registries,
    /// Who chose the default one, for people: `npm_config_registry`, a file's path, `default`.
    pub origin: String,
    /// What registries want to see.
    pub credentials: Vec<Credential>,
}

/// A registry address that is none. The address itself is not shown: it may carry credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the registry URL from {origin} is not an http or https URL")]
pub struct BadRegistry {
    /// Who chose it.
    pub origin: String,
}

/// Checks a registry's address and parts it from the credentials in it; a slash is added at its end, so that
/// names join below it.
///
/// # Errors
/// It is no `http` or `https` URL.
pub fn registry_url(text: &str, origin: &str) -> Result<(Url, Option<Credential>), BadRegistry> {
    let bad = || BadRegistry { origin: origin.to_owned() };
    let mut url = Url::parse(text.trim()).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(bad());
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = decoded(url.username());
    let password = decoded(url.password().unwrap_or_default());
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| bad())?;
    let credential = (!user.is_empty()).then(|| Credential {
        below: url.clone(),
        scheme: Scheme::Basic(Secret::new(user), Secret::new(password)),
    });
    Ok((url, credential))
}

/// Finds the registries, given the environment's variables and a reader of files.
///
/// # Errors
/// The strongest setting of an address is no `http` or `https` URL: a weaker one must not be taken in its stead.
pub fn discover(
    variables: impl IntoIterator<Item = (String, String)>,
    read: impl Fn(&Path) -> Option<String>,
) -> Result<Discovered, BadRegistry> {
    let variables: BTreeMap<String, String> =
        variables.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
    let mut settings = Settings::default();
    for (name, value) in &variables {
        if let Some(key) = strip_prefix_of_any_case(name) {
            settings.add(key, value, name);
        }
    }
    for path in files(&variables) {
        let Some(text) = read(&path).filter(|text| text.len() <= MAX_CONFIG) else { continue };
        let origin = path.display().to_string();
        for line in text.lines() {
            if let Some((key, value)) = setting(line, &variables) {
                settings.add(&key, &value, &origin);
            }
        }
    }
    settings.finish()
}

/// `npm_config_registry`, `NPM_CONFIG_REGISTRY`.
fn strip_prefix_of_any_case(name: &str) -> Option<&str> {
    let (prefix, key) = name.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(key)
}

/// The files, strongest first.
fn files(variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let config = |key: &str| {
        let of = |(name, value): (&String, &String)| {
            strip_prefix_of_any_case(name)?.eq_ignore_ascii_case(key).then(|| PathBuf::from(value))
        };
        variables.iter().find_map(of)
    };
    let home = variables.get("HOME").map(|home| Path::new(home).join(".npmrc"));
    let mut files = vec![PathBuf::from(".npmrc")];
    files.extend(config("userconfig").or(home));
    let below = |prefix: PathBuf| prefix.join("etc/npmrc");
    let prefix = config("prefix").or_else(|| variables.get("PREFIX").map(PathBuf::from)).map(below);
    match config("globalconfig").or(prefix) {
        Some(file) => files.push(file),
        None => files.extend(MACHINE.map(PathBuf::from)),
    }
    files
}

/// A line of an ini file, variables in it replaced: `${NAME}`, and nothing for one that is not set.
fn setting(line: &str, variables: &BTreeMap<String, String>) -> Option<(String, String)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with([';', '#', '[']) {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    let unquoted = |text: &str| {
        let text = text.trim();
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inner.or_else(|| text.strip_prefix('\'')?.strip_suffix('\'')).unwrap_or(text).to_owned()
    };
    Some((expand(&unquoted(key), variables), expand(&unquoted(value), variables)))
}

fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = text.get(text.len() - after.len() - 2..).unwrap_or_default();
            break;
        };
        let (name, fallback) = match name.strip_suffix('?') {
            Some(name) => (name, String::new()),
            None => (name, format!("${{{name}}}")),
        };
        out.push_str(variables.get(name).unwrap_or(&fallback));
        rest = behind;
    }
    out + rest
}

/// Settings by key; the first that is added is the strongest.
#[derive(Default)]
struct Settings(BTreeMap<String, (String, String)>);

impl Settings {
    fn add(&mut self, key: &str, value: &str, origin: &str) {
        let key = if key.eq_ignore_ascii_case("registry") { "registry" } else { key };
        if key == "registry" || key.starts_with("//") || key.starts_with('@') {
            let setting = (value.to_owned(), origin.to_owned());
            self.0.entry(key.to_owned()).or_insert(setting);
        }
    }

    fn finish(self) -> Result<Discovered, BadRegistry> {
        let usual = (DEFAULT_REGISTRY.to_owned(), "default".to_owned());
        let (text, origin) = self.0.get("registry").unwrap_or(&usual);
        let (default, credential) = registry_url(text, origin)?;
        let mut credentials: Vec<Credential> = credential.into_iter().collect();
        let mut scopes = BTreeMap::new();
        for (key, (text, origin)) in &self.0 {
            let Some(scope) = key.strip_prefix('@').and_then(|key| key.strip_suffix(":registry")) else {
                continue;
            };
            let (url, credential) = registry_url(text, origin)?;
            credentials.extend(credential);
            scopes.insert(scope.to_owned(), url);
        }
        for url in std::iter::once(&default).chain(scopes.values()) {
            credentials.extend(self.credential(url));
        }
        Ok(Discovered { registries: Registries { default, scopes }, origin: origin.clone(), credentials })
    }

    /// The credential that was written for an address, or for the nearest one above it.
    fn credential(&self, url: &Url) -> Option<Credential> {
        let host = url.host_str()?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let mut path = url.path();
        loop {
            let place = format!("//{host}{port}{path}");
            let bare = place.trim_end_matches('/');
            let get = |key: &str| {
                let value = |place: &str| self.0.get(&format!("{place}:{key}"));
                Some(value(&place).or_else(|| value(bare))?.0.as_str())
            };
            if let Some(scheme) = scheme(get) {
                let mut below = url.clone();
                below.set_path(path);
                return Some(Credential { below, scheme });
            }
            let above = path.strip_suffix('/')?.rfind('/')?;
            path = path.get(..=above)?;
        }
    }
}

/// The strongest way to say who we are.
fn scheme<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Scheme> {
    let decoded = |text: &str| String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok();
    if let Some(token) = get("_authToken").filter(|token| !token.is_empty()) {
        return Some(Scheme::Bearer(Secret::new(token)));
    }
    let pair = match get("_auth") {
        Some(auth) => {
            let auth = decoded(auth)?;
            let (user, password) = auth.split_once(':')?;
            (user.to_owned(), password.to_owned())
        }
        None => (get("username")?.to_owned(), decoded(get("_password")?)?),
    };
    Some(Scheme::Basic(Secret::new(pair.0), Secret::new(pair.1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn find(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Discovered, BadRegistry> {
        let files: HashMap<_, _> = files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        discover(variables, |path| files.get(path).map(|text| (*text).to_owned()))
    }

    fn default(variables: &[(&str, &str)], files: &[(&str, &str)]) -> (String, String) {
        let found = find(variables, files).unwrap();
        (found.registries.default.to_string(), found.origin)
    }

    #[test]
    fn the_strongest_setting_wins() {
        let files = [
            ("/etc/npmrc", "registry=http://machine.invalid"),
            ("/h/.npmrc", "; comment\nregistry = \"http://user.invalid/npm\"\n"),
            (".npmrc", "registry=http://project.invalid/"),
            ("/g", "registry=http://global.invalid/"),
        ];
        let at = |host: &str, origin: &str| (format!("http://{host}.invalid/"), origin.to_owned());
        assert_eq!(default(&[("HOME", "/h")], &[]), (DEFAULT_REGISTRY.to_owned(), "default".to_owned()));
        assert_eq!(default(&[], &files[..1]), at("machine", "/etc/npmrc"));
        assert_eq!(default(&[("npm_config_globalconfig", "/g")], &[files[0], files[3]]), at("global", "/g"));
        assert_eq!(default(&[("HOME", "/h")], &files[..2]).0, "http://user.invalid/npm/");
        assert_eq!(default(&[("HOME", "/h")], &files), at("project", ".npmrc"));
        let variable = [("NPM_CONFIG_REGISTRY", "http://variable.invalid"), ("HOME", "/h")];
        assert_eq!(default(&variable, &files), at("variable", "NPM_CONFIG_REGISTRY"));
    }

    #[test]
    fn scopes_and_credentials_belong_together() {
        let npmrc = "registry=https://default.invalid/npm/\n@acme:registry=https://acme.invalid:8443/api/npm/x/\n\
            //default.invalid/npm/:_authToken=${TOKEN}\n//acme.invalid:8443/api/npm:_auth=dTpzZWNyZXQ=\n\
            //other.invalid/:_authToken=unused\n";
        let found = find(&[("HOME", "/h"), ("TOKEN", "t0ken")], &[("/h/.npmrc", npmrc)]).unwrap();
        assert_eq!(found.registries.of("@acme/x").as_str(), "https://acme.invalid:8443/api/npm/x/");
        assert_eq!(found.registries.of("@other/x"), found.registries.of("x"));
        let schemes: Vec<_> =
            found.credentials.iter().map(|known| (known.below.as_str(), &known.scheme)).collect();
        let basic = Scheme::Basic(Secret::new("u"), Secret::new("secret"));
        let expected = [
            ("https://default.invalid/npm/", &Scheme::Bearer(Secret::new("t0ken"))),
            ("https://acme.invalid:8443/api/npm/", &basic),
        ];
        assert_eq!(schemes, expected);
        let shown = format!("{found:?}");
        assert!(!shown.contains("t0ken") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn credentials_leave_the_address() {
        let (url, credential) = registry_url("https://u:p%40ss@host.invalid/npm?x#y", "test").unwrap();
        assert_eq!(url.as_str(), "https://host.invalid/npm/");
        let expected = Scheme::Basic(Secret::new("u"), Secret::new("p@ss"));
        assert_eq!(credential.unwrap().scheme, expected);
    }

    #[test]
    fn a_setting_that_is_no_registry_is_an_error_and_shows_no_secret() {
        for text in ["ftp://user:secret@host/x", "secret", "file:///secret", "data:secret"] {
            let error = find(&[("npm_config_registry", text)], &[]).unwrap_err().to_string();
            assert!(error.contains("npm_config_registry") && !error.contains("secret"), "{error}");
        }
        assert!(find(&[], &[(".npmrc", "@a:registry=ftp://x")]).is_err());
    }

    #[test]
    fn variables_are_replaced() {
        let variables = BTreeMap::from([("A".to_owned(), "x".to_owned())]);
        for (text, expected) in [
            ("${A}", "x"),
            ("a${A}b${A}", "axbx"),
            ("${B}", "${B}"),
            ("${B?}", ""),
            ("${A", "${A"),
            ("$A", "$A"),
        ] {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
