//! `[upstream]`: where packages come from.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use trustmill_ecosystems::join;

/// Addresses of the registries behind the mill by package URL type; by default what this machine's own clients are
/// configured to use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upstream(pub(crate) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Upstream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let addresses = BTreeMap::<String, String>::deserialize(deserializer)?;
        let known = |ty: &str| join::ALL.iter().any(|family| family.ty == ty);
        match addresses.keys().find(|ty| !known(ty)) {
            Some(unknown) => Err(serde::de::Error::custom(unknown_type(unknown))),
            None => Ok(Self(addresses)),
        }
    }
}

/// An upstream given on the command line: `npm=https://packages.example.com/npm/`.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamFlag {
    /// The package URL type.
    pub(crate) ty: String,
    /// The address.
    pub(crate) url: String,
}

impl std::str::FromStr for UpstreamFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ty, url) =
            text.split_once('=').ok_or("expected TYPE=URL, such as npm=https://npm.example.com/")?;
        if !join::ALL.iter().any(|family| family.ty == ty) {
            return Err(unknown_type(ty));
        }
        Ok(Self { ty: ty.to_owned(), url: url.to_owned() })
    }
}

fn unknown_type(ty: &str) -> String {
    let known: Vec<_> = join::ALL.iter().map(|family| family.ty).collect();
    format!("unknown ecosystem {ty:?}; expected one of {}", known.join(", "))
}
