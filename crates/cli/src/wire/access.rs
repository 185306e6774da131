//! Tokens, TLS and the journal, joined to the server and to the verbs that keep them.

use super::{Mill, Purpose, data_dir, load_config, open_folder};
use crate::cmd::Global;
use crate::config::Config;
use crate::error::Failure;
use crate::exit::Exit;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::gate::Gate;
use trustmill_core::port::journal::Journal;
use trustmill_core::port::records::Records;
use trustmill_core::port::tokens::Tokens;
use trustmill_factory::alerts::{self, Outbox, Watchman};
use trustmill_infra::{DataDir, HttpWebhook, SystemClock};
use trustmill_serve::{Access, Tls};

/// How often what is too old is taken out of the journal.
const FORGET_EVERY: Duration = Duration::from_secs(6 * 3600);
/// Seconds of a day.
const DAY: u64 = 86_400;

/// The part of an installation that verbs about people need: no upstream, no sandbox, no keys.
pub(crate) struct Ledger {
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Who is known.
    pub(crate) tokens: Arc<dyn Tokens>,
    /// Who was given what.
    pub(crate) journal: Arc<dyn Journal>,
    /// What is known.
    pub(crate) records: Arc<dyn Records>,
    _data: DataDir,
}

impl Ledger {
    /// Opens the data folder beside whoever works in it.
    pub(crate) async fn open(global: &Global) -> Result<Self, Failure> {
        let folder = data_dir(global)?;
        load_config(global, &folder)?;
        let data = open_folder(folder, Purpose::Look).await?;
        Ok(Self {
            clock: Arc::new(SystemClock),
            tokens: data.tokens(),
            journal: data.journal(),
            records: data.records(),
            _data: data,
        })
    }
}

/// What the server asks of whom.
pub(super) fn access(config: &Config, listen: &SocketAddr, tokens: Arc<dyn Tokens>) -> Access {
    Access {
        tokens: Some(tokens),
        required: config.access.required(listen),
        per_token: config.access.per_token.map(|limit| limit.rate()),
        per_address: config.access.per_address.map(|limit| limit.rate()),
        trusted_proxies: config.serve.trusted_proxies.clone(),
        forwarded: config.serve.forwarded,
    }
}

/// Certificate and key, where the configuration names them.
pub(super) fn tls(config: &Config) -> Result<Option<Tls>, Failure> {
    let Some(files) = &config.serve.tls else { return Ok(None) };
    let loaded = Tls::load(&files.certificate, &files.key);
    loaded.map(Some).map_err(|error| Failure::new(Exit::Usage, error))
}

/// What judges again what was handed out, and tells whoever wants to know; `None` where the configuration has it off.
pub(crate) struct Alarm {
    watchman: Watchman,
    outbox: Option<Outbox>,
    interval: Duration,
}

impl Alarm {
    /// The alarm of a mill.
    pub(crate) fn of(mill: &Mill) -> Result<Option<Self>, Failure> {
        let settings = &mill.config.alerts;
        if settings.days == 0 || mill.config.journal.keep_days == 0 {
            return Ok(None);
        }
        let (records, clock) = (&mill.world.records, &mill.world.clock);
        let (records, clock) = (|| Arc::clone(records), || Arc::clone(clock));
        let gate = Arc::clone(&mill.firewall) as Arc<dyn Gate>;
        let watchman = Watchman::new(records(), mill.data.journal(), gate, clock(), settings.days);
        let outbox = match &settings.webhook {
            None => None,
            Some(webhook) => {
                let receiver =
                    HttpWebhook::new(&webhook.url).map_err(|error| Failure::new(Exit::Usage, error))?;
                Some(Outbox::new(records(), Arc::new(receiver), Arc::clone(&mill.world.signer), clock()))
            }
        };
        let interval = Duration::from_secs(settings.interval_seconds.max(1));
        Ok(Some(Self { watchman, outbox, interval }))
    }

    /// Looks until `stopped` turns true.
    pub(crate) async fn run(self, stopped: watch::Receiver<bool>) {
        alerts::run(self.watchman, self.outbox, self.interval, stopped).await;
    }
}

/// Takes what is too old out of the journal, for as long as this is polled.
pub(super) async fn forget(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, keep_days: u32) {
    loop {
        let kept = Duration::from_secs(u64::from(keep_days) * DAY);
        if let Ok(oldest) = clock.now().checked_sub(kept) {
            match journal.forget_before(oldest).await {
                Ok(0) => {}
                Ok(entries) => tracing::info!(entries, "the journal forgot what is too old"),
                Err(error) => tracing::warn!(%error, "the journal cannot forget what is too old"),
            }
        }
        tokio::time::sleep(FORGET_EVERY).await;
    }
}
