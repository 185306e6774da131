//! What follows from the log: what is banned, what was spent, what is still out. Followed as it grows, whichever process
//! writes to it.

use super::family::Identity;
use super::log::{self, AppendError, Asked, Ban, Chain, Entry, Head, Link, LogError};
use crate::facts;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use trustmill_core::Timestamp;
use trustmill_core::conversation::Tokens;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::records::Records;

/// How often a running turn looks for a ban that another process said.
const LOOK: Duration = Duration::from_millis(250);

/// How requests fail that may have to be paid all the same.
const MAY_COST: [&str; 4] = ["cut", "timed-out", "banned", "too-much"];

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Spent {
    /// Requests that went out.
    pub asked: u64,
    /// Those that got a reply that counts.
    pub answered: u64,
    /// Tokens.
    pub tokens: Tokens,
    /// Money, in millionths. What went out and never came back counts with the most that it may have cost.
    pub micros: u64,
    /// Replies whose price is not known.
    pub unpriced: u64,
    /// Time that models took.
    pub millis: u64,
}

impl Spent {
    /// Both together.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            asked: self.asked + other.asked,
            answered: self.answered + other.answered,
            tokens: self.tokens.plus(&other.tokens),
            micros: self.micros.saturating_add(other.micros),
            unpriced: self.unpriced + other.unpriced,
            millis: self.millis.saturating_add(other.millis),
        }
    }
}

/// What the log comes to.
#[derive(Debug, Clone, Default)]
pub struct Books {
    chain: Chain,
    /// The place of the last fact that was read.
    read_to: u64,
    bans: Vec<(Ban, Timestamp)>,
    /// Requests without an answer, by key.
    open: BTreeMap<String, (Asked, Timestamp)>,
    by_task: BTreeMap<String, Spent>,
    /// By team and UTC day.
    by_day: BTreeMap<(Option<String>, i64), Spent>,
}

impl Books {
    /// The newest link.
    pub fn head(&self) -> Head {
        self.chain.head()
    }

    /// The bans in force, with the instant of each.
    pub fn bans(&self) -> &[(Ban, Timestamp)] {
        &self.bans
    }

    /// The ban that hits a model.
    pub fn banned(&self, identity: &Identity) -> Option<&Ban> {
        let hits = |ban: &&Ban| {
            let route = ban.routes.is_empty() || ban.routes.contains(&identity.route);
            route && identity.families.contains(&ban.family)
        };
        self.bans.iter().map(|(ban, _)| ban).find(hits)
    }

    /// What a task spent, and what it may have spent with what never came back.
    pub fn task(&self, task: &str) -> Spent {
        let mut spent = self.by_task.get(task).copied().unwrap_or_default();
        self.reserve(&mut spent, |asked, _| asked.task == task);
        spent
    }

    /// The same of a team, on the day of `now` (UTC).
    pub fn day(&self, team: Option<&str>, now: Timestamp) -> Spent {
        let day = day(now);
        let mut spent = self.by_day.get(&(team.map(str::to_owned), day)).copied().unwrap_or_default();
        self.reserve(&mut spent, |asked, at| asked.team.as_deref() == team && self::day(at) == day);
        spent
    }

    /// The same of everybody together.
    pub fn everybody(&self, now: Timestamp) -> Spent {
        let day = day(now);
        let of_day = self.by_day.iter().filter(|((_, at), _)| *at == day);
        let mut spent = of_day.fold(Spent::default(), |sum, (_, one)| sum.plus(one));
        self.reserve(&mut spent, |_, at| self::day(at) == day);
        spent
    }

    fn reserve(&self, spent: &mut Spent, counts: impl Fn(&Asked, Timestamp) -> bool) {
        for (asked, _) in self.open.values().filter(|(asked, at)| counts(asked, *at)) {
            spent.micros = spent.micros.saturating_add(asked.reserve_micros.unwrap_or(0));
        }
    }

    fn take(&mut self, link: &Link) -> Result<(), LogError> {
        self.chain.take(link)?;
        match &link.entry {
            Entry::Asked(asked) => {
                self.each(asked, link.at, |spent| spent.asked += 1);
                // Asked again without an answer to the first: both may have to be paid.
                self.lost(&asked.key, 0);
                self.open.insert(asked.key.clone(), ((**asked).clone(), link.at));
            }
            Entry::Answered { key, tokens, cost_micros, millis, .. } => {
                self.settle(key, tokens, *cost_micros, *millis, true);
            }
            Entry::Failed { key, how, millis, .. } if MAY_COST.contains(&how.as_str()) => {
                self.lost(key, *millis);
            }
            Entry::Failed { key, tokens, cost_micros, millis, .. } => {
                self.settle(key, tokens, *cost_micros, *millis, false);
            }
            Entry::Banned(ban) => {
                self.bans.retain(|(known, _)| known.family != ban.family || known.routes != ban.routes);
                self.bans.push((ban.clone(), link.at));
            }
            Entry::Allowed { family, .. } => self.bans.retain(|(ban, _)| ban.family != *family),
        }
        Ok(())
    }

    /// A request whose cost nobody will tell: the most that it may have cost counts.
    fn lost(&mut self, key: &str, millis: u64) {
        let Some((asked, at)) = self.open.remove(key) else { return };
        self.each(&asked, at, |spent| {
            spent.micros = spent.micros.saturating_add(asked.reserve_micros.unwrap_or(0));
            spent.millis = spent.millis.saturating_add(millis);
        });
    }

    fn settle(&mut self, key: &str, tokens: &Tokens, cost: Option<u64>, millis: u64, answered: bool) {
        let Some((asked, at)) = self.open.remove(key) else { return };
        self.each(&asked, at, |spent| {
            spent.answered += u64::from(answered);
            spent.tokens = spent.tokens.plus(tokens);
            spent.micros = spent.micros.saturating_add(cost.unwrap_or(0));
            spent.unpriced += u64::from(cost.is_none() && tokens.sum() > 0);
            spent.millis = spent.millis.saturating_add(millis);
        });
    }

    fn each(&mut self, asked: &Asked, at: Timestamp, change: impl Fn(&mut Spent)) {
        change(self.by_task.entry(asked.task.clone()).or_default());
        change(self.by_day.entry((asked.team.clone(), day(at))).or_default());
    }
}

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

/// The log with what follows from it.
pub struct Ledger {
    records: Arc<dyn Records>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    books: Mutex<Arc<Books>>,
    /// Rises with every ban of this process.
    changed: watch::Sender<u64>,
}

impl Ledger {
    /// A log in these stores; nothing is read yet.
    pub fn new(records: Arc<dyn Records>, blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>) -> Self {
        Self { records, blobs, clock, books: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads what was appended since the last time.
    ///
    /// # Errors
    /// [`LogError`]: the log cannot be read, or does not hold together.
    pub async fn follow(&self) -> Result<Arc<Books>, LogError> {
        let mut books = self.books.lock().await;
        self.catch_up(&mut books).await?;
        Ok(Arc::clone(&books))
    }

    async fn catch_up(&self, books: &mut Arc<Books>) -> Result<(), LogError> {
        let new = self.records.of_kind(<Link as facts::Kind>::NAME, books.read_to).await?;
        if new.is_empty() {
            return Ok(());
        }
        let mut next = Books::clone(books);
        for (place, fact) in new {
            let link: Link = facts::read(&fact)
                .map_err(|error| LogError::Broken { n: next.head().n + 1, why: error.to_string() })?;
            next.take(&link)?;
            next.read_to = place;
        }
        *books = Arc::new(next);
        Ok(())
    }

    /// Appends an entry, durably.
    ///
    /// # Errors
    /// [`LogError`]; then it does not count.
    pub async fn write(&self, entry: &Entry) -> Result<Link, LogError> {
        let mut books = self.books.lock().await;
        loop {
            self.catch_up(&mut books).await?;
            let before = books.head();
            let put =
                log::append(self.records.as_ref(), self.blobs.as_ref(), entry, self.clock.now(), before);
            match put.await {
                Ok(link) => {
                    self.catch_up(&mut books).await?;
                    if matches!(entry, Entry::Banned(_) | Entry::Allowed { .. }) {
                        self.changed.send_modify(|revision| *revision += 1);
                    }
                    return Ok(link);
                }
                Err(AppendError::Log(error)) => return Err(error),
                Err(AppendError::Behind) => {
                    self.catch_up(&mut books).await?;
                    if books.head() == before {
                        let why = "its place is taken by something else".to_owned();
                        return Err(LogError::Broken { n: before.n + 1, why });
                    }
                }
            }
        }
    }

    /// Resolves when a ban hits `identity`, said by whichever process; with an error if the log can no longer be read,
    /// since what cannot be seen must not be taken for allowed.
    pub async fn until_banned(&self, identity: &Identity) -> Result<Ban, LogError> {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(ban) = self.follow().await?.banned(identity) {
                return Ok(ban.clone());
            }
            // Who waits is dropped with the turn; the sender lives as long as the ledger.
            let _ = tokio::time::timeout(LOOK, changed.changed()).await;
        }
    }

    /// Every link from the first, held against each other.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn links(&self) -> Result<Vec<Link>, LogError> {
        let mut chain = Chain::default();
        let mut links = Vec::new();
        for (_, fact) in self.records.of_kind(<Link as facts::Kind>::NAME, 0).await? {
            let link: Link = facts::read(&fact)
                .map_err(|error| LogError::Broken { n: chain.head().n + 1, why: error.to_string() })?;
            chain.take(&link)?;
            links.push(link);
        }
        Ok(links)
    }

    /// Where contents are kept.
    pub(super) fn blobs(&self) -> &dyn Blobs {
        self.blobs.as_ref()
    }
}
