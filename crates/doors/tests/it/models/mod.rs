//! The models' door, spoken to by the official SDKs of OpenAI and Anthropic, before a provider that is strict.

use crate::support::engine;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use trustmill_core::port::registry::Secret;
use trustmill_doors::mcp::endpoint::Fence;
use trustmill_doors::models::{Admitted, Ended, Models, Refusal, Shape, router};
use trustmill_infra::HttpExchange;
use trustmill_testkit::agents;

/// A table with one provider, which knows every model but two.
struct Table {
    url: String,
    ended: Mutex<Vec<Value>>,
}

#[async_trait]
impl Models for Table {
    async fn admit(
        &self,
        session: &str,
        model: &str,
        shape: Shape,
        _: usize,
        output: u64,
    ) -> Result<Admitted, Refusal> {
        assert!(session == "s" && output > 0);
        if model == "nobody" || model == "banned" {
            let status = if model == "nobody" { 404 } else { 403 };
            return Err(Refusal { status, why: format!("{model} is not for you") });
        }
        let header = if shape == Shape::Messages { "x-api-key" } else { "authorization" };
        let key = if shape == Shape::Messages { "provider-key" } else { "Bearer provider-key" };
        let headers = vec![(header.to_owned(), Secret::new(key))];
        Ok(Admitted { key: model.into(), url: self.url.clone(), headers, model: model.into() })
    }

    fn is_same(&self, _: &Admitted, reported: &str) -> Result<(), String> {
        if reported == "other-family" { Err("another answered".into()) } else { Ok(()) }
    }

    async fn until_banned(&self, _: &Admitted) -> String {
        std::future::pending().await
    }

    async fn ended(&self, admitted: &Admitted, ended: Ended) {
        let tokens = ended.tokens;
        let counts = [tokens.input, tokens.cached, tokens.cache_write, tokens.output];
        self.ended.lock().unwrap().push(json!([admitted.key, ended.failed, counts]));
    }

    fn names(&self) -> Vec<String> {
        vec!["house/best".into()]
    }

    fn redacted(&self, text: &str) -> String {
        text.replace("sk-secret", "[secret]")
    }
}

struct Provider(Child, BufReader<std::process::ChildStdout>, String);

impl Provider {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/models/provider.py");
        let mut child = Command::new("python3").arg(script).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        said.read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}/v1", port.trim());
        Self(child, said, url)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn official_sdks_get_their_replies_and_nobody_gets_the_key() {
    let mut provider = Provider::start();
    let folder = tempfile::tempdir().unwrap();
    let engine = Arc::new(engine(folder.path()));
    engine.begin("s", "agent", "ann", "look").unwrap();
    let key = engine.new_key("s").unwrap();
    let table = Arc::new(Table { url: provider.2.clone(), ended: Mutex::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let exchange = Arc::new(HttpExchange::new(&[]).unwrap());
    let app = router(engine, Arc::clone(&table) as _, exchange, Fence::new(address, &[]));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let ask = |key: String, steps: Value| async move {
        let python = agents::python(Path::new(env!("CARGO_TARGET_TMPDIR"))).join("python");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/models/client.py");
        let mut command = Command::new(python);
        command.arg(script).arg(format!("http://{address}")).arg(key).arg(steps.to_string());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let steps = json!([
        ["chat", "gpt", "my key is sk-secret"],
        ["chat-stream", "gpt-s", "hi"],
        ["responses", "r", "hi"],
        ["responses-stream", "r-s", "hi"],
        ["messages", "claude", "hi"],
        ["messages-stream", "claude-s", "hi"],
        ["list", "", ""],
        ["chat", "nobody", "hi"],
        ["messages", "banned", "hi"],
        ["embeddings", "gpt", "hi"],
        ["chat", "liar", "hi"],
        ["chat-stream", "liar", "hi"],
        ["chat", "busy", "hi"],
        ["chat-stream", "cut", "hi"],
    ]);
    let said = ask(key, steps).await;
    assert_eq!(said[0], json!(["hello", 110]));
    assert_eq!(said[1], json!(["hello", 3]), "and no chunk that was not asked for");
    for said in &said[2..6] {
        assert_eq!(said[0], "hello", "{said}");
    }
    assert_eq!(said[6][0], json!(["house/best"]));
    let statuses: Vec<&Value> = [7, 8, 9, 10, 12].iter().map(|at: &usize| &said[*at]["status"]).collect();
    assert_eq!(statuses, [404, 403, 404, 502, 429], "{said:?}");
    assert!(said[11]["error"].is_string() && said[13]["error"].is_string(), "{said:?}");
    let stranger =
        ask("provider-key".into(), json!([["chat", "gpt", "hi"], ["messages", "claude", "hi"]])).await;
    assert_eq!((&stranger[0]["status"], &stranger[1]["status"]), (&json!(401), &json!(401)));

    let mut first = String::new();
    provider.1.read_line(&mut first).unwrap();
    assert!(first.contains("my key is [secret]") && !first.contains("sk-secret"), "{first}");
    let ended = table.ended.lock().unwrap().clone();
    let expected = json!([
        ["gpt", null, [60, 40, 0, 10]],
        ["gpt-s", null, [60, 40, 0, 10]],
        ["r", null, [60, 40, 0, 10]],
        ["r-s", null, [60, 40, 0, 10]],
        ["claude", null, [60, 40, 5, 10]],
        ["claude-s", null, [60, 40, 5, 10]],
        ["liar", "other-family", [60, 40, 0, 10]],
        ["liar", "other-family", [0, 0, 0, 0]],
        ["busy", "rejected", [0, 0, 0, 0]],
        ["cut", "cut", [0, 0, 0, 0]],
    ]);
    assert_eq!(Value::Array(ended), expected);
}
