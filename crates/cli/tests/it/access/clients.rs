//! Every client with a token, without one, and with one that is not good: it works, or it says why.

use super::Closed;
use crate::npm_clients::client::{Client, installed, project};
use crate::support::{Mill, retry, tools};
use std::path::Path;
use std::process::{Command, Output};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// `index` with user and password.
fn with_password(index: &str, user: &str, password: &str) -> String {
    index.replacen("://", &format!("://{user}:{password}@"), 1)
}

fn pip(mill: &Mill, index: &str) -> Command {
    let mut pip = Command::new(tools().join("bin/pip"));
    pip.env("PIP_CONFIG_FILE", "/dev/null").env_remove("PIP_FIND_LINKS").env("HOME", mill.path());
    pip.args([
        "download",
        "--no-input",
        "--no-deps",
        "--no-cache-dir",
        "--retries",
        "0",
        "--index-url",
        index,
    ]);
    pip.args(["six==1.17.0", "-d"]).arg(mill.path().join("downloads"));
    pip
}

fn uv(mill: &Mill, index: &str) -> Command {
    let mut uv = Command::new(tools().join("bin/uv"));
    uv.env("HOME", mill.path()).env_remove("UV_INDEX_URL").env_remove("UV_DEFAULT_INDEX");
    uv.args(["pip", "install", "--reinstall", "--no-config", "--no-deps", "--keyring-provider", "disabled"]);
    uv.args(["--default-index", index, "--no-cache", "--target"])
        .arg(mill.path().join("by-uv"))
        .arg("six==1.17.0");
    uv
}

#[test]
fn pip_and_uv_show_the_token_as_password_or_as_user() {
    let closed = Closed::new();
    let (token, revoked) = (closed.token(&[]), closed.token(&[]));
    closed.mill.run(&["token", "revoke", &revoked]);
    let index = closed.server.index();
    let good = [with_password(&index, "__token__", &token), with_password(&index, &token, "")];
    for index in &good {
        retry(&mut pip(&closed.mill, index));
        retry(&mut uv(&closed.mill, index));
    }
    for (index, code) in [
        (index.clone(), "TM0710"),
        (with_password(&index, "__token__", "hunter2"), "TM0711"),
        (with_password(&index, "__token__", &revoked), "TM0714"),
    ] {
        // pip says no word of why a page could not be had, unless it is asked to.
        let output = pip(&closed.mill, &index).arg("-vv").output().unwrap();
        let reason = format!("401 Client Error: {code}");
        assert!(!output.status.success() && said(&output).contains(&reason), "pip: {}", said(&output));
        let output = uv(&closed.mill, &index).output().unwrap();
        assert!(!output.status.success() && said(&output).contains("401"), "uv, {code}: {}", said(&output));
    }
    closed.log_is_clean(&[&token, &revoked, "x_hunter2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_npm_family_sends_its_token_and_says_what_is_wrong() {
    let closed = Closed::new();
    let (token, revoked) = (closed.token(&[]), closed.token(&[]));
    closed.mill.run(&["token", "revoke", &revoked]);
    let registry = closed.server.url("/npm/");
    for client in [Client::Npm, Client::Pnpm, Client::YarnClassic, Client::YarnBerry] {
        let folder = project(&[("is-number", "7.0.0")]);
        let outcome =
            (0..3).map(|_| client.install_as(Some(&token), folder.path(), &registry)).find(|o| o.ok);
        assert!(outcome.is_some(), "{client:?} with its token");
        assert_eq!(installed(folder.path(), "is-number").as_deref(), Some("7.0.0"));
        for (given, code) in [(None, "TM0710"), (Some(revoked.as_str()), "TM0714")] {
            let folder = project(&[("is-number", "7.0.0")]);
            let outcome = client.install_as(given, folder.path(), &registry);
            println!("{client:?} {code}: {}", outcome.said);
            assert!(!outcome.ok && installed(folder.path(), "is-number").is_none(), "{client:?}");
            let tells = outcome.said.contains("401")
                || outcome.said.to_lowercase().contains("auth")
                || outcome.said.contains(code);
            assert!(tells, "{client:?} {code}: {}", outcome.said);
        }
    }
    closed.log_is_clean(&[&token, &revoked]);
}

fn cargo(folder: &Path, home: &Path, token: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(folder).env("CARGO_HOME", home).arg("fetch").env_remove("RUSTFLAGS");
    if let Some(token) = token {
        command.env("CARGO_REGISTRIES_MILL_TOKEN", token);
    }
    command.output().unwrap()
}

#[test]
fn cargo_sends_its_token_verbatim_because_the_index_asks_for_it() {
    let closed = Closed::new();
    let (token, revoked) = (closed.token(&[]), closed.token(&[]));
    closed.mill.run(&["token", "revoke", &revoked]);
    let (folder, home) = (closed.mill.path().join("demo"), closed.mill.path().join("cargo-home"));
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::create_dir_all(&home).unwrap();
    let config = format!(
        "[source.crates-io]\nreplace-with = \"mill\"\n[registries.mill]\nindex = \"sparse+{}\"\n[registry]\nglobal-credential-providers = [\"cargo:token\"]\n[net]\nretry = 5\n",
        closed.server.url("/cargo/")
    );
    std::fs::write(home.join("config.toml"), config).unwrap();
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nitoa = \"=1.0.15\"\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/lib.rs"), "").unwrap();
    for (given, words) in
        [(None, "no token found"), (Some(revoked.as_str()), "token rejected"), (Some("x"), "token rejected")]
    {
        let output = cargo(&folder, &home, given);
        assert!(!output.status.success() && said(&output).contains(words), "{}", said(&output));
    }
    let good = (0..3).map(|_| cargo(&folder, &home, Some(&token))).find(|output| output.status.success());
    assert!(good.is_some(), "{}", said(&cargo(&folder, &home, Some(&token))));
    closed.log_is_clean(&[&token, &revoked]);
}
