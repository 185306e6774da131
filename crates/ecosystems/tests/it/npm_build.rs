//! Builds of npm packages in a real sandbox, with Node and npm from the registry that this machine is configured for:
//! what dependencies run when they are installed, and what is recorded of it.

use crate::build_world::{artifact, sandbox};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass, InstallScript, Usage};
use trustmill_core::content::{Contents, Member};
use trustmill_core::package::ArtifactKind;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::ecosystem::{Build, BuildRequest, Ecosystem, Evidence};
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::gate::Open;
use trustmill_core::port::sandbox::Limits;
use trustmill_core::port::workshop::Bench;
use trustmill_core::recipe::Recipe;
use trustmill_core::repair::TestOutcome;
use trustmill_core::source::{Checkout, FoundBy, ObjectId, Source, SourceFrom, Sources, Tree};
use trustmill_ecosystems::npm::discover::{self, Discovered};
use trustmill_ecosystems::npm::lockfile::Target;
use trustmill_ecosystems::npm::registry::{NpmRegistry, RegistryPorts};
use trustmill_ecosystems::npm::upstream::Upstream;
use trustmill_ecosystems::npm::{Npm, NpmParts};
use trustmill_infra::{DataDir, FetchConfig, HttpFetch, SystemClock};
use trustmill_inspect::archive::{self, published};
use trustmill_serve::RegistryGateways;

/// A mill that builds npm packages; only `npm-tools` outlives the test.
struct Mill {
    npm: Npm,
    _data: DataDir,
    _folder: tempfile::TempDir,
}

impl Mill {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("data");
        let data = DataDir::open(&path).unwrap();
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm-tools");
        std::fs::create_dir_all(&tools).unwrap();
        std::os::unix::fs::symlink(tools, path.join("tools")).unwrap();
        let blobs: Arc<dyn Blobs> = Arc::new(data.blobs());
        let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(FetchConfig::default(), data.blobs()).unwrap());
        let clock = Arc::new(SystemClock);
        let Discovered { registries, .. } =
            discover::discover(std::env::vars(), |path| std::fs::read_to_string(path).ok()).unwrap();
        let upstream = Arc::new(Upstream::new(registries, fetch.clone(), clock.clone()));
        let ports = RegistryPorts {
            records: data.records(),
            blobs: blobs.clone(),
            fetch: fetch.clone(),
            clock,
            gate: Arc::new(Open),
        };
        let registry = Arc::new(NpmRegistry::new(upstream.clone(), ports));
        let npm = Npm::new(NpmParts {
            projects: upstream,
            sandbox: Arc::new(sandbox()),
            gateways: Arc::new(RegistryGateways::new(vec![registry], blobs.clone())),
            fetch,
            blobs,
            target: Target::default(),
            limits: Limits::default(),
            data: path,
        });
        Self { npm, _data: data, _folder: folder }
    }

    /// Builds a commit of these files by the first recipe of the ladder that `wanted` likes.
    async fn build(&self, files: &[(&str, &str)], wanted: impl Fn(&Recipe) -> bool) -> Build {
        let purl = Purl::release("npm", "demo", "1.0.0");
        let published = contents(&[files[0], ("made.txt", "made: yes\n")]);
        let artifact = artifact("demo-1.0.0.tgz", ArtifactKind::Portable);
        let source = Arc::new(commit(files));
        let sources = Sources { archive: None, git: Some(source.clone()) };
        let evidence = Evidence {
            purl: &purl,
            published: Some((&artifact, &published)),
            sources: &sources,
            uploaded: "2024-06-01T00:00:00Z".parse().unwrap(),
            remembered: &[],
        };
        let mut tried = Vec::new();
        loop {
            let recipe = self.npm.next_recipe(&evidence, &tried).expect("a recipe of the ladder fits");
            if wanted(&recipe) {
                let expect = Some(artifact.filename.as_str());
                let request = BuildRequest { purl: &purl, recipe: &recipe, source: &source, expect };
                return self.npm.build(request).await.unwrap();
            }
            tried.push(failed(recipe));
        }
    }
}

fn failed(recipe: Recipe) -> Attempt {
    Attempt {
        recipe,
        result: AttemptResult::Failed { class: FailureClass::BackendError, detail: String::new() },
        materials: Vec::new(),
        requests: Vec::new(),
        install_scripts: Vec::new(),
        layers: Vec::new(),
        environment_usage: Usage::default(),
        build_usage: Usage::default(),
        log: None,
    }
}

fn contents(files: &[(&str, &str)]) -> Contents {
    let mut contents = Contents::default();
    for (path, text) in files {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        contents.members.insert((*path).to_owned(), Member { bytes, mode: Some(0o644), mtime: None });
        contents.order.push((*path).to_owned());
    }
    contents
}

fn commit(files: &[(&str, &str)]) -> Source {
    let tree = Tree {
        commit: ObjectId::blob(b"a commit"),
        committed: "2024-05-01T00:00:00Z".parse().unwrap(),
        parents: Vec::new(),
        files: BTreeMap::new(),
        refused: Vec::new(),
    };
    let checkout = Checkout {
        repository: "https://forge.example/demo".into(),
        tree: Arc::new(tree),
        directory: String::new(),
        found_by: FoundBy::Recorded,
    };
    Source { from: SourceFrom::Git(checkout), contents: Arc::new(contents(files)) }
}

/// Its build reads what the install script of a dependency leaves.
const PACKAGE: &str = r#"{"name": "demo", "version": "1.0.0", "files": ["made.txt"],
    "scripts": {"prepare": "node make.js"}, "devDependencies": {"noisy": "file:noisy", "addon": "file:addon"}}"#;
const MAKE: &str = "const fs = require('fs');
const said = fs.existsSync('node_modules/noisy/said') ? fs.readFileSync('node_modules/noisy/said', 'utf8') : 'no';
fs.writeFileSync('made.txt', `made: ${said}\n`);";
const NOISY: &str = r#"{"name": "noisy", "version": "2.0.0", "scripts": {"postinstall": "node say.js"}}"#;
/// It also looks for a network.
const SAY: &str = "const fs = require('fs');
require('net').connect(80, '192.0.2.1').on('error', (error) => {
  fs.writeFileSync('said', 'yes');
  console.log('no network: ' + error.code);
});";
const ADDON: &str = r#"{"name": "addon", "version": "3.0.0"}"#;
const GYP: &str = r#"{"targets": [{"target_name": "addon", "type": "none"}]}"#;

fn files(with_addon: bool) -> Vec<(&'static str, &'static str)> {
    let mut files = vec![
        ("package.json", PACKAGE),
        // Dependencies in folders are copied, as those of a registry are.
        (".npmrc", "install-links=true\n"),
        ("make.js", MAKE),
        ("noisy/package.json", NOISY),
        ("noisy/say.js", SAY),
        ("addon/package.json", ADDON),
    ];
    if with_addon {
        files.push(("addon/binding.gyp", GYP));
    }
    files
}

fn runs_install_scripts(recipe: &Recipe) -> bool {
    recipe.steps.iter().any(|step| step.name == "install-scripts")
}

fn script(package: &str, event: &str, command: &str) -> InstallScript {
    InstallScript { package: package.into(), event: event.into(), command: command.into() }
}

fn log(build: &Build) -> String {
    String::from_utf8_lossy(&build.log).into_owned()
}

fn made(build: &Build) -> String {
    let (name, bytes) = build.result.as_ref().unwrap_or_else(|failure| panic!("{failure:?}\n{}", log(build)));
    let contents = published::read(name, bytes, &archive::Limits::default()).unwrap();
    contents.text("made.txt").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_script_runs_only_where_the_recipe_says_so_without_a_network_and_is_recorded() {
    let mill = Mill::new();
    let without = mill.build(&files(false), |recipe| !runs_install_scripts(recipe)).await;
    assert_eq!(made(&without), "made: no\n");
    assert_eq!(without.install_scripts, []);
    assert!(!log(&without).contains("script noisy@2.0.0"));

    let with = mill.build(&files(false), runs_install_scripts).await;
    assert_eq!(made(&with), "made: yes\n");
    assert_eq!(with.install_scripts, [script("noisy@2.0.0", "postinstall", "node say.js")]);
    assert!(log(&with).contains("mill: script noisy@2.0.0 postinstall"), "{}", log(&with));
    assert!(log(&with).contains("no network: E"), "{}", log(&with));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_gyp_without_a_script_is_an_install_script_all_the_same() {
    let build = Mill::new().build(&files(true), runs_install_scripts).await;
    let all = [
        script("addon@3.0.0", "install", "node-gyp rebuild"),
        script("noisy@2.0.0", "postinstall", "node say.js"),
    ];
    assert_eq!(build.install_scripts, all, "{}", log(&build));
    // Whether it ends well depends on the compilers of this machine.
    assert!(log(&build).contains("mill: script addon@3.0.0 install"), "{}", log(&build));
}

/// How the tests of a package of these files end, by name.
async fn tested(
    files: &[(&str, &str)],
    only: Option<&[String]>,
) -> (BTreeMap<String, TestOutcome>, Option<String>) {
    let mill = Mill::new();
    let release = Purl::release("npm", "demo", "1.0.0");
    let bench = Bench { release: &release, as_of: "2024-06-01T00:00:00Z".parse().unwrap(), strict: false };
    let report = mill.npm.workshop().unwrap().test(&bench, &contents(files), only).await.unwrap();
    assert!(report.runner.contains("Node 20."), "{report:?}");
    (report.tests, report.problem)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_tests_end_as_they_say_or_as_they_end() {
    use TestOutcome::{Failed, Passed, Skipped};
    let files = [
        (
            "package.json",
            r#"{"name":"demo","version":"1.0.0","scripts":{"test":"lint . && tape test/*.js"}}"#,
        ),
        ("index.js", "module.exports = 1;\n"),
        (
            "test/tap.js",
            "console.log('TAP version 13\\n# one\\nok 1 is\\nnot ok 2 is\\n  nested\\n# two\\nok 3 is # SKIP no\\n1..3'); process.exit(1);\n",
        ),
        ("test/plain.js", "if (require('..') !== 1) throw new Error('no');\n"),
        ("test/throws.js", "throw new Error('no network: ' + require('fs').existsSync('/root'));\n"),
        ("other.js", "throw new Error('no test');\n"),
    ];
    let (tests, problem) = tested(&files, None).await;
    let named = |name: &str| tests.get(name).copied();
    assert_eq!(problem, None);
    assert_eq!(named("test/tap.js::one is"), Some(Passed));
    assert_eq!(named("test/tap.js::one is #2"), Some(Failed));
    assert_eq!(named("test/tap.js::two is"), Some(Skipped));
    assert_eq!((named("test/plain.js"), named("test/throws.js")), (Some(Passed), Some(Failed)));
    assert_eq!(tests.len(), 5, "{tests:?}");
    let (tests, _) = tested(&files, Some(&["test/plain.js".to_owned()])).await;
    assert_eq!(tests.into_keys().collect::<Vec<_>>(), ["test/plain.js"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mocha_is_run_with_the_options_of_the_package() {
    let files = [
        (
            "package.json",
            r#"{"name":"demo","version":"1.0.0","scripts":{"test":"NODE_ENV=test mocha -R dot --ui tdd --bail spec/a.js"},"devDependencies":{"mocha":"10.4.0","eslint":"o/r#none"}}"#,
        ),
        (
            "spec/a.js",
            "suite('kit', function () {\n  test('fails', function () { throw new Error('x'); });\n  test('holds', function () {});\n  test('waits');\n});\n",
        ),
    ];
    let (tests, problem) = tested(&files, None).await;
    let all: Vec<_> = tests.iter().map(|(name, outcome)| (name.as_str(), *outcome)).collect();
    let expected = [
        ("spec/a.js::kit fails", TestOutcome::Failed),
        ("spec/a.js::kit holds", TestOutcome::Passed),
        ("spec/a.js::kit waits", TestOutcome::Skipped),
    ];
    assert_eq!((all.as_slice(), problem), (expected.as_slice(), None));
}
