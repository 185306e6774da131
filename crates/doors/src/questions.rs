//! Questions on their way to people who do not look: a signed message to a webhook for what waits in a task, once it is all
//! there.
//!
//! It goes one way. A message names counts, effects and tools, and no value of a call: what a chat room keeps is read by more
//! than those who decide. Whatever the receiver answers decides nothing; who wants to decide follows the link and signs in.

use crate::engine::{Engine, Waiting};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use trustmill_core::Sha256;
use trustmill_core::port::Coded as _;
use trustmill_core::port::webhook::{Tries, Webhook};
use trustmill_guard::lease::Amount;
use trustmill_guard::value::visible;
use trustmill_trust::keys::SigningKey;
use trustmill_trust::webhook;

/// How long nothing more comes before what waits is told: an agent that is stopped makes its next calls at once.
const SETTLED: Duration = Duration::from_secs(2);

/// The longest that an agent which goes on asking delays it.
const LONGEST: Duration = Duration::from_secs(30);

/// The least between two messages about one task.
const AGAIN: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Where questions are sent, and how.
pub struct Questions {
    engine: Arc<Engine>,
    webhook: Arc<dyn Webhook>,
    signer: Arc<SigningKey>,
    /// The page's address, as the receiver's people reach it.
    page: Option<String>,
    clock: fn() -> Timestamp,
    tasks: BTreeMap<String, Task>,
    tries: Tries,
    began: Instant,
}

/// What waits in a task, and what was told of it.
struct Task {
    /// The calls, and since when they are these.
    now: BTreeSet<Sha256>,
    since: Instant,
    /// Since when something is there that was not told.
    untold: Instant,
    told: Option<(BTreeSet<Sha256>, Instant)>,
}

impl Task {
    fn is_due(&self) -> bool {
        // What is less than before is no news: somebody answered.
        let news = self.told.as_ref().is_none_or(|(told, _)| !self.now.is_subset(told));
        let settled = self.since.elapsed() >= SETTLED || self.untold.elapsed() >= LONGEST;
        let quiet = self.told.as_ref().is_none_or(|(_, at)| at.elapsed() >= AGAIN);
        news && settled && quiet
    }
}

impl Questions {
    /// Questions of `engine` to `webhook`, signed by `signer`; `page` is what they link to.
    pub fn new(
        engine: Arc<Engine>,
        webhook: Arc<dyn Webhook>,
        signer: Arc<SigningKey>,
        page: Option<String>,
        clock: fn() -> Timestamp,
    ) -> Self {
        let (tasks, tries, began) = (BTreeMap::new(), Tries::default(), Instant::now());
        Self { engine, webhook, signer, page, clock, tasks, tries, began }
    }

    /// Tells what waits, until this future is dropped. What a guard that ends had not told waits still, and the next one tells
    /// it: the same message may come twice, under the same id.
    pub async fn run(mut self) {
        loop {
            self.look().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Looks once at what waits, and sends what is due.
    pub async fn look(&mut self) {
        let mut waiting: BTreeMap<String, Vec<Waiting>> = BTreeMap::new();
        for card in self.engine.waiting() {
            waiting.entry(card.session.clone()).or_default().push(card);
        }
        self.tasks.retain(|session, _| waiting.contains_key(session));
        let mut ids = BTreeSet::new();
        for (session, cards) in &waiting {
            let calls = cards.iter().flat_map(|card| card.plan.calls());
            let now: BTreeSet<Sha256> = calls.map(|call| call.digest).collect();
            let id = id(session, &cards.iter().map(|card| card.plan.digest()).collect());
            ids.insert(id.clone());
            let at = Instant::now();
            let fresh = || Task { now: now.clone(), since: at, untold: at, told: None };
            let task = self.tasks.entry(session.clone()).or_insert_with(fresh);
            if task.now != now {
                if task.told.as_ref().is_some_and(|(told, _)| task.now.is_subset(told)) {
                    task.untold = at;
                }
                (task.now, task.since) = (now.clone(), at);
            }
            if !task.is_due() || !self.tries.is_due(&id, self.began.elapsed()) {
                continue;
            }
            let data = question(session, cards, self.page.as_deref());
            let now_is = (self.clock)();
            let message = webhook::message(&self.signer, &id, "guard.question", now_is, &data, now_is);
            match self.webhook.post(&message).await {
                Ok(()) => task.told = Some((now, Instant::now())),
                Err(error) => {
                    let pause = self.tries.failed(&id, self.began.elapsed());
                    tracing::error!(session, code = error.code(), %error, pause = ?pause, "a question was not delivered");
                }
            }
        }
        self.tries.keep(|id| ids.contains(id));
    }
}

/// The message's name: that of what waits, so that whoever has seen it can leave it out.
fn id(session: &str, plans: &BTreeSet<Sha256>) -> String {
    let content = json!([session, plans]);
    format!("question-{}", Sha256::of(content.to_string().as_bytes()).short())
}

fn question(session: &str, cards: &[Waiting], page: Option<&str>) -> Value {
    let first = cards.first();
    let name = |of: fn(&Waiting) -> &str| first.map(|card| visible(of(card))).unwrap_or_default();
    let link = first.map(|card| card.plan.digest().short()).zip(page);
    json!({
        "session": visible(session),
        "agent": name(|card| &card.agent),
        "owner": name(|card| &card.owner),
        "page": link.map(|(plan, page)| format!("{page}/#{plan}")),
        "cards": cards.iter().map(card).collect::<Vec<_>>(),
    })
}

fn card(card: &Waiting) -> Value {
    let calls = card.plan.calls();
    let tools: BTreeSet<String> = calls.iter().map(|call| visible(&call.tool)).collect();
    let amounts = calls.iter().filter_map(|call| call.amount);
    let money = amounts.fold(0_i64, |sum, amount| sum.saturating_add(amount.0));
    json!({
        "plan": card.plan.digest(), "effect": card.effect, "calls": calls.len(),
        "tools": tools.into_iter().take(20).collect::<Vec<_>>(),
        "irreversible": calls.iter().filter(|call| !call.reversible).count(),
        "amount": (money > 0).then(|| Amount(money).exact()), "approvers": card.plan.approvers(),
    })
}
