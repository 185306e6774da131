//! The scanner of one installation: workers of this same binary, and the screen that registries stand behind.

mod added;

use super::Mill;
use crate::cmd::{Global, Listed, ScannerHealth};
use crate::config::Config;
use crate::error::Failure;
use crate::exit::Exit;
use crate::policies;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::scanner::Scanner;
use trustmill_ecosystems::join;
use trustmill_factory::firewall::Popular;
use trustmill_factory::screen::{Screen, ScreenPorts, ScreenSettings};
use trustmill_infra::{DataDir, SystemClock};
use trustmill_policy::Mode;
use trustmill_sandbox::confine::is_optional;
use trustmill_sandbox::scanner::{ScannerPool, ScannerSettings};

/// Runs as a worker of the scanner if that is what this process was started for.
pub(crate) fn scan_worker() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == added::WORKER) {
        added::work()
    }
}

fn pool(config: &Config) -> Result<ScannerPool, Failure> {
    let start = added::start(config)?;
    let section = &config.scanner;
    let usual = ScannerSettings::default();
    let settings = ScannerSettings {
        workers: if section.workers == 0 { usual.workers } else { section.workers },
        seconds: section.seconds,
        memory: section.memory_mib << 20,
        without: section.without.clone(),
        ..usual
    };
    Ok(ScannerPool::new(start.command, &start.rules, settings))
}

/// The rules that are added to the scanner's own, and the version of all of them.
pub(crate) fn added_rules(global: &Global) -> Result<(Vec<Listed>, String), Failure> {
    let start = added::start(&super::config(global)?)?;
    Ok((start.added, start.rules))
}

/// The scanner alone: for files that are no package's.
pub(crate) fn scanner(global: &Global) -> Result<Arc<dyn Scanner>, Failure> {
    Ok(Arc::new(pool(&super::config(global)?)?))
}

/// The screen. It is told of the ecosystems once they are open.
pub(super) fn screen(
    config: &Config,
    data: &DataDir,
    blobs: Arc<dyn Blobs>,
    fetch: Arc<dyn Fetch>,
) -> Result<Arc<Screen>, Failure> {
    let listed = policies::popular(&config.policy).map_err(|error| Failure::new(Exit::Usage, error))?;
    let names = config.policy.popular.names.iter().cloned().chain(listed).collect();
    let ports = ScreenPorts {
        scanner: Arc::new(pool(config)?),
        records: data.records(),
        blobs,
        fetch,
        clock: Arc::new(SystemClock),
        schemes: join::ALL.iter().map(|family| family.versions).collect(),
    };
    let settings = ScreenSettings {
        waits: config.scanner.mode == Mode::Enforce,
        patience: Duration::from_secs(config.scanner.wait_seconds),
        most_bytes: config.scanner.file_mib << 20,
        popular: Popular { names, principals: config.policy.popular.principals },
    };
    Ok(Screen::new(ports, settings))
}

impl Mill {
    /// Scans anew, until `stopped`, what other rules scanned.
    pub(crate) async fn scan_again(screen: Arc<Screen>, stopped: watch::Receiver<bool>) {
        match screen.again(stopped).await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "the scanner's new rules were applied to what is here"),
            Err(error) => tracing::error!(%error, "what other rules scanned is not scanned again"),
        }
    }
}

/// What `doctor` says of the scanner.
pub(super) async fn health(config: &Config) -> ScannerHealth {
    let mode = config.scanner.mode.as_str();
    let pool = match pool(config) {
        Ok(pool) => pool,
        Err(error) => {
            let (rules, layers) = (trustmill_scan::judge::version().to_owned(), Vec::new());
            return ScannerHealth { mode, rules, layers, problem: Some(error.to_string()) };
        }
    };
    let rules = pool.rules().to_owned();
    let (layers, error) = match pool.layers().await {
        Ok(layers) => (layers, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let needed = |layer| !is_optional(layer) && !config.scanner.without.contains(&layer);
    let missing = layers.iter().find(|status| !status.active && needed(status.layer));
    let missing = missing.map(|status| format!("its layer {} is missing", status.layer.as_str()));
    let problem = error.or(missing).filter(|_| config.scanner.mode != Mode::Off);
    ScannerHealth { mode, rules, layers, problem }
}
