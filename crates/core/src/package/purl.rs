//! Package URLs (<https://github.com/package-url/purl-spec>), the key of the queue and of every fact.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A package URL: type, optional namespace, name, optional version.
///
/// With a version it names a release, without one a project. Qualifiers and a subpath are refused: no
/// work is keyed by them. Names are kept as the ecosystem normalises them; for `pypi` that is PEP 503.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    ty: String,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
}

/// Why a text is not a package URL that names work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePurlError {
    /// The text does not follow the purl specification.
    #[error("{text:?} is not a package URL: {why}")]
    Syntax {
        /// The text.
        text: String,
        /// What the parser found wrong.
        why: String,
    },
    /// Qualifiers or a subpath, which no key may carry.
    #[error("{text:?} has qualifiers or a subpath, which a key does not take")]
    Extra {
        /// The text.
        text: String,
    },
}

impl Purl {
    /// A project: a package URL without a version. `name` is normalised as its type asks.
    pub fn project(ty: &str, name: &str) -> Self {
        let (namespace, name) = match name.rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, name),
        };
        Self { ty: ty.to_owned(), namespace, name: normalise(ty, name), version: None }
    }

    /// A release: a package URL with a version.
    pub fn release(ty: &str, name: &str, version: &str) -> Self {
        Self { version: Some(version.to_owned()), ..Self::project(ty, name) }
    }

    /// The type: `pypi`, `npm`, `cargo`, …
    pub fn ty(&self) -> &str {
        &self.ty
    }

    /// Namespace and name as the ecosystem writes them: `requests`, `@babel/core`.
    pub fn name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The version, if this names a release.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The same project at `version`.
    #[must_use]
    pub fn at(&self, version: &str) -> Self {
        Self { version: Some(version.to_owned()), ..self.clone() }
    }

    /// The project this release belongs to.
    #[must_use]
    pub fn without_version(&self) -> Self {
        Self { version: None, ..self.clone() }
    }
}

/// PEP 503 for `pypi`: lower case, runs of `-`, `_` and `.` become one `-`. Other types keep their name.
pub fn normalise(ty: &str, name: &str) -> String {
    if ty != "pypi" {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.ty)?;
        if let Some(namespace) = &self.namespace {
            for part in namespace.split('/') {
                write!(f, "{}/", encode(part))?;
            }
        }
        f.write_str(&encode(&self.name))?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "@{}", encode(version)))
    }
}

/// Percent-encodes all but what the purl specification leaves bare (unreserved characters and the colon).
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

impl fmt::Debug for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The specification lower-cases npm's names, and the registry has old projects that differ by nothing else
/// (`JSONStream` and `jsonstream`): the same text under a type of which every letter counts.
fn as_written(text: &str, ty: &str) -> Option<String> {
    let rest = text.split_once(':')?.1.trim_start_matches('/').split_once('/')?.1;
    (ty == "npm").then(|| format!("pkg:generic/{rest}"))
}

impl FromStr for Purl {
    type Err = ParsePurlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = |error: packageurl::Error| ParsePurlError::Syntax {
            text: text.to_owned(),
            why: error.to_string(),
        };
        let parsed = packageurl::PackageUrl::from_str(text).map_err(syntax)?;
        if !parsed.qualifiers().is_empty() || parsed.subpath().is_some() {
            return Err(ParsePurlError::Extra { text: text.to_owned() });
        }
        let ty = parsed.ty().to_owned();
        let exact = as_written(text, &ty);
        let parsed = match &exact {
            Some(exact) => packageurl::PackageUrl::from_str(exact).map_err(syntax)?,
            None => parsed,
        };
        Ok(Self {
            namespace: parsed.namespace().map(str::to_owned),
            name: normalise(&ty, parsed.name()),
            version: parsed.version().map(str::to_owned),
            ty,
        })
    }
}

impl Serialize for Purl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pypi_names_are_normalised() {
        let purl = Purl::release("pypi", "Typing__Extensions.x", "4.0+local");
        assert_eq!(purl.to_string(), "pkg:pypi/typing-extensions-x@4.0%2Blocal");
        assert_eq!(purl.to_string().parse::<Purl>().unwrap(), purl);
    }

    #[test]
    fn scoped_npm_names_keep_their_namespace() {
        let purl = Purl::release("npm", "@babel/core", "7.0.0");
        assert_eq!(purl.to_string(), "pkg:npm/%40babel/core@7.0.0");
        assert_eq!(purl.to_string().parse::<Purl>().unwrap().name(), "@babel/core");
    }

    #[test]
    fn old_npm_names_keep_their_case() {
        for name in ["JSONStream", "@Scope/Name"] {
            let purl = Purl::release("npm", name, "1.3.5");
            let read: Purl = purl.to_string().parse().unwrap();
            assert_eq!((&read, read.name()), (&purl, name.to_owned()));
        }
        let read: Purl = "pkg:NPM//%40a/B@1".parse().unwrap();
        assert_eq!((read.ty(), read.name().as_str(), read.version()), ("npm", "@a/B", Some("1")));
        assert!(matches!("pkg:npm/A?x=y".parse::<Purl>(), Err(ParsePurlError::Extra { .. })));
    }

    #[test]
    fn a_key_has_no_qualifiers() {
        assert!(matches!("pkg:pypi/a@1?x=y".parse::<Purl>(), Err(ParsePurlError::Extra { .. })));
        assert!(matches!("requests==2".parse::<Purl>(), Err(ParsePurlError::Syntax { .. })));
    }
}
