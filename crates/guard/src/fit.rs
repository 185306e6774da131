//! Which catalogues describe the tools that a server lists, and a draft for the tools that none describes.
//!
//! A server's own list decides nothing: what comes out of it is for the operator, who looks at it and names it. A tool fits
//! where a catalogue knows its name and, unless it only reads, half of its arguments.

use crate::catalogue::{Catalogue, Role, SHIPPED, Tool};
use crate::effect::Effect;
use crate::value::Kind;
use crate::words;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A tool as its server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its arguments, each with the type that the server says.
    pub arguments: BTreeMap<String, String>,
}

/// What fits the tools of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// Shipped catalogues and how many tools each describes; later ones replace what earlier ones say.
    pub catalogues: Vec<(&'static str, usize)>,
    /// Arguments that none of them knows, of tools that they describe.
    pub unknown: BTreeMap<String, Vec<String>>,
    /// Tools that none describes.
    pub rest: Vec<Listed>,
}

impl Listed {
    /// The tools of an answer to `tools/list`. A name that is no plain word is none that a catalogue could have.
    pub fn all(result: &Value) -> Vec<Self> {
        let plain = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        };
        let listed = |tool: &Value| {
            let name = tool.get("name")?.as_str().filter(|name| plain(name))?.to_owned();
            let properties = tool.pointer("/inputSchema/properties").and_then(Value::as_object);
            let properties = properties.into_iter().flatten().filter(|(name, _)| plain(name));
            let of =
                |schema: &Value| schema.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
            let arguments = properties.map(|(name, schema)| (name.clone(), of(schema))).collect();
            Some(Self { name, arguments })
        };
        result.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(listed).collect()
    }

    /// Its arguments that matter and that a catalogue does not know.
    fn unknown(&self, tool: &Tool) -> Vec<String> {
        let unknown = self.arguments.keys().filter(|name| !tool.arguments.contains_key(*name));
        unknown.filter(|_| tool.effect != Effect::Read).cloned().collect()
    }

    fn fits(&self, tool: &Tool) -> bool {
        2 * self.unknown(tool).len() <= self.arguments.len()
    }
}

/// What fits the tools of a server: as few catalogues as take them all in, as far as a look from the largest on finds them.
pub fn fit(tools: &[Listed]) -> Fit {
    let shipped: Vec<(&str, Catalogue)> =
        SHIPPED.iter().filter_map(|(name, _)| Some((*name, Catalogue::shipped(name)?.ok()?))).collect();
    let (mut rest, mut catalogues, mut unknown) = (tools.to_vec(), Vec::new(), BTreeMap::new());
    loop {
        let fits = |catalogue: &Catalogue, listed: &Listed| {
            catalogue.tools.get(&listed.name).is_some_and(|tool| listed.fits(tool))
        };
        let count = |catalogue: &Catalogue| rest.iter().filter(|listed| fits(catalogue, listed)).count();
        // Of several that take in as many, the first.
        let best = shipped.iter().rev().max_by_key(|(_, catalogue)| count(catalogue));
        let Some((name, catalogue)) = best.filter(|(_, catalogue)| count(catalogue) > 0) else { break };
        catalogues.insert(0, (*name, count(catalogue)));
        for listed in rest.extract_if(.., |listed| fits(catalogue, listed)) {
            let more = listed.unknown(catalogue.tool(&listed.name));
            unknown.extend((!more.is_empty()).then_some((listed.name, more)));
        }
    }
    Fit { catalogues, unknown, rest }
}

/// A catalogue for tools that none describes, guessed by their names, for somebody to look at line by line.
pub fn draft(tools: &[Listed]) -> String {
    let mut text = String::from(
        "# A draft, guessed by names: look at every line. An argument that is left out must be in the user's words.\n\
         about = \"\"\n",
    );
    for listed in tools {
        let effect = effect(&listed.name);
        let _ = write!(text, "\n[tools.{:?}]\neffect = \"{effect}\"\n", listed.name);
        if effect == Effect::Read {
            text.push_str("# returns = { mints = { id = \"thing\" }, names = [\"title\"] }   # what the system itself sets\n");
        } else {
            text.push_str("reversible = false\n");
        }
        let mut marked = false;
        for (name, of) in &listed.arguments {
            let Some((role, kind)) = argument(effect, name, of) else {
                let _ = writeln!(text, "# arguments.{name:?}: what does it decide?");
                continue;
            };
            let mark = if effect == Effect::Publish && role == Role::Content && !marked {
                ", mark = true"
            } else {
                ""
            };
            marked |= role == Role::Content;
            let role = serde_json::to_value(role).unwrap_or_default();
            let kind = kind.map(|kind| format!(", kind = \"{}\"", String::from(kind))).unwrap_or_default();
            let _ = writeln!(text, "arguments.{name:?} = {{ role = {role}{kind}{mark} }}");
        }
    }
    text
}

/// The words of a name.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || c.is_ascii_uppercase() {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            last.push(c.to_ascii_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// What a tool of this name may do: the worst that its first verb is used for. One without a verb does the worst of all.
fn effect(name: &str) -> Effect {
    const READS: [&str; 14] = [
        "get", "list", "read", "search", "find", "show", "describe", "query", "check", "view", "lookup",
        "count", "browse", "retrieve",
    ];
    let verb = parts(name).into_iter().find_map(|part| {
        if READS.contains(&part.as_str()) { Some(Effect::Read) } else { words::worst_of(&part) }
    });
    verb.unwrap_or(Effect::Access)
}

/// What an argument of this name decides, and what its values are; `None` where the name says nothing.
fn argument(effect: Effect, name: &str, of: &str) -> Option<(Role, Option<Kind>)> {
    let parts = parts(name);
    let is = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    if is(&["password", "secret", "token", "credential", "key"]) {
        return Some((Role::Credential, None));
    }
    if effect == Effect::Read {
        return Some((Role::Query, None));
    }
    if parts.last().is_some_and(|last| ["id", "ids"].contains(&last.as_str())) {
        let of = parts.first().filter(|_| parts.len() > 1);
        return Some((Role::Item, of.map(|of| Kind::Id(of.clone()))));
    }
    if is(&["email", "emails", "recipient", "recipients", "to", "cc", "bcc", "attendees", "participants"]) {
        let role = match effect {
            Effect::Access => Role::Grantee,
            Effect::Pay => return Some((Role::Payee, Some(Kind::Account))),
            _ => Role::Recipient,
        };
        return Some((role, is(&["email", "emails", "cc", "bcc"]).then_some(Kind::Email)));
    }
    if is(&["iban", "payee", "account"]) {
        let role = if effect == Effect::Pay { Role::Payee } else { Role::Item };
        return Some((role, Some(Kind::Account)));
    }
    if is(&["amount", "price", "total"]) {
        return Some((Role::Amount, Some(Kind::Number)));
    }
    if is(&["currency"]) {
        return Some((Role::Currency, None));
    }
    if is(&["user", "users", "member", "members", "group", "role"]) && effect == Effect::Access {
        return Some((Role::Grantee, None));
    }
    if is(&["url", "uri", "link"]) {
        return Some((Role::Target, Some(Kind::Url)));
    }
    if is(&["path", "paths", "filename"]) {
        return Some((Role::Item, Some(Kind::Path)));
    }
    if is(&["channel", "folder", "room", "chat", "repo", "owner", "branch", "project"]) {
        return Some((Role::Target, None));
    }
    if is(&["body", "text", "content", "message", "description", "subject", "title", "comment", "note"]) {
        return Some((Role::Content, None));
    }
    if is(&["date", "day", "time", "start", "end", "limit", "offset", "page", "sort"]) && of != "boolean" {
        return Some((Role::Option, None));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listed(tools: &[(&str, &[&str])]) -> Vec<Listed> {
        let tools = tools.iter().map(|(name, arguments)| {
            let properties = arguments.iter().map(|&name| (name.to_owned(), json!({ "type": "string" })));
            let properties: serde_json::Map<String, Value> = properties.collect();
            json!({ "name": name, "inputSchema": { "properties": properties } })
        });
        Listed::all(&json!({ "tools": tools.collect::<Vec<_>>() }))
    }

    #[test]
    fn a_server_of_several_kinds_gets_a_catalogue_of_each_and_no_more() {
        let tools = listed(&[
            ("send_email", &["recipients", "subject", "body"]),
            ("delete_email", &["email_id"]),
            ("search_files", &["query"]),
            ("create_file", &["filename", "content"]),
            ("share_file", &["file_id", "email", "permission"]),
            ("launch", &["target"]),
        ]);
        let fit = fit(&tools);
        assert_eq!(fit.catalogues, [("mail", 2), ("files", 3)]);
        assert_eq!(fit.rest, tools[5..]);
    }

    #[test]
    fn an_argument_that_nobody_knows_is_told_and_a_tool_of_which_little_is_known_is_another() {
        let tools = listed(&[
            ("send_email", &["recipients", "forward_all_to"]),
            ("list_files", &["since"]),
            ("delete_file", &["everything", "at", "once"]),
        ]);
        let fit = fit(&tools);
        assert_eq!((fit.catalogues, fit.rest), (vec![("mail", 1), ("files", 1)], tools[2..].to_vec()));
        assert_eq!(fit.unknown, BTreeMap::from([("send_email".into(), vec!["forward_all_to".into()])]));
    }

    #[test]
    fn a_draft_is_a_catalogue_and_guesses_rather_too_bad_than_too_good() {
        let tools = listed(&[
            ("addMember", &["user", "public"]),
            ("transfer_funds", &["to", "amount", "currency"]),
            ("post_reply", &["threadId", "title", "text"]),
            ("deleteThing", &["email_id"]),
            ("frobnicate", &["what"]),
            ("find_orders", &["since"]),
        ]);
        let text = draft(&tools);
        let catalogue = Catalogue::parse("draft", &text).unwrap();
        let effects: Vec<Effect> = tools.iter().map(|tool| catalogue.tool(&tool.name).effect).collect();
        let expected =
            [Effect::Access, Effect::Pay, Effect::Publish, Effect::Destroy, Effect::Access, Effect::Read];
        assert_eq!(effects, expected, "{text}");
        let role =
            |tool: &str, argument: &str| catalogue.tool(tool).arguments.get(argument).map(|found| found.role);
        assert_eq!(role("addMember", "user"), Some(Role::Grantee));
        assert_eq!((role("addMember", "public"), role("frobnicate", "what")), (None, None), "{text}");
        assert_eq!(role("transfer_funds", "to"), Some(Role::Payee));
        assert_eq!(role("deleteThing", "email_id"), Some(Role::Item), "an id of a mail is no address");
        assert_eq!(catalogue.tool("post_reply").arguments["threadId"].kind, Kind::Id("thread".into()));
    }

    #[test]
    fn what_a_server_says_cannot_write_lines_of_its_own() {
        let result = json!({ "tools": [{ "name": "x]\nabout = 'y'", "inputSchema": {} }, { "inputSchema": 7 },
            { "name": "look", "inputSchema": { "properties": { "a\nb": {}, "c": 7 } } }] });
        let tools = Listed::all(&result);
        assert_eq!((tools.len(), tools[0].arguments.len()), (1, 1));
        assert_eq!(Catalogue::parse("draft", &draft(&tools)).unwrap().tools.len(), 1);
    }
}
