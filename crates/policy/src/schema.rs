//! The attributes for Cedar's type checker (`schemas/policy.cedarschema`) and for people (`docs/policy.md`).

use crate::attribute::{Attribute, Client, Facts, Settings};
use std::fmt::Write as _;
use trustmill_core::ruling::Action;

/// The schema in Cedar's own syntax (<https://docs.cedarpolicy.com/schema/human-readable-schema.html>).
pub fn cedar() -> String {
    let actions: Vec<_> = Action::ALL.iter().map(|action| format!("\"{}\"", action.as_str())).collect();
    let mut text = String::from(
        "// What policies see. Generated from crates/policy/src/attribute.rs; a test holds it.\n\n\
         entity Team;\n\n",
    );
    text.push_str(&block("entity Client in [Team] =", Client::ATTRIBUTES));
    text.push_str(";\n\n");
    text.push_str(&block("entity Package =", Facts::ATTRIBUTES));
    text.push_str(";\n\n");
    text.push_str(&block("type Settings =", Settings::ATTRIBUTES));
    let _ = write!(
        text,
        ";\n\naction {} appliesTo {{\n    principal: [Client],\n    resource: [Package],\n    context: Settings,\n}};\n",
        actions.join(", ")
    );
    text
}

fn block(head: &str, attributes: &[Attribute]) -> String {
    let mut text = format!("{head} {{\n");
    for attribute in attributes {
        let unit = if attribute.unit.is_empty() { String::new() } else { format!(" [{}]", attribute.unit) };
        let _ = writeln!(
            text,
            "    //{}{unit}\n    {}: {},",
            attribute.doc,
            attribute.name,
            attribute.ty.cedar()
        );
    }
    text.push('}');
    text
}

/// The attributes as the table of `docs/policy.md`.
pub fn table() -> String {
    let mut text = String::from("| attribute | type | unit | meaning |\n|---|---|---|---|\n");
    for (of, attributes) in [
        ("resource", Facts::ATTRIBUTES),
        ("context", Settings::ATTRIBUTES),
        ("principal", Client::ATTRIBUTES),
    ] {
        for attribute in attributes {
            let _ = writeln!(
                text,
                "| `{of}.{}` | {} | {} | {} |",
                attribute.name,
                attribute.ty.cedar(),
                attribute.unit,
                attribute.doc.trim()
            );
        }
    }
    text
}
