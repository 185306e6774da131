//! Policies and overrides as people meet them: the real binary before a made-up index.

use crate::support::{Mill, Server as Up};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use trustmill_core::{Sha256, Timestamp};
use trustmill_testkit::server::{Reply, Server};

const WHEEL: &str = "demo-1.1-py3-none-any.whl";

/// An index with one project: an old release, and one of an hour ago.
async fn index() -> Server {
    let server = Server::start().await;
    let file = |name: &str, hours: i64| {
        let at = Timestamp::from_second(Timestamp::now().as_second() - hours * 3600).unwrap();
        serde_json::json!({
            "filename": name, "url": server.url(&format!("/files/{name}")), "upload-time": at,
            "hashes": { "sha256": Sha256::of(name.as_bytes()).to_hex() }, "size": name.len(),
        })
    };
    let files = [file("demo-1.0-py3-none-any.whl", 2000), file(WHEEL, 1)];
    let page = serde_json::json!({
        "meta": { "api-version": "1.1" }, "name": "demo", "files": files, "versions": ["1.0", "1.1"],
    });
    let json = Reply::body(page.to_string()).header("Content-Type", "application/vnd.pypi.simple.v1+json");
    server.script("/simple/demo/", [json]);
    for name in ["demo-1.0-py3-none-any.whl", WHEEL] {
        server.script(&format!("/files/{name}"), [Reply::body(name.to_owned())]);
    }
    server
}

/// A GET: the status line, and the body.
fn get(up: &Up, path: &str) -> (String, String) {
    let address = up.url("").replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAccept: application/vnd.pypi.simple.v1+json\r\n\r\n"
    )
    .unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// The path of a file, as the page has it.
fn path_of(up: &Up, filename: &str) -> String {
    let (status, body) = get(up, "/pypi/simple/demo/");
    assert!(status.contains(" 200 "), "{status} {body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    let files = page["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["filename"] == filename).unwrap();
    let url = file["url"].as_str().unwrap();
    format!("/pypi/files/{}", url.split_once("files/").unwrap().1)
}

/// Asks until the status line says what is expected.
fn until(up: &Up, path: &str, expected: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (status, _) = get(up, path);
        if status.contains(expected) {
            return;
        }
        assert!(Instant::now() < deadline, "{status}, expected {expected}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn serve(mill: &Mill, index: &Server) -> Up {
    mill.up(&["--serve-only", "--upstream", &format!("pypi={}", index.url("/simple/"))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_release_is_held_until_somebody_says_otherwise() {
    let (mill, index) = (Mill::new(), index().await);
    let up = serve(&mill, &index);
    let path = path_of(&up, WHEEL);
    let (status, body) = get(&up, &path);
    assert!(status.contains("403") && status.contains("TM0902"), "{status}");
    assert!(body.contains("demo 1.1 is 1 h old; pypi releases wait 72 h"), "{body}");
    let upstream = format!("pypi={}", index.url("/simple/"));
    let explained = mill.run(&["--upstream", &upstream, "policy", "explain", "--json", "pkg:pypi/demo@1.1"]);
    let explained = explained.json(1);
    assert_eq!(explained["decision"]["code"], "TM0902");
    assert_eq!(explained["facts"]["age_hours"], 1);
    assert!(explained["decision"]["until"].is_string(), "{explained:#}");
    let add = ["override", "add", "--json", "pkg:pypi/demo@1.1", "--until", "1d", "--by", "ada"];
    let made = mill.run(&[&add[..], &["--why", "read the diff"]].concat()).json(0);
    assert_eq!(made["standing"], "in force");
    until(&up, &path, " 200 ");
    let id = made["id"].as_str().unwrap();
    let revoke = ["override", "revoke", "--json", id, "--why", "no", "--by", "bob"];
    assert_eq!(mill.run(&revoke).json(0)["standing"], "revoked");
    until(&up, &path, "TM0902");
    assert_eq!(mill.run(&["override", "list", "--json"]).json(0)[0]["revoked"]["by"], "bob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_read_again_and_no_request_notices_but_by_the_answer() {
    let (mill, index) = (Mill::new(), index().await);
    let own = mill.path().join("policies");
    std::fs::create_dir(&own).unwrap();
    let config = format!("[policy]\nfiles = [{own:?}]\n[policy.cooldown]\nhours = 0\n");
    std::fs::create_dir_all(mill.data()).unwrap();
    std::fs::write(mill.data().join("trustmill.toml"), config).unwrap();
    let up = Arc::new(serve(&mill, &index));
    let path = path_of(&up, WHEEL);
    assert!(get(&up, &path).0.contains(" 200 "));
    let (stop, busy) = (Arc::new(AtomicBool::new(false)), Arc::clone(&up));
    let stopping = Arc::clone(&stop);
    let load = std::thread::spawn(move || {
        let mut asked = 0;
        while !stopping.load(Ordering::Relaxed) {
            let (status, _) = get(&busy, "/pypi/simple/demo/");
            assert!(status.contains(" 200 "), "{status}");
            asked += 1;
        }
        asked
    });
    let policy = "@id(\"no-demo\") @effect(\"block\") @code(\"ACME1\") @reason(\"not {name}\") forbid (principal, action, resource) when { resource.name == \"demo\" };";
    std::fs::write(own.join("own.cedar"), policy).unwrap();
    until(&up, &path, "ACME1");
    std::fs::write(own.join("own.cedar"), policy.replace("resource.name", "resource.nmae")).unwrap();
    let status = || mill.run(&["policy", "status"]);
    assert_eq!(status().code(), 2);
    let text = status().stderr();
    assert!(text.contains("own.cedar:1:") && text.contains("nmae") && text.contains("^"), "{text}");
    let alarm = || mill.run(&["doctor", "--json"]).stdout().contains("nmae");
    assert!(alarm(), "the doctor names the problem");
    assert!(get(&up, &path).0.contains("ACME1"), "the policies before stay");
    std::fs::remove_file(own.join("own.cedar")).unwrap();
    until(&up, &path, " 200 ");
    stop.store(true, Ordering::Relaxed);
    assert!(load.join().unwrap() > 0);
}

#[test]
fn a_mill_does_not_start_with_policies_that_are_not_valid() {
    let mill = Mill::new();
    let broken = mill.file("own.cedar", "permit (principal, action, resource);");
    let config = mill.file("trustmill.toml", &format!("[policy]\nfiles = [{broken:?}]\n"));
    let run = mill.run(&["--config", config.to_str().unwrap(), "up", "--listen", "127.0.0.1:0"]);
    assert_eq!(run.code(), 2, "{}", run.stderr());
    assert!(run.stderr().contains("error[TM0907]") && run.stderr().contains("@id"), "{}", run.stderr());
}

#[test]
fn files_are_checked_and_cases_are_tried_without_a_data_folder() {
    let mill = Mill::new();
    let checked = mill.run(&["policy", "check", "--json"]).json(0);
    let ids: Vec<_> = checked["policies"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    assert!(ids.iter().any(|id| **id == "malicious") && ids.iter().any(|id| **id == "cooldown"), "{ids:?}");
    assert_eq!(mill.run(&["policy", "test"]).code(), 0);
    let wrong =
        mill.file("cases.toml", "[[case]]\nname = \"a\"\npurl = \"pkg:npm/a@1\"\nexpect = \"block\"\n");
    let run = mill.run(&["policy", "test", wrong.to_str().unwrap()]);
    assert_eq!(run.code(), 1);
    assert!(
        run.stdout().contains("WRONG") && run.stdout().contains("expected block, got allow"),
        "{}",
        run.stdout()
    );
    let broken = mill.file("own.cedar", "@id(\"a\")\npermit (principal, action resource);\n");
    let run = mill.run(&["policy", "check", broken.to_str().unwrap()]);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("own.cedar:2:27"), "{}", run.stderr());
    assert!(!mill.data().exists(), "nothing was made");
}

#[test]
fn an_override_needs_a_reason_and_an_end_within_bounds() {
    let mill = Mill::new();
    let add = |until: &str, why: &str| {
        mill.run(&["override", "add", "pkg:npm/demo", "--by", "ada", "--until", until, "--why", why])
    };
    for (until, why) in [("400d", "why"), ("0h", "why"), ("1d", " ")] {
        let run = add(until, why);
        assert_eq!(run.code(), 2, "{until} {why:?}");
        assert!(run.stderr().contains("error[TM0908]"), "{}", run.stderr());
    }
    assert_eq!(add("1d", "why").code(), 0);
    assert!(mill.run(&["override", "list"]).stdout().contains("in force"));
}
