//! A model that says what a test wrote down for it: a recorded transcript, or an adversary's.

use async_trait::async_trait;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;
use trustmill_core::conversation::{Arguments, Call, Piece, Reply, Stop, Tokens, TurnRequest};
use trustmill_core::port::model::{Listener, Model, ModelError, Passing};

/// Looks at a request, and replies.
pub type Look = Box<dyn Fn(&TurnRequest) -> Result<Reply, ModelError> + Send>;

/// What the model does with one turn.
pub enum Turn {
    /// It replies.
    Says(Reply),
    /// It fails.
    Fails(ModelError),
    /// It never answers.
    Hangs,
    /// It looks at the request first.
    Sees(Look),
}

/// A model with a script.
#[derive(Default)]
pub struct ScriptedModel {
    script: Mutex<VecDeque<Turn>>,
    forever: Mutex<Option<Reply>>,
    asked: Mutex<Vec<TurnRequest>>,
}

impl ScriptedModel {
    /// A model that takes these turns, and has nothing to say afterwards.
    pub fn new(script: impl IntoIterator<Item = Turn>) -> Self {
        Self { script: Mutex::new(script.into_iter().collect()), ..Self::default() }
    }

    /// A model that says the same for ever.
    pub fn forever(reply: Reply) -> Self {
        Self { forever: Mutex::new(Some(reply)), ..Self::default() }
    }

    /// Takes another turn at the end.
    pub fn then(&self, turn: Turn) {
        self.script.lock().unwrap().push_back(turn);
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<TurnRequest> {
        self.asked.lock().unwrap().clone()
    }
}

/// A reply in words.
pub fn says(text: &str) -> Reply {
    Reply {
        text: text.to_owned(),
        calls: Vec::new(),
        stop: Stop::End,
        tokens: Tokens { input: 1000, cached: 0, cache_write: 0, output: 100 },
        model: String::new(),
        carried: None,
    }
}

/// A reply that calls tools.
pub fn calls(calls: &[(&str, Value)]) -> Reply {
    let call = |(at, (name, arguments)): (usize, &(&str, Value))| Call {
        id: format!("call-{at}"),
        name: (*name).to_owned(),
        arguments: match arguments {
            Value::Object(object) => Arguments::Object(object.clone()),
            other => Arguments::parse(other.as_str().unwrap_or("[]")),
        },
    };
    Reply { calls: calls.iter().enumerate().map(call).collect(), stop: Stop::Tools, ..says("") }
}

/// A failure that passes.
pub fn passes(kind: Passing, retry_after: Option<Duration>) -> ModelError {
    ModelError::Passing { provider: "scripted".into(), kind, why: "as written".into(), retry_after }
}

#[async_trait]
impl Model for ScriptedModel {
    async fn turn(&self, request: &TurnRequest, listener: &mut dyn Listener) -> Result<Reply, ModelError> {
        self.asked.lock().unwrap().push(request.clone());
        let turn = self.script.lock().unwrap().pop_front();
        let reply = match turn {
            Some(Turn::Says(reply)) => Ok(reply),
            Some(Turn::Fails(error)) => Err(error),
            Some(Turn::Hangs) => std::future::pending().await,
            Some(Turn::Sees(look)) => look(request),
            None => self.forever.lock().unwrap().clone().ok_or_else(|| ModelError::Rejected {
                provider: "scripted".into(),
                why: "the script has ended".into(),
            }),
        };
        reply.map(|mut reply| {
            if reply.model.is_empty() {
                reply.model.clone_from(&request.model);
            }
            listener.hear(Piece::Text(reply.text.clone()));
            reply
        })
    }
}
