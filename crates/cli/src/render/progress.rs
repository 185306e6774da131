//! Live progress on standard error, where it is a terminal; else one plain line per package.

use crate::out::complain;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};
use trustmill_core::{Key, Purl};
use trustmill_factory::progress::Event;

/// What is shown while keys are worked on.
pub(crate) struct Live {
    waiting: BTreeSet<Purl>,
    running: BTreeMap<Purl, (Instant, String)>,
    times: BTreeMap<Purl, Duration>,
    total: usize,
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Live {
    /// Progress over `keys`; `quiet` shows nothing.
    pub(crate) fn new(keys: &[Purl], quiet: bool) -> Self {
        let waiting: BTreeSet<_> = keys.iter().cloned().collect();
        let total = waiting.len();
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { waiting, running: BTreeMap::new(), times: BTreeMap::new(), total, bar, quiet }
    }

    /// Whether every key is settled or set aside.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes notice of an event; keys that were not asked for are ignored.
    pub(crate) fn observe(&mut self, event: &Event) {
        match event {
            Event::Step { purl, step } if self.waiting.contains(purl) => {
                self.running
                    .entry(purl.clone())
                    .or_insert_with(|| (Instant::now(), String::new()))
                    .1
                    .clone_from(step);
            }
            Event::Settled { purl, verdict } => {
                self.end(purl, verdict.map_or("looked at", trustmill_core::Verdict::as_str));
            }
            Event::Parked { key: Key::Rebuild(purl), why } => self.end(purl, why),
            Event::Retry { key: Key::Rebuild(purl), why } if self.waiting.contains(purl) => {
                self.line(&format!("{purl}: {why}; trying again"));
            }
            Event::Step { .. } | Event::Retry { .. } | Event::Parked { .. } | Event::Concluded { .. } => {}
        }
        self.tick();
    }

    fn end(&mut self, purl: &Purl, how: &str) {
        if self.waiting.remove(purl) {
            let time = self.running.remove(purl).map_or(Duration::ZERO, |(since, _)| since.elapsed());
            self.times.insert(purl.clone(), time);
            if self.bar.is_none() {
                let done = self.total - self.waiting.len();
                self.line(&format!("[{done}/{}] {purl}: {how}", self.total));
            }
        }
    }

    fn line(&self, text: &str) {
        let text = super::clean(text);
        match &self.bar {
            Some(bar) => bar.suspend(|| complain!("{text}")),
            None if self.quiet => {}
            None => complain!("{text}"),
        }
    }

    /// Redraws.
    pub(crate) fn tick(&self) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(u64::try_from(self.total - self.waiting.len()).unwrap_or(0));
        let running: Vec<_> = self
            .running
            .iter()
            .take(4)
            .map(|(purl, (_, step))| format!("{} ({step})", purl.name()))
            .collect();
        bar.set_message(running.join(", "));
    }

    /// Ends the display; the wall time of each key.
    pub(crate) fn finish(self) -> BTreeMap<Purl, Duration> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.times
    }
}
