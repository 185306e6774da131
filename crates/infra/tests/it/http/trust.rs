//! Whom the client trusts: redirects, credentials, certificates, proxies.

use super::*;
use trustmill_core::port::fetch::{Credential, Scheme};
use trustmill_core::port::registry::Secret;

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
    let below = |path: &str, scheme| Credential { below: home.url(path).parse().unwrap(), scheme };
    config.credentials = vec![
        below("/", Scheme::Basic(Secret::new("conf"), Secret::new("p@ss"))),
        below("/npm/", Scheme::Bearer(Secret::new("npm_token"))),
        below("/index/", Scheme::Verbatim(Secret::new("cargo token"))),
    ];
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
    for (path, expected) in [("/npm/a", "Bearer npm_token"), ("/index/a", "cargo token")] {
        home.script(path, [Reply::status(404)]);
        world.fetch.page(&home.url(path), "*/*", None).await.unwrap_err();
        assert_eq!(home.received().last().unwrap().header("authorization"), Some(expected), "the nearest");
    }
    world.fetch.page(&foreign.url("/end"), "*/*", None).await.unwrap_err();
    assert_eq!(foreign.received()[2].header("authorization"), None);
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
        .args(["--exact", "http::trust::asks_through_the_proxy", "--ignored"])
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
