//! `trustmill guard approvals`: one place in a terminal to look and to decide, by hand or from a script.
//!
//! A line is a command. What it decides over is what was shown last: what came since is another plan, and waits for another
//! look.

use super::cards::{Card, LessOf, Numbers, Picks, refuse, waiting};
use super::setup::ask;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::{say, write};
use crate::when::When;
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use trustmill_core::Sha256;
use trustmill_doors::socket::Request;

/// Look at what waits, and decide: by hand, or with commands on standard input
#[derive(Args)]
#[command(after_help = COMMANDS)]
pub(super) struct Approvals {
    /// Who decides; again where several people sit here
    #[arg(long, required = true, value_name = "NAME")]
    by: Vec<String>,
}

const COMMANDS: &str = "\
Commands, one a line; N is a card's number in the list:
  list                                  what waits now
  look N                                every call of a card
  approve N [1-10,12] [first 5] [for 30m]
                                        a card, or some of its calls
  narrow N CALL:ARGUMENT=VALUES         less of a call of it, for the approval that follows:
                                        narrow 1 3:to=ann@example.com   narrow 1 3:amount=20
  deny N                                refuse a card
  stop                                  nothing but reading, from the next call on
  help, quit";

/// The longest line, in bytes.
const LONGEST: usize = 1 << 16;

/// A command.
enum Command {
    List,
    Look(usize),
    Approve(usize, Picks),
    Narrow(usize, LessOf),
    Deny(usize),
    Stop,
    Help,
    Quit,
}

impl Command {
    fn read(line: &str) -> Result<Option<Self>, String> {
        let mut words = line.split_whitespace();
        let Some(verb) = words.next() else { return Ok(None) };
        let mut card = || {
            let number = words.next().and_then(|word| word.parse::<usize>().ok());
            number.ok_or_else(|| format!("{verb} takes a card's number: see `list`"))
        };
        let command = match verb {
            "list" => Self::List,
            "look" => Self::Look(card()?),
            "deny" => Self::Deny(card()?),
            "approve" => {
                let card = card()?;
                return Ok(Some(Self::Approve(card, picks(words)?)));
            }
            "narrow" => {
                let card = card()?;
                let rest = words.by_ref().collect::<Vec<_>>().join(" ");
                Self::Narrow(card, rest.parse().map_err(|error: super::cards::Unread| error.to_string())?)
            }
            "stop" => Self::Stop,
            "help" => Self::Help,
            "quit" | "exit" => Self::Quit,
            other => {
                return Err(format!(
                    "{:?} is no command: `help` lists them",
                    other.chars().take(40).collect::<String>()
                ));
            }
        };
        match words.next() {
            None => Ok(Some(command)),
            Some(more) => Err(format!("{verb} does not take {more:?}")),
        }
    }
}

fn picks<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Picks, String> {
    let mut picks = Picks { only: None, first: None, less: Vec::new(), lasts: When::Seconds(3600) };
    while let Some(word) = words.next() {
        let value = |next: Option<&str>| next.map(str::to_owned).ok_or(format!("what comes after {word:?}?"));
        match word {
            "first" => {
                let text = value(words.next())?;
                picks.first = Some(text.parse().map_err(|_| format!("{text:?} is no number"))?);
            }
            "for" => {
                let text = value(words.next())?;
                picks.lasts = text.parse().map_err(|error: crate::when::NoTime| error.to_string())?;
            }
            numbers => {
                let numbers: Result<Numbers, _> = numbers.parse();
                picks.only = Some(numbers.map_err(|error| error.to_string())?);
            }
        }
    }
    Ok(picks)
}

/// What was shown, and what was narrowed of it.
struct View<'a> {
    state: &'a Path,
    by: BTreeSet<String>,
    cards: Vec<Card>,
    less: BTreeMap<Sha256, Vec<LessOf>>,
}

impl Approvals {
    pub(super) async fn run(self, state: &Path) -> Result<Exit, Failure> {
        let by: BTreeSet<String> = self.by.into_iter().collect();
        let mut view = View { state, by, cards: Vec::new(), less: BTreeMap::new() };
        let by_hand = std::io::stdin().is_terminal();
        if by_hand {
            view.list().await?;
        }
        let mut exit = Exit::Success;
        loop {
            if by_hand {
                write("guard> ");
                let _ = std::io::stdout().flush();
            }
            let mut line = String::new();
            let read = std::io::Read::take(std::io::stdin().lock(), LONGEST as u64).read_line(&mut line);
            if read.map_err(|error| refuse(&format!("the commands cannot be read: {error}")))? == 0 {
                return Ok(exit);
            }
            let done = match Command::read(&line) {
                Ok(None) => Ok(()),
                Ok(Some(Command::Quit)) => return Ok(exit),
                Ok(Some(command)) => view.run(command).await,
                Err(why) => Err(refuse(&why)),
            };
            if let Err(failure) = done {
                // A script hears of it at its end; the commands after it are of other cards.
                let failed = failure.report();
                if !by_hand {
                    exit = failed;
                }
            }
        }
    }
}

impl View<'_> {
    async fn run(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::List => self.list().await?,
            Command::Look(card) => self.card(card)?.print(&format!("card {card}"), true),
            Command::Narrow(card, less) => {
                let plan = self.card(card)?.plan;
                self.less.entry(plan).or_default().push(less);
                say!("noted: `approve {card}` approves less");
            }
            Command::Approve(number, mut picks) => {
                let card = self.card(number)?;
                picks.less = self.less.get(&card.plan).cloned().unwrap_or_default();
                let approved = card.approved(&picks, &self.by)?;
                let (session, plan) = (card.session.clone(), card.plan);
                let count = ask(self.state, Request::Approve { session, plan, approved }).await?;
                say!("card {number}: {count} calls may be made, each once");
            }
            Command::Deny(number) => {
                let card = self.card(number)?;
                let (session, plan) = (card.session.clone(), Some(card.plan));
                ask(self.state, Request::Dismiss { session, plan, by: self.who() }).await?;
                say!("card {number}: refused");
            }
            Command::Stop => {
                ask(self.state, Request::Stop { session: None, by: self.who() }).await?;
                say!("stopped: nothing but reading happens, and every lease is gone");
            }
            Command::Help => say!("{COMMANDS}"),
            Command::Quit => {}
        }
        Ok(())
    }

    fn who(&self) -> String {
        self.by.iter().cloned().collect::<Vec<_>>().join(", ")
    }

    async fn list(&mut self) -> Result<(), Failure> {
        self.cards = waiting(self.state).await?;
        self.less.retain(|plan, _| self.cards.iter().any(|card| card.plan == *plan));
        if self.cards.is_empty() {
            say!("nothing waits");
        }
        for (number, card) in self.cards.iter().enumerate() {
            card.print(&format!("card {}", number + 1), false);
        }
        Ok(())
    }

    fn card(&self, number: usize) -> Result<&Card, Failure> {
        let card = number.checked_sub(1).and_then(|at| self.cards.get(at));
        card.ok_or_else(|| refuse(&format!("no card {number} was shown: `list` shows what waits")))
    }
}
