//! The feeds of the running mill: each is read again when its time has come, whatever was missed before.

use crate::out::say;
use crate::wire::{self, feeds::now};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::Coded;
use trustmill_infra::advisories::{Feeds, Options, Progress, Report, Way};

/// How often it is looked whether a feed is due: a change by another process is seen as soon.
const LOOK: Duration = Duration::from_secs(5);

/// Reads feeds until `stopped`. One after the other: they write into one file.
pub(super) async fn refresh(feeds: Feeds, json: bool, stopped: watch::Receiver<bool>) {
    if feeds.all().is_empty() {
        return;
    }
    while !*stopped.borrow() {
        match feeds.due(now()).await {
            Err(error) => tracing::error!(%error, "which feeds are due cannot be found out"),
            Ok(due) => {
                for feed in due {
                    let progress = Arc::new(Progress::default());
                    let update = feeds.update(feed, Options::default(), &progress, now());
                    tokio::select! {
                        result = update => match result {
                            Ok(report) => tell(&report, json),
                            Err(error) => say(&feed.name, &format!("[{}] {error}", error.code()), json),
                        },
                        () = wire::turned(stopped.clone()) => return,
                    }
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = wire::turned(stopped.clone()) => return,
        }
    }
}

/// What did not change is not told.
fn tell(report: &Report, json: bool) {
    let Report { added, changed, removed, held, malicious, .. } = report;
    if report.way != Way::Unchanged && added + changed + removed > 0 {
        let text = format!(
            "{added} added, {changed} changed, {removed} removed; {held} held, {malicious} of them malware"
        );
        say(&report.feed, &text, json);
    }
}

fn say(feed: &str, text: &str, json: bool) {
    if json {
        say!("{}", serde_json::json!({ "event": "feed", "feed": feed, "text": text }));
    } else {
        say!("{:8} {feed}  {}", "feed", crate::render::clean(text));
    }
}
