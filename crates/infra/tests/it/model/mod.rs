//! The codecs against servers that take what their wire format takes and nothing else.

mod sdk;
mod server;
mod stages;

use server::{Pieces, Provider, Say};
use stages::{Staged, anthropic, chat, compatible, google, responses};
use std::sync::Arc;
use trustmill_core::conversation::{Message, Stop};
use trustmill_core::port::model::Unheard;
use trustmill_infra::model::{Endpoint, HttpModel, KeySource, Wire};
use trustmill_testkit::conformance::provider::{self, Stage, request};
use trustmill_testkit::wire::strict;

pub(crate) const KEY: &str = "sk-very-secret";

/// A provider's settings for a server of a test; its key is in a file.
pub(crate) fn endpoint(wire: Wire, provider: &Provider, path: &str, folder: &std::path::Path) -> Endpoint {
    std::fs::write(folder.join("key"), KEY).unwrap();
    Endpoint {
        name: "test".into(),
        url: provider.url(path),
        wire,
        key: KeySource::File(folder.join("key")),
        key_header: None,
        headers: Vec::new(),
        encrypted_thoughts: false,
        roots: Vec::new(),
    }
}

#[tokio::test]
async fn every_wire_keeps_the_contract_however_its_stream_is_cut() {
    for pieces in [Pieces::Whole, Pieces::Of(1), Pieces::Of(3), Pieces::Of(7)] {
        for stage in [anthropic(), responses(), chat(), compatible(), google()] {
            let staged = Staged::start(stage, pieces).await;
            provider::provider(&staged, staged.asked()).await;
            if staged.wire() != Wire::Google {
                provider::broken_arguments(&staged, staged.asked()).await;
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_read_for_every_turn() {
    let staged = Staged::start(anthropic(), Pieces::Whole).await;
    staged.play(provider::Scene::Says);
    let request = request(staged.asked());
    staged.model().turn(&request, &mut Unheard).await.unwrap();
    std::fs::write(staged.folder().join("key"), "sk-another\n").unwrap();
    staged.model().turn(&request, &mut Unheard).await.unwrap();
    let keys: Vec<_> =
        staged.came().iter().map(|came| came.header("x-api-key").unwrap().to_owned()).collect();
    assert_eq!(keys, [KEY, "sk-another"]);
    std::fs::remove_file(staged.folder().join("key")).unwrap();
    let error = staged.model().turn(&request, &mut Unheard).await.unwrap_err();
    assert_eq!((error.word(), staged.came().len()), ("refused", 2), "without a key nothing is sent");
}

#[tokio::test]
async fn what_does_not_change_is_marked_for_the_cache() {
    let staged = Staged::start(anthropic(), Pieces::Whole).await;
    staged.play(provider::Scene::Says);
    staged.model().turn(&request(staged.asked()), &mut Unheard).await.unwrap();
    let body = &staged.came()[0].body;
    assert_eq!(body["system"][0]["cache_control"]["type"], "ephemeral");
    let last = body["messages"].as_array().unwrap().last().unwrap()["content"].as_array().unwrap().clone();
    assert_eq!(last.last().unwrap()["cache_control"]["type"], "ephemeral");
    assert_eq!(last.len(), 3, "two results and what the mill says are one message");
    assert_eq!(staged.came()[0].header("idempotency-key"), Some("turn-1"));
}

#[tokio::test]
async fn signed_thoughts_go_back_to_whom_they_came_from_and_to_nobody_else() {
    let staged = Staged::start(anthropic(), Pieces::Of(5)).await;
    staged.say(Say::stream(stages::anthropic_thinks()));
    let mut request = request(staged.asked());
    let reply = staged.model().turn(&request, &mut Unheard).await.unwrap();
    assert_eq!(reply.text, "so", "thoughts are no text");
    request.messages.push(Message::Model { reply: Box::new(reply) });
    request.messages.push(Message::Mill { text: "go on".into() });
    staged.play(provider::Scene::Says);
    staged.model().turn(&request, &mut Unheard).await.unwrap();
    let thought = |body: &serde_json::Value| body.to_string().contains("c2lnbmVk");
    assert!(thought(&staged.came()[1].body), "{}", staged.came()[1].body);
    request.model = "claude-other".into();
    staged.model().turn(&request, &mut Unheard).await.unwrap();
    assert!(!thought(&staged.came()[2].body));

    let staged = Staged::start(google(), Pieces::Whole).await;
    staged.say(Say::stream(stages::google_thinks()));
    let mut request = provider::request(staged.asked());
    let reply = staged.model().turn(&request, &mut Unheard).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.stop, reply.calls.len()), ("", Stop::Tools, 1));
    request.messages.push(Message::Model { reply: Box::new(reply) });
    staged.play(provider::Scene::Says);
    staged.model().turn(&request, &mut Unheard).await.unwrap();
    assert!(thought(&staged.came()[1].body), "Google refuses a call whose signature is missing");
}

#[tokio::test]
async fn servers_that_leave_things_out_are_understood() {
    let staged = Staged::start(compatible(), Pieces::Whole).await;
    for (text, calls, stop) in stages::odd_chats() {
        staged.say(Say::stream(text.clone()));
        let reply = staged.model().turn(&request(staged.asked()), &mut Unheard).await.unwrap();
        let got: Vec<_> = reply
            .calls
            .iter()
            .map(|call| format!("{} {}", call.name, serde_json::Value::Object(call.arguments.object())))
            .collect();
        assert_eq!((got, reply.stop), (calls, stop), "{text}");
        let ids: std::collections::BTreeSet<_> = reply.calls.iter().map(|call| &call.id).collect();
        assert_eq!(ids.len(), reply.calls.len(), "{text}");
    }
}

#[tokio::test]
async fn a_server_nobody_listens_on_is_out_of_reach_and_its_address_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start(strict::chat, []).await;
    let mut endpoint = endpoint(Wire::OpenaiChat, &provider, "/v1", folder.path());
    endpoint.url = "http://127.0.0.1:9/v1".parse().unwrap();
    let model: Arc<dyn trustmill_core::port::model::Model> = Arc::new(HttpModel::new(endpoint).unwrap());
    let error = model.turn(&request("gpt-5.2"), &mut Unheard).await.unwrap_err();
    assert_eq!(error.word(), "unreachable");
    assert!(!error.to_string().contains("127.0.0.1:9/"), "{error}");
}
