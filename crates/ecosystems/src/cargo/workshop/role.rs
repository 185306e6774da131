//! What a file of a crate is to a repair, by its path.

use trustmill_core::repair::Role;

/// Words by which a test is left out.
pub(super) const LEAVING_OUT: [&str; 5] =
    ["#[ignore", "#![cfg", "#[cfg(any())]", "should_panic", "process::exit"];

/// Beginnings of the names of texts for people.
const TEXTS: [&str; 9] =
    ["change", "readme", "license", "licence", "copying", "authors", "news", "notice", "contributing"];

/// What developers of a crate keep beside its manifest, by name and by ending.
const TOOLS: [&str; 7] =
    ["rustfmt.toml", "clippy.toml", "deny.toml", "release.toml", "makefile", "justfile", "dockerfile"];
const TOOLS_OF: [&str; 6] = [".yml", ".yaml", ".sh", ".supp", ".nix", ".bat"];

/// What the file at `path` is.
pub(super) fn of(path: &str) -> Role {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let folders: Vec<&str> = lower.split('/').rev().skip(1).collect();
    let top = lower.split('/').next().unwrap_or_default();
    let below = |names: &[&str]| folders.iter().any(|folder| names.contains(folder));
    // What cargo generates, reads, or runs before it compiles the crate.
    if name.starts_with("cargo.") || path == ".cargo_vcs_info.json" || lower == "build.rs" {
        return Role::Metadata;
    }
    let is_workshop = TOOLS.contains(&name) || TOOLS_OF.iter().any(|ending| name.ends_with(ending));
    let beside = folders.is_empty() || folders == ["ci"];
    if lower.starts_with('.') || lower.contains("/.") || (beside && is_workshop) {
        return Role::Workshop;
    }
    if below(&["tests", "test", "testdata", "test_data", "test-data", "fixtures"])
        || matches!(name, "tests.rs" | "test.rs")
    {
        return Role::Test;
    }
    let is_text = folders.is_empty() && TEXTS.iter().any(|text| name.starts_with(text));
    // A repository may hold the crate in a folder.
    let beside_code = matches!(top, "doc" | "docs") || below(&["examples", "benches", "fuzz"]);
    if is_text || beside_code || name.ends_with(".md") {
        return Role::Docs;
    }
    Role::Code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_has_its_role() {
        for (path, role) in [
            ("src/lib.rs", Role::Code),
            ("src/parse/tests.rs", Role::Test),
            ("tests/it.rs", Role::Test),
            ("tests/data/a.bin", Role::Test),
            ("Cargo.toml", Role::Metadata),
            ("Cargo.toml.orig", Role::Metadata),
            ("build.rs", Role::Metadata),
            ("src/build.rs", Role::Code),
            (".cargo_vcs_info.json", Role::Metadata),
            (".github/workflows/ci.yml", Role::Workshop),
            ("azure-pipelines.yml", Role::Workshop),
            ("valgrind.supp", Role::Workshop),
            ("ci/miri.sh", Role::Workshop),
            ("lib.rs", Role::Code),
            ("ci/check.rs", Role::Code),
            ("words.txt", Role::Code),
            ("CHANGES", Role::Docs),
            ("src/lexer.pest", Role::Code),
            ("benches/b.rs", Role::Docs),
            ("kit/examples/a.rs", Role::Docs),
            ("README.md", Role::Docs),
        ] {
            assert_eq!(of(path), role, "{path}");
        }
    }
}
