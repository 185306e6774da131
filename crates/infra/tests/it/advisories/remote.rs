//! Feeds over a network that is down, slow, cut, stale, or hostile.

use super::*;
use trustmill_core::port::Coded;
use trustmill_infra::advisories::Way;
use trustmill_testkit::server::{Reply, Server};

const WHOLE: Options = Options { whole: true, accept_loss: false };

fn list(lines: &[(&str, u32)]) -> Reply {
    let text: String =
        lines.iter().map(|(id, day_of_month)| format!("{},{id}\n", day(*day_of_month))).collect();
    Reply::body(text).header("ETag", &format!("\"{}\"", lines.len()))
}

/// A server with a feed that was read once.
async fn served(records: &[Value]) -> (Server, World) {
    let server = Server::start().await;
    server.script("/npm/all.zip", [Reply::body(archive(records)).header("ETag", "\"one\"")]);
    let world = world(&server.url("/npm/"));
    world.update().await.unwrap();
    (server, world)
}

fn asked(server: &Server, path: &str) -> usize {
    server.received().iter().filter(|request| request.path == path).count()
}

#[tokio::test]
async fn an_archive_that_did_not_change_is_not_read_again() {
    let (server, world) = served(&many(1)).await;
    server.script("/npm/all.zip", [Reply::status(304)]);
    let report = world.update().await.unwrap();
    assert_eq!((report.way, report.held), (Way::Unchanged, 30));
    let last = server.received().into_iter().rfind(|request| request.path == "/npm/all.zip").unwrap();
    assert_eq!(last.header("if-none-match"), Some("\"one\""));
}

#[tokio::test]
async fn only_what_changed_is_fetched() {
    let (server, world) = served(&many(1)).await;
    server.script("/npm/modified_id.csv", [list(&[("MAL-7", 9), ("GHSA-0003", 8), ("GHSA-0001", 1)])]);
    let mut withdrawn = record("GHSA-0003", "p3", 8);
    withdrawn["withdrawn"] = json!(day(8));
    server.script("/npm/MAL-7.json", [Reply::body(record("MAL-7", "evil", 9).to_string())]);
    server.script("/npm/GHSA-0003.json", [Reply::body(withdrawn.to_string())]);
    let report = world.update().await.unwrap();
    assert_eq!((report.way, report.added, report.changed, report.held), (Way::Changes, 1, 1, 31));
    assert_eq!(world.about("evil").await, ["MAL-7"]);
    assert!(world.about("p3").await.is_empty());
    assert_eq!((asked(&server, "/npm/all.zip"), asked(&server, "/npm/GHSA-0001.json")), (1, 0));
    assert_eq!(world.state().await.newest, Some(at(&day(9))));

    server.script("/npm/modified_id.csv", [Reply::status(304)]);
    assert_eq!(world.update().await.unwrap().way, Way::Unchanged);
    let week_later = at("2026-02-09T00:00:00Z");
    server.script(
        "/npm/all.zip",
        [Reply::body(archive(&[many(1), vec![record("MAL-7", "evil", 9)]].concat()))],
    );
    assert_eq!(world.update_at(Options::default(), week_later).await.unwrap().way, Way::Whole);
}

#[tokio::test]
async fn many_changes_and_a_list_of_no_use_lead_to_the_archive() {
    let (server, world) = served(&many(1)).await;
    server.script("/npm/all.zip", [Reply::body(archive(&many(2))).header("ETag", "\"two\"")]);
    let ids: Vec<String> = (0..600).map(|n| format!("MAL-{n}")).collect();
    let lines: Vec<_> = ids.iter().map(|id| (id.as_str(), 2)).collect();
    server.script("/npm/modified_id.csv", [list(&lines)]);
    assert_eq!(world.update().await.unwrap().way, Way::Whole);
    for bad in [
        Reply::body("<html>sign in</html>\n"),
        Reply::body("2026-01-30T00:00:00Z,../../x-y\n"),
        list(&[("MAL-missing", 30)]),
    ] {
        server.script("/npm/modified_id.csv", [bad]);
        assert_eq!(world.update().await.unwrap().way, Way::Whole);
    }
    assert_eq!(asked(&server, "/npm/../../x-y.json"), 0);
}

#[tokio::test]
async fn a_change_that_the_server_has_only_in_its_old_form_is_asked_for_again() {
    let (server, world) = served(&many(1)).await;
    server.script("/npm/modified_id.csv", [list(&[("GHSA-0003", 8)]), list(&[("GHSA-0003", 8)])]);
    server.script(
        "/npm/GHSA-0003.json",
        [
            Reply::body(record("GHSA-0003", "p3", 1).to_string()),
            Reply::body(record("GHSA-0003", "elsewhere", 8).to_string()),
        ],
    );
    assert_eq!(world.update().await.unwrap().changed, 0);
    assert_eq!(world.update().await.unwrap().changed, 1);
    assert_eq!(world.about("elsewhere").await, ["GHSA-0003"]);
}

#[tokio::test]
async fn a_list_or_an_archive_that_went_back_is_an_alarm() {
    let (server, world) = served(&many(10)).await;
    server.script("/npm/modified_id.csv", [list(&[("GHSA-0001", 9)])]);
    assert_eq!(world.update().await.unwrap_err().code(), "TM0912");
    server.script("/npm/modified_id.csv", [Reply::status(404)]);
    server.script("/npm/all.zip", [Reply::body(archive(&many(9))).header("ETag", "\"old\"")]);
    assert_eq!(world.update().await.unwrap_err().code(), "TM0912");
    let state = world.state().await;
    assert_eq!((state.records, state.newest), (30, Some(at(&day(10)))));
    assert_eq!(world.about("p3").await, ["GHSA-0003"]);
}

#[tokio::test]
async fn a_server_that_is_down_slow_or_cuts_keeps_the_old_set_and_says_since_when() {
    let (server, world) = served(&many(1)).await;
    let body = archive(&many(2));
    let first = at("2026-02-02T00:00:00Z");
    for (n, reply) in [
        Reply::status(500),
        Reply::status(403),
        Reply::hang(),
        Reply::body(body.clone()).cut(body.len() / 2),
        Reply::body(body.clone()).drip(Duration::from_millis(500)),
    ]
    .into_iter()
    .enumerate()
    {
        server.script("/npm/all.zip", [reply]);
        let hours = Duration::from_secs(3_600 * n as u64);
        let error = world.update_at(WHOLE, first + hours).await.unwrap_err();
        assert_eq!(error.code(), "TM0910", "{n}: {error}");
        let state = world.state().await;
        assert_eq!((state.failing_since, state.read_at), (Some(first), Some(now())), "{n}");
        assert_eq!(world.about("p3").await, ["GHSA-0003"]);
    }
    server.script("/npm/all.zip", [Reply::body(body)]);
    world.update_with(WHOLE).await.unwrap();
    assert_eq!(world.state().await.failure, None);
}

#[tokio::test]
async fn a_changed_record_that_is_too_large_is_refused() {
    let (server, world) = served(&many(1)).await;
    server.script("/npm/modified_id.csv", [list(&[("MAL-1", 9), ("MAL-2", 9), ("MAL-3", 9)])]);
    let mut huge = record("MAL-1", "huge", 9).to_string().into_bytes();
    huge.resize(9 << 20, b' ');
    server.script("/npm/MAL-1.json", [Reply::body(huge)]);
    for id in ["MAL-2", "MAL-3"] {
        server.script(&format!("/npm/{id}.json"), [Reply::body(record(id, id, 9).to_string())]);
    }
    let report = world.update().await.unwrap();
    assert_eq!((report.refused, report.added), (1, 2));
}

#[tokio::test]
async fn a_feed_is_due_after_its_time_and_sooner_after_a_failure() {
    let (server, world) = served(&many(1)).await;
    let minutes = |minutes: u64| now() + Duration::from_secs(60 * minutes);
    assert!(world.feeds.due(minutes(59)).await.unwrap().is_empty());
    assert_eq!(world.feeds.due(minutes(60)).await.unwrap().len(), 1);
    server.script("/npm/all.zip", [Reply::status(403)]);
    world.update_at(Options::default(), minutes(60)).await.unwrap_err();
    assert!(world.feeds.due(minutes(64)).await.unwrap().is_empty());
    assert_eq!(world.feeds.due(minutes(65)).await.unwrap().len(), 1);
    let copy = world.put("copy.zip", &archive(&many(2)));
    let by_hand = feed("f", copy.to_str().unwrap());
    world.feeds.update(&by_hand, Options::default(), &Arc::default(), minutes(66)).await.unwrap();
    assert_eq!(world.feeds.due(minutes(66)).await.unwrap().len(), 1, "it was read from elsewhere");
    world.update_at(Options::default(), minutes(66)).await.unwrap_err();
    assert!(world.feeds.due(minutes(67)).await.unwrap().is_empty(), "and cannot be read where it should be");
}
