//! Rulings: whether a release may be handed out, to whom, and why not.

use crate::Purl;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Who asks. The default is somebody who showed no token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// The team that the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The token's public id; never the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The AI agent that the token was given to, if it was given to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// What somebody wants with a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A client is shown the release and given its files.
    #[default]
    Install,
    /// The mill gives it to its own builds, as of an instant.
    Serve,
    /// A client uploads it.
    Publish,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Install, Self::Serve, Self::Publish];

    /// The word in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Serve => "serve",
            Self::Publish => "publish",
        }
    }
}

/// What becomes of a release; the order is from mild to hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It is handed out.
    Allow,
    /// It is handed out with a warning.
    Warn,
    /// It is not handed out for now: time, a person or a fact may change that.
    Hold,
    /// It is not handed out.
    Block,
}

impl Effect {
    /// Whether files are refused.
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Hold | Self::Block)
    }

    /// The word for people and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Hold => "hold",
            Self::Block => "block",
        }
    }
}

/// The decision about one release, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What becomes of it.
    pub effect: Effect,
    /// Stable code of the reason (`TM0901`, …); empty where nothing is said against it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub code: Cow<'static, str>,
    /// One line for the person who is refused or warned; empty where nothing is said against it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The policies that decided, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The override that lifted a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden_by: Option<String>,
    /// When time alone may change it: a cooldown passes, an override ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Decision {
    /// Nothing is said against it.
    pub const fn allow() -> Self {
        Self {
            effect: Effect::Allow,
            code: Cow::Borrowed(""),
            reason: String::new(),
            policies: Vec::new(),
            overridden_by: None,
            until: None,
        }
    }
}

/// A release as its registry lists it, as far as decisions depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The version, as the registry's pages have it.
    pub version: Cow<'a, str>,
    /// When it was published, where the registry says.
    pub published: Option<Timestamp>,
    /// Whether its publisher withdrew or deprecated it.
    pub yanked: bool,
    /// Whether installing it runs its own code, where the registry says (npm).
    pub install_script: Option<bool>,
    /// The licence as its publisher writes it, where the registry says.
    pub licence: Option<Cow<'a, str>>,
}

impl Listed<'_> {
    /// The same, of its own.
    pub fn into_owned(self) -> Listed<'static> {
        Listed {
            version: Cow::Owned(self.version.into_owned()),
            licence: self.licence.map(|licence| Cow::Owned(licence.into_owned())),
            published: self.published,
            yanked: self.yanked,
            install_script: self.install_script,
        }
    }
}

/// What is to be decided: the releases of one project, for one principal.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// For what.
    pub action: Action,
    /// The project: a package URL without a version.
    pub project: &'a Purl,
    /// Its releases, all that the registry lists: whether a fix exists is read from them.
    pub releases: &'a [Listed<'a>],
}

/// The decisions about the releases of a question, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruling {
    /// One per release.
    pub decisions: Vec<Decision>,
    /// When time alone may change one of them.
    pub until: Option<Timestamp>,
}
