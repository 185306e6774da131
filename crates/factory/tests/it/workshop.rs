//! A project whose release 1.0 has a hole that no strategy closes for the oracle: where it was closed, the code stands in
//! another file. Its tests, its builds and its scanner are scripted by what its files say.

use crate::world::{Stage, artifact};
use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Purl;
use trustmill_core::content::Contents;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::ecosystem::{BuildFailure, Plan};
use trustmill_core::port::sandbox::SandboxError;
use trustmill_core::port::workshop::{Bench, Stated, Workshop};
use trustmill_core::release::Project;
use trustmill_core::repair::{Role, TestOutcome, TestReport};
use trustmill_factory::firewall::Popular;
use trustmill_factory::screen::{Screen, ScreenPorts, ScreenSettings};
use trustmill_testkit::{Dotted, ScriptedScanner};

/// The line with the hole, and one that has none.
pub(crate) const BROKEN: &str = "    return eval(text)\n";
pub(crate) const MENDED: &str = "    return int(text)\n";
/// A test that fails as long as there is a hole.
pub(crate) const EVIL: &str = "tests/evil.py";

const VERSION: &str = "VERSION";

/// The project's releases: the hole, the hole elsewhere, and the fix.
pub(crate) fn vulnerable() -> Stage {
    let mut stage = crate::mending::stage();
    let here = |line: &str| ("demo.py", format!("def get(text):\n{line}"));
    let there = |line: &str| ("reading.py", format!("def read(text):\n{line}"));
    let moved = || ("demo.py", "from reading import read as get\n".to_owned());
    let releases = [
        ("1.0", vec![here(BROKEN)]),
        ("1.1", vec![moved(), there(BROKEN)]),
        ("2.0", vec![moved(), there(MENDED)]),
    ];
    let mut project = Project { name: "demo".into(), ..stage.demo.project.lock().unwrap().clone() };
    (project.files, project.versions) = (Vec::new(), Vec::new());
    for (seconds, (version, mut files)) in (0..).zip(releases) {
        files.extend([(VERSION, version.to_owned()), ("tests/good.py", "get('1')\n".to_owned())]);
        let files: Vec<_> = files.into_iter().map(|(path, text)| (path, Bytes::from(text))).collect();
        let bytes = archive(&format!("demo-{version}"), files.iter().map(|(path, text)| (*path, text)));
        let name = format!("demo-{version}.tar.gz");
        let file = artifact(&name, ArtifactKind::Source, version, &bytes, seconds);
        stage.fetch.clear(&file.url).file(&file.url, bytes);
        project.files.push(file);
        project.versions.push(version.to_owned());
    }
    *stage.demo.project.lock().unwrap() = project;
    stage.demo.workshop.set(Shop).ok();
    let ports = ScreenPorts {
        scanner: Arc::new(ScriptedScanner::new("1")),
        records: stage.world.records.clone(),
        blobs: stage.world.blobs.clone(),
        fetch: stage.fetch.clone(),
        clock: stage.clock.clone(),
        schemes: vec![&Dotted("pypi")],
    };
    let settings = ScreenSettings {
        waits: true,
        patience: Duration::from_secs(1),
        most_bytes: 1 << 20,
        popular: Popular::default(),
    };
    stage.world.screen = Some(Screen::new(ports, settings));
    stage
}

pub(crate) fn archive<'a>(top: &str, files: impl Iterator<Item = (&'a str, &'a Bytes)>) -> Bytes {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{top}/{path}"), &text[..]).unwrap();
    }
    Bytes::from(tar.into_inner().unwrap().finish().unwrap())
}

/// The workshop of the project.
pub(crate) struct Shop;

#[async_trait]
impl Workshop for Shop {
    fn ty(&self) -> &'static str {
        "pypi"
    }

    fn source(&self, plan: &Plan) -> Option<Artifact> {
        plan.source.clone()
    }

    fn role(&self, path: &str) -> Role {
        match path {
            VERSION => Role::Metadata,
            _ if path.starts_with("tests/") => Role::Test,
            _ => Role::Code,
        }
    }

    fn repaired(&self, version: &str, n: u32) -> String {
        format!("{version}+tm.{n}")
    }

    fn renumbered(&self, tree: &Contents, _: &Purl, version: &str) -> Result<Contents, BuildFailure> {
        let mut tree = tree.clone();
        tree.set(VERSION, Some(Bytes::from(version.to_owned())));
        Ok(tree)
    }

    fn is_built(&self, _: &str) -> bool {
        true
    }

    fn stated(&self, _: &str, contents: &Contents) -> Result<Stated, String> {
        let version = contents.text(VERSION).ok_or("it states no version")?.to_owned();
        Ok(Stated { version, ..Stated::default() })
    }

    fn is_run(&self, path: &str) -> bool {
        self.role(path) == Role::Test
    }

    fn chooses_tests(&self, _: &str) -> bool {
        false
    }

    fn leaving_out(&self) -> &'static [&'static str] {
        &[]
    }

    fn install_lines(&self, _: &Purl, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }

    async fn test(
        &self,
        _: &Bench<'_>,
        tree: &Contents,
        only: Option<&[String]>,
    ) -> Result<TestReport, SandboxError> {
        let is_whole = tree.text("demo.py").is_some_and(|text| !text.contains("eval("));
        let run =
            |path: &&String| self.is_run(path) && only.is_none_or(|only| only.iter().any(|one| one == *path));
        let outcome = |path: &str| match path == EVIL && !is_whole {
            true => TestOutcome::Failed,
            false => TestOutcome::Passed,
        };
        let tests: BTreeMap<String, TestOutcome> =
            tree.members.keys().filter(run).map(|path| (format!("{path}::test"), outcome(path))).collect();
        Ok(TestReport { tests, runner: "scripted".into(), ..TestReport::default() })
    }

    async fn pack(
        &self,
        _: &Bench<'_>,
        tree: &Contents,
    ) -> Result<Result<Vec<(String, Bytes)>, BuildFailure>, SandboxError> {
        let version = tree.text(VERSION).unwrap_or_default();
        let files = tree.members.iter().map(|(path, member)| (path.as_str(), &member.bytes));
        Ok(Ok(vec![(format!("demo-{version}.tgz"), archive("package", files))]))
    }
}
