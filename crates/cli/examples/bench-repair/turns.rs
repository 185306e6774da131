//! What the loop of models costs by itself: the real loop over a real data folder, with a model on loopback that answers at
//! once and a workbench that takes no time. What is left is the loop.

use super::Result;
use async_trait::async_trait;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use trustmill_core::Purl;
use trustmill_core::content::Contents;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::records::Records;
use trustmill_core::repair::{Candidate, Check, CheckOutcome, Checked, Judgement, Role, TestReport};
use trustmill_factory::agent::{
    BenchError, Built, Ended, Overhead, Session, Similar, SolvedCase, Task, Workbench,
};
use trustmill_factory::models::{Allowance, Ledger, Price, Prices, Provider, Router, Settings};
use trustmill_infra::model::{Endpoint, KeySource, Wire};
use trustmill_infra::{DataDir, HttpModel, SystemClock};
use trustmill_testkit::wire::{Chat, Says};

/// Turns of one session.
const TURNS: usize = 60;
/// Sessions, one after the other in one data folder.
const SESSIONS: usize = 3;
/// Files of the source, and the lines of each.
const FILES: usize = 300;
const LINES: usize = 120;

/// Works through sessions and says what they cost.
pub(super) fn run(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let data = DataDir::open(folder.join("data"))?;
    let key = folder.join("key");
    fs::write(&key, "sk-bench")?;
    let mut all = Overhead::default();
    for number in 1..=SESSIONS {
        let spent = runtime.block_on(session(&data, &key, number))?;
        println!("session {number}: {}", shown(&spent, TURNS));
        all.total += spent.total;
        all.models += spent.models;
        all.bench += spent.bench;
    }
    let turns = TURNS * SESSIONS;
    let own = per_turn(all.own(), turns);
    println!("all: {}", shown(&all, turns));
    for seconds in [2.0, 5.0, 10.0] {
        println!("of a turn of {seconds} s: {:.1} %", own / seconds * 100.0);
    }
    Ok(())
}

fn per_turn(time: Duration, turns: usize) -> f64 {
    time.as_secs_f64() / turns as f64
}

fn shown(spent: &Overhead, turns: usize) -> String {
    format!(
        "{turns} turns, {:.1} ms each of the loop itself, {:.1} ms of the exchange with the server, {:.1} ms of builds and tests",
        per_turn(spent.own(), turns) * 1e3,
        per_turn(spent.models, turns) * 1e3,
        per_turn(spent.bench, turns) * 1e3
    )
}

/// One session, from its beginning until the oracle takes what it submits.
async fn session(data: &DataDir, key: &Path, number: usize) -> Result<Overhead> {
    let said = AtomicUsize::new(0);
    let chat = Chat::start(move |_| turn(said.fetch_add(1, Ordering::SeqCst)));
    let (records, blobs): (Arc<dyn Records>, Arc<dyn Blobs>) = (data.records(), Arc::new(data.blobs()));
    let ledger = Ledger::new(Arc::clone(&records), Arc::clone(&blobs), Arc::new(SystemClock));
    let router = Router::new(settings(&chat, key)?, Arc::new(ledger));
    let bench = Still(tree());
    let session = Session {
        router: &router,
        bench: &bench,
        similar: &Nothing,
        records: records.as_ref(),
        blobs: blobs.as_ref(),
        clock: &SystemClock,
        allowance: Allowance::default(),
        only: None,
        stopped: &|| false,
    };
    let task = Task {
        release: Purl::release("pypi", "demo", &number.to_string()),
        class: "not-carried".into(),
        goal: "count".into(),
        data: Vec::new(),
        team: None,
        metadata: false,
    };
    match session.start(task).await? {
        (_, Ended::Accepted { .. }, spent) => Ok(spent),
        (_, other, _) => Err(format!("it ended otherwise than it was written down: {other}").into()),
    }
}

/// What the model does in a turn: it looks, searches, edits and tests in turns, and submits in the end.
fn turn(number: usize) -> Says {
    let file = format!("demo/part{}.py", number % FILES);
    let (name, arguments) = match number % 6 {
        _ if number + 1 == TURNS => ("submit", json!({ "summary": "counted" })),
        0 => ("list", json!({ "from": number })),
        1 => ("read", json!({ "path": file, "from": 1, "lines": 100 })),
        2 => ("search", json!({ "text": format!("value_{number} ") })),
        3 => {
            ("edit", json!({ "path": file, "old": "value_7 = 7\n", "new": format!("value_7 = {number}\n") }))
        }
        4 => ("diff", json!({})),
        _ => ("test", json!({})),
    };
    Says::Calls(vec![(name.to_owned(), arguments)])
}

fn settings(chat: &Chat, key: &Path) -> Result<Settings> {
    let endpoint = Endpoint {
        name: "house".into(),
        url: chat.url.parse()?,
        wire: Wire::OpenaiCompatible,
        key: KeySource::File(key.to_owned()),
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
        model: Arc::new(HttpModel::new(endpoint)?),
    };
    let price = Price { input: 1.0, output: 10.0, cached: None, cache_write: None };
    Ok(Settings {
        providers: [("house".to_owned(), provider)].into(),
        routes: [("default".to_owned(), vec!["house/qwen3-coder".parse()?])].into(),
        prices: Prices { currency: "EUR".into(), models: [("house/*".to_owned(), price)].into() },
        ..Settings::default()
    })
}

fn tree() -> Contents {
    let mut tree = Contents::default();
    for file in 0..FILES {
        let text: String = (0..LINES).map(|line| format!("value_{line} = {line}\n")).collect();
        tree.set(&format!("demo/part{file}.py"), Some(text.into()));
    }
    tree
}

/// A workbench on which everything is done at once.
struct Still(Contents);

#[async_trait]
impl Workbench for Still {
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

    async fn test(&self, _: &Contents, _: Option<&[String]>) -> std::result::Result<TestReport, BenchError> {
        Ok(TestReport::default())
    }

    async fn build(&self, _: &Contents) -> std::result::Result<Built, BenchError> {
        Ok(Built::Files(Vec::new()))
    }

    async fn judge(&self, _: &Candidate) -> std::result::Result<Judgement, BenchError> {
        use Check as C;
        let all =
            [C::Applies, C::Paths, C::Builds, C::Metadata, C::NoNewFailures, C::Capability, C::Complete];
        let held = all.map(|check| Checked { check, outcome: CheckOutcome::Held, detail: String::new() });
        Ok(Judgement { checks: held.into(), ..Judgement::default() })
    }
}

/// No solved case is like it.
struct Nothing;

#[async_trait]
impl Similar for Nothing {
    async fn find(&self, _: Option<&str>, _: usize) -> std::result::Result<Vec<SolvedCase>, BenchError> {
        Ok(Vec::new())
    }
}
