//! `trustmill token`: the tokens by which teams are known to the server.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::{to_json, token as view};
use crate::wire::{self, Ledger};
use clap::{Args, Subcommand};
use std::str::FromStr;
use std::time::Duration;
use trustmill_core::Timestamp;
use trustmill_core::port::Coded;
use trustmill_core::token::{TokenRecord, is_name, is_note, mint, parse};
use trustmill_trust::keys;

/// Make, list and revoke the tokens by which teams and agents are known to the server.
#[derive(Args)]
pub(super) struct Token {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a token; it is printed once and kept nowhere
    Create(Create),
    /// Every token: whose, until when, last used when; never the token itself
    List {},
    /// Revoke a token for good: from the next request on it is not taken
    Revoke {
        /// Its id, as `token list` prints it; the whole token is taken too
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Args)]
struct Create {
    /// The team that it belongs to: policies, the journal and alerts name it
    #[arg(long, value_name = "NAME", value_parser = name)]
    team: String,
    /// The AI agent that it is given to
    #[arg(long, value_name = "NAME", value_parser = name)]
    agent: Option<String>,
    /// Open the writing part of the API to it
    #[arg(long)]
    admin: bool,
    /// When it ends: 90d, 12h, 8w, 2027-01-31 or RFC 3339 [default: never]
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
    /// One line to recognise it by
    #[arg(long, value_name = "TEXT", value_parser = note)]
    note: Option<String>,
}

fn name(text: &str) -> Result<String, &'static str> {
    let rule = "at most 64 letters, digits, dots, dashes and underscores";
    if is_name(text) { Ok(text.to_owned()) } else { Err(rule) }
}

fn note(text: &str) -> Result<String, &'static str> {
    if is_note(text) { Ok(text.to_owned()) } else { Err("one line of at most 200 bytes") }
}

/// When a token ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    After(Duration),
    At(Timestamp),
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no time: write 90d, 12h, 8w, 2027-01-31 or RFC 3339");
        let seconds = |unit: char| match unit {
            'm' => Some(60),
            'h' => Some(3600),
            'd' => Some(86_400),
            'w' => Some(604_800),
            _ => None,
        };
        let mut chars = text.chars();
        if let Some(unit) = chars.next_back().and_then(seconds) {
            let number: u32 = chars.as_str().parse().map_err(|_| bad())?;
            return Ok(Self::After(Duration::from_secs(unit * u64::from(number))));
        }
        let day = text.len() == 10;
        let instant = if day { format!("{text}T00:00:00Z") } else { text.to_owned() };
        instant.parse().map(Self::At).map_err(|_| bad())
    }
}

/// A token of which nothing is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    /// No such id.
    #[error("there is no token with the id {0}")]
    Unknown(String),
    /// It was revoked before.
    #[error("the token {id} was revoked at {at:.0}")]
    Already {
        /// Its id.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// It would end before it begins.
    #[error("the token would expire at {0:.0}, which is past")]
    Past(Timestamp),
    /// Later than time goes.
    #[error("the token would expire after the year 9999")]
    Late,
}

impl Coded for TokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) | Self::Already { .. } => "TM0718",
            Self::Past(_) | Self::Late => "TM0719",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unknown(_) => "`trustmill token list` prints every id; look at --data-dir too",
            Self::Already { .. } => "there is nothing left to do: it is not taken any more",
            Self::Past(_) | Self::Late => "give a time to come with --expires, or leave it out",
        }
        .into()
    }
}

fn usage(error: TokenError) -> Failure {
    Failure::new(Exit::Usage, error)
}

impl Token {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let ledger = Ledger::open(global).await?;
            match self.verb {
                Verb::Create(create) => create.execute(&ledger, global.json).await?,
                Verb::List {} => {
                    let tokens = ledger.tokens.list().await?;
                    match global.json {
                        true => to_json(&tokens),
                        false => view::print(&tokens, ledger.clock.now()),
                    }
                }
                Verb::Revoke { id } => revoke(&ledger, &id, global.json).await?,
            }
            Ok(Exit::Success)
        })
    }
}

impl Create {
    async fn execute(self, ledger: &Ledger, json: bool) -> Result<(), Failure> {
        let now = ledger.clock.now();
        let expires = match self.expires {
            None => None,
            Some(Expiry::At(at)) => Some(at),
            Some(Expiry::After(time)) => Some(now.checked_add(time).map_err(|_| usage(TokenError::Late))?),
        };
        if let Some(at) = expires.filter(|at| *at <= now) {
            return Err(usage(TokenError::Past(at)));
        }
        loop {
            let (id, text) = mint(&*keys::random()?);
            let Ok(shown) = parse(text.expose()) else { continue };
            let record = TokenRecord {
                id,
                hash: shown.hash,
                team: self.team.clone(),
                agent: self.agent.clone(),
                admin: self.admin,
                note: self.note.clone(),
                created: now,
                expires,
                revoked: None,
                last_used: None,
            };
            // One id in 2⁵⁰ is taken.
            if ledger.tokens.add(&record).await? {
                view::print_new(&record, &text, json);
                return Ok(());
            }
        }
    }
}

async fn revoke(ledger: &Ledger, id: &str, json: bool) -> Result<(), Failure> {
    // Who has the token at hand need not look for its id.
    let id = parse(id).map_or_else(|_| id.to_owned(), |shown| shown.id);
    let now = ledger.clock.now();
    if ledger.tokens.revoke(&id, now).await? {
        match json {
            true => to_json(&serde_json::json!({ "id": id, "revoked": now })),
            false => say!("revoked {id}: it is not taken any more"),
        }
        return Ok(());
    }
    let at = ledger.tokens.find(&id).await?.and_then(|token| token.revoked);
    let shown: String = id.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    Err(usage(at.map_or(TokenError::Unknown(shown), |at| TokenError::Already { id, at })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read() {
        let after = |seconds| Ok(Expiry::After(Duration::from_secs(seconds)));
        assert_eq!("90d".parse(), after(90 * 86_400));
        assert_eq!("12h".parse(), after(12 * 3600));
        assert_eq!("8w".parse(), after(8 * 604_800));
        let at = |text: &str| Ok(Expiry::At(text.parse().unwrap()));
        assert_eq!("2027-01-31".parse(), at("2027-01-31T00:00:00Z"));
        assert_eq!("2027-01-31T01:00:00+01:00".parse(), at("2027-01-31T00:00:00Z"));
        for bad in ["", "d", "90", "-1d", "1y", "2027-13-01", "soon", "é", "99999999999d"] {
            assert!(bad.parse::<Expiry>().is_err(), "{bad}");
        }
    }
}
