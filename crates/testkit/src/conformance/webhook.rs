//! The contract of [`Webhook`].

use crate::server::{Reply, Server};
use bytes::Bytes;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use trustmill_core::port::webhook::{Message, Webhook, WebhookError};

/// Where the receiver of the suite listens; the query is a secret.
const PATH: &str = "/hook?key=hunter2";

/// Checks every clause. `open` makes the webhook of an address.
///
/// Time may be paused by the caller: what never answers is waited for as long as the adapter is patient.
pub async fn webhook(open: impl Fn(&str) -> Arc<dyn Webhook>) {
    a_message_arrives_once_and_whole(&open).await;
    only_success_is_success(&open).await;
    what_cannot_be_reached_is_said_without_the_address(&open).await;
    it_ends(&open).await;
}

fn message() -> Message {
    Message {
        id: "msg_1".to_owned(),
        timestamp: 1_700_000_000,
        signature: "v1a,c2lnbmF0dXJl".to_owned(),
        body: Bytes::from_static("{\"type\":\"alert\",\"ü\":1}".as_bytes()),
    }
}

async fn a_message_arrives_once_and_whole(open: impl Fn(&str) -> Arc<dyn Webhook>) {
    for status in [200, 202, 204] {
        let server = Server::start().await;
        server.script(PATH, [Reply::status(status)]);
        open(&server.url(PATH)).post(&message()).await.unwrap();
        let received = server.received();
        assert_eq!(received.len(), 1, "sent once");
        let request = &received[0];
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", PATH));
        assert_eq!(request.body, message().body, "the signature is over these bytes");
        for (field, value) in [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1700000000"),
            ("webhook-signature", "v1a,c2lnbmF0dXJl"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(request.header(field), Some(value), "{field}");
        }
    }
}

async fn only_success_is_success(open: impl Fn(&str) -> Arc<dyn Webhook>) {
    for status in [301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503] {
        let server = Server::start().await;
        let elsewhere = Reply::status(status).header("Location", &server.url("/elsewhere"));
        server.script(PATH, [elsewhere, Reply::status(200)]);
        server.script("/elsewhere", [Reply::status(200)]);
        let sent = open(&server.url(PATH)).post(&message()).await;
        assert!(matches!(sent, Err(WebhookError::Status(said)) if said == status), "{status}: {sent:?}");
        assert_eq!(server.received().len(), 1, "{status}: it is neither tried again nor sent elsewhere");
    }
}

async fn what_cannot_be_reached_is_said_without_the_address(open: impl Fn(&str) -> Arc<dyn Webhook>) {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}{PATH}", listener.local_addr().unwrap())
    };
    let error = open(&gone).post(&message()).await.unwrap_err();
    assert!(matches!(error, WebhookError::Unreachable(_)), "{error:?}");
    let mut said = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(&format!(" {error}"));
        cause = error.source();
    }
    assert!(!said.contains("hunter2"), "an address may carry a secret: {said}");
}

async fn it_ends(open: impl Fn(&str) -> Arc<dyn Webhook>) {
    let server = Server::start().await;
    server.script(PATH, [Reply::hang()]);
    let began = Instant::now();
    let sent = open(&server.url(PATH)).post(&message()).await;
    assert!(matches!(sent, Err(WebhookError::Unreachable(_))), "{sent:?}");
    assert!(began.elapsed() <= Duration::from_secs(30), "within half a minute");
}
