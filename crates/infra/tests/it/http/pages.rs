//! Pages, retries and limits.

use super::*;

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
    let world = world_with(impatient()).await;
    world.server.script("/x", [Reply::hang()]);
    assert!(matches!(world.page("/x").await, Err(FetchError::Unavailable { .. })));
    assert_eq!(world.asked(), 3);
    assert!(matches!(world.file("/x", None).await, Err(FetchError::Unavailable { .. })));
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let world = world_with(FetchConfig { idle_timeout: Duration::from_millis(500), ..quick() }).await;
    world.server.script("/x", [Reply::body("ok").drip(Duration::from_secs(3600))]);
    let (page, file) = tokio::join!(world.page("/x"), world.file("/x", None));
    assert!(matches!(page, Err(FetchError::Unavailable { .. })), "{page:?}");
    assert!(matches!(file, Err(FetchError::Unavailable { .. })), "{file:?}");
    assert_eq!((world.asked(), world.strays()), (6, 0));
}

#[tokio::test]
async fn a_server_that_drips_is_given_up() {
    let world = world_with(FetchConfig { tries: 1, ..impatient() }).await;
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
    while world.asked() < 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.asked(), 2);
    for request in requests {
        request.abort();
    }
}
