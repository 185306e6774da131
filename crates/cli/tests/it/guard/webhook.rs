//! Questions that reach people by themselves: a guard that runs tells a receiver, signed, and takes nothing back.

use super::{Running, World};
use crate::support::signal;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use trustmill_trust::webhook::verifies;

/// A request as a receiver gets it: header fields in small letters, and the body.
type Got = (Vec<(String, String)>, Vec<u8>);

/// Takes one request and answers it.
fn take(listener: &TcpListener, answer: &str) -> Got {
    let (mut stream, _) = listener.accept().unwrap();
    let mut from = BufReader::new(stream.try_clone().unwrap());
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        match line.trim().split_once(": ") {
            Some((name, value)) => fields.push((name.to_lowercase(), value.to_owned())),
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let length = fields.iter().find(|(name, _)| name == "content-length").unwrap().1.parse().unwrap();
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    stream.write_all(answer.as_bytes()).unwrap();
    (fields, body)
}

#[test]
fn a_receiver_hears_what_waits_and_its_answer_approves_nothing() {
    let world = World::new(&json!({}));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::fs::create_dir_all(world.state()).unwrap();
    let secret = world.mill.file("receiver.url", &format!("http://{address}/hook?token=hush\n"));
    let config = format!(
        "[webhook]\nurl = {{ file = '{}' }}\npage = 'https://guard.example.com/'\n",
        secret.display()
    );
    std::fs::write(world.state().join("guard.toml"), config).unwrap();
    let mut up = world.command(&["up"]);
    let mut up = Running(up.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut said = BufReader::new(up.0.stderr.take().unwrap());
    said.read_line(&mut String::new()).unwrap();

    world.people(&["open", "--task", super::SUGGEST, "--session", "s", "--owner", "ann"]);
    let event = json!({ "tool_name": "mcp__mail__delete_email", "tool_input": { "email_id": "hidden-7" } })
        .to_string();
    let asked = || {
        world.hook(&["hook", "--session", "s"], &event)["hookSpecificOutput"]["permissionDecision"] == "allow"
    };
    assert!(!asked());
    let (_, first) = take(&listener, "HTTP/1.1 503 no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let yes = r#"{"approve":true,"decision":"allow"}"#;
    let answer =
        format!("HTTP/1.1 200 yes\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{yes}", yes.len());
    let (fields, body) = take(&listener, &answer);
    assert_eq!(
        serde_json::from_slice::<Value>(&first).unwrap()["data"],
        serde_json::from_slice::<Value>(&body).unwrap()["data"],
        "what did not arrive comes again"
    );
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).unwrap().1.clone();
    let text = String::from_utf8(body.clone()).unwrap();
    assert!(
        text.contains("\"effect\":\"destroy\"") && text.contains("https://guard.example.com/#"),
        "{text}"
    );
    assert!(!text.contains("hidden-7"), "no value of a call leaves: {text}");
    let key = trustmill_trust::keys::file::open_or_create(&world.state().join("keys")).unwrap().public();
    let at = field("webhook-timestamp").parse().unwrap();
    assert!(verifies(&key, &field("webhook-signature"), &field("webhook-id"), at, &body));
    assert!(!asked(), "a receiver's yes is none");

    // Everything that the guard printed: the receiver's address is nowhere in it.
    signal(up.0.id(), "INT");
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("TM0723") && !rest.contains("hush"), "{rest}");
}

#[test]
fn a_receiver_that_would_be_told_in_the_clear_is_refused() {
    let world = World::new(&json!({}));
    std::fs::create_dir_all(world.state()).unwrap();
    for url in ["http://chat.example.com/hook", "ftp://127.0.0.1/", "nonsense"] {
        std::fs::write(world.state().join("guard.toml"), format!("[webhook]\nurl = '{url}'\n")).unwrap();
        let output = world.command(&["up"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{url}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("https, or http on this machine"));
    }
}
