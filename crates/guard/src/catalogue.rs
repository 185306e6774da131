//! The operator's catalogue: what each tool does, what its arguments mean, and what of its results is a system's record.
//!
//! A server's own annotations and descriptions are claims of the server and decide nothing here. A tool that no
//! catalogue describes has the worst effect, and so has an argument that none names.

use crate::effect::Effect;
use crate::value::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What an argument decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Who receives something.
    Recipient,
    /// Who is paid.
    Payee,
    /// How much; a number.
    Amount,
    /// In which currency.
    Currency,
    /// What is changed, deleted or shared.
    Item,
    /// What is bought: the user must mean it, however easily it is taken out of a cart again.
    Goods,
    /// Who gains or loses a right.
    Grantee,
    /// Where something is put: a channel, a folder, an address.
    Target,
    /// A password, a key, a setting that decides who gets in.
    Credential,
    /// Text or data that is sent or stored; the agent writes it.
    Content,
    /// What is looked for.
    Query,
    /// From which card, account or wallet is paid.
    Instrument,
    /// A key under which a server does a thing once, however often it is told.
    Key,
    /// How many of it: one is what anybody means, more must be said.
    Quantity,
    /// How many people gain something: a number, or a list of them. Only of what the guard reads itself.
    Reach,
    /// Who sees it: a list of people. Only of what the guard reads itself.
    Audience,
    /// When, how long, in which order: nothing that decides who or what.
    Option,
    /// Nobody said what it decides.
    Unknown,
}

impl Role {
    /// Whether a value in this role must come from the user or from a system of record.
    pub const fn is_sink(self) -> bool {
        !matches!(self, Self::Content | Self::Query | Self::Option | Self::Key | Self::Reach | Self::Audience)
    }
}

/// An argument of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// What it decides.
    pub role: Role,
    /// What its values are.
    #[serde(default = "name")]
    pub kind: Kind,
    /// Whether its own text may hold addresses of web pages that something fetches or shows.
    #[serde(default)]
    pub active: bool,
    /// Whether it is the text that is published: it says there who wrote it. Needed where a tool that publishes has several
    /// texts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mark: bool,
}

fn name() -> Kind {
    Kind::Name
}

/// How secret what a tool reads is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidentiality {
    /// Anybody may know it.
    Public,
    /// The user's own: mail, files, calendars. What is not labelled is this.
    #[default]
    Internal,
    /// Named people of the organisation.
    Confidential,
    /// Keys, passwords, personal records.
    Secret,
}

impl Confidentiality {
    /// The word in catalogues, policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Secret => "secret",
        }
    }

    /// Its place, from 0 for what anybody may know to 3.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Public => 0,
            Self::Internal => 1,
            Self::Confidential => 2,
            Self::Secret => 3,
        }
    }
}

/// What a tool gives back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Returns {
    /// Fields, by their key at any depth, whose values the server itself sets, with their kind: what others can write
    /// freely MUST NOT stand here.
    pub mints: BTreeMap<String, Kind>,
    /// Fields by which a record is known to people: when the user's words hold one, they mean the record.
    pub names: Vec<String>,
    /// How secret it is.
    pub confidentiality: Confidentiality,
    /// Fields that say who may read a record: a text, a list, or an object by people; `*` is everybody. What is read is
    /// published to none but them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<String>,
    /// Whether strangers may be listed in it, as in a marketplace: then a search for what the user named does not make
    /// all that it finds what the user means.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// What the guard itself reads before a call is decided: the target as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The tool that reads it, of the same server.
    pub tool: String,
    /// Its arguments, each with the argument of the call whose value it takes.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
    /// Fields of its answer by name, or by JSON pointer (RFC 6901). A lease holds for these values and no others.
    pub fields: BTreeMap<String, Argument>,
}

/// What a field of a target must be after a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Expected {
    /// What this argument of the call says.
    Argument(String),
    /// This.
    Is(String),
    /// A text, or one of several, in which stands what this argument of the call says.
    Holds(String),
}

/// What the guard itself reads after a call: whether the server has what it says that it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The tool that reads it, of the same server.
    pub tool: String,
    /// Its arguments: each the value of an argument of the call, of a field of its answer (`answer:FIELD`), or a text (`is:TEXT`).
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
    /// Fields of what is read by name, or by JSON pointer (RFC 6901); `*` is all of it.
    #[serde(default)]
    pub fields: BTreeMap<String, Expected>,
    /// Whether it is enough that something is found there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub present: bool,
    /// Whether nothing must be found there any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
}

/// A tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// What a call does.
    pub effect: Effect,
    /// Whether what it does can be undone, by whoever has the same rights.
    #[serde(default)]
    pub reversible: bool,
    /// The tool that undoes it, given the same items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// What is read of its target before it is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// What is read back once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// Whether what it reaches is open to everybody, or to a whole organisation.
    #[serde(default)]
    pub public: bool,
    /// Whether those whom it reaches all belong to the user's organisation.
    #[serde(default)]
    pub inside: bool,
    /// What it is about, in words that people use: the user's words must hold one for the tool to be asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
    /// Calls that a task may make without a person, where that is fewer than for others of its effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// Its arguments by name.
    #[serde(default)]
    pub arguments: BTreeMap<String, Argument>,
    /// What it gives back.
    #[serde(default)]
    pub returns: Returns,
}

impl Tool {
    /// Whether what is read of its target says how many people gain something by it.
    pub fn names_reach(&self) -> bool {
        self.check.iter().flat_map(|check| check.fields.values()).any(|field| field.role == Role::Reach)
    }

    /// One that nobody described.
    fn worst() -> Self {
        Self {
            effect: Effect::Access,
            reversible: false,
            undo: None,
            check: None,
            after: None,
            public: true,
            inside: false,
            objects: Vec::new(),
            most: None,
            arguments: BTreeMap::new(),
            returns: Returns { confidentiality: Confidentiality::Confidential, ..Returns::default() },
        }
    }

    /// The reading of resources that are this secret.
    fn resource(confidentiality: Confidentiality) -> Self {
        let uri = Argument { role: Role::Query, kind: Kind::Url, active: false, mark: false };
        Self {
            effect: Effect::Read,
            public: false,
            arguments: BTreeMap::from([("uri".to_owned(), uri)]),
            returns: Returns { confidentiality, ..Returns::default() },
            ..Self::worst()
        }
    }

    /// The argument that holds what is published: the one that is marked so, else the only text.
    pub fn published(&self) -> Option<&str> {
        if self.effect != Effect::Publish {
            return None;
        }
        let marked = self.arguments.iter().find(|(_, argument)| argument.mark);
        let mut texts = self.arguments.iter().filter(|(_, argument)| argument.role == Role::Content);
        marked.or_else(|| texts.next()).map(|(name, _)| name.as_str())
    }
}

/// What a server's answers in text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Texts {
    /// Documents in YAML that a program wrote, so that nothing which others wrote is more than a value in them.
    Yaml,
}

/// The tools of one kind of server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// One sentence for people: which servers it describes.
    pub about: String,
    /// What the texts of its servers' answers are, where they are no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
    /// Tools by name.
    #[serde(default)]
    pub tools: BTreeMap<String, Tool>,
}

/// Why a catalogue is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is no catalogue of tools: {why}")]
pub struct CatalogueError {
    /// The file.
    pub file: String,
    /// What is wrong, with its place.
    pub why: String,
}

impl trustmill_core::port::Coded for CatalogueError {
    fn code(&self) -> &'static str {
        "TM1301"
    }

    fn help(&self) -> String {
        "docs/guard.md has every field; `trustmill guard catalogue` prints the shipped ones as examples"
            .into()
    }
}

/// The name under which reading a resource of the protocol is decided.
pub const RESOURCES: &str = "resources/read";

/// The catalogues that come with the guard, by name.
pub const SHIPPED: [(&str, &str); 18] = [
    ("agent", include_str!("../catalogue/agent.toml")),
    ("bank", include_str!("../catalogue/bank.toml")),
    ("calendar", include_str!("../catalogue/calendar.toml")),
    ("chat", include_str!("../catalogue/chat.toml")),
    ("database", include_str!("../catalogue/database.toml")),
    ("everything", include_str!("../catalogue/everything.toml")),
    ("fetch", include_str!("../catalogue/fetch.toml")),
    ("files", include_str!("../catalogue/files.toml")),
    ("git", include_str!("../catalogue/git.toml")),
    ("github", include_str!("../catalogue/github.toml")),
    ("logistics", include_str!("../catalogue/logistics.toml")),
    ("mail", include_str!("../catalogue/mail.toml")),
    ("memory", include_str!("../catalogue/memory.toml")),
    ("payments", include_str!("../catalogue/payments.toml")),
    ("shop", include_str!("../catalogue/shop.toml")),
    ("time", include_str!("../catalogue/time.toml")),
    ("travel", include_str!("../catalogue/travel.toml")),
    ("yaml", include_str!("../catalogue/yaml.toml")),
];

impl Catalogue {
    /// Reads one.
    pub fn parse(file: &str, text: &str) -> Result<Self, CatalogueError> {
        let catalogue: Self = toml::from_str(text)
            .map_err(|error| CatalogueError { file: file.to_owned(), why: error.to_string() })?;
        catalogue.check().map_err(|why| CatalogueError { file: file.to_owned(), why })?;
        Ok(catalogue)
    }

    /// What a catalogue may not say.
    fn check(&self) -> Result<(), String> {
        for (name, tool) in &self.tools {
            if let Some(undo) = tool.undo.as_ref().filter(|undo| !self.tools.contains_key(*undo)) {
                return Err(format!("tool {name:?} is undone by {undo:?}, which is not described"));
            }
            if tool.undo.is_some() && !tool.reversible {
                return Err(format!("tool {name:?} has an undo and is not reversible"));
            }
            if let Some(check) = &tool.check {
                let reads = self.tools.get(&check.tool).is_some_and(|reader| reader.effect == Effect::Read);
                if !reads {
                    return Err(format!(
                        "tool {name:?} is checked by {:?}, which is no tool that reads",
                        check.tool
                    ));
                }
                if let Some(from) = check.arguments.values().find(|from| !tool.arguments.contains_key(*from))
                {
                    return Err(format!("tool {name:?} is checked by {from:?}, which is no argument of it"));
                }
            }
            self.check_after(name, tool)?;
            let texts = tool.arguments.values().filter(|argument| argument.role == Role::Content);
            let marked = tool.arguments.values().filter(|argument| argument.mark).count();
            if tool.effect == Effect::Publish && marked != 1 && (marked > 1 || texts.count() > 1) {
                return Err(format!(
                    "tool {name:?} publishes several texts: say `mark = true` of the one that people read"
                ));
            }
            let fields = tool.check.iter().flat_map(|check| check.fields.values());
            let mut all = tool.arguments.values().chain(fields);
            if all.any(|argument| argument.role == Role::Payee && argument.kind == Kind::Name) {
                return Err(format!(
                    "tool {name:?} pays a name: a payee is an account or an id, never free text"
                ));
            }
            let amount = tool.arguments.values().find(|argument| argument.role == Role::Amount);
            if amount.is_some_and(|argument| argument.kind != Kind::Number) {
                return Err(format!("tool {name:?} has an amount whose kind is not \"number\""));
            }
        }
        Ok(())
    }

    fn check_after(&self, name: &str, tool: &Tool) -> Result<(), String> {
        let Some(after) = &tool.after else { return Ok(()) };
        if self.tools.get(&after.tool).is_none_or(|reader| reader.effect != Effect::Read) {
            return Err(format!(
                "tool {name:?} is read back by {:?}, which is no tool that reads",
                after.tool
            ));
        }
        if [!after.fields.is_empty(), after.present, after.absent].iter().filter(|said| **said).count() != 1 {
            return Err(format!(
                "tool {name:?} is read back: say which `fields`, or `present = true`, or `absent = true`"
            ));
        }
        let of_call =
            after.arguments.values().filter(|from| !from.starts_with("answer:") && !from.starts_with("is:"));
        let expected = after.fields.values().filter_map(|expected| match expected {
            Expected::Argument(name) | Expected::Holds(name) => Some(name),
            Expected::Is(_) => None,
        });
        match of_call.chain(expected).find(|from| !tool.arguments.contains_key(*from)) {
            Some(from) => Err(format!("tool {name:?} is read back by {from:?}, which is no argument of it")),
            None => Ok(()),
        }
    }

    /// One that comes with the guard.
    pub fn shipped(name: &str) -> Option<Result<Self, CatalogueError>> {
        let (file, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
        Some(Self::parse(file, text))
    }

    /// Takes what `other` says of tools, in place of what was said before.
    pub fn extend(&mut self, other: Self) {
        self.tools.extend(other.tools);
        self.texts = other.texts.or(self.texts);
    }

    /// What a server's answer says, where the operator says how its texts are read.
    pub fn read(&self, answer: &serde_json::Value) -> Option<serde_json::Value> {
        match (self.texts, answer) {
            (Some(Texts::Yaml), serde_json::Value::String(text)) => crate::yaml::read(text),
            _ => None,
        }
    }

    /// What a tool does; one that nobody described does the worst, and its every argument decides something.
    ///
    /// [`RESOURCES`] is read where nobody says otherwise: that is all the protocol lets it do.
    pub fn tool(&self, name: &str) -> &Tool {
        static WORST: LazyLock<Tool> = LazyLock::new(Tool::worst);
        static RESOURCE: LazyLock<Tool> = LazyLock::new(|| Tool::resource(Confidentiality::Internal));
        static RESOURCE_OF_NOBODY: LazyLock<Tool> =
            LazyLock::new(|| Tool::resource(Confidentiality::Confidential));
        self.tools.get(name).unwrap_or_else(|| match name {
            RESOURCES if self.tools.is_empty() => &RESOURCE_OF_NOBODY,
            RESOURCES => &RESOURCE,
            _ => &WORST,
        })
    }

    /// Whether a tool is described.
    pub fn knows(&self, name: &str) -> bool {
        name == RESOURCES || self.tools.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_catalogue_is_read() {
        for (name, _) in SHIPPED {
            let catalogue = Catalogue::shipped(name).unwrap().unwrap();
            assert!(!catalogue.tools.is_empty() || catalogue.texts.is_some(), "{name}");
            for (tool, entry) in &catalogue.tools {
                let sinks = entry.arguments.values().filter(|argument| argument.role.is_sink()).count();
                let free = matches!(entry.effect, Effect::Read | Effect::Write);
                assert!(free || sinks > 0, "{name}/{tool}: an effect on nobody in particular");
            }
        }
    }

    #[test]
    fn what_nobody_described_is_the_worst() {
        let nothing = Catalogue::default();
        let tool = nothing.tool("anything");
        assert_eq!((tool.effect, tool.reversible), (Effect::Access, false));
    }

    #[test]
    fn a_slip_in_a_catalogue_is_an_error() {
        for text in [
            "about = 'x'\n[tools.a]\neffect = 'reed'",
            "about = 'x'\n[tools.a]\neffect = 'read'\ncolour = 'red'",
            "about = 'x'\n[tools.a]\neffect = 'destroy'\nreversible = true\nundo = 'b'",
            "about = 'x'\n[tools.a]\neffect = 'pay'\n[tools.a.arguments.amount]\nrole = 'amount'",
        ] {
            assert!(Catalogue::parse("t", text).is_err(), "{text}");
        }
    }
}
