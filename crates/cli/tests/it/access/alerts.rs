//! What was handed out turns out to be malware: the whole way, from the feed to the webhook and the API.

use crate::check::validate::valid;
use crate::support::{Mill, Server as Up};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use trustmill_core::Sha256;
use trustmill_testkit::server::{Reply, Server};
use trustmill_trust::keys::PublicKey;
use trustmill_trust::webhook::verifies;

const WHEEL: &str = "demo-1.0-py3-none-any.whl";

/// An index with one release of long ago.
async fn index() -> Server {
    let server = Server::start().await;
    let page = serde_json::json!({
        "meta": { "api-version": "1.1" }, "name": "demo", "versions": ["1.0"],
        "files": [{
            "filename": WHEEL, "url": server.url(&format!("/files/{WHEEL}")), "upload-time": "2020-01-01T00:00:00Z",
            "hashes": { "sha256": Sha256::of(WHEEL.as_bytes()).to_hex() }, "size": WHEEL.len(),
        }],
    });
    let json = Reply::body(page.to_string()).header("Content-Type", "application/vnd.pypi.simple.v1+json");
    server.script("/simple/demo/", [json]);
    server.script(&format!("/files/{WHEEL}"), [Reply::body(WHEEL.to_owned())]);
    server
}

/// A message: its header fields, lower case, and its body.
type Message = (Vec<(String, String)>, Vec<u8>);

/// A receiver at `address` that takes what it is sent.
fn receiver(address: SocketAddr) -> Receiver<Message> {
    let (listener, (sender, messages)) = (TcpListener::bind(address).unwrap(), channel());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let message = take(stream.unwrap());
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    messages
}

fn take(stream: TcpStream) -> Message {
    let mut reader = BufReader::new(stream);
    let (mut fields, mut line) = (Vec::new(), String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some((name, value)) = line.split_once(": ") {
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        line.clear();
    }
    let mut body = vec![0; field(&fields, "content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    (fields, body)
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap()
}

fn curl(arguments: &[&str]) -> Value {
    let output = Command::new("curl").arg("-s").args(arguments).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Waits until there are alerts.
fn alerts(mill: &Mill) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let alerts = mill.run(&["alerts", "--json"]).json(0).as_array().unwrap().clone();
        if !alerts.is_empty() {
            return alerts;
        }
        assert!(Instant::now() < deadline, "no alert was raised");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn token(mill: &Mill, more: &[&str]) -> String {
    mill.run(&[&["token", "create", "--team", "blue"], more].concat()).stdout().trim().to_owned()
}

/// The feed that learns of it.
fn learn(mill: &Mill) {
    let feed = mill.path().join("feed");
    std::fs::create_dir_all(&feed).unwrap();
    let record = serde_json::json!({
        "id": "MAL-2026-1", "modified": "2026-01-01T00:00:00Z", "summary": "steals tokens",
        "affected": [{ "package": { "ecosystem": "PyPI", "name": "demo" }, "versions": ["1.0"] }],
    });
    std::fs::write(feed.join("MAL-2026-1.json"), record.to_string()).unwrap();
    mill.run(&["advisories", "update", "--json", "--from", feed.to_str().unwrap()]).json(0);
}

fn up(mill: &Mill, index: &Server, config: &str) -> Up {
    mill.up(&["--serve-only", "--config", config, "--upstream", &format!("pypi={}", index.url("/simple/"))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_malware_is_told_although_the_receiver_was_down_and_the_mill_was_killed() {
    let (mill, index) = (Mill::new(), index().await);
    // A port that nobody listens on, for now.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "[alerts]\ninterval_seconds = 1\n[alerts.webhook]\nurl = \"http://{address}/hook?key=hunter2\"\n"
    );
    let config = mill.file("trustmill.toml", &config);
    let config = config.to_str().unwrap();
    let server = up(&mill, &index, config);
    let (blue, admin) = (token(&mill, &[]), token(&mill, &["--admin"]));
    let url = server.url(&format!("/pypi/files/demo/{WHEEL}"));
    let got = Command::new("curl").args(["-sf", "-u", &format!("__token__:{blue}"), &url]).output().unwrap();
    assert_eq!(got.stdout, WHEEL.as_bytes());
    learn(&mill);
    let raised = alerts(&mill);
    assert_eq!(
        (&raised[0]["cause"]["kind"], &raised[0]["who"][0]["team"]),
        (&"malicious".into(), &"blue".into())
    );
    assert_eq!(raised[0]["files"][0]["sha256"], Sha256::of(WHEEL.as_bytes()).to_hex());
    assert_eq!(mill.run(&["alerts", "--open"]).code(), 1);
    crate::support::signal(server.pid(), "KILL");
    drop(server);

    let messages = receiver(address);
    let server = up(&mill, &index, config);
    let (fields, body) = messages.recv_timeout(Duration::from_secs(60)).unwrap();
    let id = raised[0]["id"].as_str().unwrap();
    assert_eq!(field(&fields, "webhook-id"), id);
    let pem = Command::new("curl").args(["-s", &server.url("/keys.pem")]).output().unwrap();
    let key = PublicKey::from_pem(&String::from_utf8(pem.stdout).unwrap(), "test").unwrap();
    let timestamp = field(&fields, "webhook-timestamp").parse().unwrap();
    assert!(verifies(&key, field(&fields, "webhook-signature"), id, timestamp, &body));
    let message: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(message["data"]["release"], "pkg:pypi/demo@1.0");

    let ack = server.url(&format!("/api/v1/alerts/{id}/ack"));
    let data = r#"{"who": "Ada", "why": "rotated"}"#;
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    assert_eq!(curl(&["-d", data, "-H", &bearer(&blue), &ack])["code"], "TM0717");
    assert_eq!(curl(&["-d", data, "-H", &bearer(&admin), &ack])["alert"]["acknowledged"]["who"], "Ada");
    let said = |path: &str| curl(&["-H", &bearer(&admin), &server.url(path)]);
    let description = said("/api/v1/openapi.json");
    valid("openapi", &description);
    for (schema, answer) in [
        ("Alerts", said("/api/v1/alerts")),
        ("Handed", said("/api/v1/handed/pkg:pypi/demo")),
        ("Facts", said("/api/v1/packages/pkg:pypi/demo@1.0")),
        ("Keys", said("/keys")),
        ("Problem", curl(&["-d", data, "-H", &bearer(&blue), &ack])),
    ] {
        assert!(answer.is_object(), "{schema}: {answer}");
        valid("answer", &json!({ "description": description, "schema": schema, "answer": answer }));
    }
    assert_eq!(mill.run(&["alerts", "--open"]).code(), 0);
    assert!(mill.run(&["alerts"]).stdout().contains("done  Ada"));
    assert!(messages.recv_timeout(Duration::from_secs(3)).is_err(), "it is sent once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overrides_are_said_and_taken_back_over_the_api() {
    let (mill, index) = (Mill::new(), index().await);
    let config = mill.file("trustmill.toml", "");
    let server = up(&mill, &index, config.to_str().unwrap());
    let (blue, admin) = (token(&mill, &[]), token(&mill, &["--admin"]));
    learn(&mill);
    let file = server.url(&format!("/pypi/files/demo/{WHEEL}"));
    let status = || {
        let output = Command::new("curl")
            .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &file])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while status() != "403" {
        assert!(Instant::now() < deadline, "malware is refused");
        std::thread::sleep(Duration::from_millis(100));
    }
    let (api, bearer) =
        (server.url("/api/v1/overrides"), |token: &str| format!("Authorization: Bearer {token}"));
    let wish = |until: &str| {
        serde_json::json!({"purl": "pkg:pypi/demo@1.0", "by": "Ada", "why": "a sample for tests", "until": until, "even_malicious": true}).to_string()
    };
    let say = |token: &str, body: &str| curl(&["-d", body, "-H", &bearer(token), &api]);
    let ahead =
        trustmill_core::Timestamp::now().checked_add(Duration::from_secs(3 * 86_400)).unwrap().to_string();
    assert_eq!(say(&blue, &wish(&ahead))["code"], "TM0717");
    assert_eq!(say(&admin, &wish("2020-01-01T00:00:00Z"))["code"], "TM0908");
    assert_eq!(say(&admin, "{}")["code"], "TM0727");
    let said = say(&admin, &wish(&ahead));
    let id = said["override"]["id"].as_str().unwrap_or_else(|| panic!("{said:#}"));
    assert!(said["override"]["by"].as_str().unwrap().starts_with("Ada (token "), "{said:#}");
    assert_eq!(status(), "200", "from the next request on");
    let listed = curl(&["-H", &bearer(&admin), &api]);
    assert_eq!(listed["overrides"][0]["id"], id);
    let description = curl(&["-H", &bearer(&admin), &server.url("/api/v1/openapi.json")]);
    for (schema, answer) in [("OneOverride", &said), ("Overrides", &listed)] {
        valid("answer", &json!({ "description": description, "schema": schema, "answer": answer }));
    }
    let one = format!("{api}/{id}");
    let body = r#"{"by": "Bob", "why": "done"}"#;
    let gone = curl(&["-X", "DELETE", "-d", body, "-H", &bearer(&admin), &one]);
    assert_eq!(gone["override"]["standing"], "revoked", "{gone:#}");
    valid("answer", &json!({ "description": description, "schema": "OneOverride", "answer": gone }));
    assert_eq!(status(), "403");
    let again = curl(&["-X", "DELETE", "-d", body, "-H", &bearer(&admin), &one]);
    assert_eq!((&again["status"], &again["code"]), (&409.into(), &"TM0908".into()));
    let none = curl(&["-X", "DELETE", "-d", body, "-H", &bearer(&admin), &format!("{api}/00000000")]);
    assert_eq!((&none["status"], &none["code"]), (&404.into(), &"TM0908".into()));
}
