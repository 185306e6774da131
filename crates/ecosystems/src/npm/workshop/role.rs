//! What a file of an npm package is to a repair, by its path.

use trustmill_core::repair::Role;

/// Words by which a test is left out.
pub(super) const LEAVING_OUT: [&str; 9] =
    ["skip", ".only", "xit(", "xdescribe(", "xtest(", ".todo", "process.exit", "pending(", "bail out"];

/// Folders of tests.
const TESTS: [&str; 7] = ["test", "tests", "spec", "specs", "__tests__", "__mocks__", "fixtures"];

/// Folders of texts, and of what only people look at.
const DOCS: [&str; 10] =
    ["doc", "docs", "example", "examples", "demo", "bench", "benchmark", "benchmarks", "site", "website"];

/// Beginnings of the names of texts for people.
const TEXTS: [&str; 10] = [
    "change",
    "history",
    "readme",
    "license",
    "licence",
    "authors",
    "contributing",
    "security",
    "upgrad",
    "notice",
];

/// What the project's own workshop is made of.
const WORKSHOP: [&str; 9] = [
    "makefile",
    "gruntfile.js",
    "gulpfile.js",
    "rollup.config.js",
    "webpack.config.js",
    "karma.conf.js",
    "bower.json",
    "component.json",
    "tsconfig.json",
];

/// What the file at `path` is.
pub(super) fn of(path: &str) -> Role {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let folders: Vec<&str> = lower.split('/').rev().skip(1).collect();
    let below = |names: &[&str]| folders.iter().any(|folder| names.contains(folder));
    let ending = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let is_manifest = matches!(
        name,
        "package.json" | "package-lock.json" | "npm-shrinkwrap.json" | "yarn.lock" | "pnpm-lock.yaml"
    );
    if is_manifest && folders.is_empty() {
        return Role::Metadata;
    }
    if below(&["node_modules"]) {
        return Role::Vendored;
    }
    let is_test = ending(&[".test.js", ".spec.js", ".test.ts", ".spec.ts", ".test.mjs", ".test.cjs"]);
    if below(&TESTS)
        || is_test
        || matches!(lower.as_str(), "test.js" | "test.mjs" | "test.cjs")
        || chooses(&lower)
    {
        return Role::Test;
    }
    if lower.starts_with('.') || lower.contains("/.") || (folders.is_empty() && WORKSHOP.contains(&name)) {
        return Role::Workshop;
    }
    let is_text = folders.is_empty() && TEXTS.iter().any(|text| name.starts_with(text));
    if below(&DOCS) || ending(&[".md", ".markdown", ".txt"]) || (is_text && !ending(&[".js"])) {
        return Role::Docs;
    }
    if ending(&[".min.js", ".min.mjs", ".map", ".min.css"]) {
        return Role::Generated;
    }
    Role::Code
}

/// Whether a file decides which tests run, or how.
pub(super) fn chooses(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with(".mocharc")
        || name.starts_with("jest.config.")
        || matches!(name, "mocha.opts" | ".taprc" | ".labrc.js" | "jasmine.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_has_its_role() {
        for (path, role) in [
            ("index.js", Role::Code),
            ("lib/history.js", Role::Code),
            ("dist/kit.js", Role::Code),
            ("dist/kit.min.js", Role::Generated),
            ("node_modules/a/index.js", Role::Vendored),
            ("test/a.js", Role::Test),
            ("test.js", Role::Test),
            ("lib/a.spec.js", Role::Test),
            (".mocharc.json", Role::Test),
            ("package.json", Role::Metadata),
            ("lib/package.json", Role::Code),
            ("README.md", Role::Docs),
            ("LICENSE", Role::Docs),
            ("example/parse.js", Role::Docs),
            (".eslintrc", Role::Workshop),
            ("Makefile", Role::Workshop),
        ] {
            assert_eq!(of(path), role, "{path}");
        }
    }
}
