//! A tree in memory with a hole in it, an oracle that knows the hole, and a mill around both.

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use trustmill_core::content::Contents;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::model::Model;
use trustmill_core::port::records::Records;
use trustmill_core::repair::{
    Candidate, Check, CheckOutcome, Checked, Judgement, Role, TestOutcome, TestReport,
};
use trustmill_core::{Purl, Timestamp};
use trustmill_factory::agent::{
    BenchError, Built, Datum, Ended, Overhead, Session, SessionError, SessionId, Similar, SolvedCase, Task,
    Workbench,
};
use trustmill_factory::models::{Allowance, Ledger, ModelRef, Price, Prices, Provider, Router, Settings};
use trustmill_testkit::{ManualClock, MemBlobs, MemRecords};

pub(crate) const BROKEN: &str = "def load(text):\n    return eval(text)\n";
pub(crate) const MENDED: &str = "    return int(text)";

/// What is worked on.
pub(crate) struct Bench {
    tree: Contents,
    logs: BTreeMap<String, String>,
    pub(crate) judged: AtomicU32,
    pub(crate) tested: AtomicU32,
}

impl Bench {
    pub(crate) fn new(readme: &str) -> Self {
        let mut tree = Contents::default();
        for (path, text) in [
            ("README.md", readme),
            ("demo/__init__.py", BROKEN),
            ("demo/data.bin", "\u{1}"),
            ("tests/test_demo.py", "def test_load():\n    assert load('1') == 1\n"),
            (".github/workflows/ci.yml", "on: push\n"),
            ("setup.py", "setup(name='demo')\n"),
            ("demo/dos.py", "a = 1\r\nb = 2\r\n"),
        ] {
            tree.set(path, Some(Bytes::copy_from_slice(text.as_bytes())));
        }
        let logs = [("strategies".to_owned(), "exact: does not apply\n".to_owned())].into();
        Self { tree, logs, judged: AtomicU32::default(), tested: AtomicU32::default() }
    }
}

#[async_trait]
impl Workbench for Bench {
    fn tree(&self) -> &Contents {
        &self.tree
    }

    fn role(&self, path: &str) -> Role {
        match path {
            _ if path.starts_with("tests/") => Role::Test,
            _ if path.starts_with('.') => Role::Workshop,
            _ if path.ends_with(".md") => Role::Docs,
            "setup.py" => Role::Metadata,
            _ => Role::Code,
        }
    }

    fn logs(&self) -> &BTreeMap<String, String> {
        &self.logs
    }

    async fn test(&self, tree: &Contents, _: Option<&[String]>) -> Result<TestReport, BenchError> {
        self.tested.fetch_add(1, Ordering::SeqCst);
        let mended = tree.text("demo/__init__.py").is_some_and(|text| text.contains("int(text)"));
        let outcome = if mended { TestOutcome::Passed } else { TestOutcome::Failed };
        Ok(TestReport { tests: [("test_load".to_owned(), outcome)].into(), ..TestReport::default() })
    }

    async fn build(&self, _: &Contents) -> Result<Built, BenchError> {
        Ok(Built::Files(vec![("demo-1-py3-none-any.whl".into(), 1000)]))
    }

    async fn judge(&self, candidate: &Candidate) -> Result<Judgement, BenchError> {
        self.judged.fetch_add(1, Ordering::SeqCst);
        let patched = candidate.fix.apply(&self.tree).unwrap();
        let mended = patched.text("demo/__init__.py").is_some_and(|text| text.contains("int(text)"));
        let outcome = |holds| if holds { CheckOutcome::Held } else { CheckOutcome::Broken };
        let checks = [Check::Applies, Check::Paths, Check::Builds, Check::Metadata, Check::NoNewFailures];
        let held = checks.map(|check| Checked { check, outcome: outcome(true), detail: String::new() });
        let last = Checked {
            check: Check::Capability,
            outcome: outcome(mended),
            detail: "eval is still reached with foreign text".into(),
        };
        let shown = Checked { check: Check::Regression, outcome: outcome(mended), detail: String::new() };
        let whole = Checked { check: Check::Complete, outcome: outcome(true), detail: String::new() };
        let fixed =
            if mended && !candidate.tests.is_empty() { vec!["test_hole".to_owned()] } else { Vec::new() };
        Ok(Judgement {
            checks: held.into_iter().chain([last, shown, whole]).collect(),
            passed: 1,
            failing_before: Vec::new(),
            flaky: Vec::new(),
            fixed,
        })
    }
}

/// Solved cases: always the same one.
pub(crate) struct OneCase;

#[async_trait]
impl Similar for OneCase {
    async fn find(&self, _: Option<&str>, _: usize) -> Result<Vec<SolvedCase>, BenchError> {
        Ok(vec![SolvedCase {
            id: "c1".into(),
            release: "pkg:pypi/other@1".into(),
            class: "backport".into(),
            likeness: 0.5,
            patch: "-eval\n+int\n".into(),
        }])
    }
}

/// A mill: stores, clock, models.
pub(crate) struct World {
    pub(crate) records: Arc<dyn Records>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) router: Router,
    pub(crate) bench: Bench,
    pub(crate) allowance: Allowance,
}

pub(crate) fn model(text: &str) -> ModelRef {
    text.parse().unwrap()
}

pub(crate) fn provider(name: &str, host: &str, model: Arc<dyn Model>) -> Provider {
    Provider {
        name: name.into(),
        host: host.into(),
        region: Some("eu".into()),
        self_hosted: false,
        families: BTreeMap::new(),
        model,
    }
}

pub(crate) fn settings(providers: Vec<Provider>, route: &[&str]) -> Settings {
    let price = Price { input: 1.0, output: 10.0, cached: None, cache_write: None };
    Settings {
        routes: [("default".to_owned(), route.iter().map(|text| model(text)).collect())].into(),
        prices: Prices {
            currency: "EUR".into(),
            models: providers.iter().map(|provider| (format!("{}/*", provider.name), price)).collect(),
        },
        providers: providers.into_iter().map(|provider| (provider.name.clone(), provider)).collect(),
        task: Allowance::TASK,
        regions: BTreeSet::new(),
        ..Settings::default()
    }
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::over(Arc::new(MemRecords::new()), Arc::new(MemBlobs::new()), settings)
    }

    /// A mill over stores that are there: another process, or another machine.
    pub(crate) fn over(records: Arc<dyn Records>, blobs: Arc<dyn Blobs>, settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-01T12:00:00Z".parse::<Timestamp>().unwrap()));
        let ledger = Ledger::new(Arc::clone(&records), Arc::clone(&blobs), Arc::clone(&clock) as _);
        let router = Router::new(settings, Arc::new(ledger));
        Self { records, blobs, clock, router, bench: Bench::new("hello\n"), allowance: Allowance::TASK }
    }

    /// One provider that is the maker's own.
    pub(crate) fn with(scripted: Arc<dyn Model>) -> Self {
        let provider = provider("anthropic", "api.anthropic.com", scripted);
        Self::new(settings(vec![provider], &["anthropic/claude-sonnet-5"]))
    }

    pub(crate) fn session(&self) -> Session<'_> {
        Session {
            router: &self.router,
            bench: &self.bench,
            similar: &OneCase,
            records: self.records.as_ref(),
            blobs: self.blobs.as_ref(),
            clock: self.clock.as_ref(),
            allowance: self.allowance,
            only: None,
            stopped: &|| false,
        }
    }

    pub(crate) async fn start(&self) -> Result<(SessionId, Ended, Overhead), SessionError> {
        self.session().start(task()).await
    }

    pub(crate) async fn resume(
        &self,
        session: &SessionId,
    ) -> Result<(SessionId, Ended, Overhead), SessionError> {
        self.session().resume(&release(), session).await
    }
}

pub(crate) fn release() -> Purl {
    Purl::release("pypi", "demo", "1.2.0")
}

pub(crate) fn task() -> Task {
    Task {
        release: release(),
        class: "backport".into(),
        goal: "mend the hole of the advisory".into(),
        data: vec![Datum { name: "advisory".into(), text: "load() evaluates its input".into() }],
        team: None,
        metadata: false,
    }
}
