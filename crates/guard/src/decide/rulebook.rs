//! Everything by which an operator decides: catalogues, settings, policies.

use super::Settings;
use crate::catalogue::{Catalogue, RESOURCES, Role};
use std::collections::BTreeMap;
use trustmill_core::Sha256;
use trustmill_policy::calls::{Policies, Tool};
use trustmill_policy::{PolicyProblems, Source};

/// Catalogues by the operator's names of servers, settings, and policies that were checked against both.
#[derive(Debug)]
pub struct Rulebook {
    catalogues: BTreeMap<String, Catalogue>,
    /// Numbers that policies go by.
    pub settings: Settings,
    policies: Policies,
    digest: Sha256,
}

/// What is known of a server that the operator does not name: nothing.
static UNDESCRIBED: Catalogue = Catalogue { about: String::new(), texts: None, tools: BTreeMap::new() };

impl Rulebook {
    /// The shipped policies, and `own` beside them.
    ///
    /// # Errors
    /// Every problem of the operator's policies, each with its place.
    pub fn new(
        mut catalogues: BTreeMap<String, Catalogue>,
        settings: Settings,
        own: &[Source],
    ) -> Result<Self, PolicyProblems> {
        for catalogue in catalogues.values_mut() {
            // Policies know a tool by its place in the catalogue.
            let resources = catalogue.tool(RESOURCES).clone();
            catalogue.tools.entry(RESOURCES.to_owned()).or_insert(resources);
        }
        let policies = Policies::with_own(own, &tools(&catalogues))?;
        let shipped = trustmill_policy::calls::shipped::sources();
        let texts: Vec<&str> = shipped.iter().chain(own).map(|source| source.text.as_str()).collect();
        let mut content = serde_json::json!([catalogues, settings, texts]);
        content.sort_all_objects();
        let digest = Sha256::of(content.to_string().as_bytes());
        Ok(Self { catalogues, settings, policies, digest })
    }

    /// The same with these policies in place of all others.
    ///
    /// # Errors
    /// Every problem of theirs, each with its place.
    pub fn exchanged(self, policies: &[Source]) -> Result<Self, PolicyProblems> {
        let policies = self.policies.exchanged(policies)?;
        Ok(Self { policies, ..self })
    }

    /// What is known of a server's tools.
    pub fn catalogue(&self, server: &str) -> &Catalogue {
        self.catalogues.get(server).unwrap_or(&UNDESCRIBED)
    }

    /// The policies.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The schema that the operator's policies are held against, in Cedar's syntax.
    pub fn schema(&self) -> String {
        trustmill_policy::calls::schema::cedar(&tools(&self.catalogues))
    }

    /// SHA-256 over all of it: decisions of two rulebooks with the same digest are the same.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }
}

/// The tools as policies name them.
fn tools(catalogues: &BTreeMap<String, Catalogue>) -> Vec<Tool> {
    let of = |(server, catalogue): (&String, &Catalogue)| {
        let tools = catalogue.tools.iter().map(|(name, tool)| Tool {
            name: format!("{server}/{name}"),
            effect: tool.effect.as_str().to_owned(),
            inputs: tool
                .arguments
                .iter()
                .filter(|(_, argument)| argument.role.is_sink() && argument.role != Role::Credential)
                .map(|(name, _)| name.clone())
                .collect(),
        });
        tools.collect::<Vec<_>>()
    };
    catalogues.iter().flat_map(of).collect()
}
