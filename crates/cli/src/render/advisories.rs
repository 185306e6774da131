//! The views of `trustmill advisories`.

use super::{clean, table};
use crate::cmd::{Failed, FeedHealth, Told};
use crate::out::{complain, say};
use indicatif::{ProgressBar, ProgressStyle};
use std::future::Future;
use std::io::IsTerminal as _;
use std::time::Duration;
use trustmill_core::Purl;
use trustmill_core::advisory::{Advisory, Finding, Matched, RangeEvent, RangeKind, VersionRange};
use trustmill_infra::advisories::{Progress, Report, Way};

/// Shows how far an update is, on standard error, where that is a terminal.
pub(crate) async fn watched<T>(
    feed: &str,
    progress: &Progress,
    quiet: bool,
    update: impl Future<Output = T>,
) -> T {
    if quiet || !std::io::stderr().is_terminal() {
        return update.await;
    }
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_message(feed.to_owned());
    let mut update = std::pin::pin!(update);
    let done = loop {
        match tokio::time::timeout(Duration::from_millis(100), update.as_mut()).await {
            Ok(done) => break done,
            Err(_) => {
                let (done, total) = progress.get();
                bar.set_length(total);
                bar.set_position(done);
                bar.tick();
            }
        }
    };
    bar.finish_and_clear();
    done
}

/// One line per feed, and what does not go without saying.
pub(crate) fn updated(report: &Report) {
    let Report { feed, held, malicious, .. } = report;
    match report.way {
        Way::Unchanged => {
            say!("{feed}: nothing changed; {held} records are held, {malicious} of them malware");
        }
        Way::Changes | Way::Whole => say!(
            "{feed}: {} added, {} changed, {} removed; {held} records are held, {malicious} of them malware",
            report.added,
            report.changed,
            report.removed
        ),
    }
    let told = [
        (report.refused, "are refused"),
        (report.older, "are older than what is held, which stays"),
        (report.conflicts, "contradict another record of the same id; the newest counts"),
        (report.foreign, "are about other ecosystems alone"),
    ];
    for (count, what) in told.iter().filter(|(count, _)| *count > 0) {
        say!("  {count} {what}");
    }
    for refusal in &report.refusals {
        say!("  refused: {}: {}", clean(&refusal.record), clean(&refusal.why));
    }
}

/// A failure, as other failures are told, with the feed's name.
pub(crate) fn failed(failed: &Failed) {
    complain!("error[{}]: {}: {}", failed.code, failed.feed, clean(&failed.message));
    for cause in &failed.causes {
        complain!("  because: {}", clean(cause));
    }
    complain!("  help: {}", failed.help);
}

/// The feeds and their age.
pub(crate) fn list(feeds: &[FeedHealth]) {
    if feeds.is_empty() {
        say!("no feeds: name one in [[feeds]], or `trustmill advisories update --from PATH|URL`");
        return;
    }
    let mut rows = table::new(&["feed", "records", "malware", "refused", "newest", "read", "from"]);
    for feed in feeds {
        rows.add_row(vec![
            feed.name.clone(),
            feed.records.to_string(),
            feed.malicious.to_string(),
            feed.refused.to_string(),
            feed.newest.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string()),
            age(feed),
            feed.address.as_deref().map_or_else(|| "(not in the configuration)".to_owned(), clean),
        ]);
    }
    say!("{}", rows.trim_fmt());
    for feed in feeds {
        if let Some(failure) = &feed.failure {
            let since = feed.failing_since.map(|at| format!(" since {at}")).unwrap_or_default();
            say!("\n{} fails{since}: {}", feed.name, clean(failure));
        }
    }
}

/// How long ago a feed was read.
pub(crate) fn age(feed: &FeedHealth) -> String {
    let Some(seconds) = feed.age_seconds else { return "never".to_owned() };
    let ago = match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    };
    if feed.stale { format!("{ago} (stale)") } else { ago }
}

/// What is known against a release.
pub(crate) fn findings(release: &Purl, findings: &[Finding]) {
    if findings.is_empty() {
        say!("no feed says anything against {release}");
    }
    for finding in findings {
        let record = &finding.advisory;
        let word = match (finding.malicious, record.informational) {
            (true, _) => "malware".to_owned(),
            (false, true) => "information".to_owned(),
            (false, false) => finding.severity.to_string(),
        };
        say!("{word:12} {}", finding.ids.join(", "));
        if !record.summary.is_empty() {
            say!("             {}", clean(&record.summary));
        }
        let why = match finding.matched {
            Matched::Range => "it lies in an affected range",
            Matched::Version => "the record names this version",
            Matched::Every => "the record names every version",
            Matched::Text => "the record has this very text; the ecosystem does not know it as a version",
        };
        say!("             {why}");
        match finding.fixed.as_slice() {
            [] => say!("             no fixed version is named"),
            fixed => say!("             fixed in {}", clean(&fixed.join(", "))),
        }
    }
}

/// A record.
pub(crate) fn record(told: &Told) {
    let record: &Advisory = &told.record;
    let from = told.feed.as_deref().map(|feed| format!("  (feed {feed})")).unwrap_or_default();
    say!("{}{from}", record.id);
    if !record.summary.is_empty() {
        say!("  {}", clean(&record.summary));
    }
    let score = record.score.map(|tenths| format!(" ({}.{})", tenths / 10, tenths % 10)).unwrap_or_default();
    say!("  severity  {}{score}{}", record.severity, kind(record));
    if !record.aliases.is_empty() {
        say!("  aliases   {}", record.aliases.join(", "));
    }
    say!("  modified  {}", record.modified);
    if let Some(at) = record.withdrawn {
        say!("  withdrawn {at}: it counts no more");
    }
    for affected in &record.affected {
        let ranges = affected.ranges.iter().map(range);
        let versions = (!affected.versions.is_empty()).then(|| versions(&affected.versions));
        let all: Vec<_> = ranges.chain(versions).collect();
        say!("  affects   {}: {}", affected.project, clean(&all.join("; ")));
    }
    for oddity in &told.oddities {
        say!("  note      {oddity}");
    }
    for reference in &record.references {
        say!("  see       {}", clean(reference));
    }
}

fn kind(record: &Advisory) -> &'static str {
    match (record.malicious, record.informational) {
        (true, _) => ", malware",
        (false, true) => ", only informs",
        (false, false) => "",
    }
}

fn range(range: &VersionRange) -> String {
    let event = |event: &RangeEvent| match event {
        RangeEvent::Introduced(version) if version == "0" => "from the first version".to_owned(),
        RangeEvent::Introduced(version) => format!("from {version}"),
        RangeEvent::Fixed(version) => format!("fixed in {version}"),
        RangeEvent::LastAffected(version) => format!("up to {version}"),
        RangeEvent::Limit(version) => format!("limit {version}"),
    };
    let events: Vec<_> = range.events.iter().map(event).collect();
    let commits = if range.kind == RangeKind::Git { "commits " } else { "" };
    format!("{commits}{}", events.join(", "))
}

fn versions(versions: &[String]) -> String {
    let first: Vec<_> = versions.iter().take(8).map(String::as_str).collect();
    let more = versions.len().saturating_sub(8);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("versions {}{more}", first.join(", "))
}
