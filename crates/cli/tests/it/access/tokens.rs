//! `trustmill token`.

use super::Closed;
use crate::support::Mill;
use std::process::Command;

/// Status and body of a request with a header line.
fn ask(url: &str, header: &str) -> (String, String) {
    let output =
        Command::new("curl").args(["-s", "-w", "\n%{http_code}", "-H", header, url]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn a_token_is_shown_once_and_works_until_it_is_revoked() {
    let closed = Closed::new();
    let token = closed.token(&["--note", "CI", "--expires", "90d"]);
    assert!(token.starts_with("tm_") && token.len() == 72, "{token}");
    let (keys, header) = (closed.server.url("/keys"), format!("Authorization: Bearer {token}"));
    assert_eq!(ask(&keys, "X-None: 1").0, "401");
    assert_eq!(ask(&closed.server.url("/healthz"), "X-None: 1").0, "200");
    assert_eq!(ask(&keys, &header).0, "200", "a mill that runs already knows it");
    let listed = closed.mill.run(&["token", "list", "--json"]);
    assert!(!listed.stdout().contains(&token) && !listed.stdout().contains("hash"), "{}", listed.stdout());
    let listed = listed.json(0);
    assert_eq!(
        (&listed[0]["team"], &listed[0]["note"], &listed[0]["admin"]),
        (&"blue".into(), &"CI".into(), &false.into())
    );
    let id = listed[0]["id"].as_str().unwrap();
    assert!(closed.mill.run(&["token", "list"]).stdout().contains(id));
    assert_eq!(closed.mill.run(&["token", "revoke", id]).code(), 0);
    let (status, body) = ask(&keys, &header);
    assert!(status == "401" && body.contains("TM0714"), "at once: {body}");
    let again = closed.mill.run(&["token", "revoke", &token, "--json"]).json(2);
    assert_eq!(again["error"]["code"], "TM0718");
    let in_query = ask(&format!("{keys}?token={token}"), "X-None: 1");
    assert!(in_query.0 == "400" && in_query.1.contains("TM0715"), "{in_query:?}");
    closed.log_is_clean(&[&token]);
}

#[test]
fn what_makes_no_token_is_an_error() {
    let mill = Mill::new();
    let code = |args: &[&str]| {
        mill.run(&[&["token", "create", "--json", "--team", "blue"], args].concat()).json(2)["error"]["code"]
            .clone()
    };
    assert_eq!(code(&["--expires", "2020-01-01"]), "TM0719");
    for args in [
        &["--team", "a b"][..],
        &["--team", "blue", "--expires", "soon"],
        &["--team", "blue", "--note", "a\nb"],
    ] {
        let run = mill.run(&[&["token", "create"], args].concat());
        assert_eq!((run.code(), run.stdout().as_str()), (2, ""), "{args:?}");
    }
    assert_eq!(mill.run(&["token", "revoke", "0000000000", "--json"]).json(2)["error"]["code"], "TM0718");
    assert!(mill.run(&["token", "list"]).stdout().contains("no tokens"));
}
