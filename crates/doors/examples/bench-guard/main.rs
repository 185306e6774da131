//! `cargo xtask bench guard`: what the guard adds to a call over standard input and output and over HTTP, what a decision costs,
//! how many there can be on one core, and what connections take in memory.
//!
//! How many calls a second there can be is measured with the guard in a process of its own that has one core to itself, while
//! its clients and the server have the other; its own time on the processor says what one core would do if nobody else were slow.
//!
//! The server behind the guard is this very program, and answers at once. What only reads is not waited for on disk; what
//! has an effect is, and is shown apart, since it is the disk's time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot go on says so by panicking"
)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use trustmill_core::Timestamp;
use trustmill_doors::engine::Engine;
use trustmill_doors::mcp::endpoint::{Endpoint, Fence, router};
use trustmill_doors::mcp::upstream::{Place, Server};
use trustmill_doors::stdio::Proxy;
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::catalogue::Catalogue;
use trustmill_guard::decide::{Decision, Rulebook, Settings};
use trustmill_guard::record::Outcome;
use trustmill_infra::HttpExchange;

const CALLS: usize = 2000;
const CATALOGUE: &str = "about = 'x'\n[tools.look]\neffect = 'read'\narguments.at = { role = 'query' }\nreturns = { mints = { id = 'thing' } }\n\
                         [tools.change]\neffect = 'write'\nmost = 1000000\nobjects = ['item']\narguments.item = { role = 'content' }\n";

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("server") => return server(),
        Some("guard") => return guard(),
        _ => {}
    }
    println!("{:52} {:>9} {:>9} {:>9}   goal", "microseconds", "median", "p95", "p99");
    decisions();
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    two.block_on(added());
    one.block_on(throughput());
    two.block_on(memory());
}

/// Answers whatever is asked, at once.
fn server() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let message: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(id) = message.get("id") else { continue };
        let result = match message["method"].as_str() {
            Some("initialize") => {
                json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": { "name": "x", "version": "1" } })
            }
            Some("tools/list") => {
                json!({ "tools": [{ "name": "look", "inputSchema": { "type": "object" } }] })
            }
            _ => json!({ "content": [{ "type": "text", "text": "{\"id\": \"7\", \"name\": \"a thing\"}" }] }),
        };
        let _ = writeln!(out, "{}", json!({ "jsonrpc": "2.0", "id": id, "result": result }));
        let _ = out.flush();
    }
}

fn engine(folder: &std::path::Path) -> Arc<Engine> {
    let catalogues = BTreeMap::from([("x".to_owned(), Catalogue::parse("x", CATALOGUE).unwrap())]);
    let settings: Settings = serde_json::from_value(json!({ "ceiling": { "write": 1_000_000 } })).unwrap();
    let engine =
        Engine::open(folder, Rulebook::new(catalogues, settings, &[]).unwrap(), Timestamp::now).unwrap();
    engine.begin("s", "agent", "ann", "please write every item, change each item of the list").unwrap();
    Arc::new(engine)
}

fn row(name: &str, mut took: Vec<Duration>, minus: Duration, goal: &str) -> Duration {
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100].saturating_sub(minus).as_secs_f64() * 1e6;
    println!("{name:52} {:>9.1} {:>9.1} {:>9.1}   {goal}", at(50), at(95), at(99));
    took[took.len() / 2]
}

fn call(number: usize, tool: &str) -> Call {
    let argument = if tool == "look" { "at" } else { "item" };
    Call::new("x", tool, json!({ argument: format!("place {number}") }), Limits::default()).unwrap()
}

fn decisions() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    for (tool, name, goal) in [
        ("look", "a decision over reading, recorded", "<= 80"),
        ("change", "a decision over an effect, safe on disk", "the disk's"),
    ] {
        let mut took = Vec::new();
        for number in 0..if tool == "look" { CALLS } else { 200 } {
            let call = call(number, tool);
            let begun = Instant::now();
            let answer = engine.decide("s", &call);
            took.push(begun.elapsed());
            assert_eq!(answer.decision, Decision::Allow, "{answer:?}");
            engine.ended("s", answer.number, &call, Outcome::Done, Some(&json!("done"))).unwrap();
        }
        row(name, took, Duration::ZERO, goal);
    }
    let call = call(0, "look");
    let begun = Instant::now();
    for _ in 0..CALLS {
        let answer = engine.decide("s", &call);
        engine.ended("s", answer.number, &call, Outcome::Done, Some(&json!({ "id": "7" }))).unwrap();
    }
    println!(
        "{:52} {:>9.0} a second, decision and outcome, one core",
        "calls decided",
        CALLS as f64 / begun.elapsed().as_secs_f64()
    );
}

fn command() -> Vec<String> {
    vec![std::env::current_exe().unwrap().display().to_string(), "server".into()]
}

fn start() -> tokio::process::Child {
    let words = command();
    let mut command = tokio::process::Command::new(&words[0]);
    command.arg(&words[1]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

fn message(number: usize) -> String {
    json!({ "jsonrpc": "2.0", "id": number, "method": "tools/call",
        "params": { "name": "look", "arguments": { "at": format!("place {number}") } } })
    .to_string()
}

/// Calls over lines, one after the other.
async fn lines(
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    from: impl tokio::io::AsyncRead + Unpin,
) -> Vec<Duration> {
    let mut from = BufReader::new(from);
    let mut took = Vec::new();
    for number in 0..CALLS {
        let text = format!("{}\n", message(number));
        let begun = Instant::now();
        to.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        from.read_line(&mut answer).await.unwrap();
        took.push(begun.elapsed());
        assert!(answer.contains("a thing"), "{answer}");
    }
    took
}

async fn added() {
    let mut child = start();
    let (mut to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let direct = row("a call without a guard", lines(&mut to, from).await, Duration::ZERO, "");
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let mut child = start();
    let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (client, ours) = tokio::io::duplex(1 << 16);
    let (ours_in, ours_out) = tokio::io::split(ours);
    let proxy = Proxy::new(Arc::clone(&engine) as _, "s".into(), "x".into());
    tokio::spawn(proxy.run(BufReader::new(ours_in), ours_out, to, BufReader::new(from)));
    let (from, mut to) = tokio::io::split(client);
    row("added over standard input and output", lines(&mut to, from).await, direct, "<= 400, p99 <= 2000");
    let (mut client, ..) =
        Client::new(&engine, Place::Process { command: command(), env: Vec::new(), folder: None }).await;
    row("added over HTTP", client.calls(CALLS).await, direct, "<= 400, p99 <= 2000");
}

/// A connection that stays open.
struct Client {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Client {
    async fn new(engine: &Arc<Engine>, place: Place) -> (Self, std::net::SocketAddr, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let servers = BTreeMap::from([("x".to_owned(), Server { place, patience: Duration::from_secs(60) })]);
        let endpoint =
            Endpoint::new(Arc::clone(engine), servers, Arc::new(HttpExchange::new(&[]).unwrap()), None);
        let app = router(endpoint, Fence::new(address, &[]));
        tokio::spawn(async move {
            use axum::serve::ListenerExt as _;
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            axum::serve(listener, app).await
        });
        let key = engine.new_key("s").unwrap();
        (Self::connect(address, &key).await, address, key)
    }

    async fn connect(address: std::net::SocketAddr, key: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "POST /mcp/x HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n"
        );
        let mut client = Self { stream: BufReader::new(stream), head };
        let hello = json!({ "jsonrpc": "2.0", "id": "h", "method": "initialize",
            "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "b", "version": "1" } } });
        let (head, _) = client.post(&hello.to_string()).await;
        let id =
            head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap().trim().to_owned();
        client.head.push_str(&format!("Mcp-Session-Id: {id}\r\n"));
        client
    }

    async fn post(&mut self, body: &str) -> (String, String) {
        let text = format!("{}Content-Length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().trim();
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    async fn calls(&mut self, calls: usize) -> Vec<Duration> {
        let mut took = Vec::new();
        for number in 0..calls {
            let body = message(number);
            let begun = Instant::now();
            let (_, answer) = self.post(&body).await;
            took.push(begun.elapsed());
            assert!(answer.contains("a thing"), "{answer}");
        }
        took
    }
}

/// The guard alone, until its input ends.
fn guard() {
    let folder = tempfile::tempdir().unwrap();
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    one.block_on(async {
        let engine = engine(folder.path());
        let command = [words(&["taskset", "-c", "1"]), command()].concat();
        let place = Place::Process { command, env: Vec::new(), folder: None };
        let (_first, address, key) = Client::new(&engine, place).await;
        println!("{address} {key}");
        let end = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()));
        end.await.unwrap().unwrap();
    });
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Binds all threads of this process to these cores.
fn bind(cores: &str) {
    let id = std::process::id().to_string();
    let done = std::process::Command::new("taskset").args(["-a", "-cp", cores, &id]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Seconds that a process had on the processor.
fn busy(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after = stat.rsplit_once(')').unwrap().1;
    let ticks: f64 =
        after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// The guard on one core, its clients and the server on the other.
async fn throughput() {
    let exe = command().remove(0);
    let mut child = tokio::process::Command::new("taskset")
        .args(["-c", "0", &exe, "guard"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).await.unwrap();
    let (address, key) = said.trim().split_once(' ').unwrap();
    bind("1");
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::connect(address.parse().unwrap(), key).await);
    }
    let each = CALLS * 2;
    let guard = child.id().unwrap();
    let (begun, before) = (Instant::now(), busy(guard));
    let work = clients.into_iter().map(|mut client| async move { client.calls(each).await });
    futures_util::future::join_all(work).await;
    let (took, busy) = (begun.elapsed().as_secs_f64(), busy(guard) - before);
    bind("0-1");
    let calls = (8 * each) as f64;
    println!(
        "{:52} {:>9.0} a second over HTTP, the guard on one core, clients and server on the other (goal 5000)",
        "calls",
        calls / took
    );
    println!(
        "{:52} {:>9.0} calls a second of its own time, {:.0} us each; busy {:.0} % of the time",
        "the guard's core",
        calls / busy,
        busy / calls * 1e6,
        busy / took * 100.0
    );
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
}

/// Connections to a server that is reached over HTTP: what is measured is the guard, and not a thousand processes.
async fn memory() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let (_behind, address, key) =
        Client::new(&engine, Place::Process { command: command(), env: Vec::new(), folder: None }).await;
    drop(_behind);
    let before = resident();
    for number in 0..1000 {
        let session = format!("t{number}");
        engine.begin(&session, "agent", "ann", "please look at the list and tell me what is there").unwrap();
        for at in 0..10 {
            let call = call(at, "look");
            let answer = engine.decide(&session, &call);
            engine
                .ended(&session, answer.number, &call, Outcome::Done, Some(&json!({ "id": at.to_string() })))
                .unwrap();
        }
    }
    let mut clients = Vec::new();
    for _ in 0..60 {
        clients.push(Client::connect(address, &key).await);
    }
    let after = resident();
    println!(
        "{:52} {after:>9.1} MB with 1,000 sessions and 60 connections, {before:.1} before (goal 200)",
        "memory"
    );
}
