//! `[upstreams]` of guard.toml: servers that agents reach through the guard, with the credentials that agents do not have.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use trustmill_core::port::registry::Secret;
use trustmill_doors::mcp::is_server_name;
use trustmill_doors::mcp::upstream::{Place, Server};

/// A server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upstream {
    /// A program with its arguments, started for each connection; no shell.
    #[serde(default)]
    command: Vec<String>,
    /// Its working folder.
    folder: Option<PathBuf>,
    /// Its variables, beside `PATH`, `HOME` and those of language and time.
    #[serde(default)]
    env: BTreeMap<String, Source>,
    /// The address of a server over HTTP.
    url: Option<String>,
    /// Header fields of every request to it.
    #[serde(default)]
    headers: BTreeMap<String, Source>,
    /// Seconds that an answer is waited for.
    #[serde(default = "patience")]
    patience: u64,
}

const fn patience() -> u64 {
    300
}

/// A value, as it stands or from elsewhere.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Source {
    Plain(String),
    Env(FromEnv),
    File(FromFile),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FromEnv {
    /// A variable of the guard's.
    env: String,
    /// What stands before it: `"Bearer "`.
    #[serde(default)]
    prefix: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FromFile {
    /// A file that holds the value alone.
    file: PathBuf,
    #[serde(default)]
    prefix: String,
}

impl Source {
    /// The value; the error says where it was looked for, and nothing of what is there.
    pub(super) fn read(self) -> Result<Secret, String> {
        match self {
            Self::Plain(text) => Ok(Secret::new(text)),
            Self::Env(FromEnv { env, prefix }) => {
                let text = std::env::var(&env).map_err(|_| format!("the variable {env} is not set"))?;
                Ok(Secret::new(format!("{prefix}{}", text.trim())))
            }
            Self::File(FromFile { file, prefix }) => {
                let text =
                    std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                Ok(Secret::new(format!("{prefix}{}", text.trim())))
            }
        }
    }
}

fn read(all: BTreeMap<String, Source>) -> Result<Vec<(String, Secret)>, String> {
    all.into_iter().map(|(name, source)| Ok((name, source.read()?))).collect()
}

impl Upstream {
    /// The server that is meant by `name`.
    pub(super) fn server(self, name: &str) -> Result<Server, String> {
        let wrong = |why: &str| format!("[upstreams.{name}] {why}");
        if !is_server_name(name) {
            return Err(wrong("a name is lower-case letters, digits and `-`, a letter first, at most 32"));
        }
        let patience = Duration::from_secs(self.patience.clamp(1, 3600));
        let place = match (self.command.is_empty(), self.url) {
            (false, None) if self.headers.is_empty() => {
                let env = read(self.env).map_err(|why| wrong(&why))?;
                Place::Process { command: self.command, env, folder: self.folder }
            }
            (true, Some(url)) if self.env.is_empty() && self.folder.is_none() => {
                if !is_safe(&url) {
                    return Err(wrong("url is https, or http on this machine"));
                }
                Place::Http { url, headers: read(self.headers).map_err(|why| wrong(&why))? }
            }
            _ => return Err(wrong("has either `command` with `env` and `folder`, or `url` with `headers`")),
        };
        Ok(Server { place, patience })
    }
}

/// Credentials leave this machine encrypted, or not at all.
pub(super) fn is_safe(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let local = url.host().is_some_and(|host| match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    });
    url.scheme() == "https" || (url.scheme() == "http" && local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, text: &str) -> Result<Server, String> {
        toml::from_str::<Upstream>(text).map_err(|error| error.to_string())?.server(name)
    }

    #[test]
    fn a_server_is_a_command_or_an_address_and_its_credentials_leave_no_machine_in_the_clear() {
        assert!(server("files", "command = ['x']\nenv = { A = 'b' }").is_ok());
        assert!(server("forge", "url = 'https://forge.example.com/mcp'").is_ok());
        assert!(server("near", "url = 'http://127.0.0.1:9/mcp'\nheaders = { a = 'b' }").is_ok());
        for (name, text) in [
            ("files", ""),
            ("files", "command = ['x']\nurl = 'https://x.example/'"),
            ("files", "command = ['x']\nheaders = { a = 'b' }"),
            ("files", "command = ['x']\ncolour = 'red'"),
            ("a_b", "command = ['x']"),
            ("far", "url = 'http://forge.example.com/mcp'"),
            ("far", "url = 'file:///etc/passwd'"),
            ("far", "url = 'https://x.example/'\nheaders = { a = { env = 'TRUSTMILL_NO_SUCH' } }"),
            ("far", "url = 'https://x.example/'\nheaders = { a = { env = 'A', file = 'b' } }"),
        ] {
            assert!(server(name, text).is_err(), "{name}: {text}");
        }
    }
}
