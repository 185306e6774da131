//! The contract of models, for any adapter that can be put in front of a provider which misbehaves as told.

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::conversation::{
    Answer, Arguments, Message, Piece, Stop, ToolSpec, TurnLimits, TurnRequest,
};
use trustmill_core::port::Coded;
use trustmill_core::port::model::{Listener, Model, ModelError, Passing, Unheard};

/// What the provider does with the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// It says `ä€🦀 done` in several pieces, having used 100 tokens of input, 40 of them from its cache, and 7 of output.
    Says,
    /// It calls `read` with `{"path":"ä"}` and `list` with `{}`.
    Calls,
    /// It calls `read` with `{"path":`.
    BadArguments,
    /// It calls a tool without a name.
    Nameless,
    /// It says the same as in [`Scene::Says`], among pings, comments, and events that nobody knows.
    NewEvents,
    /// It reaches the limit of what it may write.
    Length,
    /// It declines.
    Declines,
    /// It breaks off in the middle of [`Scene::Says`].
    Cut,
    /// It reports an overload in the middle of a stream.
    FailsLate,
    /// 429, and asks for 7 seconds.
    Limited,
    /// It has too much to do.
    Overloaded,
    /// The key is wrong.
    Refused,
    /// The conversation is too long.
    TooLong,
    /// It does not know the model.
    Unknown,
    /// It takes the request and says nothing.
    Hangs,
    /// It never ends.
    Endless,
    /// It answers with a page in the place of a stream.
    Page,
    /// It redirects elsewhere.
    Redirects,
}

/// An adapter in front of a provider.
#[async_trait]
pub trait Stage: Send + Sync {
    /// Plays a scene for whatever is asked next.
    fn play(&self, scene: Scene);

    /// The adapter.
    fn model(&self) -> Arc<dyn Model>;

    /// How many connections the provider has open.
    fn open(&self) -> u32;

    /// The key that goes out.
    fn key(&self) -> &str;
}

#[derive(Default)]
struct Heard(Vec<Piece>);

impl Listener for Heard {
    fn hear(&mut self, piece: Piece) {
        self.0.push(piece);
    }
}

/// A request that has everything in it that a conversation can hold.
pub fn request(model: &str) -> TurnRequest {
    let tool = |name: &str| ToolSpec {
        name: name.into(),
        description: format!("it does {name}"),
        schema: serde_json::json!({ "type": "object", "properties": { "path": { "type": "string" } },
            "required": [], "additionalProperties": false }),
    };
    let mut reply = crate::model::calls(&[
        ("read", serde_json::json!({ "path": "a" })),
        ("list", serde_json::json!("{\"broken")),
    ]);
    reply.text = "I look.".into();
    reply.model = model.into();
    let answers = reply.calls.iter().map(|call| Answer {
        id: call.id.clone(),
        name: call.name.clone(),
        text: "a file\nof \u{1f980}".into(),
        failed: call.name == "list",
    });
    let answers = answers.collect();
    TurnRequest {
        model: model.into(),
        instructions: "mend it".into(),
        messages: vec![
            Message::Mill { text: "the task".into() },
            Message::Model { reply: Box::new(reply) },
            Message::Tools { answers },
            Message::Model { reply: Box::new(crate::model::says("")) },
            Message::Mill { text: "go on".into() },
        ],
        tools: vec![tool("read"), tool("list")],
        limits: TurnLimits { output_tokens: 100, reply_bytes: 256 << 10, seconds: 20 },
        cached: true,
        key: "turn-1".into(),
    }
}

/// The contract of `Model`.
pub async fn provider(stage: &dyn Stage, model: &str) {
    replies(stage, model).await;
    refusals(stage, model).await;
    ends(stage, model).await;
}

async fn replies(stage: &dyn Stage, model: &str) {
    let request = request(model);
    for scene in [Scene::Says, Scene::NewEvents] {
        stage.play(scene);
        let mut heard = Heard::default();
        let reply = stage.model().turn(&request, &mut heard).await.unwrap();
        assert_eq!(reply.text, "ä€🦀 done", "{scene:?}");
        assert_eq!((reply.stop, reply.calls.len()), (Stop::End, 0), "{scene:?}");
        let tokens = reply.tokens;
        assert_eq!(
            (tokens.input, tokens.cached, tokens.output),
            (60, 40, 7),
            "the kinds of tokens do not overlap"
        );
        let text: String = heard
            .0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Call(_) => "",
            })
            .collect();
        assert_eq!(text, reply.text, "what is heard is what is said");
        assert!(!reply.model.is_empty(), "a reply names its model");
    }
    stage.play(Scene::Calls);
    let reply = stage.model().turn(&request, &mut Unheard).await.unwrap();
    let calls: Vec<_> =
        reply.calls.iter().map(|call| (call.name.as_str(), call.arguments.object())).collect();
    assert_eq!(reply.stop, Stop::Tools);
    assert_eq!((calls[0].0, calls[0].1["path"].as_str()), ("read", Some("ä")));
    assert_eq!((calls[1].0, calls[1].1.len()), ("list", 0));
    assert_ne!(reply.calls[0].id, reply.calls[1].id, "each call has an id of its own");
    // The reply goes back as a part of the next request, which the provider takes.
    let mut next = request.clone();
    let answers = reply.calls.iter().map(|call| Answer {
        id: call.id.clone(),
        name: call.name.clone(),
        text: String::new(),
        failed: false,
    });
    let answers = answers.collect();
    next.messages.extend([Message::Model { reply: Box::new(reply) }, Message::Tools { answers }]);
    stage.play(Scene::Says);
    stage.model().turn(&next, &mut Unheard).await.unwrap();
    for (scene, stop) in [(Scene::Length, Stop::Length), (Scene::Declines, Stop::Declined)] {
        stage.play(scene);
        assert_eq!(stage.model().turn(&request, &mut Unheard).await.unwrap().stop, stop, "{scene:?}");
    }
}

async fn refusals(stage: &dyn Stage, model: &str) {
    let request = request(model);
    for (scene, word) in [
        (Scene::Nameless, "malformed"),
        (Scene::Cut, "cut"),
        (Scene::FailsLate, "overloaded"),
        (Scene::Limited, "limited"),
        (Scene::Overloaded, "overloaded"),
        (Scene::Refused, "refused"),
        (Scene::TooLong, "too-long"),
        (Scene::Unknown, "unknown-model"),
        (Scene::Page, "malformed"),
        (Scene::Redirects, "rejected"),
    ] {
        stage.play(scene);
        let error = stage.model().turn(&request, &mut Unheard).await.unwrap_err();
        assert_eq!(error.word(), word, "{scene:?}: {error}");
        assert!(!format!("{error} {error:?} {}", error.help()).contains(stage.key()), "a key is never shown");
        if let ModelError::Passing { kind: Passing::Limited, retry_after, .. } = error {
            assert_eq!(retry_after, Some(Duration::from_secs(7)), "it waits as long as it is asked to");
        }
    }
}

async fn ends(stage: &dyn Stage, model: &str) {
    let mut request = request(model);
    stage.play(Scene::Endless);
    let error = stage.model().turn(&request, &mut Unheard).await.unwrap_err();
    assert!(matches!(error, ModelError::TooMuch { limit, .. } if limit == 256 << 10), "{error}");
    stage.play(Scene::Hangs);
    request.limits.seconds = 1;
    let error = stage.model().turn(&request, &mut Unheard).await.unwrap_err();
    assert_eq!(error.word(), "timed-out", "{error}");
    // A dropped turn hangs up.
    request.limits.seconds = 600;
    let (model, mut unheard) = (stage.model(), Unheard);
    let turn = model.turn(&request, &mut unheard);
    let _ = tokio::time::timeout(Duration::from_millis(300), turn).await;
    for _ in 0..100 {
        if stage.open() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stage.open(), 0, "a dropped turn closes its connection");
}

/// What a call with broken arguments becomes. Not every wire format can say one.
pub async fn broken_arguments(stage: &dyn Stage, model: &str) {
    stage.play(Scene::BadArguments);
    let reply = stage.model().turn(&request(model), &mut Unheard).await.unwrap();
    assert!(matches!(reply.calls[0].arguments, Arguments::Malformed { .. }), "{reply:?}");
    assert_eq!(reply.calls[0].name, "read");
}
