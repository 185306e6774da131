//! Attributes and principals as Cedar's entities.

use crate::attribute::{Client, Facts, Settings, Value};
use cedar_policy as cedar;
use cedar_policy::{EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;
use trustmill_core::ruling::{Action, Principal};

/// The names of the types, parsed once.
#[derive(Debug)]
pub(crate) struct Names {
    client: EntityTypeName,
    team: EntityTypeName,
    package: EntityTypeName,
    action: EntityTypeName,
}

/// Something that Cedar does not take; it has no reason to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

impl Names {
    pub(crate) fn new() -> Result<Self, Refused> {
        let name = |text| EntityTypeName::from_str(text).map_err(|error| Refused(error.to_string()));
        Ok(Self {
            client: name("Client")?,
            team: name("Team")?,
            package: name("Package")?,
            action: name("Action")?,
        })
    }

    fn uid(ty: &EntityTypeName, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id))
    }

    /// The request and what it is about.
    pub(crate) fn request(
        &self,
        client: &Client,
        action: Action,
        facts: &Facts,
        settings: &Settings,
    ) -> Result<(cedar::Request, cedar::Entities), Refused> {
        let asks = Self::uid(&self.client, if client.token.is_empty() { "anonymous" } else { &client.token });
        let about = Self::uid(&self.package, "package");
        let mut entities = vec![entity(about.clone(), facts.values(), HashSet::new())?];
        let mut groups = HashSet::new();
        if !client.team.is_empty() {
            let team = Self::uid(&self.team, &client.team);
            entities.push(cedar::Entity::new_no_attrs(team.clone(), HashSet::new()));
            groups.insert(team);
        }
        entities.push(entity(asks.clone(), client.values(), groups)?);
        let entities = cedar::Entities::from_entities(entities, None).map_err(refused)?;
        let context = cedar::Context::from_pairs(pairs(settings.values())).map_err(refused)?;
        let action = Self::uid(&self.action, action.as_str());
        let request = cedar::Request::new(asks, action, about, context, None).map_err(refused)?;
        Ok((request, entities))
    }
}

impl From<&Principal> for Client {
    fn from(principal: &Principal) -> Self {
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        Self { team: text(&principal.team), token: text(&principal.token), agent: text(&principal.agent) }
    }
}

fn entity(
    uid: EntityUid,
    values: impl Iterator<Item = (&'static str, Value)>,
    parents: HashSet<EntityUid>,
) -> Result<cedar::Entity, Refused> {
    let attributes: HashMap<_, _> = pairs(values).collect();
    cedar::Entity::new(uid, attributes, parents).map_err(refused)
}

fn pairs(
    values: impl Iterator<Item = (&'static str, Value)>,
) -> impl Iterator<Item = (String, RestrictedExpression)> {
    values.map(|(name, value)| (name.to_owned(), expression(value)))
}

pub(crate) fn expression(value: Value) -> RestrictedExpression {
    match value {
        Value::Text(text) => RestrictedExpression::new_string((*text).to_owned()),
        Value::Whole(number) => RestrictedExpression::new_long(number),
        Value::Flag(flag) => RestrictedExpression::new_bool(flag),
        Value::Texts(texts) => RestrictedExpression::new_set(
            texts.iter().map(|text| RestrictedExpression::new_string((**text).to_owned())),
        ),
    }
}

fn refused(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}
