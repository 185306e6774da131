//! What no official client sends.

use super::{WORLD, World, process, python, script};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer: status, head, body.
type Got = (u16, String, String);

async fn send(address: SocketAddr, line: &str, headers: &str, body: &str) -> Got {
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    let length = body.len();
    let text = format!(
        "{line} HTTP/1.1\r\n{host}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head.to_lowercase(), body.to_owned())
}

async fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    std::fs::write(&file, "{\"changed\":[]}").unwrap();
    let local = process(&[&python(), &script("server.py"), file.to_str().unwrap(), "stdio"]);
    let world =
        World::with("change item alpha", vec![("here", WORLD, local)], Duration::from_secs(2), None).await;
    (world, folder)
}

const TYPES: &str = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

/// Opens a connection; the header fields of its requests.
async fn open(world: &World, revision: &str) -> (String, Value) {
    let authorized = format!("{TYPES}Authorization: Bearer {}\r\n", world.key);
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let (status, head, body) = send(world.address, "POST /mcp/here", &authorized, &hello.to_string()).await;
    assert_eq!(status, 200, "{body}");
    let id = head.split("mcp-session-id: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
    (format!("{authorized}Mcp-Session-Id: {id}\r\n"), serde_json::from_str(&body).unwrap())
}

fn request(id: Value, method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_pages_and_other_tasks_are_kept_out() {
    let (world, _folder) = world().await;
    let (mine, hello) = open(&world, "2025-06-18").await;
    assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
    let list = request(json!(1), "tools/list", json!({}));
    world.engine.begin("other", "agent", "bob", "look").unwrap();
    let other = world.engine.new_key("other").unwrap();
    let swapped = mine.replace(&world.key, &other);
    for (line, headers, body, status) in [
        ("POST /mcp/here", mine.clone(), list.as_str(), 200),
        ("POST /mcp/here", TYPES.to_owned(), list.as_str(), 401),
        ("POST /mcp/here", mine.replace(&world.key, "tmg_0"), list.as_str(), 401),
        ("POST /mcp/here", swapped, list.as_str(), 404),
        ("POST /mcp", mine.clone(), list.as_str(), 404),
        ("POST /mcp/nobody", mine.clone(), list.as_str(), 404),
        ("POST /mcp/here", format!("{mine}Origin: http://evil.example\r\n"), list.as_str(), 403),
        ("POST /mcp/here", format!("{mine}Host: evil.example\r\n"), list.as_str(), 403),
        (
            "POST /mcp/here",
            format!("{mine}Host: {0}\r\nHost: evil.example\r\n", world.address),
            list.as_str(),
            403,
        ),
        (
            "POST /mcp/here",
            format!("{mine}Origin: http://{0}\r\nOrigin: null\r\n", world.address),
            list.as_str(),
            403,
        ),
        ("POST /mcp/here", mine.replace("application/json\r\n", "text/plain\r\n"), list.as_str(), 415),
        ("POST /mcp/here", mine.clone(), "{", 400),
        ("POST /mcp/here", mine.clone(), "7", 400),
        ("POST /mcp/here", mine.clone(), "[]", 400),
        ("POST /mcp/here", format!("{mine}MCP-Protocol-Version: 2031-01-01\r\n"), list.as_str(), 400),
        ("GET /mcp/here", mine.replace("text/event-stream", "text/html"), "", 406),
        ("GET /mcp/here", format!("{mine}Last-Event-ID: 99-1\r\n"), "", 400),
        ("DELETE /mcp/here", mine.clone(), "", 204),
        ("POST /mcp/here", mine.clone(), list.as_str(), 404),
    ] {
        let got = send(world.address, line, &headers, body).await;
        assert_eq!(got.0, status, "{line}\n{headers}\n{body}\n{}", got.2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_lost_is_taken_up_again() {
    let (world, _folder) = world().await;
    let (mine, _) = open(&world, "2025-11-25").await;
    let params = json!({ "name": "slowly", "arguments": { "steps": 20 }, "_meta": { "progressToken": "p" } });
    let body = request(json!(7), "tools/call", params);
    let text = format!(
        "POST /mcp/here HTTP/1.1\r\nHost: {}\r\n{mine}Content-Length: {}\r\n\r\n{body}",
        world.address,
        body.len()
    );
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut came = String::new();
    let mut chunk = [0; 512];
    while !came.contains("step 3") {
        let took = stream.read(&mut chunk).await.unwrap();
        came.push_str(std::str::from_utf8(&chunk[..took]).unwrap());
    }
    drop(stream);
    assert!(came.contains("text/event-stream") && came.contains("id: 1-0\n"), "{came}");
    let last = came
        .split("id: ")
        .filter(|part| part.contains("\n\n"))
        .last()
        .unwrap()
        .split('\n')
        .next()
        .unwrap()
        .trim();
    let rest = send(world.address, "GET /mcp/here", &format!("{mine}Last-Event-ID: {last}\r\n"), "").await;
    let steps =
        |text: &str| (1..=20).filter(|step| text.contains(&format!("\"step {step}\""))).collect::<Vec<_>>();
    let (before, after) = (steps(&came), steps(&rest.2));
    assert_eq!(
        [before, after].concat(),
        (1..=20).collect::<Vec<_>>(),
        "nothing twice, nothing lost\n{}",
        rest.2
    );
    assert!(rest.2.contains("\"there\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_double_ids_and_servers_that_hang() {
    let (world, folder) = world().await;
    let (mine, _) = open(&world, "2025-03-26").await;
    let call = |id: u64, item: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "change", "arguments": { "item": item } } });
    let batch = json!([call(1, "alpha"), { "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } }, call(2, "beta"),
        call(3, "gamma"), { "jsonrpc": "2.0", "id": 1, "method": "ping" }, call(4, "alpha"), { "id": 1.5, "method": "ping" }]);
    let (status, _, body) = send(world.address, "POST /mcp/here", &mine, &batch.to_string()).await;
    let said: Value = serde_json::from_str(&body).unwrap();
    assert!(said.is_array(), "{status} {body}");
    assert_eq!((status, said.as_array().unwrap().len()), (200, 6), "{body}");
    assert_eq!(super::changed(folder.path()), json!(["alpha", "alpha"]), "only what was asked for: {body}");
    assert!(said[3]["error"]["message"].as_str().unwrap().contains("waits for its answer"), "{body}");
    let hang = request(json!(5), "tools/call", json!({ "name": "hang", "arguments": {} }));
    let (_, _, body) = send(world.address, "POST /mcp/here", &mine, &hang).await;
    assert!(body.contains("does not answer"), "{body}");
    let huge =
        request(json!(6), "tools/call", json!({ "name": "look", "arguments": { "a": "x".repeat(9 << 20) } }));
    let status = send(world.address, "POST /mcp/here", &mine, &huge).await.0;
    assert!(status == 413 || status == 0, "{status}");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"tools/call\",\"params\":{{\"name\":\"look\",\"arguments\":{{\"a\":{deep}}}}}}}"
    );
    assert_eq!(send(world.address, "POST /mcp/here", &mine, &deep).await.0, 400);
    let ping = send(world.address, "POST /mcp/here", &mine, &request(json!(9), "ping", json!({}))).await;
    assert_eq!(ping.2, r#"{"jsonrpc":"2.0","id":9,"result":{}}"#);
}
