//! Who is let in, and what the others are told.

use crate::client::{Reply, get, send};
use crate::fake::{Running, start_with};
use std::sync::Arc;
use trustmill_core::Timestamp;
use trustmill_core::port::tokens::Tokens;
use trustmill_core::token::{RANDOM, TokenRecord, mint, parse};
use trustmill_serve::{Access, Forwarded, Options, Rate, ServerLimits};
use trustmill_testkit::{ManualClock, MemTokens};

const NOW: &str = "2026-06-01T00:00:00Z";

/// A server that knows one token of team blue.
struct World {
    server: Running,
    tokens: Arc<MemTokens>,
    clock: Arc<ManualClock>,
    token: String,
    id: String,
}

impl World {
    async fn new(access: Access) -> Self {
        let (tokens, clock) = (Arc::new(MemTokens::new()), Arc::new(ManualClock::new(NOW.parse().unwrap())));
        let (id, text) = mint(&[5; RANDOM]);
        let record = TokenRecord {
            id: id.clone(),
            hash: parse(text.expose()).unwrap().hash,
            team: "blue".into(),
            agent: None,
            admin: false,
            note: None,
            created: Timestamp::UNIX_EPOCH,
            expires: Some("2026-06-02T00:00:00Z".parse().unwrap()),
            revoked: None,
            last_used: None,
        };
        tokens.add(&record).await.unwrap();
        let access = Access { tokens: Some(tokens.clone()), ..access };
        let options = Options { access, clock: clock.clone(), ..Options::default() };
        let server = start_with(options, ServerLimits::default()).await;
        Self { server, tokens, clock, token: text.expose().to_owned(), id }
    }

    async fn closed() -> Self {
        Self::new(Access { required: true, ..Access::default() }).await
    }

    async fn ask(&self, path: &str, authorization: &str) -> Reply {
        get(self.server.addr, path, &[("Authorization", authorization)]).await
    }

    async fn with_token(&self, path: &str) -> Reply {
        self.ask(path, &format!("Bearer {}", self.token)).await
    }
}

fn code(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn coded(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_closed_mill_answers_health_and_who_shows_a_token() {
    let world = World::closed().await;
    for path in
        ["/", "/keys", "/keys.pem", "/api/v1/packages/pkg:pypi/a", "/pypi/page", "/pypi/small", "/npm/x"]
    {
        let reply = get(world.server.addr, path, &[]).await;
        assert_eq!(code(&reply), coded(401, "TM0710"), "{path}");
        assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"Trustmill\""), "{path}");
        assert!(
            reply.reason.starts_with("TM0710: this mill answers only"),
            "pip prints it: {}",
            reply.reason
        );
        assert!(reply.json()["help"].as_str().unwrap().contains("docs/access.md"));
        assert_ne!(world.with_token(path).await.status, 401, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(world.server.addr, path, &[]).await.status, 200, "{path}");
        assert_eq!(world.ask(path, "nonsense").await.status, 200, "{path}");
    }
    let seen = world.with_token("/pypi/view").await.json();
    assert_eq!((seen["team"].as_str(), seen["auth_required"].as_bool()), (Some("blue"), Some(true)));
}

#[tokio::test]
async fn a_token_that_is_not_good_is_never_nobody() {
    let world = World::new(Access::default()).await;
    assert_eq!(get(world.server.addr, "/pypi/page", &[]).await.status, 200, "an open mill");
    assert_eq!(world.ask("/pypi/page", "Basic dTpw").await.json()["code"], "TM0711");
    let (_, other) = mint(&[6; RANDOM]);
    assert_eq!(code(&world.ask("/pypi/page", other.expose()).await), coded(401, "TM0712"), "an unknown id");
    // The right id with another secret and a right checksum.
    let mut forged = [5; RANDOM];
    forged[RANDOM - 1] = 6;
    let (id, forged) = mint(&forged);
    assert_eq!(id, world.id);
    assert_eq!(code(&world.ask("/pypi/page", forged.expose()).await), coded(401, "TM0712"), "a wrong secret");
    world.clock.set("2026-06-02T00:00:00Z".parse().unwrap());
    let expired = world.with_token("/pypi/page").await;
    assert_eq!(code(&expired), coded(401, "TM0713"));
    assert!(expired.text().contains("2026-06-02T00:00:00Z"), "{}", expired.text());
    assert_eq!(
        code(&world.ask("/pypi/page", forged.expose()).await),
        coded(401, "TM0712"),
        "nothing is told"
    );
    world.tokens.revoke(&world.id, NOW.parse().unwrap()).await.unwrap();
    assert_eq!(code(&world.with_token("/pypi/page").await), coded(401, "TM0714"));
}

#[tokio::test]
async fn a_token_in_the_address_is_refused_before_anything_else() {
    let world = World::new(Access::default()).await;
    let hidden = world.token.replacen("tm_", "tm%5F", 1);
    for path in [
        format!("/pypi/page?token={}", world.token),
        format!("/{}/pypi/page", world.token),
        format!("/{hidden}/x"),
    ] {
        let reply = get(world.server.addr, &path, &[]).await;
        assert_eq!(code(&reply), coded(400, "TM0715"), "{path}");
        assert!(!reply.text().contains(&world.token) && reply.header("location").is_none());
    }
    assert_eq!(get(world.server.addr, "/pypi/page?token=tm_x", &[]).await.status, 200, "a name is a name");
}

#[tokio::test]
async fn caches_are_told_for_whom_an_answer_is() {
    let world = World::new(Access::default()).await;
    let cache = |reply: &Reply| {
        let all = |name: &str| {
            let named = reply.headers.iter().filter(|(known, _)| known == name);
            named.map(|(_, value)| value.clone()).collect::<Vec<_>>().join(", ")
        };
        (all("cache-control"), all("vary"))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let page = get(world.server.addr, "/pypi/page", &[]).await;
    assert_eq!(cache(&page), pair("max-age=60", "Accept, Accept-Encoding, Authorization"));
    let page = world.with_token("/pypi/page").await;
    assert_eq!(cache(&page), pair("private, max-age=60", "Accept, Accept-Encoding, Authorization"));
    let file = world.with_token("/pypi/big").await;
    assert_eq!(cache(&file), pair("private, max-age=31536000, immutable", "Authorization"));
    let refused = world.with_token("/pypi/refused").await;
    assert_eq!(cache(&refused).0, "no-store");
    let open = start_with(Options::default(), ServerLimits::default()).await;
    let page = get(open.addr, "/pypi/page", &[]).await;
    assert_eq!(cache(&page), pair("max-age=60", "Accept, Accept-Encoding"), "without tokens nobody differs");
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let rate = Some(Rate { per_second: 1, burst: 3 });
    let world = World::new(Access { per_token: rate, per_address: rate, ..Access::default() }).await;
    for n in 0..3 {
        assert_eq!(get(world.server.addr, "/pypi/page", &[]).await.status, 200, "{n}");
        assert_eq!(world.with_token("/pypi/page").await.status, 200, "a token has a bucket of its own: {n}");
    }
    for reply in [get(world.server.addr, "/pypi/page", &[]).await, world.with_token("/pypi/page").await] {
        assert_eq!(code(&reply), coded(429, "TM0716"));
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    assert_eq!(get(world.server.addr, "/healthz", &[]).await.status, 200, "health is never limited");
    assert_eq!(world.ask("/pypi/page", "Bearer x").await.status, 401, "a wrong token is told so");
}

#[tokio::test]
async fn a_proxy_is_believed_where_it_is_trusted() {
    let lies = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "mill.example"),
        ("X-Forwarded-For", "192.0.2.9"),
    ];
    let origin = |server: &Running| {
        let addr = server.addr;
        async move { get(addr, "/pypi/view", &lies).await.json()["origin"].as_str().unwrap().to_owned() }
    };
    let nobody = World::new(Access::default()).await;
    assert_eq!(origin(&nobody.server).await, "http://mill.test", "anybody can write that");
    let elsewhere = Access { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Access::default() };
    assert_eq!(origin(&World::new(elsewhere).await.server).await, "http://mill.test");
    let trusted = vec!["127.0.0.0/8".parse().unwrap()];
    let here = Access { trusted_proxies: trusted.clone(), ..Access::default() };
    let world = World::new(here).await;
    assert_eq!(origin(&world.server).await, "https://mill.example");
    let front = get(world.server.addr, "/", &lies).await.text();
    assert!(front.contains("get https://mill.example/pypi/simple/"), "{front}");
    let other = Access { trusted_proxies: trusted, forwarded: Forwarded::Rfc7239, ..Access::default() };
    assert_eq!(origin(&World::new(other).await.server).await, "http://mill.test", "fields that it passes on");
}

#[tokio::test]
async fn a_limit_counts_clients_behind_a_trusted_proxy_each() {
    let rate = Some(Rate { per_second: 1, burst: 1 });
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let world = World::new(Access { per_address: rate, trusted_proxies, ..Access::default() }).await;
    let addr = world.server.addr;
    let ask =
        |client: &'static str| async move { get(addr, "/pypi/page", &[("X-Forwarded-For", client)]).await };
    assert_eq!(ask("192.0.2.1").await.status, 200);
    assert_eq!(ask("192.0.2.2").await.status, 200);
    assert_eq!(ask("192.0.2.1").await.status, 429);
    assert_eq!(ask("192.0.2.3, 192.0.2.1").await.status, 429, "what the client wrote itself does not count");
}

#[tokio::test]
async fn a_use_is_noted() {
    let world = World::closed().await;
    world.with_token("/pypi/page").await;
    let used = world.tokens.find(&world.id).await.unwrap().unwrap().last_used;
    assert_eq!(used, Some(NOW.parse().unwrap()));
    let head = send(world.server.addr, "HEAD", "/pypi/page", &[]).await;
    assert_eq!((head.status, head.body.len()), (401, 0));
}
