//! `kill -9` in the middle of a session: this binary starts itself as the process that works, and kills it.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Purl;
use trustmill_core::content::Contents;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::records::Records;
use trustmill_core::repair::{Candidate, Check, CheckOutcome, Checked, Judgement, Role, TestReport};
use trustmill_factory::agent::{
    BenchError, Built, Ended, Session, Similar, SolvedCase, Task, Transcript, Workbench,
};
use trustmill_factory::models::{Allowance, Ledger, Prices, Provider, Router, Settings};
use trustmill_infra::model::{Endpoint, KeySource, Wire};
use trustmill_infra::{DataDir, HttpModel, SystemClock};
use trustmill_testkit::wire::{Chat, Says};

/// The variable by which the started process knows what it is.
const CHILD: &str = "TRUSTMILL_TEST_AGENT";
/// Turns that edit, before the one that submits.
const EDITS: usize = 12;
const KILLS: u32 = 15;

struct Bench(Contents);

#[async_trait]
impl Workbench for Bench {
    fn tree(&self) -> &Contents {
        &self.0
    }

    fn role(&self, _: &str) -> Role {
        Role::Code
    }

    fn logs(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        &NONE
    }

    async fn test(&self, _: &Contents, _: Option<&[String]>) -> Result<TestReport, BenchError> {
        Ok(TestReport::default())
    }

    async fn build(&self, _: &Contents) -> Result<Built, BenchError> {
        Ok(Built::Files(Vec::new()))
    }

    async fn judge(&self, _: &Candidate) -> Result<Judgement, BenchError> {
        use Check as C;
        let all =
            [C::Applies, C::Paths, C::Builds, C::Metadata, C::NoNewFailures, C::Capability, C::Complete];
        let held = all.map(|check| Checked { check, outcome: CheckOutcome::Held, detail: String::new() });
        Ok(Judgement { checks: held.into(), ..Judgement::default() })
    }
}

struct None_;

#[async_trait]
impl Similar for None_ {
    async fn find(&self, _: Option<&str>, _: usize) -> Result<Vec<SolvedCase>, BenchError> {
        Ok(Vec::new())
    }
}

fn release() -> Purl {
    Purl::release("pypi", "demo", "1")
}

/// What the started process does: begin the session, or go on with it.
async fn work(folder: &Path, url: &str) -> Ended {
    let data = DataDir::open(folder).unwrap();
    let endpoint = Endpoint {
        name: "house".into(),
        url: url.parse().unwrap(),
        wire: Wire::OpenaiCompatible,
        key: KeySource::File(folder.with_extension("key")),
        key_header: None,
        headers: Vec::new(),
        encrypted_thoughts: false,
        roots: Vec::new(),
    };
    let provider = Provider {
        name: "house".into(),
        host: "127.0.0.1".into(),
        region: None,
        self_hosted: true,
        families: BTreeMap::new(),
        model: Arc::new(HttpModel::new(endpoint).unwrap()),
    };
    let settings = Settings {
        providers: [("house".to_owned(), provider)].into(),
        routes: [("default".to_owned(), vec!["house/qwen3-coder".parse().unwrap()])].into(),
        prices: Prices::default(),
        ..Settings::default()
    };
    let (records, blobs): (Arc<dyn Records>, Arc<dyn Blobs>) = (data.records(), Arc::new(data.blobs()));
    let ledger = Ledger::new(Arc::clone(&records), Arc::clone(&blobs), Arc::new(SystemClock));
    let router = Router::new(settings, Arc::new(ledger));
    let mut tree = Contents::default();
    tree.set("demo.py", Some("v0\n".into()));
    let bench = Bench(tree);
    let session = Session {
        router: &router,
        bench: &bench,
        similar: &None_,
        records: records.as_ref(),
        blobs: blobs.as_ref(),
        clock: &SystemClock,
        allowance: Allowance::default(),
        only: None,
        stopped: &|| false,
    };
    let task = Task {
        release: release(),
        class: "not-carried".into(),
        goal: "count".into(),
        data: Vec::new(),
        team: None,
        metadata: false,
    };
    let known = Transcript::sessions(records.as_ref(), &release()).await.unwrap();
    let ended = match known.first() {
        Some((id, _)) => session.resume(&release(), id).await,
        None => session.start(task).await,
    };
    ended.unwrap().1
}

/// The next version, or the end: it follows from how often the tools answered.
fn counts(body: &Value) -> Says {
    let done =
        body["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "tool").count();
    std::thread::sleep(Duration::from_millis(15));
    if done >= EDITS {
        return Says::Calls(vec![("submit".into(), json!({ "summary": "counted" }))]);
    }
    let edit = json!({ "path": "demo.py", "old": format!("v{done}\n"), "new": format!("v{}\n", done + 1) });
    Says::Calls(vec![("edit".into(), edit)])
}

#[test]
fn a_session_that_is_killed_again_and_again_spends_nothing_twice() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let Ok(given) = std::env::var(CHILD) {
        let (folder, url) = given.split_once('|').unwrap();
        runtime().block_on(work(Path::new(folder), url));
        return;
    }
    let chat = Chat::start(counts);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::write(data.with_extension("key"), "sk-test").unwrap();
    let given = format!("{}|{}", data.display(), chat.url);
    let name = "models::kill::a_session_that_is_killed_again_and_again_spends_nothing_twice";
    let mut seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut killed = 0;
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, &given)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(40 + (seed >> 33) % 220));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ended = runtime().block_on(work(&data, &chat.url));
    let Ended::Accepted { candidate, .. } = ended else { panic!("{ended:?}") };
    let after = candidate.fix.edits["demo.py"].after.clone().unwrap();
    assert_eq!(&after[..], format!("v{EDITS}\n").as_bytes(), "each edit was made once");
    // A later turn is asked only once the reply to the one before is stored; then that one is never asked again.
    let came = chat.came.lock().unwrap();
    let turn = |body: &Value| {
        body["messages"].as_array().unwrap().iter().filter(|one| one["role"] == "tool").count()
    };
    let turns: Vec<usize> = came.iter().map(|one| turn(&one.body)).collect();
    assert!(turns.is_sorted(), "{turns:?}");
    assert_eq!(turns.iter().collect::<BTreeSet<_>>().len(), EDITS + 1);
    assert!(turns.len() <= EDITS + 1 + killed as usize, "{} asked, {killed} killed", turns.len());
    // What is asked again is asked with the same key, so that a provider that knows it charges once.
    drop(came);
    assert_eq!(chat.keys().into_iter().collect::<BTreeSet<_>>().len(), EDITS + 1);
}
