//! The webhook's contract over HTTP.

use std::sync::Arc;
use trustmill_core::port::webhook::WebhookError;
use trustmill_infra::HttpWebhook;
use trustmill_testkit::conformance;

#[tokio::test]
async fn http_keeps_the_contract() {
    conformance::webhook(|address| Arc::new(HttpWebhook::new(address).unwrap())).await;
}

#[test]
fn an_address_that_is_none_is_refused_at_the_start() {
    for address in ["", "hook", "ftp://h/x", "file:///etc/passwd", "http://", "unix:/run/x"] {
        let made = HttpWebhook::new(address);
        assert!(matches!(made, Err(WebhookError::Address)), "{address}");
    }
}
