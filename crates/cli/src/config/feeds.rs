//! `[[feeds]]`: where advisories come from. There is none by default: nothing is fetched that nobody asked for.

use serde::{Deserialize, Deserializer};
use std::path::PathBuf;
use std::time::Duration;
use trustmill_ecosystems::join;
use trustmill_infra::advisories::{Address, Feed};

/// The shortest time between two looks at a feed, in seconds.
const OFTENEST: u64 = 60;

/// The feeds, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Feeds(pub(crate) Vec<Feed>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    /// An address (`https://`, `http://`, `file://`).
    url: Option<String>,
    /// A folder, a `.zip` or a `.json`.
    path: Option<PathBuf>,
    /// The package URL type that the feed may speak of.
    ecosystem: Option<String>,
    #[serde(default = "hourly")]
    every_seconds: u64,
}

fn hourly() -> u64 {
    3_600
}

impl<'de> Deserialize<'de> for Feeds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Vec::<Written>::deserialize(deserializer)?;
        let mut feeds: Vec<Feed> = Vec::new();
        for one in written {
            let feed = one.read().map_err(serde::de::Error::custom)?;
            if feeds.iter().any(|other| other.name == feed.name) {
                return Err(serde::de::Error::custom(format!("two feeds are named {:?}", feed.name)));
            }
            feeds.push(feed);
        }
        Ok(Self(feeds))
    }
}

impl Written {
    fn read(self) -> Result<Feed, String> {
        let name = self.name;
        if !is_name(&name) {
            return Err(format!(
                "{name:?} is no name of a feed: letters, digits, `-`, `_` and `.`, at most 64"
            ));
        }
        let address = match (&self.url, &self.path) {
            (Some(url), None) if url.contains("://") => Address::parse(url),
            (None, Some(path)) => Address::parse(&path.to_string_lossy()),
            _ => return Err(format!("the feed {name:?} needs either `url` or `path`")),
        };
        let known: Vec<_> = join::ALL.iter().map(|family| family.ty).collect();
        if let Some(unknown) = self.ecosystem.as_deref().filter(|ty| !known.contains(ty)) {
            return Err(format!("unknown ecosystem {unknown:?}; expected one of {}", known.join(", ")));
        }
        if self.every_seconds < OFTENEST {
            return Err(format!(
                "the feed {name:?} is asked too often: every_seconds is at least {OFTENEST}"
            ));
        }
        Ok(Feed {
            address: address.map_err(|error| format!("the feed {name:?}: {error}"))?,
            name,
            ecosystem: self.ecosystem,
            every: Duration::from_secs(self.every_seconds),
        })
    }
}

/// A name is shown in tables and stands on the command line.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn feeds(text: &str) -> Result<usize, String> {
        Config::parse(text).map(|config| config.feeds.0.len())
    }

    #[test]
    fn there_is_no_feed_unless_somebody_names_one() {
        assert_eq!(feeds(""), Ok(0));
        let text = "[[feeds]]\nname = \"osv-npm\"\nurl = \"https://osv.example.com/npm/\"\necosystem = \"npm\"\n\
                    [[feeds]]\nname = \"house\"\npath = \"/srv/advisories\"\nevery_seconds = 600\n";
        assert_eq!(feeds(text), Ok(2));
    }

    #[test]
    fn a_feed_that_cannot_be_meant_is_named() {
        for (text, word) in [
            ("name = \"a b\"\npath = \"/x\"", "a b"),
            ("name = \"a\"", "either"),
            ("name = \"a\"\nurl = \"https://h/\"\npath = \"/x\"", "either"),
            ("name = \"a\"\nurl = \"ftp://h/all.zip\"", "https://"),
            ("name = \"a\"\npath = \"/x\"\necosystem = \"maven\"", "maven"),
            ("name = \"a\"\npath = \"/x\"\nevery_seconds = 5", "too often"),
            ("name = \"a\"\npath = \"/x\"\nevry_seconds = 500", "evry_seconds"),
            ("name = \"a\"\npath = \"/x\"\n[[feeds]]\nname = \"a\"\npath = \"/y\"", "two feeds"),
        ] {
            let error = feeds(&format!("[[feeds]]\n{text}\n")).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
