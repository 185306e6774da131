//! The index that this machine's own `pip` is configured for, found without running `pip`.
//!
//! Follows <https://pip.pypa.io/en/stable/topics/configuration/>: environment variables, then the file that
//! `PIP_CONFIG_FILE` names, then the virtual environment's, the user's and the machine's files.

use crate::pypi::default_index::DEFAULT_INDEX;
use std::path::{Path, PathBuf};
use url::Url;

/// Longest configuration file that is read, in bytes.
const MAX_CONFIG: usize = 1 << 20;
/// Sections, strongest first: a command's own beats the one for all.
const SECTIONS: [&str; 3] = ["install", "download", "global"];

/// An index and who chose it.
#[derive(Clone, PartialEq, Eq)]
pub struct Discovered {
    /// Its address, which may carry credentials.
    pub url: Url,
    /// For people: `PIP_INDEX_URL`, a file's path, `default`.
    pub origin: String,
}

impl std::fmt::Debug for Discovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Discovered({} from {})", super::redact(&self.url), self.origin)
    }
}

/// An index address that is none. The address itself is not shown: it may carry credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the index URL from {origin} is not an http or https URL")]
pub struct BadIndexUrl {
    /// Who chose it.
    pub origin: String,
}

/// Checks an index address; a slash is added at its end, so that names join below it.
///
/// # Errors
/// It is no `http` or `https` URL.
pub fn index_url(text: &str, origin: &str) -> Result<Url, BadIndexUrl> {
    let bad = || BadIndexUrl { origin: origin.to_owned() };
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
    Ok(url)
}

/// Finds the index, given the environment's variables and a reader of files.
///
/// # Errors
/// The strongest setting is no `http` or `https` URL: a weaker one must not be taken in its stead.
pub fn discover(
    variable: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> Result<Discovered, BadIndexUrl> {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    if set("PIP_EXTRA_INDEX_URL").is_some() {
        tracing::warn!(
            "PIP_EXTRA_INDEX_URL is left aside: the mill reads one index, so that no other can shadow its names"
        );
    }
    let (text, origin) = set("PIP_INDEX_URL")
        .map(|text| (text, "PIP_INDEX_URL".to_owned()))
        .or_else(|| from_files(&set, read))
        .unwrap_or_else(|| (DEFAULT_INDEX.to_owned(), "default".to_owned()));
    Ok(Discovered { url: index_url(&text, &origin)?, origin })
}

fn from_files(
    set: &impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> Option<(String, String)> {
    config_files(set).into_iter().find_map(|path| {
        let text = read(&path).filter(|text| text.len() <= MAX_CONFIG)?;
        let value = SECTIONS.iter().find_map(|section| lookup(&text, section, "index-url"))?;
        Some((value, path.display().to_string()))
    })
}

/// The files, strongest first.
fn config_files(set: &impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let explicit = set("PIP_CONFIG_FILE").map(PathBuf::from);
    if explicit.as_deref() == Some(Path::new("/dev/null")) {
        return Vec::new();
    }
    let home = set("HOME").map(PathBuf::from);
    let user = set("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".config")));
    let machine = set("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".to_owned());
    let mut files: Vec<PathBuf> = explicit.into_iter().collect();
    files.extend(set("VIRTUAL_ENV").map(|venv| Path::new(&venv).join("pip.conf")));
    files.extend(user.map(|folder| folder.join("pip/pip.conf")));
    files.extend(home.map(|home| home.join(".pip/pip.conf")));
    files.push(PathBuf::from("/etc/pip.conf"));
    files.extend(
        machine.split(':').filter(|dir| !dir.is_empty()).map(|dir| Path::new(dir).join("pip/pip.conf")),
    );
    files
}

/// The value of `key` in `[section]`, as Python's `RawConfigParser` reads INI files; `_` is `-` in keys.
fn lookup(text: &str, section: &str, key: &str) -> Option<String> {
    let (mut inside, mut ours, mut value) = (false, false, None::<String>);
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with(char::is_whitespace) {
            if ours && let Some(value) = value.as_mut() {
                value.push(' ');
                value.push_str(bare);
            }
            continue;
        }
        ours = false;
        if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name.trim() == section;
        } else if inside && let Some((name, rest)) = bare.split_once(['=', ':']) {
            let name = name.trim().trim_start_matches('-').replace('_', "-").to_ascii_lowercase();
            if name == key {
                ours = true;
                value = Some(rest.trim().to_owned());
            }
        }
    }
    value?.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn find(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Result<(String, String), BadIndexUrl> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        let files: HashMap<_, _> = files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
        let found = discover(
            |name| variables.get(name).map(|value| (*value).to_owned()),
            |path| files.get(path).map(|text| (*text).to_owned()),
        )?;
        Ok((found.url.to_string(), found.origin))
    }

    fn at(url: &str, origin: &str) -> Result<(String, String), BadIndexUrl> {
        Ok((url.into(), origin.into()))
    }

    #[test]
    fn without_any_setting_it_is_the_default() {
        assert_eq!(find(&[("HOME", "/h")], &[]), at(DEFAULT_INDEX, "default"));
        assert_eq!(find(&[("PIP_INDEX_URL", " ")], &[]), at(DEFAULT_INDEX, "default"));
    }

    #[test]
    fn the_strongest_setting_wins() {
        let files = [
            ("/etc/pip.conf", "[global]\nindex-url = http://machine.invalid/simple"),
            ("/h/.pip/pip.conf", "[global]\nindex-url = http://legacy.invalid/simple"),
            ("/h/.config/pip/pip.conf", "[global]\nindex_url: http://user.invalid/simple/"),
            ("/v/pip.conf", "[install]\nindex-url=http://venv.invalid/simple"),
            ("/x.conf", "[global]\ntimeout = 3\n[download]\nindex-url =\n    http://explicit.invalid/s\n"),
        ];
        let at = |host: &str, origin: &str| at(&format!("http://{host}.invalid/simple/"), origin);
        assert_eq!(find(&[], &files), at("machine", "/etc/pip.conf"));
        assert_eq!(find(&[("HOME", "/h")], &files[..2]), at("legacy", "/h/.pip/pip.conf"));
        assert_eq!(find(&[("HOME", "/h")], &files), at("user", "/h/.config/pip/pip.conf"));
        assert_eq!(find(&[("VIRTUAL_ENV", "/v")], &files), at("venv", "/v/pip.conf"));
        let explicit = find(&[("PIP_CONFIG_FILE", "/x.conf"), ("VIRTUAL_ENV", "/v")], &files);
        assert_eq!(explicit.unwrap().0, "http://explicit.invalid/s/");
        let none = find(&[("PIP_CONFIG_FILE", "/dev/null"), ("HOME", "/h")], &files);
        assert_eq!(none.unwrap().1, "default");
        let variable = [("PIP_INDEX_URL", "http://variable.invalid/simple"), ("HOME", "/h")];
        assert_eq!(find(&variable, &files), at("variable", "PIP_INDEX_URL"));
    }

    #[test]
    fn a_setting_that_is_no_index_is_an_error_and_shows_no_secret() {
        let error = find(&[("PIP_INDEX_URL", "ftp://user:secret@host/x")], &[]).unwrap_err().to_string();
        assert!(error.contains("PIP_INDEX_URL") && !error.contains("secret"), "{error}");
        let found =
            discover(|name| (name == "PIP_INDEX_URL").then(|| "http://u:secret@h/s".into()), |_| None);
        let shown = format!("{:?}", found.unwrap());
        assert!(shown.contains("http://h/s/") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn ini_files_are_read_as_python_reads_them() {
        let text = "index-url = outside\n# [global]\n[ global ]\n; index-url = comment\nINDEX-URL = one # two\n[other]\nindex-url=x";
        assert_eq!(lookup(text, "global", "index-url").as_deref(), Some("one"));
        assert_eq!(lookup(text, "install", "index-url"), None);
        assert_eq!(lookup("[global\n]\n=\n:\n  x", "global", "index-url"), None);
    }
}
