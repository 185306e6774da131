//! `repair --agent` from end to end: the real binary, the real sandbox, and a server that speaks Chat Completions. The
//! model asks a person, goes where it may not, submits nonsense, is killed twice, and gets it right.

use super::fixture::{self, BROKEN, EVIL, ID, MENDED, RELEASE, REPAIRED};
use super::mill;
use crate::support::{Mill, Run};
use base64::Engine as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trustmill_testkit::wire::{Chat, Says};

/// The turns in which a process is killed: while the reply is under way, and while the oracle works.
const CUT: usize = 6;
const SUBMITS: usize = 7;
const TURNS: usize = 8;

/// What the tools said so far: as many as turns were answered.
pub(super) fn answers(body: &Value) -> Vec<String> {
    let messages = body["messages"].as_array().unwrap().iter();
    let tools = messages.filter(|message| message["role"] == "tool");
    tools.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// What the model does in a turn.
fn turn(turn: usize) -> Says {
    let edit = |path: &str, old: &str, new: &str| ("edit", json!({ "path": path, "old": old, "new": new }));
    let (name, arguments) = match turn {
        0 => ("ask", json!({ "question": "Is anything but JSON to be read?" })),
        1 => edit("package.json", "node test/*.js", "true"),
        2 => ("submit", json!({ "summary": "all is well" })),
        3 => edit("index.js", BROKEN, &format!("  // trust me\n{BROKEN}")),
        4 => ("submit", json!({ "summary": "a comment keeps it safe" })),
        5 => edit("index.js", &format!("  // trust me\n{BROKEN}"), MENDED),
        CUT => edit("test/evil.js", "", EVIL),
        _ => ("submit", json!({ "summary": "it reads JSON and runs nothing" })),
    };
    Says::Calls(vec![(name.to_owned(), arguments)])
}

/// A model that tells when it has come to a turn in which it is to be killed, and the first time is late then.
fn model() -> (Chat, Receiver<usize>) {
    let (tell, told) = mpsc::channel();
    let came = Mutex::new(BTreeSet::new());
    let chat = Chat::start(move |body| {
        let number = answers(body).len();
        if [CUT, SUBMITS].contains(&number) && came.lock().unwrap().insert(number) {
            tell.send(number).unwrap();
            if number == CUT {
                std::thread::sleep(Duration::from_secs(5));
            }
        }
        turn(number)
    });
    (chat, told)
}

struct Stage {
    mill: Mill,
    registry: String,
}

impl Stage {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.mill.command();
        command.env("HOUSE_KEY", "sk-very-secret").env("USER", "ada").env(fixture::REGISTRY, &self.registry);
        command.args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Whether the real npm gets the repaired release from the view of repaired ones.
    fn hands_out(&self) -> bool {
        let up = self.mill.up_with(&[(fixture::REGISTRY, self.registry.as_str())], &["--serve-only"]);
        let mut npm = Command::new("npm");
        npm.current_dir(self.mill.path()).env("npm_config_cache", self.mill.path().join("cache"));
        npm.args(["pack", "@tm-fixture/hole@1.0.0-tm.1", "--fetch-retries=0", "--registry"]);
        let packed = npm.arg(up.url("/npm/remediated/")).output().unwrap();
        up.terminate();
        packed.status.success()
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

/// A policy of an operator who takes no repair that is not proven.
const PROVEN_ONLY: &str = "@id(\"repairs-are-proven\")\n@effect(\"hold\")\n@reason(\"{name} is {repaired}\")\n\
    forbid (principal, action == Action::\"install\", resource)\nwhen { resource.repaired == \"unproven\" };\n";

const WORK: [&str; 4] = ["repair", RELEASE, "--agent", "--json"];

#[tokio::test(flavor = "multi_thread")]
async fn a_model_asks_errs_is_killed_and_repairs_and_is_named_with_its_cost() {
    let registry = fixture::registry().await;
    let (chat, told) = model();
    let stage = Arc::new(Stage { mill: mill(&chat.url), registry: registry.url("/") });
    let file = stage.mill.file("advisory.json", &fixture::advisory().to_string());
    stage.run(&["advisories", "update", "--json", "--from", file.to_str().unwrap()]).json(0);

    // Strategies miss it, and a person is asked.
    let rows = stage.run(&WORK).json(1);
    assert_eq!(rows[0]["missed"]["class"], "not-carried", "{rows:#}");
    assert!(rows[0]["agent"].as_str().unwrap().contains("Is anything but JSON"), "{rows:#}");
    assert!(stage.run(&WORK).json(1)[0]["agent"].as_str().unwrap().contains("a model asks"));
    assert_eq!(chat.keys().len(), 1, "who waits for a person asks no model");
    let waits = stage.run(&["inbox", "list", "--json"]).json(0);
    let id = waits[0]["id"].as_str().unwrap();
    stage.run(&["inbox", "answer", id, "--text", "JSON alone", "--json"]).json(0);

    for (at, wait) in [(CUT, 0), (SUBMITS, 700)] {
        let mut child = stage.start(&WORK);
        assert_eq!(told.recv_timeout(Duration::from_secs(300)).unwrap(), at);
        std::thread::sleep(Duration::from_millis(wait));
        assert!(child.try_wait().unwrap().is_none(), "it is at work");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let run = stage.run(&WORK);
    let heard = chat.came.lock().unwrap().last().map(|came| answers(&came.body));
    assert_eq!(run.code(), 0, "{heard:#?}");
    let rows = run.json(0);
    let repaired = &rows[0]["repaired"];
    assert_eq!(
        (&repaired["repaired"], &repaired["ruling"]),
        (&json!(REPAIRED), &json!("unproven")),
        "{rows:#}"
    );

    // What it was told, and what it paid for.
    let came = chat.came.lock().unwrap();
    let said = answers(&came.last().unwrap().body);
    assert!(said[0].contains("JSON alone") && said[0].contains("ada"), "{}", said[0]);
    assert!(said[1].contains("build settings may not be changed"), "{}", said[1]);
    assert!(said[2].contains("nothing was changed"), "{}", said[2]);
    assert!(said[4].contains("the oracle refuses it"), "{}", said[4]);
    let turns: Vec<usize> = came.iter().map(|one| answers(&one.body).len()).collect();
    assert!(turns.is_sorted() && turns.len() <= TURNS + 2, "{turns:?}");
    let paid_again = turns.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    assert!(paid_again.into_iter().all(|turn| turn == CUT || turn == SUBMITS), "{turns:?}");
    drop(came);
    assert_eq!(
        chat.keys().iter().collect::<BTreeSet<_>>().len(),
        TURNS,
        "what is asked again is one with the first"
    );
    let before = chat.keys().len();
    assert_eq!(stage.run(&WORK).json(0)[0]["repaired"], *repaired);
    assert_eq!(chat.keys().len(), before, "what is repaired is not worked on");

    // The signed statement names model and cost: eight turns of 1000 and 100 tokens at 1 and 10 for a million.
    let digest = repaired["bundle"].as_str().unwrap();
    let (folder, _) = digest.split_at(2);
    let blob = stage.mill.data().join("blobs/sha256").join(folder).join(digest);
    let bundle = std::fs::read_to_string(&blob).unwrap();
    let envelope: Value = serde_json::from_str(bundle.lines().next().unwrap()).unwrap();
    let payload = base64::prelude::BASE64_STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    let by = &statement["predicate"]["proposer"];
    assert_eq!(
        (&by["kind"], &by["provider"], &by["family"], &by["model"], &by["cost_micros"]),
        (&json!("model"), &json!("house"), &json!("alibaba"), &json!("qwen3-coder"), &json!(16_000))
    );
    assert_eq!(statement["predicate"]["advisories"], json!([ID]));
    let cases = stage.run(&["cases", "list", "--json"]).json(0);
    let solved = cases.as_array().unwrap().iter().find(|case| case["session"].is_string()).unwrap();
    assert_eq!((&solved["outcome"], &solved["cost_micros"]), (&json!("unproven"), &json!(16_000)));

    // Who asks for repaired releases gets it, unless a policy asks for proof.
    assert!(stage.hands_out());
    let policy = stage.mill.file("own.cedar", PROVEN_ONLY);
    let config = stage.mill.data().join("trustmill.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[policy]\nfiles = [{policy:?}]\n")).unwrap();
    assert!(!stage.hands_out());
}
