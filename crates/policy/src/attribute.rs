//! The attributes that policies see: one description, from which the Rust types, Cedar's schema and the table in
//! `docs/policy.md` are made.

use std::sync::Arc;

/// One attribute, as people and Cedar read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Its name in policies and in the texts of reasons.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// Its unit; empty where it has none.
    pub unit: &'static str,
    /// One or two sentences.
    pub doc: &'static str,
}

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// True or false.
    Flag,
    /// A set of texts.
    Texts,
}

impl Type {
    /// The type in Cedar's words.
    pub const fn cedar(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Whole => "Long",
            Self::Flag => "Bool",
            Self::Texts => "Set<String>",
        }
    }
}

/// A value of an attribute, for a caller that knows it by name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(Arc<str>),
    /// A whole number.
    Whole(i64),
    /// True or false.
    Flag(bool),
    /// A set of texts.
    Texts(Arc<[Arc<str>]>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
            Self::Texts(texts) => f.write_str(&texts.join(", ")),
        }
    }
}

impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Whole(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Texts(texts) => serializer.collect_seq(texts.iter().map(|text| &**text)),
        }
    }
}

/// What a field of a record is made of and read back from.
pub(crate) trait Field: Sized {
    fn value(&self) -> Value;
    fn read(json: &serde_json::Value) -> Option<Self>;
}

impl Field for Arc<str> {
    fn value(&self) -> Value {
        Value::Text(Self::clone(self))
    }

    fn read(json: &serde_json::Value) -> Option<Self> {
        json.as_str().map(Into::into)
    }
}

impl Field for i64 {
    fn value(&self) -> Value {
        Value::Whole(*self)
    }

    fn read(json: &serde_json::Value) -> Option<Self> {
        json.as_i64()
    }
}

impl Field for bool {
    fn value(&self) -> Value {
        Value::Flag(*self)
    }

    fn read(json: &serde_json::Value) -> Option<Self> {
        json.as_bool()
    }
}

impl Field for Arc<[Arc<str>]> {
    fn value(&self) -> Value {
        Value::Texts(Self::clone(self))
    }

    fn read(json: &serde_json::Value) -> Option<Self> {
        json.as_array()?.iter().map(|text| text.as_str().map(Arc::from)).collect()
    }
}

macro_rules! rust_type {
    (Text) => { Arc<str> };
    (Whole) => { i64 };
    (Flag) => { bool };
    (Texts) => { Arc<[Arc<str>]> };
}
pub(crate) use rust_type;

/// A record, its list of attributes, and access by name.
macro_rules! record {
    ($(#[doc = $about:literal])+ $record:ident { $( $(#[doc = $doc:literal])+ $field:ident: $ty:ident $(in $unit:literal)?, )+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $record {
            $( $(#[doc = $doc])+ pub $field: rust_type!($ty), )+
        }

        impl $record {
            /// Every attribute, in the order in which people read them.
            pub const ATTRIBUTES: &'static [Attribute] = &[
                $( Attribute {
                    name: stringify!($field),
                    ty: Type::$ty,
                    unit: concat!($($unit)?),
                    doc: concat!($($doc),+),
                }, )+
            ];

            /// The values with their names, in that order.
            pub fn values(&self) -> impl Iterator<Item = (&'static str, Value)> {
                [$( (stringify!($field), self.$field.value()), )+].into_iter()
            }

            /// The value of an attribute.
            pub fn get(&self, name: &str) -> Option<Value> {
                match name {
                    $( stringify!($field) => Some(self.$field.value()), )+
                    _ => None,
                }
            }

            /// Sets an attribute. `false` if there is none of that name, or `value` has another type.
            pub fn set(&mut self, name: &str, value: &serde_json::Value) -> bool {
                match name {
                    $( stringify!($field) => {
                        let Some(value) = Field::read(value) else { return false };
                        self.$field = value;
                    } )+
                    _ => return false,
                }
                true
            }
        }
    };
}
pub(crate) use record;

record! {
    /// What is known about a release: `resource` in policies.
    Facts {
        /// The package URL type: `pypi`, `npm`, `cargo`.
        ecosystem: Text,
        /// The project as its ecosystem writes it: `requests`, `@babel/core`.
        name: Text,
        /// The scope of the name: `@babel`; empty where it has none.
        namespace: Text,
        /// The version as the registry lists it.
        version: Text,
        /// Full hours since it was published; where the registry does not say, since this mill first saw it listed. 0 where neither is known.
        age_hours: Whole in "hours",
        /// Whether `age_hours` is known.
        age_known: Flag,
        /// The weakest verdict of its files that are not for one platform: `identical`, …, `not-attempted`; `unknown` where none was judged.
        verdict: Text,
        /// Whether every file that was judged and is not for one platform came out with the published bytes (`identical` or `replayed`), and at least one was judged.
        proven: Flag,
        /// What the judged files were built from: `git`, `sdist`, or `none` where nothing was built.
        source: Text,
        /// Every id, aliases included, of the advisories that hit it.
        advisories: Texts,
        /// The worst that those advisories say: `critical`, `high`, `medium`, `low`, `unknown`; `none` where none hits it.
        severity: Text,
        /// The highest CVSS base score among them, times ten (0 to 100); 0 where none is given.
        score: Whole in "tenths",
        /// Whether a version is listed that a compatible update takes, that none of them hits, and that is not itself refused.
        fixed: Flag,
        /// The lowest such version; empty where there is none.
        fix: Text,
        /// Whether an advisory of critical severity hits it and `fixed` holds.
        critical_with_fix: Flag,
        /// The id of the advisory to name in a reason: malware first, then the worst; empty where none hits it.
        advisory: Text,
        /// Whether an advisory says that it is malware.
        malicious: Flag,
        /// Whether such an advisory says so of every version of the project.
        malicious_everywhere: Flag,
        /// What this mill's own scanner says of the worst of its files: `clear`, `note`, `hold` (one family of evidence is strong), `block` (two are), `failed` where a file broke the scanner, `unknown` where it did not look.
        malware: Text,
        /// The weightiest finding of the scanner, with its place; empty where there is none.
        malware_reason: Text,
        /// Whether installing it runs code of its own, as the registry says (npm).
        install_script: Flag,
        /// Whether the registry says so at all.
        install_script_known: Flag,
        /// Whether installing it runs code of its own and installing the release before it did not.
        new_install_hook: Flag,
        /// The licence as its publisher writes it; empty where neither the registry nor a scanned file says.
        licence: Text,
        /// Whether very many depend on the project: it is on the shipped list, on yours, watched, or handed out to many by this mill.
        popular: Flag,
        /// Whether its publisher withdrew or deprecated it.
        yanked: Flag,
        /// Whether an advisory that hits an earlier release names this one as the fix, or it is a repaired release of this mill.
        is_fix: Flag,
        /// What the oracle ruled of it, where it is a repaired release of this mill: `proven`, or `unproven` where no test shows the fix or it is not certain that all of it is there; `none` for every other. What advisories say of the release that it repairs is not said of it.
        repaired: Text,
        /// Whether it is on your list of names that no cooldown holds (`[policy.cooldown] exclude`).
        own: Flag,
    }
}

record! {
    /// What the configuration says about the question: `context` in policies.
    Settings {
        /// How old a release of this ecosystem must be (`[policy.cooldown]`); 0 for no cooldown.
        cooldown_hours: Whole in "hours",
        /// Whether a release of unknown age is held (`[policy.cooldown] unknown = "hold"`).
        hold_unknown_age: Flag,
    }
}

record! {
    /// Who asks: `principal` in policies. `principal in Team::"payments"` works too.
    Client {
        /// The team of the token; empty where no token was shown.
        team: Text,
        /// The token's public id; empty where none was shown.
        token: Text,
        /// The AI agent that the token was given to; empty where it was given to none.
        agent: Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_set_and_read_by_its_name_and_type() {
        let mut facts = Facts::default();
        assert!(facts.set("age_hours", &serde_json::json!(7)) && facts.age_hours == 7);
        assert!(facts.set("advisories", &serde_json::json!(["A", "B"])));
        assert_eq!(facts.get("advisories").unwrap().to_string(), "A, B");
        assert!(!facts.set("age_hours", &serde_json::json!("7")), "another type");
        assert!(!facts.set("agehours", &serde_json::json!(7)), "no such name");
        assert_eq!(facts.get("agehours"), None);
    }

    #[test]
    fn no_name_means_two_things() {
        let all: Vec<_> = [Facts::ATTRIBUTES, Settings::ATTRIBUTES, Client::ATTRIBUTES].concat();
        let names: std::collections::BTreeSet<_> = all.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), all.len(), "reasons name attributes of all three without saying whose");
    }
}
