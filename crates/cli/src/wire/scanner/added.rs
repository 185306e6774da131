//! Rules that are added to the scanner's own: YARA, in a binary that was built with it.

use crate::cmd::Listed;
use crate::config::Config;
use crate::error::Failure;
use std::path::PathBuf;
use trustmill_sandbox::scanner::WorkerCommand;
use trustmill_scan::judge;

/// The hidden first argument with which the mill starts this binary as a worker of the scanner.
pub(super) const WORKER: &str = "__scan-worker";

/// How workers are started, and the rules that they then have.
pub(super) struct Start {
    pub(super) command: WorkerCommand,
    pub(super) rules: String,
    /// The rules that are added.
    pub(super) added: Vec<Listed>,
}

impl Start {
    fn of(told: Vec<u8>, version: &str, added: Vec<Listed>) -> Self {
        let command = WorkerCommand {
            program: PathBuf::from("/proc/self/exe"),
            args: vec![WORKER.to_owned()],
            told: told.into(),
        };
        Self { command, rules: judge::version_with(version), added }
    }
}

#[cfg(feature = "yara")]
pub(super) use with_yara::{start, work};

#[cfg(feature = "yara")]
mod with_yara {
    use super::{Config, Failure, Listed, Start, judge};
    use crate::exit::Exit;
    use trustmill_sandbox::scanner::worker_main;
    use trustmill_scan::rules::added::{Added as _, Hit};
    use trustmill_yara::{Rules, Sources};

    /// Rules are compiled here too: what is wrong with one is said before anything is scanned.
    pub(in super::super) fn start(config: &Config) -> Result<Start, Failure> {
        let usage = |error| Failure::new(Exit::Usage, error);
        let sources = Sources::shipped().with(&config.scanner.yara).map_err(usage)?;
        let rules = Rules::compile(&sources).map_err(usage)?;
        let listed = |hit: Hit| Listed {
            id: hit.rule,
            family: hit.family.as_str().to_owned(),
            summary: hit.what,
            look: hit.look,
        };
        Ok(Start::of(sources.told(), rules.version(), rules.all().map(listed).collect()))
    }

    pub(in super::super) fn work() -> ! {
        worker_main(|told| {
            let sources = Sources::heard(told).map_err(|error| error.to_string())?;
            let rules = Rules::compile(&sources).map_err(|error| error.to_string())?;
            let name = judge::version_with(rules.version());
            Ok((name, move |job: &_| trustmill_scan::scan_with(job, &rules)))
        })
    }
}

#[cfg(not(feature = "yara"))]
pub(super) use without::{start, work};

#[cfg(not(feature = "yara"))]
mod without {
    use super::{Config, Failure, Start, judge};
    use crate::exit::Exit;
    use trustmill_core::port::Coded;
    use trustmill_sandbox::scanner::worker_main;

    /// Rules are named that this binary cannot read. To go on without them would be to scan less than was asked.
    #[derive(Debug, thiserror::Error)]
    #[error("`[scanner] yara` names rules, and this binary was built without YARA")]
    struct BuiltWithout;

    impl Coded for BuiltWithout {
        fn code(&self) -> &'static str {
            "TM1013"
        }

        fn help(&self) -> String {
            "build it with `cargo install --path crates/cli --features yara`, or take the setting out".into()
        }
    }

    pub(in super::super) fn start(config: &Config) -> Result<Start, Failure> {
        match config.scanner.yara.is_empty() {
            true => Ok(Start::of(Vec::new(), "", Vec::new())),
            false => Err(Failure::new(Exit::Usage, BuiltWithout)),
        }
    }

    pub(in super::super) fn work() -> ! {
        worker_main(|told| match told.is_empty() {
            true => Ok((judge::version().to_owned(), trustmill_scan::scan)),
            false => Err("it was told of rules, and has no YARA".to_owned()),
        })
    }
}
