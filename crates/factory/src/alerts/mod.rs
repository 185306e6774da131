//! Later flags: what was handed out is judged again whenever something is learnt, and who has it is told.
//!
//! Level, not edge: nothing reacts to an event. [`Watchman::look`] compares what the journal, the gate and the facts
//! say now with the alerts that stand in the records, and [`Outbox::deliver`] compares those with what was delivered.
//! A crash between any two steps is mended by the next look.

mod judge;
mod outbox;

pub use outbox::Outbox;

use jiff::Timestamp;
use judge::Judged;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::Purl;
use trustmill_core::alert::{Ack, Alert, AlertState, KINDS, Unreadable, fold};
use trustmill_core::port::Coded;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::gate::{Gate, GateError};
use trustmill_core::port::journal::{Journal, JournalError};
use trustmill_core::port::records::{Records, RecordsError};

/// How often the outbox is looked at between two looks at the journal.
const TICK: Duration = Duration::from_secs(1);

/// Why alerts could not be raised or read.
#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The gate.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A fact.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Coded for AlertsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Records(error) => error.code(),
            Self::Journal(error) => error.code(),
            Self::Gate(error) => error.code(),
            Self::Unreadable(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Records(error) => error.help(),
            Self::Journal(error) => error.help(),
            Self::Gate(error) => error.help(),
            Self::Unreadable(error) => error.help(),
        }
    }
}

/// How things stand with every alert, the newest first.
///
/// # Errors
/// The records cannot be read.
pub async fn all(records: &dyn Records) -> Result<Vec<AlertState>, AlertsError> {
    let mut facts = Vec::new();
    for kind in KINDS {
        facts.extend(records.of_kind(kind, 0).await?.into_iter().map(|(_, fact)| fact));
    }
    Ok(fold(&facts)?)
}

/// Remembers that somebody looked at an alert.
///
/// # Errors
/// The records cannot be written.
pub async fn acknowledge(
    records: &dyn Records,
    state: &AlertState,
    ack: &Ack,
    now: Timestamp,
) -> Result<(), AlertsError> {
    Ok(records.append(&[ack.fact(&state.release, &state.alert.id, now)]).await?)
}

/// Looks again at what was handed out.
pub struct Watchman {
    records: Arc<dyn Records>,
    journal: Arc<dyn Journal>,
    gate: Arc<dyn Gate>,
    clock: Arc<dyn Clock>,
    /// How far back it looks.
    days: u32,
    /// What the gate and the facts were like when a release was last judged.
    judged: HashMap<Purl, (u64, u64)>,
}

impl Watchman {
    /// Looks at what was handed out during the last `days`.
    pub fn new(
        records: Arc<dyn Records>,
        journal: Arc<dyn Journal>,
        gate: Arc<dyn Gate>,
        clock: Arc<dyn Clock>,
        days: u32,
    ) -> Self {
        Self { records, journal, gate, clock, days, judged: HashMap::new() }
    }

    /// Judges every release that was handed out and about which something may have changed; what was raised. A release
    /// that cannot be judged is judged at the next look, and keeps no other from it.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn look(&mut self) -> Result<Vec<Alert>, AlertsError> {
        let now = self.clock.now();
        let back = Duration::from_secs(u64::from(self.days) * 86_400);
        let since = now.checked_sub(back).unwrap_or(Timestamp::MIN);
        let releases = self.journal.releases_since(since).await?;
        self.judged.retain(|release, _| releases.binary_search(release).is_ok());
        let mut raised = Vec::new();
        for release in releases {
            // Read before judging: what is learnt meanwhile is looked at again.
            let numbers = (self.gate.revision(), self.records.revision(&release));
            if self.judged.get(&release) == Some(&numbers) {
                continue;
            }
            match self.judge(&release, now).await {
                Ok(alerts) => {
                    raised.extend(alerts);
                    self.judged.insert(release, numbers);
                }
                Err(error) => {
                    tracing::error!(%release, code = error.code(), %error, "what was handed out cannot be judged again");
                }
            }
        }
        Ok(raised)
    }

    async fn judge(&self, release: &Purl, now: Timestamp) -> Result<Vec<Alert>, AlertsError> {
        let handed = self.journal.handed(release).await?;
        let judged = Judged::read(self.records.as_ref(), self.gate.as_ref(), release, &handed, now).await?;
        let alerts = judged.alerts(release, &handed);
        let mut facts: Vec<_> = alerts.iter().map(|alert| alert.fact(release, now)).collect();
        facts.extend(judged.baseline_to_write(release, now));
        if !facts.is_empty() {
            self.records.append(&facts).await?;
        }
        for alert in &alerts {
            tracing::warn!(%release, id = alert.id, what = alert.cause.line(), holders = alert.who.len(), "ALERT: this was handed out");
        }
        Ok(alerts)
    }
}

/// Looks every `interval`, and delivers what is to be delivered, until `stopped` turns true.
pub async fn run(
    mut watchman: Watchman,
    mut outbox: Option<Outbox>,
    interval: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let mut last: Option<tokio::time::Instant> = None;
    loop {
        if last.is_none_or(|last| last.elapsed() >= interval) {
            last = Some(tokio::time::Instant::now());
            if let Err(error) = watchman.look().await {
                tracing::error!(code = error.code(), %error, "what was handed out cannot be looked at again");
            }
            if let Some(outbox) = &mut outbox {
                outbox.refill().await;
            }
        }
        if let Some(outbox) = &mut outbox {
            outbox.deliver().await;
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(TICK.min(interval)) => {}
        }
    }
}
