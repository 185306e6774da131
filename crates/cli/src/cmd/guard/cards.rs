//! Cards in a terminal: what waits in a task with one effect, and one answer to it.

use super::people::finish;
use super::setup::{SetupError, ask};
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::to_json;
use crate::when::When;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;
use trustmill_core::{Sha256, Timestamp};
use trustmill_doors::engine::Approved;
use trustmill_doors::socket::Request;
use trustmill_guard::Effect;
use trustmill_guard::lease::{Amount, MOST_CALLS, PlannedCall};
use trustmill_guard::narrow::Part;
use trustmill_guard::value::visible;

/// Calls of a card that are shown unless it is looked at; the rest is counted.
const SHOWN: usize = 12;

/// Characters of a text that are shown unless the card is looked at.
const SHOWN_OF_A_TEXT: usize = 160;

/// What waits.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) session: String,
    agent: String,
    owner: String,
    effect: Effect,
    pub(super) plan: Sha256,
    approvers: u32,
    calls: Vec<PlannedCall>,
    /// What the agent wrote in each, by argument.
    texts: Vec<BTreeMap<String, String>>,
}

/// What waits now.
pub(super) async fn waiting(state: &Path) -> Result<Vec<Card>, Failure> {
    let value = ask(state, Request::Waiting).await?;
    serde_json::from_value(value).map_err(|error| refuse(&format!("the guard's answer is none: {error}")))
}

/// What a person wanted cannot be done.
pub(super) fn refuse(message: &str) -> Failure {
    let help = "look again with `trustmill guard pending`".to_owned();
    Failure::new(Exit::Usage, SetupError::Told { message: message.to_owned(), help })
}

impl Card {
    /// Totals, what cannot be undone, and a sample, or every call.
    pub(super) fn print(&self, title: &str, whole: bool) {
        let forever = self.calls.iter().filter(|call| !call.reversible).count();
        let amounts = self.calls.iter().filter_map(|call| call.amount);
        let money = amounts.fold(0_i64, |sum, amount| sum.saturating_add(amount.0));
        let (agent, owner) = (visible(&self.agent), visible(&self.owner));
        say!("{title}: {agent} for {owner}, {} × {}", self.calls.len(), self.effect);
        if forever > 0 {
            say!("  {forever} of them cannot be undone");
        }
        if money > 0 {
            say!("  amounts: {} in all", Amount(money));
        }
        if self.approvers > 1 {
            say!("  takes {} people", self.approvers);
        }
        let shown = if whole { self.calls.len() } else { SHOWN };
        let mut why = "";
        for (number, call) in self.calls.iter().enumerate().take(shown) {
            say!("  {:>3}  {}", number + 1, visible(&call.summary));
            for (name, part) in call.cut.iter().flat_map(|cut| &cut.parts) {
                say!("       less of {}: {}", visible(name), visible(&part.to_string()));
            }
            for (name, text) in self.texts.get(number).into_iter().flatten() {
                let most = if whole { usize::MAX } else { SHOWN_OF_A_TEXT };
                let more = if text.chars().count() > most { " …" } else { "" };
                say!(
                    "       {}: {}{more}",
                    visible(name),
                    visible(&text.chars().take(most).collect::<String>())
                );
            }
            if why != call.why {
                say!("       {}", visible(&call.why));
            }
            why = &call.why;
        }
        if self.calls.len() > shown {
            say!("  ... and {} more", self.calls.len() - shown);
        }
    }

    /// How `approve` and `deny` answer it.
    fn print_answers(&self) {
        let (session, plan) = (visible(&self.session), self.plan.short());
        let by = " --by NAME".repeat(usize::try_from(self.approvers.max(1)).unwrap_or(1));
        say!("  trustmill guard approve --session {session} --plan {plan}{by}");
        say!("  trustmill guard deny --session {session} --plan {plan} --by NAME");
    }

    /// What people approve of it.
    pub(super) fn approved(&self, picks: &Picks, by: &BTreeSet<String>) -> Result<Approved, Failure> {
        let call = |number: usize| {
            let call = number.checked_sub(1).and_then(|at| self.calls.get(at));
            call.ok_or_else(|| refuse(&format!("the plan has no call {number}")))
        };
        let mut less: BTreeMap<Sha256, BTreeMap<String, Part>> = BTreeMap::new();
        for part in &picks.less {
            let call = call(part.call)?;
            let whole = call.cut.as_ref().and_then(|cut| cut.parts.get(&part.argument));
            let whole = whole.ok_or_else(|| {
                refuse(&format!("of call {}, {:?} cannot be less", part.call, part.argument))
            })?;
            less.entry(call.digest).or_default().insert(part.argument.clone(), part.of(whole)?);
        }
        let mut numbers: Vec<usize> = match &picks.only {
            Some(only) => only.0.iter().copied().collect(),
            None => (1..=self.calls.len()).collect(),
        };
        numbers.truncate(picks.first.unwrap_or(usize::MAX));
        let keep: BTreeSet<Sha256> =
            numbers.into_iter().map(|number| Ok(call(number)?.digest)).collect::<Result<_, Failure>>()?;
        less.retain(|of, _| keep.contains(of));
        let now = Timestamp::now();
        let seconds = picks.lasts.after(now).as_second() - now.as_second();
        let seconds = u64::try_from(seconds).unwrap_or(0);
        Ok(Approved { by: by.clone(), keep: Some(keep), less, seconds })
    }
}

/// Numbers as people write them: `1-10,12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers(BTreeSet<usize>);

/// A text that is none of a few forms.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no {1}")]
pub(super) struct Unread(String, &'static str);

impl FromStr for Numbers {
    type Err = Unread;

    fn from_str(text: &str) -> Result<Self, Unread> {
        let unread = || Unread(text.chars().take(60).collect(), "list of numbers: write 1-10,12");
        let mut numbers = BTreeSet::new();
        for part in text.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let read =
                |text: &str| text.trim().parse::<usize>().ok().filter(|n| (1..=MOST_CALLS).contains(n));
            let (from, to) = read(from).zip(read(to)).ok_or_else(unread)?;
            numbers.extend(from..=to);
        }
        if numbers.is_empty() { Err(unread()) } else { Ok(Self(numbers)) }
    }
}

/// Less of one argument of one call: `3:to=ann@example.com,bob@example.com`, `3:amount=20`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LessOf {
    call: usize,
    argument: String,
    values: Vec<String>,
}

impl FromStr for LessOf {
    type Err = Unread;

    fn from_str(text: &str) -> Result<Self, Unread> {
        let read = || {
            let (call, rest) = text.split_once(':')?;
            let (argument, values) = rest.split_once('=')?;
            let values = values.split(',').map(|value| value.trim().to_owned()).collect();
            Some(Self { call: call.trim().parse().ok()?, argument: argument.trim().to_owned(), values })
        };
        let form = "part of a call: write CALL:ARGUMENT=VALUE,VALUE or CALL:ARGUMENT=AMOUNT";
        read().ok_or_else(|| Unread(text.chars().take(60).collect(), form))
    }
}

impl LessOf {
    fn of(&self, whole: &Part) -> Result<Part, Failure> {
        match (whole, self.values.as_slice()) {
            (Part::Items(_), values) => Ok(Part::Items(values.iter().cloned().collect())),
            (Part::AtMost(_), [amount]) => {
                let amount = Amount::parse(amount);
                amount.map(Part::AtMost).ok_or_else(|| refuse("an amount is written in digits, as 12.50"))
            }
            (Part::AtMost(_), _) => Err(refuse("an amount is one number")),
        }
    }
}

/// What of a card is approved.
#[derive(Debug, Clone, Args)]
pub(super) struct Picks {
    /// Only these calls, by their numbers in `pending`: 1-10,12
    #[arg(long, value_name = "NUMBERS")]
    pub(super) only: Option<Numbers>,
    /// Only so many of them, from the first
    #[arg(long, value_name = "N")]
    pub(super) first: Option<usize>,
    /// Less of a call: of a list some of its values, of an amount a lower one; may be given again
    #[arg(long, value_name = "CALL:ARGUMENT=VALUES")]
    pub(super) less: Vec<LessOf>,
    /// How long the lease lasts
    #[arg(long = "for", default_value = "1h", value_name = "TIME")]
    pub(super) lasts: When,
}

/// What waits for a person
#[derive(Args)]
pub(super) struct Pending {
    /// Show every call
    #[arg(long)]
    all: bool,
}

impl Pending {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let cards = waiting(state).await?;
        if json {
            to_json(&cards);
            return Ok(Exit::Success);
        }
        if cards.is_empty() {
            say!("nothing waits");
        }
        for card in cards {
            card.print(&format!("plan {}", card.plan.short()), self.all);
            card.print_answers();
        }
        Ok(Exit::Success)
    }
}

/// Approve a plan as it was shown
#[derive(Args)]
pub(super) struct Approve {
    /// The session
    #[arg(long, value_name = "SESSION")]
    session: String,
    /// The plan's digest as `pending` shows it: at least 12 digits
    #[arg(long, value_name = "DIGEST")]
    plan: String,
    /// Who approves; again for a second person
    #[arg(long, required = true, value_name = "NAME")]
    by: Vec<String>,
    #[command(flatten)]
    picks: Picks,
}

/// The card of a session that was shown under a digest.
async fn shown(state: &Path, session: &str, plan: &str) -> Result<Card, Failure> {
    let mut mine: Vec<Card> = waiting(state).await?;
    mine.retain(|card| card.session == session);
    if mine.is_empty() {
        return Err(refuse("nothing waits in that session"));
    }
    let found = mine.into_iter().find(|card| card.plan.to_string().starts_with(plan));
    found.filter(|_| plan.len() >= 12).ok_or_else(|| refuse("what waits now is not the plan that was shown"))
}

impl Approve {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let card = shown(state, &self.session, &self.plan).await?;
        let approved = card.approved(&self.picks, &self.by.into_iter().collect())?;
        let count = ask(state, Request::Approve { session: self.session, plan: card.plan, approved }).await?;
        match json {
            true => to_json(&json!({ "done": count })),
            false => say!("{count} calls may be made, each once"),
        }
        Ok(Exit::Success)
    }
}

/// Refuse what waits in a session
#[derive(Args)]
pub(super) struct Deny {
    /// The session
    #[arg(long, value_name = "SESSION")]
    session: String,
    /// Only the plan with this digest, as `pending` shows it [default: everything that waits in the session]
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    /// Who
    #[arg(long, value_name = "NAME")]
    by: String,
}

impl Deny {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let plan = match &self.plan {
            Some(plan) => Some(shown(state, &self.session, plan).await?.plan),
            None => None,
        };
        finish(
            ask(state, Request::Dismiss { session: self.session, plan, by: self.by }).await?,
            json,
            "refused",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_parts_are_read_as_people_write_them_and_nothing_else_is() {
        let read = |text: &str| {
            text.parse::<Numbers>().ok().map(|numbers| numbers.0.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(read("1-3,7, 9"), Some(vec![1, 2, 3, 7, 9]));
        for text in ["", "0", "1-", "-1", "3-1", "1,,2", "a", "1-99999999999", "10001"] {
            assert_eq!(read(text), None, "{text}");
        }
        let less: LessOf = "3:to=a@x.example, b@x.example".parse().unwrap();
        assert_eq!((less.call, less.argument.as_str(), less.values.len()), (3, "to", 2));
        for text in ["", "3", "3:to", "to=a", "x:to=a"] {
            assert!(text.parse::<LessOf>().is_err(), "{text}");
        }
    }
}
