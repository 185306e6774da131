//! The schema of calls, derived from the operator's tools.

use super::{ACTING, EFFECTS, Facts, Tool, UNDESCRIBED, acts};
use crate::attribute::Attribute;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The schema in Cedar's own syntax, for these tools. Tools whose arguments have the same names share their lines.
pub fn cedar(tools: &[Tool]) -> String {
    let mut text = String::from(
        "// What policies of agents' calls see. Derived from the tools' catalogues.\n\nentity Agent;\nentity Server;\n\n",
    );
    let _ = writeln!(text, "action \"{ACTING}\", \"read\";");
    let acting: Vec<String> =
        EFFECTS.iter().filter(|effect| acts(effect)).map(|effect| format!("\"{effect}\"")).collect();
    let _ = writeln!(text, "action {} in [Action::\"{ACTING}\"];\n", acting.join(", "));
    let mut alike: BTreeMap<(&str, &BTreeSet<String>), Vec<&str>> = BTreeMap::new();
    let (none, worst) = (BTreeSet::new(), "access");
    alike.entry((worst, &none)).or_default().push(UNDESCRIBED);
    for tool in tools {
        alike.entry((&tool.effect, &tool.inputs)).or_default().push(&tool.name);
    }
    for ((effect, inputs), names) in alike {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let inputs: Vec<String> =
            inputs.iter().map(|input| format!("{}?: Set<String>", quoted(input))).collect();
        let _ = writeln!(
            text,
            "action {} in [Action::\"{effect}\"] appliesTo {{ principal: [Agent], resource: [Server], context: {{{}    input: \
             {{ {} }},\n}} }};\n",
            names.join(", "),
            attributes(),
            inputs.join(", "),
        );
    }
    text
}

fn attributes() -> String {
    let mut text = String::from("\n");
    for Attribute { name, ty, .. } in Facts::ATTRIBUTES {
        let _ = writeln!(text, "    {name}: {},", ty.cedar());
    }
    text
}

/// A text in Cedar's quotes: names of tools and arguments are foreign.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// The attributes as a table for people.
pub fn table() -> String {
    let mut text = String::from("| attribute | type | unit | meaning |\n|---|---|---|---|\n");
    for Attribute { name, ty, unit, doc } in Facts::ATTRIBUTES {
        let _ = writeln!(text, "| `context.{name}` | {} | {unit} | {} |", ty.cedar(), doc.trim());
    }
    text
}
