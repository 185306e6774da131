//! What HTTP asks for: validators, ranges, `HEAD`, compression, refusals in the status line.

use crate::client::{get, raw, send};
use crate::fake::{BIG, big, gzip, start, start_with};
use std::time::Duration;
use trustmill_core::Sha256;
use trustmill_serve::{Options, ServerLimits};

#[tokio::test]
async fn a_page_has_validators_and_is_compressed_for_who_wants_it() {
    let server = start().await;
    let plain = get(server.addr, "/pypi/page", &[]).await;
    assert_eq!((plain.status, plain.text().as_str()), (200, "{\"page\":true}"));
    assert_eq!(plain.header("content-type"), Some("application/vnd.test+json"));
    assert_eq!(plain.header("etag"), Some("\"page-1\""));
    assert_eq!(plain.header("cache-control"), Some("max-age=60"));
    assert_eq!(plain.header("vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(plain.header("content-encoding"), None);
    let packed = get(server.addr, "/pypi/page", &[("Accept-Encoding", "gzip, br")]).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.body, gzip(b"{\"page\":true}"));
    assert_eq!(packed.header("etag"), Some("\"page-1-gz\""), "a strong validator is that of the bytes");
}

#[tokio::test]
async fn who_has_the_page_gets_304() {
    let server = start().await;
    for known in ["\"page-1\"", "W/\"page-1\"", "\"x\", \"page-1-gz\"", "*"] {
        let reply = get(server.addr, "/pypi/page", &[("If-None-Match", known)]).await;
        assert_eq!((reply.status, reply.body.len()), (304, 0), "{known}");
        assert!(reply.header("etag").is_some() && reply.header("cache-control").is_some());
        assert_eq!(reply.header("vary"), Some("Accept, Accept-Encoding"));
    }
    assert_eq!(get(server.addr, "/pypi/page", &[("If-None-Match", "\"page-2\"")]).await.status, 200);
    let etag = format!("\"{}\"", Sha256::of(&big()));
    let reply = get(server.addr, "/pypi/big", &[("If-None-Match", &etag)]).await;
    assert_eq!((reply.status, reply.body.len()), (304, 0));
}

#[tokio::test]
async fn a_file_comes_whole_in_pieces() {
    let server = start().await;
    let reply = get(server.addr, "/pypi/big", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, big());
    assert_eq!(reply.header("content-length"), Some(BIG.to_string().as_str()));
    assert_eq!(reply.header("etag"), Some(format!("\"{}\"", Sha256::of(&big())).as_str()));
    assert_eq!(reply.header("accept-ranges"), Some("bytes"));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(reply.header("content-encoding"), None, "a file is never compressed on the way");
    let small = get(server.addr, "/pypi/small", &[]).await;
    assert_eq!(small.header("cache-control"), Some("no-cache"), "what may change is asked for again");
    let empty = get(server.addr, "/pypi/empty", &[]).await;
    assert_eq!((empty.status, empty.header("content-length")), (200, Some("0")));
}

#[tokio::test]
async fn a_warning_goes_with_the_file_whatever_is_asked_of_it() {
    let server = start().await;
    let whole = get(server.addr, "/pypi/warned", &[]).await;
    let etag = whole.header("etag").unwrap().to_owned();
    let head = send(server.addr, "HEAD", "/pypi/warned", &[]).await;
    let part = get(server.addr, "/pypi/warned", &[("Range", "bytes=0-1")]).await;
    let known = get(server.addr, "/pypi/warned", &[("If-None-Match", &etag)]).await;
    for (reply, status) in [(whole, 200), (head, 200), (part, 206), (known, 304)] {
        let warning = reply.header("trustmill-warning");
        assert_eq!((reply.status, warning), (status, Some("TM0903: GHSA-1 is fixed in 2.0")));
    }
    assert_eq!(get(server.addr, "/pypi/small", &[]).await.header("trustmill-warning"), None);
}

#[tokio::test]
async fn a_part_of_a_file_is_a_206() {
    let server = start().await;
    let addr = server.addr;
    let part = async |range| get(addr, "/pypi/small", &[("Range", range)]).await;
    for (range, body, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=0-99", "0123456789", "bytes 0-9/10"),
    ] {
        let reply = part(range).await;
        assert_eq!((reply.status, reply.text().as_str()), (206, body), "{range}");
        assert_eq!(reply.header("content-range"), Some(content_range));
        assert_eq!(reply.header("content-length"), Some(body.len().to_string().as_str()));
    }
    let beyond = part("bytes=10-").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */10")));
    assert_eq!(part("bytes=0-1,3-4").await.status, 200);
    let middle = get(server.addr, "/pypi/big", &[("Range", "bytes=300000-900000")]).await;
    assert_eq!((middle.status, &middle.body[..]), (206, &big()[300_000..=900_000]));
}

#[tokio::test]
async fn a_part_of_another_file_is_not_sent() {
    let server = start().await;
    let etag = format!("\"{}\"", Sha256::of(b"0123456789"));
    for (known, status) in [(etag.as_str(), 206), ("\"other\"", 200), ("Wed, 21 Oct 2026 07:28:00 GMT", 200)]
    {
        let reply = get(server.addr, "/pypi/small", &[("Range", "bytes=1-2"), ("If-Range", known)]).await;
        assert_eq!(reply.status, status, "{known}");
    }
}

#[tokio::test]
async fn head_has_the_headers_and_no_body() {
    let server = start().await;
    for path in ["/pypi/page", "/pypi/big", "/pypi/refused", "/pypi/gone", "/healthz", "/"] {
        let (full, head) = (get(server.addr, path, &[]).await, send(server.addr, "HEAD", path, &[]).await);
        assert_eq!((head.status, head.body.len()), (full.status, 0), "{path}");
        assert_eq!(head.header("content-length"), full.header("content-length"), "{path}");
        assert_eq!(head.header("etag"), full.header("etag"), "{path}");
    }
}

#[tokio::test]
async fn the_reason_of_a_refusal_stands_in_the_status_line() {
    let server = start().await;
    let reply = get(server.addr, "/pypi/refused", &[]).await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.reason, "TM0703: held  X-Injected: yes   ");
    assert_eq!(reply.header("x-injected"), None, "a reason cannot become a header");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(reply.json()["detail"], "TM0703: held");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn other_answers_have_their_status() {
    let server = start().await;
    let gone = get(server.addr, "/pypi/gone", &[]).await;
    assert_eq!((gone.status, gone.text().as_str()), (404, "no gone\n"));
    let down = get(server.addr, "/pypi/down", &[]).await;
    assert_eq!((down.status, down.header("retry-after")), (503, Some("17")));
    let lost = get(server.addr, "/pypi/lost", &[]).await;
    assert_eq!(lost.status, 503, "nothing is promised that cannot be read");
    assert!(lost.text().contains("TM0706"));
    let moved = get(server.addr, "/pypi/@2024-05-01/moved", &[]).await;
    assert_eq!((moved.status, moved.header("location")), (301, Some("/pypi/@2024-05-01/page")));
    assert_eq!(get(server.addr, "/npm/page", &[]).await.status, 404);
    let posted = send(server.addr, "POST", "/pypi/page", &[("Content-Length", "0")]).await;
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    let body = send(server.addr, "GET", "/pypi/page", &[("Content-Length", "99999999")]).await;
    assert_eq!(body.status, 413);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_put_off() {
    let options = Options { answer_time: Duration::from_millis(50), ..Options::default() };
    let server = start_with(options, ServerLimits::default()).await;
    let reply = get(server.addr, "/pypi/never", &[]).await;
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").is_some());
}

#[tokio::test]
async fn methods_and_bodies_reach_the_registry_where_it_takes_them() {
    let server = start().await;
    let post = |path: &str, head: &str, body: &str| {
        format!("POST /pypi/{path} HTTP/1.1\r\nHost: mill.test\r\nConnection: close\r\n{head}\r\n\r\n{body}")
    };
    let asked = post("view-post?a=%20b", "Content-Length: 3", "abc");
    let asked = raw(server.addr, asked.as_bytes()).await.json();
    let fields = ["method", "query", "body"].map(|name| asked[name].as_str().unwrap());
    assert_eq!(fields, ["Post", "a=%20b", "abc"]);
    let chunked = post("view-post", "Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n");
    assert_eq!(raw(server.addr, chunked.as_bytes()).await.json()["body"], "abc");
    let long = post("view-post", "Content-Length: 101", &"a".repeat(101));
    assert_eq!(raw(server.addr, long.as_bytes()).await.status, 413);
    let elsewhere = raw(server.addr, post("page", "Content-Length: 0", "").as_bytes()).await;
    assert_eq!((elsewhere.status, elsewhere.header("allow")), (405, Some("GET, HEAD")));
    let other = send(server.addr, "PATCH", "/pypi/view-post", &[]).await;
    assert_eq!((other.status, other.header("allow")), (405, Some("GET, HEAD, POST")));
    let put = send(server.addr, "PUT", "/pypi/view-put", &[("Content-Length", "99999999")]).await;
    assert_eq!((put.status, put.json()["body"].as_str()), (200, Some("")), "answered from its head");
    let query = format!("/pypi/view?{}", "q".repeat(5000));
    assert_eq!(get(server.addr, &query, &[]).await.status, 414);
}

#[tokio::test]
async fn an_error_in_the_protocols_own_shape_is_passed_on() {
    let server = start().await;
    let reply = get(server.addr, "/pypi/login", &[]).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Cargo login_url=\"x\"")));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!((reply.text().as_str(), reply.header("cache-control")), ("{\"errors\":[]}", Some("no-store")));
}

#[tokio::test]
async fn views_reach_the_registry() {
    let server = start().await;
    let now = get(server.addr, "/pypi/view%2Dx?q=1", &[("Accept", "a/b;q=0.5")]).await.json();
    let expected = serde_json::json!({"path": "view-x", "accept": "a/b;q=0.5", "mount": "/pypi", "as_of": null,
            "method": "Get", "query": "q=1", "body": "", "team": null, "auth_required": false, "origin": "http://mill.test"});
    assert_eq!(now, expected);
    let past = get(server.addr, "/pypi/@2024-05-01T10:00:00%2B02:00/view", &[]).await.json();
    assert_eq!(past["as_of"], "2024-05-01T08:00:00Z");
    assert_eq!(past["mount"], "/pypi/@2024-05-01T10:00:00%2B02:00");
    let bad = get(server.addr, "/pypi/@2024-yesterday/view", &[]).await;
    assert_eq!(bad.status, 400);
    assert!(bad.text().contains("2024-05-01"), "it says how to write one: {}", bad.text());
    assert_eq!(get(server.addr, "/pypi/%ff", &[]).await.status, 400);
}

#[tokio::test]
async fn requests_that_are_none_are_turned_away() {
    let server = start().await;
    assert_eq!(raw(server.addr, b"HELLO\r\n\r\n").await.status, 400);
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let request = format!("GET /pypi/page HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert_eq!(raw(server.addr, request.as_bytes()).await.status, 431);
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "a".repeat(5000));
    assert_eq!(raw(server.addr, long.as_bytes()).await.status, 400);
}
