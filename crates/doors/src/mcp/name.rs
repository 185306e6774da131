//! Names of several servers at one endpoint: `SERVER__TOOL`, and `SERVER+URI` for resources.
//!
//! The name of a server holds neither `_` nor `+`, so that each outer name belongs to exactly one server, whatever its
//! servers call their tools.

use serde_json::Value;

/// Between a server's name and that of its tool or prompt.
const BETWEEN: &str = "__";

/// Whether an operator's name of a server can stand in such names: lower-case letters, digits and `-`, a letter first.
pub fn is_server_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= 32 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain)
}

/// How names look at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Naming {
    /// One server: as it says them.
    Plain(String),
    /// Several: with the server's name before each.
    Prefixed,
}

impl Naming {
    /// A tool's or prompt's name as the agent knows it.
    pub(super) fn outer(&self, server: &str, name: &str) -> String {
        match self {
            Self::Plain(_) => name.to_owned(),
            Self::Prefixed => format!("{server}{BETWEEN}{name}"),
        }
    }

    /// The server and its own name for what the agent names.
    pub(super) fn inner<'a>(&'a self, name: &'a str) -> Option<(&'a str, &'a str)> {
        match self {
            Self::Plain(server) => Some((server, name)),
            Self::Prefixed => name.split_once(BETWEEN),
        }
    }

    /// A resource's address, or a template of such, as the agent knows it.
    pub(super) fn outer_uri(&self, server: &str, uri: &str) -> String {
        match self {
            Self::Plain(_) => uri.to_owned(),
            Self::Prefixed => format!("{server}+{uri}"),
        }
    }

    /// The server and its own address.
    pub(super) fn inner_uri<'a>(&'a self, uri: &'a str) -> Option<(&'a str, &'a str)> {
        match self {
            Self::Plain(server) => Some((server, uri)),
            Self::Prefixed => uri.split_once('+'),
        }
    }

    /// Renames a member that holds a name.
    pub(super) fn rename(&self, server: &str, value: &mut Value) {
        self.change(value, "name", |name| self.outer(server, name));
    }

    /// Renames a member that holds an address.
    pub(super) fn readdress(&self, server: &str, value: &mut Value, member: &str) {
        self.change(value, member, |uri| self.outer_uri(server, uri));
    }

    /// Renames every address of a result: contents of resources, links, embedded resources.
    pub(super) fn readdress_result(&self, server: &str, result: &mut Value) {
        if matches!(self, Self::Plain(_)) {
            return;
        }
        for list in ["contents", "content", "messages"] {
            for item in result.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let item = match list {
                    "messages" => item.get_mut("content"),
                    _ => Some(item),
                };
                let Some(item) = item else { continue };
                self.readdress(server, item, "uri");
                if let Some(resource) = item.get_mut("resource") {
                    self.readdress(server, resource, "uri");
                }
            }
        }
    }

    fn change(&self, value: &mut Value, member: &str, new: impl Fn(&str) -> String) {
        if matches!(self, Self::Prefixed)
            && let Some(Value::String(text)) = value.get_mut(member)
        {
            *text = new(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn an_outer_name_belongs_to_one_server(server in "[a-z][a-z0-9-]{0,31}", name in "\\PC{0,40}") {
            prop_assert!(is_server_name(&server));
            let naming = Naming::Prefixed;
            let (tool, uri) = (naming.outer(&server, &name), naming.outer_uri(&server, &name));
            let parts = Some((server.as_str(), name.as_str()));
            prop_assert_eq!(naming.inner(&tool), parts);
            prop_assert_eq!(naming.inner_uri(&uri), parts);
        }
    }

    #[test]
    fn names_that_would_clash_are_none() {
        for name in ["", "a_b", "a__b", "A", "1a", "a+b", "a/b", "ä", &"a".repeat(33)] {
            assert!(!is_server_name(name), "{name}");
        }
    }

    #[test]
    fn addresses_in_results_lead_back_to_their_server() {
        let mut result = json!({ "content": [
            { "type": "text", "text": "x", "uri": 7 },
            { "type": "resource_link", "uri": "file:///a", "name": "a" },
            { "type": "resource", "resource": { "uri": "git+https://x/", "text": "" } },
        ] });
        Naming::Prefixed.readdress_result("repo", &mut result);
        assert_eq!(result["content"][1]["uri"], "repo+file:///a");
        let uri = result["content"][2]["resource"]["uri"].as_str().unwrap();
        assert_eq!(Naming::Prefixed.inner_uri(uri), Some(("repo", "git+https://x/")));
    }
}
