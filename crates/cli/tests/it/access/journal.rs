//! Who has what, after an orderly end and after `kill -9`.

use super::Closed;
use crate::support::{retry, signal};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// Downloads one file as the token's holder.
fn fetch(closed: &Closed, token: &str, version: &str) {
    let url = closed.server.url(&format!("/pypi/files/six/six-{version}-py2.py3-none-any.whl"));
    let header = format!("Authorization: Bearer {token}");
    retry(Command::new("curl").args(["-sSf", "-o", "/dev/null", "-H", &header, &url]));
}

/// Who was given files of six, as another process reads it.
fn holders(closed: &Closed, purl: &str) -> Vec<Value> {
    closed.mill.run(&["alerts", "--json", "--who", purl]).json(0).as_array().unwrap().clone()
}

#[test]
fn what_was_handed_out_is_known_after_any_end() {
    let closed = Closed::new();
    let token = closed.token(&["--agent", "robot"]);
    fetch(&closed, &token, "1.16.0");
    fetch(&closed, &token, "1.16.0");
    let written = Instant::now() + Duration::from_secs(20);
    while holders(&closed, "pkg:pypi/six").is_empty() {
        assert!(Instant::now() < written, "it is written within seconds, unasked");
    }
    signal(closed.server.pid(), "KILL");
    let found = holders(&closed, "pkg:pypi/six@1.16.0");
    let who = &found[0]["principal"];
    assert_eq!((&who["team"], &who["agent"]), (&"blue".into(), &"robot".into()));
    assert!(token.contains(who["token"].as_str().unwrap()) && found.len() == 1, "{found:?}");

    let server = closed.mill.up(&["--serve-only"]);
    let url = server.url("/pypi/files/six/six-1.17.0-py2.py3-none-any.whl");
    retry(Command::new("curl").args(["-sSf", "-o", "/dev/null", &url]));
    assert_eq!(server.terminate(), 0);
    let found = holders(&closed, "pkg:pypi/six@1.17.0");
    assert_eq!((found.len(), &found[0]["principal"]), (1, &serde_json::json!({})), "nobody by name");
    let shown = closed.mill.run(&["alerts", "--who", "pkg:pypi/six"]).stdout();
    assert!(shown.contains("blue, agent robot") && shown.contains("(no token)"), "{shown}");
}
