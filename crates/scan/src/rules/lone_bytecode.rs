//! Python's bytecode without the source that it was compiled from: nobody reads it, and Python runs it all the same.

use super::{Found, Rule};
use crate::facts::Capability;
use crate::package::{Kind, Package};
use std::collections::BTreeSet;
use trustmill_core::scan::Family;

/// See the module.
pub(super) struct LoneBytecode;

impl Rule for LoneBytecode {
    fn id(&self) -> &'static str {
        "lone-bytecode"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "bytecode comes without its source"
    }

    fn look(&self) -> &'static str {
        "what a decompiler makes of it, and whether the project says why its source is kept back"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.files.iter().filter(|file| file.kind == Kind::Bytecode) {
            if sources(&file.path).iter().any(|source| package.file(source).is_some()) {
                continue;
            }
            let can: BTreeSet<Capability> = file.facts.uses.iter().map(|one| one.capability).collect();
            let has = |capability| can.contains(&capability);
            let reaches = has(Capability::Network) as u8
                + has(Capability::Process) as u8
                + has(Capability::DynamicCode) as u8;
            let (weight, what) = match reaches {
                0 => (30, "bytecode comes without its source"),
                1 => {
                    (55, "bytecode without its source talks to other machines, starts programs or runs texts")
                }
                _ => (
                    75,
                    "bytecode without its source does several of: talk to others, start programs, run texts",
                ),
            };
            let at = file.facts.uses.first().map_or(0, |one| one.at);
            found.at(weight, file, at, 0, what);
        }
    }
}

/// Where the source of a file of bytecode would be (PEP 3147).
fn sources(path: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let module = name.split('.').next().unwrap_or(name);
    let folder = folder.strip_suffix("__pycache__").map_or(folder, |outer| outer.trim_end_matches('/'));
    let slash = if folder.is_empty() { "" } else { "/" };
    ["py", "pyw", "pyx"].iter().map(|extension| format!("{folder}{slash}{module}.{extension}")).collect()
}

#[cfg(test)]
mod tests {
    use super::sources;

    #[test]
    fn sources_are_looked_for_where_python_does() {
        assert_eq!(sources("a/__pycache__/b.cpython-311.pyc").first().map(String::as_str), Some("a/b.py"));
        assert_eq!(sources("__pycache__/b.cpython-311.opt-1.pyc").first().map(String::as_str), Some("b.py"));
        assert_eq!(sources("a/b.pyc").first().map(String::as_str), Some("a/b.py"));
    }
}
