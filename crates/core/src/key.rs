//! Keys of the queue: what is to be brought where it should be.

use crate::Purl;
use crate::package::ParsePurlError;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const BACKPORT: &str = "backport";
const RECIPE: &str = "recipe";

/// One key. As text it is the package URL, after the word of what is to be done where that is a repair:
/// `pkg:pypi/mako@1.2.1`, `backport:pkg:pypi/mako@1.2.1`, `recipe:pkg:pypi/mako@1.2.1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A release is rebuilt and judged; a project is looked at for new releases.
    Rebuild(Purl),
    /// A release gets the fixes of what advisories say of it, and its repairs that became needless are taken back.
    Backport(Purl),
    /// A release whose bytes did not come out gets a better recipe.
    Recipe(Purl),
}

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeyError {
    /// It is about no package.
    #[error(transparent)]
    Purl(#[from] ParsePurlError),
    /// Releases are repaired, and not projects.
    #[error("{text:?} names no version, and only releases are repaired")]
    NoVersion {
        /// The text.
        text: String,
    },
    /// What is to be done is not known to this version.
    #[error("{text:?} asks for {what:?}, which this version does not know")]
    Unknown {
        /// The text.
        text: String,
        /// The word.
        what: String,
    },
}

impl Key {
    /// What it is about.
    pub const fn purl(&self) -> &Purl {
        match self {
            Self::Rebuild(purl) | Self::Backport(purl) | Self::Recipe(purl) => purl,
        }
    }
}

impl From<Purl> for Key {
    fn from(purl: Purl) -> Self {
        Self::Rebuild(purl)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebuild(purl) => purl.fmt(f),
            Self::Backport(purl) => write!(f, "{BACKPORT}:{purl}"),
            Self::Recipe(purl) => write!(f, "{RECIPE}:{purl}"),
        }
    }
}

impl FromStr for Key {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let repair: fn(Purl) -> Self = match text.split_once(':') {
            Some((BACKPORT, _)) => Self::Backport,
            Some((RECIPE, _)) => Self::Recipe,
            Some((what, rest)) if rest.starts_with("pkg:") => {
                return Err(ParseKeyError::Unknown { text: text.to_owned(), what: what.to_owned() });
            }
            _ => return Ok(Self::Rebuild(text.parse()?)),
        };
        let purl: Purl = text.split_once(':').map_or(text, |(_, purl)| purl).parse()?;
        match purl.version() {
            Some(_) => Ok(repair(purl)),
            None => Err(ParseKeyError::NoVersion { text: text.to_owned() }),
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn purl() -> impl Strategy<Value = Purl> {
        let name = "(@[a-z]{1,4}/)?[a-z][a-z0-9-]{0,6}[a-z0-9]";
        ("(pypi|npm|cargo)", name, "[0-9][0-9a-zA-Z.+~: -]{0,8}").prop_map(|(ty, name, version)| {
            let name = if ty == "npm" { name } else { name.replace(['@', '/'], "") };
            Purl::release(&ty, &name, version.trim())
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(purl in purl(), project in any::<bool>()) {
            let about = if project { purl.without_version() } else { purl.clone() };
            for key in [Key::Rebuild(about), Key::Backport(purl.clone()), Key::Recipe(purl)] {
                prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
            }
        }

        #[test]
        fn any_text_is_a_key_or_none(text in "(backport:|recipe:|burn:|pkg:|pypi/|a|@|1|:){0,8}") {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
            }
        }
    }

    #[test]
    fn what_is_no_key_is_told() {
        let why = |text: &str| text.parse::<Key>().unwrap_err().to_string();
        assert!(why("burn:pkg:pypi/mako@1").contains("burn"));
        assert!(why("recipe:pkg:pypi/mako").contains("names no version"));
        assert!(why("backport:mako").contains("\"mako\" is not a package URL"));
        assert!(why("nonsense").contains("is not a package URL"));
    }
}
