//! Tokens and TLS with the real binary and every real client.

mod alerts;
mod clients;
mod journal;
mod tls;
mod tokens;

use crate::support::{Mill, Server};
use std::fs::File;
use std::path::PathBuf;

/// A mill that answers only who shows a token, and what it logs at the highest level.
struct Closed {
    mill: Mill,
    server: Server,
    log: PathBuf,
}

impl Closed {
    fn new() -> Self {
        let mill = Mill::new();
        let config = mill.file("trustmill.toml", "[access]\nanonymous = \"none\"\n");
        let log = mill.path().join("log");
        let arguments = ["--serve-only", "-vv", "--config", config.to_str().unwrap()];
        let server = mill.up_logging(&arguments, File::create(&log).unwrap());
        Self { mill, server, log }
    }

    /// A new token of team blue.
    fn token(&self, more: &[&str]) -> String {
        let made = self.mill.run(&[&["token", "create", "--team", "blue"], more].concat());
        assert_eq!(made.code(), 0, "{}", made.stderr());
        made.stdout().trim().to_owned()
    }

    /// What the server wrote holds no secret; its own words are there.
    fn log_is_clean(&self, tokens: &[&str]) {
        let log = std::fs::read_to_string(&self.log).unwrap();
        assert!(log.contains("answered") || log.contains("not let in"), "{log}");
        for token in tokens {
            let secret = token.rsplit('_').next().unwrap();
            assert!(!log.contains(secret), "the log holds a secret");
        }
    }
}
