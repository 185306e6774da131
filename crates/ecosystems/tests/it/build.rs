//! The build phase in the real sandbox, on projects that are their own back end: no index is needed.

use crate::build_world::{artifact, contents, interpreters, sandbox};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::attempt::FailureClass;
use trustmill_core::package::ArtifactKind;
use trustmill_core::port::ecosystem::{Build, BuildRequest};
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::sandbox::{Gateways, Layer, RecordingGateway};
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};
use trustmill_core::release::Project;
use trustmill_core::source::Source;
use trustmill_core::{Purl, Sha256};
use trustmill_ecosystems::pypi::build::Builder;
use trustmill_ecosystems::pypi::environment::{Environments, Projects};
use trustmill_ecosystems::pypi::hooks::{Hooks, drop_step, replace_step};
use trustmill_ecosystems::pypi::uv::Uv;
use trustmill_ecosystems::rust::{Rust, Search};

/// No environment of these tests has a requirement: nothing may be asked of the index.
struct NoIndex;

#[async_trait]
impl Projects for NoIndex {
    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        panic!("{name} was asked for")
    }
}

impl Gateways for NoIndex {
    fn open(&self) -> Arc<dyn RecordingGateway> {
        panic!("a gateway was opened")
    }
}

/// A back end without dependencies: writes what `body` leaves in `files` into a wheel.
fn backend(body: &str) -> String {
    format!(
        "import os, sys, zipfile\n\
         def build_wheel(out, config_settings=None, metadata_directory=None):\n\
         \x20   name, files = 'demo-1.0-py3-none-any.whl', {{}}\n\
         {}\n\
         \x20   with zipfile.ZipFile(os.path.join(out, name), 'w') as wheel:\n\
         \x20       for path, text in files.items():\n\
         \x20           wheel.writestr(path, text)\n\
         \x20   return name\n",
        body.lines().map(|line| format!("    {line}\n")).collect::<String>()
    )
}

pub(crate) fn recipe(steps: Vec<Step>) -> Recipe {
    Recipe {
        format: Recipe::FORMAT,
        origin: Origin::Inferred,
        source: SourceKind::Sdist,
        tools: BTreeMap::from([("python".into(), "3.11".into())]),
        requirements: Vec::new(),
        constraints: Vec::new(),
        as_of: "2022-01-01T00:00:00Z".parse().unwrap(),
        env: BTreeMap::new(),
        umask: 0o022,
        source_date_epoch: None,
        steps,
        reasons: Vec::new(),
    }
}

pub(crate) fn in_tree() -> Hooks {
    Hooks { backend: Some("own".into()), backend_path: vec!["backend".into()], ..Hooks::default() }
}

async fn run(recipe: &Recipe, files: &[(&str, &str)]) -> Build {
    run_for("demo-1.0-py3-none-any.whl", recipe, files).await
}

pub(crate) async fn run_for(wheel: &str, recipe: &Recipe, files: &[(&str, &str)]) -> Build {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let sandbox = Arc::new(sandbox());
    let interpreters = interpreters(&folder.path().join("interpreters.json")).await;
    let environments =
        Environments::new(folder.path().join("pypi"), sandbox.clone(), Arc::new(NoIndex), Arc::new(NoIndex));
    let uv = Uv { path: "/nowhere/uv".into(), wheel: Sha256::of(b"uv") };
    let crates = folder.path().join("crates");
    let rust = Rust::new(crates, sandbox.clone(), Arc::new(NoIndex), Search::default());
    let builder = Builder {
        environments: &environments,
        interpreters: &interpreters,
        uv: &uv,
        rust: &rust,
        sandbox: &*sandbox,
        limits: trustmill_core::port::sandbox::Limits::default(),
    };
    let archive = artifact("demo-1.0.tar.gz", ArtifactKind::Source);
    let source = Source::uploaded(archive, Sha256::of(b"source"), Arc::new(contents(files)));
    let request = BuildRequest {
        purl: &Purl::release("pypi", "demo", "1.0"),
        recipe,
        source: &source,
        expect: Some(wheel),
    };
    builder.run(request).await.unwrap()
}

async fn with_backend(body: &str) -> Build {
    run(&recipe(vec![in_tree().step()]), &[("backend/own.py", &backend(body))]).await
}

fn wheel(build: &Build) -> BTreeMap<String, String> {
    let log = String::from_utf8_lossy(&build.log);
    let (_, bytes) = build.result.as_ref().unwrap_or_else(|failure| panic!("{failure:?}\n{log}"));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes.clone())).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names
        .into_iter()
        .map(|name| (name.clone(), std::io::read_to_string(archive.by_name(&name).unwrap()).unwrap()))
        .collect()
}

fn class(build: &Build) -> FailureClass {
    build.result.as_ref().expect_err(&String::from_utf8_lossy(&build.log)).class
}

#[tokio::test]
async fn a_wheel_comes_out_with_its_materials_and_layers() {
    let build = with_backend("files['a.txt'] = open('backend/own.py').read()[:6]").await;
    assert_eq!(wheel(&build)["a.txt"], "import");
    let uris: Vec<&str> = build.materials.iter().map(|one| one.uri.as_str()).collect();
    assert!(uris[0].starts_with("pkg:pypi/demo@1.0"), "{uris:?}");
    assert!(uris.iter().any(|uri| uri.starts_with("file:cpython-3.11")), "{uris:?}");
    assert!(build.layers.contains(&Layer::NetworkNamespace));
    assert!(build.build_usage.cpu_ms > 0);
    assert!(build.requests.is_empty());
}

#[tokio::test]
async fn the_world_of_a_build_is_fixed() {
    let build = with_backend(
        "import json, time\n\
         files['env'] = json.dumps({key: os.environ.get(key, '') for key in ('TZ', 'LANG', 'HOME', 'PYTHONHASHSEED', 'SOURCE_DATE_EPOCH', 'PATH')}, sort_keys=True)\n\
         files['cwd'] = os.getcwd()\n\
         files['mtime'] = str(int(os.stat('backend/own.py').st_mtime))\n\
         files['prefix'] = sys.prefix\n\
         files['home'] = str(os.listdir(os.environ['HOME']))\n\
         files['driver'] = str(any('mill' in path for path in sys.path))",
    )
    .await;
    let files = wheel(&build);
    let env: BTreeMap<String, String> = serde_json::from_str(&files["env"]).unwrap();
    assert_eq!(env["TZ"], "UTC");
    assert_eq!(env["PYTHONHASHSEED"], "0");
    assert_eq!(env["SOURCE_DATE_EPOCH"], "");
    assert_eq!(env["PATH"], "/env/bin:/usr/bin:/bin");
    assert_eq!(files["cwd"], "/build/demo-1.0");
    assert_eq!(files["mtime"], "1600000000");
    assert_eq!(files["prefix"], "/env");
    assert_eq!(files["driver"], "False");
}

#[tokio::test]
async fn a_build_reaches_no_network_and_cannot_change_its_environment() {
    let network =
        with_backend("import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=5)").await;
    assert_eq!(class(&network), FailureClass::NetworkDenied);
    let write = with_backend("open(os.path.join(sys.prefix, 'x'), 'w')").await;
    assert_eq!(class(&write), FailureClass::BackendError);
    let read_only = String::from_utf8_lossy(&write.log).into_owned();
    assert!(read_only.contains("Read-only") || read_only.contains("Permission"), "{read_only}");
}

#[tokio::test]
async fn failures_have_classes() {
    let rows = [
        ("import numpy_is_not_here", FailureClass::UndeclaredDependency),
        ("raise ValueError('bad version')", FailureClass::BackendError),
        (
            "import subprocess\nsubprocess.check_call(['git', 'describe'], env={'PATH': '/nowhere'})",
            FailureClass::MissingNativeTool,
        ),
        ("import ctypes\nctypes.string_at(0)", FailureClass::Killed),
        ("name = 'demo-1.0-py2-none-any.whl'", FailureClass::WrongArtifact),
        ("open(os.path.join(out, 'demo-1.0-cp311-cp311-linux_x86_64.whl'), 'w')", FailureClass::NoArtifact),
    ];
    for (body, expected) in rows {
        let build = with_backend(body).await;
        assert_eq!(class(&build), expected, "{body}\n{}", String::from_utf8_lossy(&build.log));
    }
}

#[tokio::test]
async fn a_back_end_that_is_not_there_or_outside_the_tree_is_named() {
    let missing = Hooks { backend: Some("hatchling.build".into()), ..Hooks::default() };
    let build = run(&recipe(vec![missing.step()]), &[("a.py", "")]).await;
    assert_eq!(class(&build), FailureClass::BackendMissing);
    let outside = Hooks { backend_path: vec!["../mill".into()], ..in_tree() };
    let build = run(&recipe(vec![outside.step()]), &[("a.py", "")]).await;
    assert_eq!(class(&build), FailureClass::BadSource);
    let empty = run(&recipe(vec![in_tree().step()]), &[]).await;
    assert_eq!(class(&empty), FailureClass::BadSource);
    let none = run(&recipe(Vec::new()), &[("a.py", "")]).await;
    assert_eq!(class(&none), FailureClass::BackendMissing);
}

#[tokio::test]
async fn settings_arrive_and_dropped_files_are_gone() {
    let hooks = Hooks {
        settings: vec!["a=1".into(), "--build-option=x".into(), "--build-option=y".into()],
        distutils: vec!["bdist_wheel.universal=1".into()],
        ..in_tree()
    };
    let body = "import json\n\
                files['settings'] = json.dumps(config_settings, sort_keys=True)\n\
                files['cfg'] = open(os.path.expanduser('~/.pydistutils.cfg')).read()\n\
                files['tree'] = str(sorted(os.listdir('.')))";
    let source = [("backend/own.py", backend(body)), ("LICENSE", String::new()), ("keep", String::new())];
    let source: Vec<(&str, &str)> = source.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let build = run(&recipe(vec![drop_step(&["LICENSE".to_owned()]), hooks.step()]), &source).await;
    let files = wheel(&build);
    assert_eq!(files["settings"], r#"{"--build-option": ["x", "y"], "a": "1"}"#);
    assert_eq!(files["cfg"], "[bdist_wheel]\nuniversal = 1\n");
    assert_eq!(files["tree"], "['backend', 'keep']");
}

#[tokio::test]
async fn what_a_hook_asks_for_and_is_no_requirement_by_name_is_left_out_and_said() {
    let hook = "def get_requires_for_build_wheel(config_settings=None):\n    return ['x @ file:///etc', 'setuptools>=>=42']\n";
    let text = backend("files['a'] = 'built'") + hook;
    let build = run(&recipe(vec![in_tree().step()]), &[("backend/own.py", &text)]).await;
    assert_eq!(wheel(&build)["a"], "built");
    let log = String::from_utf8_lossy(&build.log);
    assert!(log.contains("\"x @ file:///etc\" cannot be followed and is left out"), "{log}");
}

#[tokio::test]
async fn a_line_of_the_source_is_replaced_and_nothing_beside_it() {
    let text = backend("files['a'] = open('a.toml', newline='').read()");
    let step = replace_step("a.toml", "version = \"0\"", "version = \"1.0\"");
    let files = [("backend/own.py", text.as_str()), ("a.toml", "x\r\nversion = \"0\"\r\n")];
    let build = run(&recipe(vec![step, in_tree().step()]), &files).await;
    assert_eq!(wheel(&build)["a"], "x\r\nversion = \"1.0\"\r\n");
    let outside = replace_step("../mill/driver.py", "import io", "import os");
    let build = run(&recipe(vec![outside, in_tree().step()]), &files).await;
    assert_eq!(class(&build), FailureClass::BackendError);
}

#[tokio::test]
async fn the_driver_runs_on_every_python_3_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let found = interpreters(&folder.path().join("interpreters.json")).await;
    for python in found.all() {
        let mut recipe = recipe(vec![in_tree().step()]);
        recipe.tools.insert("python".into(), python.version.to_string());
        let build =
            run(&recipe, &[("backend/own.py", &backend("files['v'] = '%d.%d.%d' % sys.version_info[:3]"))])
                .await;
        assert_eq!(wheel(&build)["v"], python.version.to_string());
    }
}
