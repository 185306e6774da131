//! The HTTP client against a server that misbehaves.

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use trustmill_core::Sha256;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::fetch::{Fetch, FetchError, Page, Validators};
use trustmill_infra::http::RedactedUrl;
use trustmill_infra::store::FsBlobs;
use trustmill_infra::{FetchConfig, HttpFetch};
use trustmill_testkit::server::{Reply, Server};

const LIMIT: u64 = 64 << 20;

struct World {
    server: Server,
    blobs: FsBlobs,
    fetch: HttpFetch,
    root: TempDir,
}

/// Short waits, so that what must end does so within a test.
fn quick() -> FetchConfig {
    FetchConfig {
        response_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_millis(500),
        page_timeout: Duration::from_secs(2),
        slow_window: Duration::from_secs(1),
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_secs(2),
        tries: 3,
        page_limit: 1 << 20,
        ..FetchConfig::default()
    }
}

async fn world_with(config: FetchConfig) -> World {
    let root = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(root.path(), None).unwrap();
    let fetch = HttpFetch::new(config, blobs.clone()).unwrap();
    World { server: Server::start().await, blobs, fetch, root }
}

async fn world() -> World {
    world_with(quick()).await
}

impl World {
    async fn page(&self, path: &str) -> Result<Page, FetchError> {
        self.fetch.page(&self.server.url(path), "application/json", None).await
    }

    async fn file(&self, path: &str, expected: Option<&Sha256>) -> Result<(Sha256, u64), FetchError> {
        self.fetch.file(&self.server.url(path), expected, LIMIT).await
    }

    fn asked(&self) -> usize {
        self.server.received().len()
    }

    /// Files that were begun and neither published nor removed.
    fn strays(&self) -> usize {
        std::fs::read_dir(self.root.path().join("incoming")).unwrap().count()
    }
}

fn content(len: u32) -> Bytes {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn body(page: Page) -> Bytes {
    match page {
        Page::Fresh { body, .. } => body,
        Page::NotModified { .. } => panic!("nothing was known"),
    }
}

#[tokio::test]
async fn a_page_comes_with_what_the_next_request_needs() {
    let world = world().await;
    let reply = Reply::body("{}")
        .header("Content-Type", "application/json")
        .header("ETag", "W/\"1\"")
        .header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("Cache-Control", "max-age=600");
    world.server.script("/p", [reply, Reply::status(304).header("Cache-Control", "max-age=60")]);
    let page = world.page("/p").await.unwrap();
    let validators = Validators {
        etag: Some("W/\"1\"".into()),
        last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()),
    };
    let expected = Page::Fresh {
        body: Bytes::from_static(b"{}"),
        content_type: "application/json".into(),
        validators: validators.clone(),
        max_age: Some(Duration::from_secs(600)),
    };
    assert_eq!(page, expected);
    let again = world.fetch.page(&world.server.url("/p"), "text/html", Some(&validators)).await.unwrap();
    assert_eq!(again, Page::NotModified { max_age: Some(Duration::from_secs(60)) });
    let asked = world.server.received();
    let version = concat!("trustmill/", env!("CARGO_PKG_VERSION"));
    assert_eq!(asked[0].header("user-agent"), Some(version));
    assert_eq!(
        (asked[0].header("accept"), asked[0].header("if-none-match")),
        (Some("application/json"), None)
    );
    assert_eq!(asked[1].header("if-none-match"), Some("W/\"1\""));
    assert_eq!(asked[1].header("if-modified-since"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    let world = world().await;
    for (status, name) in
        [(404, "NotFound"), (410, "NotFound"), (401, "Refused"), (403, "Refused"), (204, "Malformed")]
    {
        let before = world.asked();
        world.server.script("/x", [Reply::status(status)]);
        let page = format!("{:?}", world.page("/x").await.unwrap_err());
        let file = format!("{:?}", world.file("/x", None).await.unwrap_err());
        assert!(page.starts_with(name) && file.starts_with(name), "{status}: {page} {file}");
        assert_eq!(world.asked() - before, 2, "{status}: one request each");
    }
    world.server.script("/x", [Reply::status(304)]);
    assert!(matches!(world.page("/x").await, Err(FetchError::Malformed { .. })), "nothing was known");
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let world = world().await;
        world.server.script("/x", [Reply::status(status), Reply::status(status), Reply::body("ok")]);
        assert_eq!(body(world.page("/x").await.unwrap()), "ok", "{status}");
        world.server.script("/y", [Reply::status(status), Reply::body("ok").cut(1), Reply::body("ok")]);
        assert_eq!(world.file("/y", None).await.unwrap(), (Sha256::of(b"ok"), 2), "{status}");
        assert_eq!(world.asked(), 6);
    }
}

#[tokio::test]
async fn patience_ends() {
    let world = world().await;
    world.server.script("/x", [Reply::status(500)]);
    let error = world.page("/x").await.unwrap_err();
    assert!(matches!(&error, FetchError::Unavailable { why, .. } if why.contains("500")), "{error:?}");
    assert!(error.is_infrastructure());
    assert_eq!(world.asked(), 3);
    let nobody = format!("http://127.0.0.1:{}/x", unused_port());
    let error = world.fetch.page(&nobody, "*/*", None).await.unwrap_err();
    assert!(matches!(error, FetchError::Unavailable { .. }), "{error:?}");
}

fn unused_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn retry_after_is_honoured_within_reason() {
    let world = world().await;
    world.server.script("/x", [Reply::status(429).header("Retry-After", "1"), Reply::body("ok")]);
    let began = std::time::Instant::now();
    world.page("/x").await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "no earlier than the server asked");

    world.server.script("/y", [Reply::status(503).header("Retry-After", "600")]);
    let asked = world.asked();
    let error = world.page("/y").await.unwrap_err();
    let hour = |after: &Option<Duration>| after.is_some_and(|after| after <= Duration::from_secs(600));
    assert!(matches!(&error, FetchError::Unavailable { retry_after, .. } if hour(retry_after)), "{error:?}");
    assert_eq!(world.asked() - asked, 1, "too long to wait for: whoever asked is told");
    let error = world.page("/elsewhere").await.unwrap_err();
    assert!(matches!(error, FetchError::Unavailable { retry_after: Some(_), .. }), "{error:?}");
    assert_eq!(world.asked() - asked, 1, "and the host is left alone");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let world = world().await;
    world.server.script("/x", [Reply::hang()]);
    assert!(matches!(world.page("/x").await, Err(FetchError::Unavailable { .. })));
    assert_eq!(world.asked(), 3);
    assert!(matches!(world.file("/x", None).await, Err(FetchError::Unavailable { .. })));
}

#[tokio::test]
async fn a_server_that_drips_is_given_up() {
    let config = FetchConfig { tries: 1, page_timeout: Duration::from_secs(1), ..quick() };
    let world = world_with(config).await;
    world.server.script("/x", [Reply::body(content(1000)).drip(Duration::from_millis(20))]);
    let (page, file) = tokio::join!(world.page("/x"), world.file("/x", None));
    assert!(matches!(page, Err(FetchError::Unavailable { .. })), "{page:?}");
    assert!(matches!(&file, Err(FetchError::Unavailable { why, .. }) if why.contains("slow")), "{file:?}");
    assert_eq!(world.strays(), 0);
}

#[tokio::test]
async fn what_is_too_large_is_cut_off() {
    let world = world().await;
    world.server.script("/promised", [Reply::body(content(2000))]);
    let small = world.fetch.file(&world.server.url("/promised"), None, 1999).await;
    assert!(matches!(small, Err(FetchError::TooLarge { limit: 1999, .. })), "{small:?}");
    let fits = world.fetch.file(&world.server.url("/promised"), None, 2000).await.unwrap();
    assert_eq!(fits, (Sha256::of(&content(2000)), 2000));
    world.server.script("/endless", [Reply::endless()]);
    let page = world.page("/endless").await;
    assert!(matches!(page, Err(FetchError::TooLarge { .. })), "{page:?}");
    let file = world.fetch.file(&world.server.url("/endless"), None, 5 << 20).await;
    assert!(matches!(file, Err(FetchError::TooLarge { .. })), "{file:?}");
    assert_eq!(world.strays(), 0);
}

#[tokio::test]
async fn a_bomb_costs_no_more_than_the_limit() {
    let world = world().await;
    let zipped = |len: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![b' '; len]).unwrap();
        Reply::body(encoder.finish().unwrap()).header("Content-Encoding", "gzip")
    };
    world.server.script("/small", [zipped(1 << 20)]);
    assert_eq!(body(world.page("/small").await.unwrap()).len(), 1 << 20, "at the limit");
    world.server.script("/bomb", [zipped(200 << 20)]);
    let bomb = world.page("/bomb").await;
    assert!(matches!(bomb, Err(FetchError::TooLarge { limit, .. }) if limit == 1 << 20), "{bomb:?}");
    let (_, len) = world.file("/bomb", None).await.unwrap();
    assert!(len < 1 << 20, "a file is stored as it came, never inflated");
}

#[tokio::test]
async fn a_wrong_digest_leaves_nothing() {
    let world = world().await;
    world.server.script("/f", [Reply::body("evil")]);
    let error = world.file("/f", Some(&Sha256::of(b"good"))).await.unwrap_err();
    let (good, evil) = (Sha256::of(b"good"), Sha256::of(b"evil"));
    assert!(matches!(&error, FetchError::Digest { expected, got, .. } if (*expected, *got) == (good, evil)));
    assert_eq!(world.blobs.get(&evil).await.unwrap(), None);
    assert_eq!((world.asked(), world.strays()), (1, 0), "lies are not asked for twice");
}

#[tokio::test]
async fn a_broken_download_is_continued() {
    let whole = content(3_000_000);
    let good = Reply::body(whole.clone()).ranges().header("ETag", "\"v1\"");
    let world = world().await;
    world.server.script("/f", [good.clone().cut(1_000_000), good.clone().cut(1_200_000), good]);
    assert_eq!(world.file("/f", None).await.unwrap(), (Sha256::of(&whole), 3_000_000));
    let asked = world.server.received();
    let ranges: Vec<_> = asked.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=1000000-"), Some("bytes=2200000-")]);
    assert_eq!(asked[1].header("if-range"), Some("\"v1\""));
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_again() {
    let whole = content(300_000);
    let good = Reply::body(whole.clone()).header("ETag", "\"v1\"");
    let world = world().await;
    world.server.script("/f", [good.clone().cut(200_000), good]);
    assert_eq!(world.file("/f", None).await.unwrap(), (Sha256::of(&whole), 300_000));
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_begun_anew() {
    let (old, new) = (content(300_000), Bytes::from(vec![1; 300_000]));
    let world = world().await;
    let first = Reply::body(old.clone()).ranges().header("ETag", "\"v1\"").cut(200_000);
    world.server.script("/f", [first.clone(), Reply::body(new.clone()).ranges().header("ETag", "\"v2\"")]);
    assert_eq!(world.file("/f", None).await.unwrap().0, Sha256::of(&new), "If-Range tells");

    let careless = Reply::body(old).ranges().cut(200_000);
    world.server.script("/g", [careless, Reply::body(new.clone()).ranges()]);
    let digest = Sha256::of(b"neither");
    let error = world.file("/g", Some(&digest)).await.unwrap_err();
    let got = Sha256::of(&new);
    assert!(
        matches!(error, FetchError::Digest { got: g, .. } if g == got),
        "a whole answer decides: {error:?}"
    );
}

#[tokio::test]
async fn a_range_that_lies_about_its_start_is_not_spliced_in() {
    let whole = content(100_000);
    let world = world().await;
    let lie = Reply::body("x").header("Content-Range", "bytes 5-5/100000");
    let replies = [
        Reply::body(whole.clone()).header("ETag", "\"v1\"").cut(50_000),
        lie.with_status(206),
        Reply::body(whole.clone()),
    ];
    world.server.script("/f", replies);
    assert_eq!(world.file("/f", None).await.unwrap().0, Sha256::of(&whole));
    assert_eq!(world.server.received()[2].header("range"), None);
}

#[tokio::test]
async fn any_number_of_callers_cause_one_request() {
    let world = world().await;
    let whole = content(500_000);
    let slow = Reply::body(whole.clone()).cut(100_000);
    world.server.script("/f", [slow, Reply::body(whole.clone())]);
    let url: Arc<str> = world.server.url("/f").into();
    let callers: Vec<_> = (0..200)
        .map(|n| {
            let (fetch, url) = (world.fetch.clone(), Arc::clone(&url));
            let expected = (n % 2 == 0).then(|| Sha256::of(&whole));
            tokio::spawn(async move { fetch.file(&url, expected.as_ref(), LIMIT).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), (Sha256::of(&whole), 500_000));
    }
    assert_eq!(world.asked(), 2, "the one that broke, and one more");
    world.file("/f", Some(&Sha256::of(&whole))).await.unwrap();
    assert_eq!(world.asked(), 2, "what is here is not asked for");
}

#[tokio::test]
async fn callers_who_ask_for_other_things_get_their_own_answer() {
    let world = world().await;
    let whole = content(50);
    let (good, bad) = (Sha256::of(&whole), Sha256::of(b"bad"));
    world.server.script("/f", [Reply::body(whole).drip(Duration::from_millis(1))]);
    let url = world.server.url("/f");
    let (wrong, small, right) = tokio::join!(
        world.fetch.file(&url, Some(&bad), LIMIT),
        world.fetch.file(&url, None, 10),
        world.fetch.file(&url, Some(&good), LIMIT)
    );
    assert!(matches!(wrong, Err(FetchError::Digest { expected, .. }) if expected == bad), "{wrong:?}");
    assert!(matches!(small, Err(FetchError::TooLarge { limit: 10, .. })), "{small:?}");
    assert_eq!(right.unwrap(), (good, 50));
}

#[tokio::test]
async fn when_the_one_who_downloads_goes_another_takes_over() {
    let world = world().await;
    world.server.script("/f", [Reply::hang(), Reply::body("ok")]);
    let (fetch, url) = (world.fetch.clone(), world.server.url("/f"));
    let leader = tokio::spawn({
        let (fetch, url) = (fetch.clone(), url.clone());
        async move { fetch.file(&url, None, LIMIT).await }
    });
    while world.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let follower = tokio::spawn(async move { fetch.file(&url, None, LIMIT).await });
    tokio::task::yield_now().await;
    leader.abort();
    assert_eq!(follower.await.unwrap().unwrap(), (Sha256::of(b"ok"), 2));
    assert_eq!((world.asked(), world.strays()), (2, 0));
}

#[tokio::test]
async fn redirects_are_followed_and_bounded() {
    let world = world().await;
    let chain: Vec<_> = (0..12).map(|n| (format!("/{n}"), format!("/{}", n + 1))).collect();
    for (from, to) in &chain {
        world.server.script(from, [Reply::redirect(to)]);
    }
    world.server.script("/12", [Reply::body("end")]);
    assert_eq!(body(world.page("/2").await.unwrap()), "end");
    let error = world.page("/1").await.unwrap_err();
    assert!(
        matches!(&error, FetchError::Malformed { why, .. } if why.contains("redirects more")),
        "{error:?}"
    );
    world.server.script("/loop", [Reply::redirect("/loop")]);
    assert!(matches!(world.file("/loop", None).await, Err(FetchError::Malformed { .. })));
    world.server.script("/file", [Reply::redirect("file:///etc/passwd")]);
    assert!(world.page("/file").await.is_err());
}

#[tokio::test]
async fn credentials_go_to_their_host_and_nowhere_else() {
    let mut config = quick();
    let (home, foreign) = (Server::start().await, Server::start().await);
    config.credentials =
        vec![RedactedUrl::parse(&format!("http://conf:p%40ss@{}/simple/", home.address())).unwrap()];
    let world = world_with(config).await;
    home.script("/f", [Reply::redirect("/same")]);
    home.script("/same", [Reply::redirect(&foreign.url("/end"))]);
    foreign.script("/end", [Reply::status(403)]);
    let url = home.url("/f").replace("http://", "http://me:s3cret@");
    let error = world.fetch.file(&url, None, LIMIT).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("me:"), "{shown}");
    let basic = Some("Basic bWU6czNjcmV0");
    let sent: Vec<_> = home.received().iter().map(|r| r.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [basic.map(str::to_owned), basic.map(str::to_owned)]);
    assert_eq!(foreign.received()[0].header("authorization"), None);
    assert_eq!(foreign.received()[0].header("referer"), None);
    world.fetch.page(&home.url("/f"), "*/*", None).await.unwrap_err();
    assert_eq!(home.received()[2].header("authorization"), Some("Basic Y29uZjpwQHNz"), "as configured");
    world.fetch.page(&foreign.url("/end"), "*/*", None).await.unwrap_err();
    assert_eq!(foreign.received()[2].header("authorization"), None);
}

#[tokio::test]
async fn one_host_is_not_asked_for_everything_at_once() {
    let world = world_with(FetchConfig { per_host: 2, ..quick() }).await;
    let paths: Vec<_> = (0..6).map(|n| format!("/{n}")).collect();
    for path in &paths {
        world.server.script(path, [Reply::hang()]);
    }
    let requests: Vec<_> = paths
        .iter()
        .map(|path| {
            let (fetch, url) = (world.fetch.clone(), world.server.url(path));
            tokio::spawn(async move { fetch.page(&url, "*/*", None).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.asked(), 2);
    for request in requests {
        request.abort();
    }
}

#[tokio::test]
async fn a_full_store_is_no_fault_of_upstream() {
    let world = world().await;
    world.server.script("/f", [Reply::body("ok")]);
    std::fs::remove_dir(world.root.path().join("incoming")).unwrap();
    let error = world.file("/f", None).await.unwrap_err();
    assert!(matches!(error, FetchError::Store { .. }), "{error:?}");
    assert!(error.is_infrastructure());
}

#[tokio::test]
async fn only_trusted_servers_are_spoken_to() {
    let (server, root) = Server::start_tls().await;
    server.script("/p", [Reply::body("ok")]);
    let stranger = world_with(FetchConfig { tries: 1, ..quick() }).await;
    let error = stranger.fetch.page(&server.url("/p"), "*/*", None).await.unwrap_err();
    assert!(
        matches!(&error, FetchError::Unavailable { why, .. } if why.contains("certificate")),
        "{error:?}"
    );
    let pem = stranger.root.path().join("root.pem");
    std::fs::write(&pem, root).unwrap();
    let friend = world_with(FetchConfig { roots: vec![pem], ..quick() }).await;
    assert_eq!(body(friend.fetch.page(&server.url("/p"), "*/*", None).await.unwrap()), "ok");
}

#[tokio::test]
async fn a_secure_channel_is_not_left() {
    let (server, root) = Server::start_tls().await;
    let pem = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pem.path(), root).unwrap();
    let world = world_with(FetchConfig { roots: vec![pem.path().to_owned()], ..quick() }).await;
    world.server.script("/plain", [Reply::body("evil")]);
    world.server.script("/up", [Reply::redirect(&server.url("/secure"))]);
    server.script("/secure", [Reply::body("ok")]);
    server.script("/down", [Reply::redirect(&world.server.url("/plain"))]);
    assert_eq!(body(world.page("/up").await.unwrap()), "ok");
    let error = world.fetch.file(&server.url("/down"), None, LIMIT).await.unwrap_err();
    let told = "redirects from https to http";
    assert!(matches!(&error, FetchError::Malformed { why, .. } if why.contains(told)), "{error:?}");
    assert_eq!(world.asked(), 1, "the plain server was not asked");
}

#[test]
fn roots_that_are_none_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(root.path(), None).unwrap();
    let pem = root.path().join("roots.pem");
    for content in [None, Some(""), Some("-----BEGIN CERTIFICATE-----"), Some("not PEM")] {
        if let Some(content) = content {
            std::fs::write(&pem, content).unwrap();
        }
        let config = FetchConfig { roots: vec![pem.clone()], ..quick() };
        let error = HttpFetch::new(config, blobs.clone()).unwrap_err();
        assert!(error.to_string().contains("roots.pem"), "{error}");
    }
}

/// The environment belongs to the whole process, so a process of its own asks through the proxy.
#[tokio::test]
async fn proxies_of_the_environment_are_used() {
    let proxy = Server::start().await;
    proxy.script("http://mirror.test/p", [Reply::body("through the proxy")]);
    let direct = Server::start().await;
    direct.script("/p", [Reply::body("direct")]);
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "http::asks_through_the_proxy", "--ignored"])
        .env("HTTP_PROXY", proxy.url(""))
        .env("http_proxy", proxy.url(""))
        .env("NO_PROXY", "127.0.0.1")
        .env("TRUSTMILL_TEST_DIRECT", direct.url("/p"))
        .status();
    assert!(child.await.unwrap().success());
    assert_eq!((proxy.received().len(), direct.received().len()), (1, 1));
}

#[tokio::test]
#[ignore = "the child process of `proxies_of_the_environment_are_used`"]
async fn asks_through_the_proxy() {
    let world = world().await;
    let page = world.fetch.page("http://mirror.test/p", "*/*", None).await.unwrap();
    assert_eq!(body(page), "through the proxy");
    let direct = std::env::var("TRUSTMILL_TEST_DIRECT").unwrap();
    assert_eq!(body(world.fetch.page(&direct, "*/*", None).await.unwrap()), "direct");
}
