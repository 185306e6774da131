//! A conversation with a model: what is asked, what comes back, and what it used.
//!
//! Everything here can be stored and read back, since a conversation that was broken off is continued from what was
//! stored of it, days later and elsewhere.

use crate::Sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A tool that a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Letters, digits and `_`, at most 64: what every provider takes.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON schema of its arguments: an object with `properties`, `required` and `additionalProperties: false`.
    pub schema: Value,
}

/// A call of a tool, as a model wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// By which its result is matched.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it is called with.
    pub arguments: Arguments,
}

/// The arguments of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arguments {
    /// A JSON object, which is not yet held against the schema.
    Object(Map<String, Value>),
    /// Something else: the model is told so, and may try again.
    Malformed {
        /// What is wrong with it.
        why: String,
    },
}

impl Arguments {
    /// Reads the text that a model wrote; an empty one is an empty object.
    pub fn parse(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Object(Map::new());
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Self::Object(object),
            Ok(_) => Self::Malformed { why: "the arguments are no JSON object".into() },
            Err(error) => Self::Malformed { why: format!("the arguments are no JSON: {error}") },
        }
    }

    /// The object; an empty one where there is none, which is what a conversation goes on with.
    pub fn object(&self) -> Map<String, Value> {
        match self {
            Self::Object(object) => object.clone(),
            Self::Malformed { .. } => Map::new(),
        }
    }
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The call's id.
    pub id: String,
    /// The tool's name; some providers match by it.
    pub name: String,
    /// What the model reads.
    pub text: String,
    /// Whether the tool refused or failed.
    pub failed: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Message {
    /// What the mill says.
    Mill {
        /// The text.
        text: String,
    },
    /// What a model said.
    Model {
        /// The reply.
        reply: Box<Reply>,
    },
    /// What the tools answered to the calls of the message before.
    Tools {
        /// One per call, in their order.
        answers: Vec<Answer>,
    },
}

/// What one turn may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnLimits {
    /// Tokens that the model may write.
    pub output_tokens: u32,
    /// Bytes of the reply on the wire; more is an error.
    pub reply_bytes: u64,
    /// Seconds for the whole turn.
    pub seconds: u32,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self { output_tokens: 8_192, reply_bytes: 4 << 20, seconds: 600 }
    }
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnRequest {
    /// The model's name at its provider.
    pub model: String,
    /// What holds for the whole conversation.
    pub instructions: String,
    /// What was said so far; begins with the mill.
    pub messages: Vec<Message>,
    /// What the model may call; none is an empty list.
    pub tools: Vec<ToolSpec>,
    /// What the turn may use.
    pub limits: TurnLimits,
    /// Whether the beginning comes again with the next turn, so that a provider's cache is worth its price.
    pub cached: bool,
    /// The same for every try of the same turn, and different for others: a provider that knows such keys charges once.
    pub key: String,
}

impl TurnRequest {
    /// What a conversation is asked to obey: the digest of instructions and tools.
    pub fn prompt(instructions: &str, tools: &[ToolSpec]) -> Sha256 {
        let mut content = serde_json::json!({ "instructions": instructions, "tools": tools });
        content.sort_all_objects();
        Sha256::of(content.to_string().as_bytes())
    }

    /// How many bytes of text go out, roughly: what a guess of tokens is made from.
    pub fn weight(&self) -> usize {
        let tools: usize =
            self.tools.iter().map(|tool| tool.description.len() + tool.schema.to_string().len()).sum();
        let messages: usize = self.messages.iter().map(Message::weight).sum();
        self.instructions.len() + tools + messages
    }
}

impl Message {
    fn weight(&self) -> usize {
        match self {
            Self::Mill { text } => text.len(),
            Self::Tools { answers } => answers.iter().map(|answer| answer.text.len() + 32).sum(),
            Self::Model { reply } => {
                let calls = reply.calls.iter().map(|call| match &call.arguments {
                    Arguments::Object(object) => Value::Object(object.clone()).to_string().len() + 64,
                    Arguments::Malformed { why } => why.len() + 64,
                });
                reply.text.len() + calls.sum::<usize>()
            }
        }
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// It has said what it wanted to say.
    End,
    /// It waits for its tools.
    Tools,
    /// It hit the limit on what it may write.
    Length,
    /// It, or its provider, declines to go on.
    Declined,
}

/// Tokens of one turn. The four do not overlap: their sum is what went through the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read, and neither from the cache nor into it.
    pub input: u64,
    /// Read from the provider's cache.
    pub cached: u64,
    /// Read and written into the provider's cache.
    pub cache_write: u64,
    /// Written; thoughts that are not shown are among them.
    pub output: u64,
}

impl Tokens {
    /// All of them.
    pub const fn sum(&self) -> u64 {
        self.input.saturating_add(self.cached).saturating_add(self.cache_write).saturating_add(self.output)
    }

    /// Both together.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            output: self.output.saturating_add(other.output),
        }
    }
}

/// What a provider wants back word for word with the next turn: signed thoughts, item ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// The wire format that it belongs to. Another one leaves it out.
    pub wire: String,
    /// The model that said it: another one does not take it.
    pub model: String,
    /// What was said, in the words of the wire.
    pub content: Value,
}

/// A finished reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What it says.
    pub text: String,
    /// The tools that it calls, in their order.
    pub calls: Vec<Call>,
    /// Why it stopped.
    pub stop: Stop,
    /// What it used, as the provider counts; zeros where the provider does not count.
    pub tokens: Tokens,
    /// The model's id as the provider reports it; what was asked for where it reports none.
    pub model: String,
    /// What the next turn gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
}

/// A piece of a reply while it is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A piece of its text.
    Text(String),
    /// It begins to call a tool.
    Call(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_named_as_none() {
        assert_eq!(Arguments::parse(" "), Arguments::Object(Map::new()));
        assert_eq!(Arguments::parse("{\"a\":1}").object()["a"], 1);
        for text in ["[1]", "{\"a\":", "null", "{} {}", "\u{0}"] {
            assert!(matches!(Arguments::parse(text), Arguments::Malformed { .. }), "{text:?}");
        }
    }

    #[test]
    fn a_prompt_is_named_by_what_it_says_and_not_by_the_order_of_members() {
        let tool = |schema: &str| ToolSpec {
            name: "read".into(),
            description: "reads".into(),
            schema: serde_json::from_str(schema).unwrap(),
        };
        let one = TurnRequest::prompt("do", &[tool(r#"{"a":1,"b":2}"#)]);
        assert_eq!(one, TurnRequest::prompt("do", &[tool(r#"{"b":2,"a":1}"#)]));
        assert_ne!(one, TurnRequest::prompt("do!", &[tool(r#"{"a":1,"b":2}"#)]));
    }
}
