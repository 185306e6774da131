//! What the scanner says of a published file: findings, and the conclusion that follows from them.

use crate::Sha256;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is concluded from the findings; the order is from mild to hard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// Nothing was found.
    #[default]
    Clear,
    /// Something is worth knowing, and is no reason to refuse.
    Note,
    /// One family of evidence is strong: a person, or time, decides.
    Hold,
    /// Two independent families are strong.
    Block,
}

impl Conclusion {
    /// Every conclusion, from mild to hard.
    pub const ALL: [Self; 4] = [Self::Clear, Self::Note, Self::Hold, Self::Block];

    /// The word in reports, policies and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Note => "note",
            Self::Hold => "hold",
            Self::Block => "block",
        }
    }
}

/// A kind of evidence. Two findings of one family say the same thing twice; two families agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Data of the machine or its user leaves it.
    Exfiltration,
    /// Code is fetched, and run.
    DownloadAndRun,
    /// Somebody far away gets a shell.
    ReverseShell,
    /// Passwords, tokens, keys or wallets are collected, or payments redirected.
    CredentialTheft,
    /// It arranges to be started again.
    Persistence,
    /// It publishes itself, or writes itself into other projects.
    Worm,
    /// Code is hidden from its reader and run.
    Obfuscation,
    /// Installing runs code that installing does not need.
    InstallHook,
    /// It destroys or holds to ransom.
    Destruction,
    /// It has the name of somebody's private package.
    DependencyConfusion,
    /// It has nearly the name of a popular package.
    Typosquat,
    /// It is a copy of a popular package with an edited file.
    Clone,
    /// It differs from the release before, or from its source, as hijacked releases do.
    Change,
    /// The archive says different things to different readers.
    Container,
    /// A rule that the operator added says so.
    Custom,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 15] = [
        Self::Exfiltration,
        Self::DownloadAndRun,
        Self::ReverseShell,
        Self::CredentialTheft,
        Self::Persistence,
        Self::Worm,
        Self::Obfuscation,
        Self::InstallHook,
        Self::Destruction,
        Self::DependencyConfusion,
        Self::Typosquat,
        Self::Clone,
        Self::Change,
        Self::Container,
        Self::Custom,
    ];

    /// The word in reports and thresholds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exfiltration => "exfiltration",
            Self::DownloadAndRun => "download-and-run",
            Self::ReverseShell => "reverse-shell",
            Self::CredentialTheft => "credential-theft",
            Self::Persistence => "persistence",
            Self::Worm => "worm",
            Self::Obfuscation => "obfuscation",
            Self::InstallHook => "install-hook",
            Self::Destruction => "destruction",
            Self::DependencyConfusion => "dependency-confusion",
            Self::Typosquat => "typosquat",
            Self::Clone => "clone",
            Self::Change => "change",
            Self::Container => "container",
            Self::Custom => "custom",
        }
    }
}

/// When a piece of code runs; the order is from late to early, so that the greatest is the worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Tests, examples and documentation: nothing runs it by itself.
    Never,
    /// When somebody calls it.
    #[default]
    Called,
    /// When somebody opens the folder in an editor or gives it to an agent.
    Opened,
    /// When the package is imported.
    Imported,
    /// When something that depends on it is compiled.
    Built,
    /// When it is installed.
    Installed,
    /// Whenever the interpreter starts.
    Started,
}

impl When {
    /// For a sentence: "runs …".
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Never => "in tests, examples or documentation",
            Self::Called => "when it is called",
            Self::Opened => "when the folder is opened in an editor or given to an agent",
            Self::Imported => "when it is imported",
            Self::Built => "when something that needs it is compiled",
            Self::Installed => "when it is installed",
            Self::Started => "whenever the interpreter starts",
        }
    }
}

/// A place in a member of the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The member; archives within archives are joined with `!/`.
    pub path: String,
    /// From 1; 0 where the finding is about the whole file.
    pub line: u32,
    /// In characters, from 1; 0 where the finding is about the whole file.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.path),
            line => write!(f, "{}:{line}:{}", self.path, self.column),
        }
    }
}

/// Something that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, by its one id.
    pub rule: String,
    /// What kind of evidence it is.
    pub family: Family,
    /// How much it says, from 1 to 100, after all adjustments.
    pub weight: u8,
    /// What the code does, in one line.
    pub what: String,
    /// When it runs.
    pub when: When,
    /// Where it stands.
    pub place: Place,
    /// The line as it stands there, cut and made harmless for a terminal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
    /// The layers of decoding that the text was found under, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    /// What a person should look at to decide.
    pub look: String,
    /// Whether the release before had nothing of the kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
}

/// What one family adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// The family.
    pub family: Family,
    /// From 0 to 100.
    pub score: u8,
    /// From where on the family is a reason to hold.
    pub holds_at: u8,
}

/// What was looked at, so that "nothing was found" has a meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Files, those of archives within the archive included.
    pub files: u64,
    /// Their bytes, inflated.
    pub bytes: u64,
    /// Files of code that were parsed.
    pub parsed: u64,
    /// Files of code that do not parse, and were judged by their tokens.
    pub unparsed: u64,
    /// Files that were too large, or asked for too much work, to be looked at whole.
    pub cut_short: u64,
}

/// What a scan saw that the mill may look up elsewhere, to scan again with what it learns. It comes from a hostile file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leads {
    /// The prints of its files of code, as in [`Fingerprint`](crate::port::scanner::Fingerprint).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub prints: BTreeSet<u64>,
    /// Dependencies that the release before did not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
}

impl Leads {
    /// The most of either.
    pub const MOST: usize = 4_000;

    fn is_empty(&self) -> bool {
        self.prints.is_empty() && self.added.is_empty()
    }
}

/// What the scanner says of one published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format.
    pub format: u32,
    /// The rules and thresholds that were applied.
    pub rules: String,
    /// The file's name.
    pub filename: String,
    /// Its digest.
    pub sha256: Sha256,
    /// The file of the release before that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// What is concluded.
    pub conclusion: Conclusion,
    /// Why, in one line; empty where nothing was found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The families that were found, strongest first.
    #[serde(default)]
    pub scores: Vec<Score>,
    /// What was found, weightiest first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub census: Census,
    /// The licence, in the words of the file's own metadata: an SPDX expression, or whatever its publisher wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What may be looked up; not kept.
    #[serde(default, skip_serializing_if = "Leads::is_empty")]
    pub leads: Leads,
}

impl Report {
    /// The version of the format that this code writes.
    pub const FORMAT: u32 = 1;
}
