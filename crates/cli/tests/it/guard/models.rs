//! `guard up --models`: agents ask the operator's providers with keys of their sessions, within bans and budgets, and nothing
//! that looks like a secret leaves.

use super::{Running, World};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A fake provider of both shapes; it prints each request that came.
struct Provider {
    _process: Running,
    came: BufReader<ChildStdout>,
    url: String,
}

impl Provider {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doors/tests/it/models/provider.py");
        let mut child: Child = Command::new("python3").arg(script).stdout(Stdio::piped()).spawn().unwrap();
        let mut came = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        came.read_line(&mut port).unwrap();
        Self { _process: Running(child), came, url: format!("http://127.0.0.1:{}/v1", port.trim()) }
    }

    /// The next request that came.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.came.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// The guard with both providers, and the key of a session.
struct Door {
    world: World,
    _guard: Running,
    address: String,
    key: String,
}

impl Door {
    fn new(provider: &Provider, turns: u32) -> Self {
        let world = World::new(&json!({}));
        let one = |name: &str, wire: &str, family: &str| {
            format!(
                "[[models.providers]]\nname = \"{name}\"\nurl = \"{}\"\nwire = \"{wire}\"\nkey_env = \"PROVIDER_KEY\"\n\
                 families = {{ \"*\" = \"{family}\" }}\n",
                provider.url
            )
        };
        let text = format!(
            "[models.routes]\ndefault = [\"open/gpt\", \"claude/claude\"]\n[models.budget.task]\nturns = {turns}\n{}{}",
            one("open", "openai-chat", "openai"),
            one("claude", "anthropic", "anthropic")
        );
        std::fs::create_dir_all(world.mill.data()).unwrap();
        std::fs::write(world.mill.data().join("trustmill.toml"), text).unwrap();
        let mut command = world.mill.command();
        command.env("PROVIDER_KEY", "provider-key").args([
            "guard",
            "--state",
            &world.state().display().to_string(),
        ]);
        command.args(["up", "--agents", "127.0.0.1:0", "--models"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.starts_with("models: ")).unwrap();
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        world.people(&["open", "--task", "look at it", "--session", "s", "--owner", "ann"]);
        let key = world.people(&["key", "--session", "s"]).trim().to_owned();
        Self { world, _guard: Running(child), address, key }
    }

    /// Sends a request; gives its status, and its body as it comes.
    fn send(&self, path: &str, body: &Value) -> (u16, BufReader<TcpStream>) {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nanthropic-version: 2023-06-01\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut status = String::new();
        reader.read_line(&mut status).unwrap();
        (status.split(' ').nth(1).unwrap().parse().unwrap(), reader)
    }

    fn whole(&self, path: &str, body: &Value) -> (u16, String) {
        let (status, mut reader) = self.send(path, body);
        let mut text = String::new();
        let _ = reader.read_to_string(&mut text);
        (status, text)
    }
}

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

fn ask(model: &str, text: &str, stream: bool) -> Value {
    json!({ "model": model, "max_tokens": 50, "stream": stream, "messages": [{ "role": "user", "content": text }] })
}

#[test]
fn both_shapes_are_answered_without_the_secrets_and_nothing_else_is_passed_on() {
    let mut provider = Provider::start();
    let door = Door::new(&provider, 60);
    let secret = format!("ghp_{}", "R7f9Kq2LmX4pVb8N".repeat(2));
    for (path, model) in [(CHAT, "open/gpt"), (CHAT, "gpt"), (MESSAGES, "claude/claude")] {
        for stream in [false, true] {
            let (status, text) = door.whole(path, &ask(model, &format!("my key is {secret}"), stream));
            let said = text.contains("hello") || (text.contains("hel") && text.contains("lo"));
            assert!(status == 200 && said, "{path} {model} {stream}: {text}");
            let came = provider.next().to_string();
            assert!(came.contains("my key is [secret]") && !came.contains(&secret), "{came}");
        }
    }
    for (path, model, status) in [
        (CHAT, "open/", 404),
        (CHAT, "nobody", 404),
        (CHAT, "claude/claude", 404),
        (MESSAGES, "open/gpt", 404),
        ("/v1/embeddings", "open/gpt", 404),
        ("/v1/files", "open/gpt", 404),
    ] {
        assert_eq!(door.whole(path, &ask(model, "hi", false)).0, status, "{path} {model}");
    }
    let mut stranger = door;
    stranger.key = "provider-key".into();
    assert_eq!(stranger.whole(CHAT, &ask("gpt", "hi", false)).0, 401);
    // Nothing of all that reached the provider: the next that comes is another one.
    stranger.key = stranger.world.people(&["key", "--session", "s"]).trim().to_owned();
    assert_eq!(stranger.whole(CHAT, &ask("gpt", "the next", false)).0, 200);
    assert!(provider.next().to_string().contains("the next"));
}

#[test]
fn a_ban_ends_a_reply_that_is_being_written_and_a_budget_is_one() {
    let mut provider = Provider::start();
    let door = Door::new(&provider, 2);
    // Of its endless words some came, and then no more.
    let (status, mut reader) = door.send(CHAT, &ask("open/slow", "talk", true));
    assert_eq!(status, 200);
    let mut line = String::new();
    while !line.contains("word") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0);
    }
    let banned = door.world.mill.run(&["models", "ban", "openai", "--why", "incident 9"]);
    assert_eq!(banned.code(), 0, "{}", banned.stderr());
    let mut rest = String::new();
    let _ = reader.read_to_string(&mut rest);
    assert!(rest.contains("incident 9"), "the agent is told why: {rest}");
    let (status, text) = door.whole(CHAT, &ask("gpt", "hi", false));
    assert!(status == 403 && text.contains("incident 9"), "{status} {text}");
    assert_eq!(door.whole(MESSAGES, &ask("claude", "hi", false)).0, 200, "another family goes on");
    let (status, text) = door.whole(MESSAGES, &ask("claude", "hi", false));
    assert!(status == 429 && text.contains("TM14"), "two turns are two: {status} {text}");
    assert!(provider.next().to_string().contains("slow") && provider.next().to_string().contains("claude"));
    let used = door.world.mill.run(&["models", "inventory", "--json"]).json(0);
    let asked = |family: &str| {
        used.as_array().unwrap().iter().find(|row| row["family"] == family).map(|row| row["asked"].clone())
    };
    assert_eq!((asked("openai"), asked("anthropic")), (Some(json!(1)), Some(json!(1))), "{used}");
}
