//! Model providers over HTTP: one exchange that all share, and a thin codec per wire format.

mod anthropic;
mod exchange;
mod failure;
mod google;
mod key;
mod openai_chat;
mod openai_responses;

pub use exchange::{HttpModel, ModelSetupError};
pub use key::KeySource;

use failure::Trouble;
use serde_json::Value;
use trustmill_core::conversation::{Carried, Reply, TurnRequest};
use trustmill_core::port::model::Listener;
use trustmill_core::port::registry::Secret;
use trustmill_core::sse::Event;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's Responses.
    OpenaiResponses,
    /// OpenAI's Chat Completions.
    OpenaiChat,
    /// Chat Completions as other servers speak them: vLLM, llama.cpp, Ollama, resellers.
    OpenaiCompatible,
    /// Google's `streamGenerateContent`.
    Google,
}

impl Wire {
    /// The word in the configuration and in what is carried.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenaiResponses => "openai-responses",
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiCompatible => "openai-compatible",
            Self::Google => "google",
        }
    }

    fn codec(self, endpoint: &Endpoint) -> Box<dyn Codec> {
        match self {
            Self::Anthropic => Box::new(anthropic::Anthropic),
            Self::OpenaiResponses => {
                Box::new(openai_responses::Responses { encrypted: endpoint.encrypted_thoughts })
            }
            Self::OpenaiChat => Box::new(openai_chat::Chat { own: true }),
            Self::OpenaiCompatible => Box::new(openai_chat::Chat { own: false }),
            Self::Google => Box::new(google::Google),
        }
    }

    /// The header field that carries the key, unless the configuration says otherwise.
    pub const fn key_header(self) -> KeyHeader {
        match self {
            Self::Anthropic => KeyHeader::XApiKey,
            Self::Google => KeyHeader::XGoogApiKey,
            Self::OpenaiResponses | Self::OpenaiChat | Self::OpenaiCompatible => KeyHeader::Bearer,
        }
    }
}

/// How the key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyHeader {
    /// `Authorization: Bearer`.
    Bearer,
    /// `x-api-key`.
    XApiKey,
    /// `x-goog-api-key`.
    XGoogApiKey,
    /// `api-key`.
    ApiKey,
}

/// Where a provider is, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name in the configuration.
    pub name: String,
    /// The address above the wire format's own paths: `https://api.openai.com/v1`.
    pub url: url::Url,
    /// What it speaks.
    pub wire: Wire,
    /// Where its key is.
    pub key: KeySource,
    /// How the key is sent; `None` as the wire format has it.
    pub key_header: Option<KeyHeader>,
    /// Header fields that go with every request.
    pub headers: Vec<(String, Secret)>,
    /// Whether the provider is asked for its encrypted thoughts, and is given them back (Responses).
    pub encrypted_thoughts: bool,
    /// Files in PEM with roots that are trusted beside those of the system.
    pub roots: Vec<std::path::PathBuf>,
}

/// One wire format: a request into JSON, events into a reply. No effects.
trait Codec: Send + Sync {
    /// What follows the provider's address.
    fn path(&self, request: &TurnRequest) -> String;

    /// Header fields of the wire format's own.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The body.
    fn body(&self, request: &TurnRequest) -> Value;

    /// Reads one reply.
    fn decoder(&self, request: &TurnRequest) -> Box<dyn Decoder>;
}

/// Whether more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    More,
    Done,
}

/// Reads the events of one reply.
trait Decoder: Send {
    /// The next event.
    fn event(&mut self, event: &Event, listener: &mut dyn Listener) -> Result<Flow, Trouble>;

    /// What came, once the stream has ended; `Err` if it ended too early.
    fn finish(self: Box<Self>) -> Result<Reply, Trouble>;
}

/// What a reply wants back, if the next request is for the same model in the same words.
fn carried<'a>(reply: &'a Reply, wire: Wire, request: &TurnRequest) -> Option<&'a Value> {
    let same = |carried: &&Carried| carried.wire == wire.as_str() && carried.model == request.model;
    reply.carried.as_ref().filter(same).map(|carried| &carried.content)
}

/// The stream ended before the reply did.
fn cut() -> Trouble {
    Trouble::Passing(trustmill_core::port::model::Passing::Cut, "the stream ended too early".into(), None)
}

/// The event as JSON.
fn json(event: &Event) -> Result<Value, Trouble> {
    serde_json::from_str(&event.data)
        .map_err(|error| Trouble::Malformed(format!("an event is no JSON: {error}")))
}

/// A count of tokens.
fn count(usage: &Value, member: &str) -> Option<u64> {
    usage.get(member).and_then(Value::as_u64)
}
