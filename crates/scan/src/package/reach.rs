//! What runs when: from what installers, interpreters and editors start, along what each file imports or names.
//!
//! A file runs as early as the earliest that leads to it. What a file names counts as well as what it imports: the
//! argument of `fork`, `new Worker` or `readFile` is code as often as not. So a payload in `test/` or in a text file
//! runs when the file that requires it runs, and is read as code for it.

use super::{File, Kind, Package, Reading};
use crate::facts::Reached;
use std::collections::{BTreeSet, HashMap};
use trustmill_core::scan::When;

/// Names of one file that are followed.
const MAX_NAMES: usize = 4_000;
/// Files that one name with an unknown part may lead to.
const MAX_MATCHES: usize = 400;

/// Files that a hook of an installation reaches; those of one that has more are a program of their own.
const MAX_HOOKED: usize = 24;

/// Whether a file does anything by being loaded.
fn acts(file: &File) -> bool {
    let facts = &file.facts;
    let mut reached =
        facts.uses.iter().map(|one| one.reached).chain(facts.flows.iter().map(|flow| flow.reached));
    reached.any(|reached| reached >= Reached::Handed)
}

/// Files that a name leads to, from the file that names it.
pub(super) type Resolve = fn(&Files<'_>, &str, &str) -> Vec<usize>;

/// The files of a package, by path.
pub struct Files<'a> {
    by_path: HashMap<&'a str, usize>,
    name: &'a str,
}

impl<'a> Files<'a> {
    /// The files at these paths, of the package of that name.
    pub(super) fn new(paths: &'a [String], name: &'a str) -> Self {
        Self { by_path: paths.iter().zip(0..).map(|(path, at)| (path.as_str(), at)).collect(), name }
    }

    fn at(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }
}

/// Raises `when` of everything that the files which are already known to run lead to, and lowers to
/// [`When::Never`] what is a test, an example or documentation and is not led to.
pub fn follow(package: &mut Package, resolve: Resolve) {
    let paths: Vec<String> = package.files.iter().map(|file| file.path.clone()).collect();
    let name = package.manifest.name.clone();
    let files = Files::new(&paths, &name);
    // Where everything is an example, nothing is.
    let all_aside = !package.files.iter().any(|file| {
        file.kind.is_code() && !file.bytes.is_empty() && !is_aside(&file.path) && file.path != "setup.py"
    });
    let is_aside = |path: &str| is_aside(path) && !all_aside;
    let mut reached: Vec<Option<When>> = vec![None; paths.len()];
    let mut stages: Vec<When> =
        package.files.iter().map(|file| file.when).filter(|when| *when > When::Called).collect();
    stages.sort_unstable();
    stages.dedup();
    // From the earliest: what a stage reaches, no later one reaches again. What is only called leads on as well.
    for stage in stages.into_iter().rev().chain([When::Called]) {
        let starts = |at: &usize| {
            package
                .files
                .get(*at)
                .is_some_and(|file| file.when == stage && (stage > When::Called || !is_aside(&file.path)))
        };
        let mut queue: Vec<usize> = (0..paths.len()).filter(starts).collect();
        while let Some(at) = queue.pop() {
            let Some(slot) = reached.get_mut(at).filter(|slot| slot.is_none()) else { continue };
            *slot = Some(stage);
            let Some(file) = package.files.get_mut(at) else { continue };
            package.reading.reached(file, stage);
            let language = if package.ecosystem == "pypi" { Kind::Python } else { Kind::JavaScript };
            read_as_code(file, stage, language, &mut package.reading);
            let from = file.path.split("!/").next().unwrap_or(&file.path);
            for module in names(file) {
                queue.extend(resolve(&files, from, &module));
            }
        }
    }
    let wide = reached.iter().filter(|when| **when == Some(When::Installed)).count() > MAX_HOOKED;
    for (file, when) in package.files.iter_mut().zip(reached) {
        // A hook that reaches a whole program starts some of it: what of a file has to be called, is not called by that.
        let hooked = wide && when == Some(When::Installed) && file.when < When::Installed;
        let when = if hooked && !acts(file) { Some(When::Imported) } else { when };
        file.when = match when {
            Some(when) => file.when.max(when),
            None if is_aside(&file.path) => When::Never,
            None => file.when,
        };
    }
}

/// What is run or imported is code, whatever its name says.
fn read_as_code(file: &mut File, stage: When, language: Kind, reading: &mut Reading) {
    let is_text = matches!(file.kind, Kind::Text) && stage > When::Called;
    let extension = file.path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, end)| end);
    let is_prose = matches!(extension, Some("md" | "css" | "html" | "map" | "svg" | "csv" | "wasm" | "txt"));
    if is_text && (!is_prose || language == Kind::JavaScript && looks_like_code(&file.bytes)) {
        let facts = reading.facts(language, &file.path, &file.bytes);
        // Prose may be Python as well; it does nothing then.
        if facts.parsed && (language == Kind::JavaScript || !facts.uses.is_empty()) {
            file.kind = language;
            file.facts = facts;
        }
    }
}

/// Whether a text that has another language's name calls for modules.
fn looks_like_code(bytes: &[u8]) -> bool {
    [&b"require("[..], b"import(", b"process.", b"eval("]
        .iter()
        .any(|word| memchr::memmem::find(bytes, word).is_some())
}

/// Everything that a file imports, and the texts that it hands to functions: they may name files.
fn names(file: &File) -> BTreeSet<String> {
    let facts = &file.facts;
    let imports = facts.imports.iter().map(|import| import.module.to_string());
    let texts = facts
        .uses
        .iter()
        .flat_map(|one| one.texts.iter())
        .chain(facts.flows.iter().filter_map(|flow| flow.text.as_ref()));
    let texts = texts
        .flat_map(|text| text.split_whitespace())
        .filter(|text| text.contains(['/', '.']) && text.len() < 300);
    // `python -m a.b` runs a module.
    let modules = facts.flows.iter().filter_map(|flow| flow.text.as_deref());
    let modules =
        modules.filter_map(|text| text.split_once(" -m ")?.1.split_whitespace().next().map(str::to_owned));
    // What is not known of a text is anything.
    let texts = texts.map(|text| {
        format!("./{}", text.replace('\u{FFFC}', "*").trim_start_matches("./").trim_start_matches("*/"))
    });
    imports.chain(modules).chain(texts).take(MAX_NAMES).collect()
}

/// Whether a path is that of a test, an example or documentation.
pub(super) fn is_aside(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    let name = parts.next().unwrap_or_default();
    let folder = parts.any(|part| {
        matches!(
            part,
            "test"
                | "tests"
                | "__tests__"
                | "testing"
                | "spec"
                | "specs"
                | "__mocks__"
                | "e2e"
                | "fixtures"
                | "__fixtures__"
                | "example"
                | "examples"
                | "doc"
                | "docs"
                | "demo"
                | "demos"
                | "bench"
                | "benchmark"
                | "benchmarks"
        )
    });
    folder
        || name.contains(".test.")
        || name.contains(".spec.")
        || name.starts_with("test_")
        || name == "conftest.py"
}

/// How Node finds what `import` and `require` name: relative to the file, or in the package itself.
pub fn node(files: &Files<'_>, from: &str, module: &str) -> Vec<usize> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let module = module.split(['?', '#']).next().unwrap_or(module);
    let bases: Vec<String> = if module.starts_with('.') {
        // A path that is no import is relative to the folder in which the program is started.
        [join(folder, module), join("", module)].into_iter().flatten().collect()
    } else if let Some(own) = module.strip_prefix(files.name).filter(|_| !files.name.is_empty()) {
        join("", own.trim_start_matches('/')).into_iter().collect()
    } else {
        join("node_modules", module).into_iter().collect()
    };
    bases.iter().flat_map(|base| node_file(files, base)).collect()
}

fn node_file(files: &Files<'_>, base: &str) -> Vec<usize> {
    const ENDINGS: [&str; 14] = [
        "",
        ".js",
        ".cjs",
        ".mjs",
        ".ts",
        ".tsx",
        ".jsx",
        ".mts",
        ".cts",
        ".json",
        "/index.js",
        "/index.cjs",
        "/index.mjs",
        "/index.ts",
    ];
    if base.contains('*') {
        return matching(files, base);
    }
    if base.is_empty() {
        return Vec::new();
    }
    let named = ENDINGS.iter().find_map(|ending| files.at(&format!("{base}{ending}")));
    // TypeScript is imported by the name that it is compiled to.
    let source = base.strip_suffix(".js").and_then(|stem| files.at(&format!("{stem}.ts")));
    named.or(source).into_iter().collect()
}

/// Files whose paths have the known parts of a name.
fn matching(files: &Files<'_>, pattern: &str) -> Vec<usize> {
    let (head, tail) = pattern.split_once('*').unwrap_or((pattern, ""));
    let tail = tail.rsplit('*').next().unwrap_or_default();
    if head.is_empty() && tail.len() < 4 {
        return Vec::new();
    }
    let matches = |path: &&str| {
        path.len() >= head.len() + tail.len()
            && path.starts_with(head)
            && path.trim_end_matches(".js").ends_with(tail.trim_end_matches(".js"))
    };
    let mut found: Vec<usize> =
        files.by_path.iter().filter(|(path, _)| matches(path)).map(|(_, at)| *at).collect();
    found.sort_unstable();
    found.truncate(MAX_MATCHES);
    found
}

/// How Python finds a module: `a.b` from the top, `.a` from the folder of the file.
pub fn python(files: &Files<'_>, from: &str, module: &str) -> Vec<usize> {
    if module.starts_with("./") {
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        let paths = [join(folder, module), join("", module)].into_iter().flatten();
        return paths.filter_map(|path| files.at(&path)).collect();
    }
    let dots = module.bytes().take_while(|b| *b == b'.').count();
    let rest = module.get(dots..).unwrap_or_default().replace('.', "/");
    let mut folder = from;
    for _ in 0..dots {
        folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
    }
    let roots: &[&str] = if dots > 0 { &[folder] } else { &["", "src", "lib"] };
    let bases = roots.iter().filter_map(|root| join(root, &rest));
    let found = bases.flat_map(|base| {
        let package = if base.is_empty() { "__init__.py".to_owned() } else { format!("{base}/__init__.py") };
        let inner = files.at(&package).is_some() && is_aside(&package);
        // What is imported from a package that looks like tests may be any file of it.
        let children = if inner { matching(files, &format!("{base}/*.py")) } else { Vec::new() };
        files.at(&format!("{base}.py")).into_iter().chain(files.at(&package)).chain(children)
    });
    found.collect()
}

/// A relative path in a folder, without `.` and `..`; nothing where it leaves the package.
fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Marks the files that a name leads to from the top of the package.
pub fn mark(package: &mut Package, name: &str, when: When, resolve: Resolve) -> bool {
    let paths: Vec<String> = package.files.iter().map(|file| file.path.clone()).collect();
    let own = package.manifest.name.clone();
    let files = Files::new(&paths, &own);
    let found = resolve(&files, "", &format!("./{}", name.trim_start_matches("./").trim_start_matches('/')));
    for at in &found {
        if let Some(file) = package.files.get_mut(*at) {
            file.when = file.when.max(when);
        }
    }
    !found.is_empty()
}

#[cfg(test)]
mod tests;
