//! The page at `/`: what this is, how to use it, how it goes. Rendered here, nothing else is loaded.

use crate::access::Caller;
use crate::app::App;
use crate::respond::{plain, set};
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use maud::{DOCTYPE, Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::shelf::Shelf;
use trustmill_core::{Purl, Timestamp, Verdict};

/// Most watched packages that one view of the page reads.
const MAX_WATCHED: usize = 1000;
/// How long a summary is shown before the records are read again.
const LASTS: Duration = Duration::from_secs(2);
/// Results shown.
const LAST: usize = 25;
/// Nothing is loaded from anywhere, nothing runs, nobody frames it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--good:#1a7f37;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--good:#3fb950;--bad:#ff7b72}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0}
pre{background:var(--soft);padding:.8rem;border-radius:.4rem;overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}
.good{color:var(--good)}.bad{color:var(--bad)}footer{margin:2rem 0;opacity:.7}";

/// What the page tells.
#[derive(Default)]
pub(crate) struct Summary {
    watched: usize,
    verdicts: BTreeMap<Verdict, usize>,
    refused: usize,
    last: Vec<Entry>,
}

/// One file's newest entry.
struct Entry {
    purl: Purl,
    filename: String,
    verdict: Option<Verdict>,
    refusal: Option<String>,
    at: Timestamp,
}

/// The last summary. Whoever reloads the page often reads the records no more often than [`LASTS`] says.
#[derive(Default)]
pub(crate) struct SummaryCache(Mutex<Option<(Instant, Arc<Summary>)>>);

impl SummaryCache {
    /// The summary; `None` without records, or when they cannot be read.
    async fn get(&self, records: Option<&dyn Records>) -> Option<Arc<Summary>> {
        let records = records?;
        let mut last = self.0.lock().await;
        if let Some((_, summary)) = last.as_ref().filter(|(at, _)| at.elapsed() < LASTS) {
            return Some(summary.clone());
        }
        match summarise(records).await {
            Ok(summary) => {
                let summary = Arc::new(summary);
                *last = Some((Instant::now(), summary.clone()));
                Some(summary)
            }
            Err(error) => {
                tracing::error!(%error, "the status page cannot read the records");
                None
            }
        }
    }
}

pub(crate) async fn page(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Response {
    let summary = app.summary.get(app.options.records.as_deref()).await;
    let origin = caller.origin.as_deref().unwrap_or("http://HOST");
    let body = render(&app, origin, summary.as_deref()).into_string();
    let mut response = plain(StatusCode::OK, "");
    set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(&mut response, header::CONTENT_LENGTH, &body.len().to_string());
    set(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    *response.body_mut() = Body::from(body);
    response
}

/// Reads the newest shelf entry of every file that is watched.
async fn summarise(records: &dyn Records) -> Result<Summary, RecordsError> {
    let watched = records.watched().await?;
    let mut summary = Summary { watched: watched.len(), ..Summary::default() };
    let mut newest: BTreeMap<(Purl, String), Entry> = BTreeMap::new();
    for (purl, _) in watched.iter().take(MAX_WATCHED) {
        for fact in records.facts(purl, Some(Shelf::KIND)).await? {
            let (Some(filename), Ok(shelf)) = (fact.subject.clone(), Shelf::read(&fact)) else { continue };
            let refusal = shelf.refuse.map(|refuse| format!("{}: {}", refuse.code, refuse.reason));
            let result =
                Entry { purl: fact.about.clone(), filename, verdict: shelf.verdict, refusal, at: fact.at };
            newest.insert((fact.about, result.filename.clone()), result);
        }
    }
    for result in newest.values() {
        if let Some(verdict) = result.verdict {
            *summary.verdicts.entry(verdict).or_default() += 1;
        }
        summary.refused += usize::from(result.refusal.is_some());
    }
    summary.last = newest.into_values().collect();
    summary.last.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.filename.cmp(&b.filename)));
    summary.last.truncate(LAST);
    Ok(summary)
}

fn render(app: &App, origin: &str, summary: Option<&Summary>) -> Markup {
    let uptime = app.started.elapsed().as_secs();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Trustmill" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Trustmill" }
                p { "Rebuilds packages from source, compares them with what was published, and serves the result." }
                (usage(app, origin))
                @match summary {
                    Some(summary) => (results(summary)),
                    None => p { "No records are at hand." },
                }
                footer {
                    "trustmill " (app.options.version) ", up for " (uptime) " s. "
                    a href="/keys" { "Public keys" } ", " a href="/readyz" { "readiness" } "."
                }
            }
        }
    }
}

/// How to point the package managers here.
fn usage(app: &App, origin: &str) -> Markup {
    html! {
        h2 { "Use it" }
        @for registry in &app.registries {
            @let mount = format!("{origin}/{}", registry.ty());
            @if registry.usage().is_empty() {
                p { code { (mount) "/" } }
            } @else {
                pre { (registry.usage().join("\n").replace("{mount}", &mount)) }
            }
        }
        p { "As of an instant: " code { "/pypi/@2024-05-01/simple/" } " shows only what was there before." }
    }
}

fn results(summary: &Summary) -> Markup {
    html! {
        h2 { "Verdicts" }
        p { (summary.watched) " packages are watched; " (summary.refused) " files are refused." }
        @if !summary.verdicts.is_empty() {
            table {
                tr { th { "verdict" } th { "files" } }
                @for (verdict, count) in &summary.verdicts {
                    tr { td { (verdict) } td class="n" { (count) } }
                }
            }
        }
        @if !summary.last.is_empty() {
            h2 { "Last results" }
            table {
                tr { th { "file" } th { "verdict" } th { "when" } }
                @for result in &summary.last { (row(result)) }
            }
        }
    }
}

fn row(result: &Entry) -> Markup {
    let verdict = result.verdict.map_or("", Verdict::as_str);
    let class = if result.verdict.is_some_and(Verdict::same_bytes) { "good" } else { "" };
    html! {
        tr {
            td { a href={ "/api/v1/packages/" (result.purl) } { (result.filename) } }
            td {
                @match &result.refusal {
                    Some(refusal) => span class="bad" { "refused: " (refusal) },
                    None => span class=(class) { (verdict) },
                }
            }
            td { (format!("{:.0}", result.at)) }
        }
    }
}
