//! Chat Completions, streamed (<https://platform.openai.com/docs/api-reference/chat-streaming>): as OpenAI has them, and
//! as vLLM, llama.cpp, Ollama and resellers do, who leave out ids, indices, usage or the last line.

use super::{Codec, Decoder, Flow, Trouble, count, cut, failure, json};
use serde_json::{Value, json as value};
use trustmill_core::conversation::{
    Arguments, Call, Message, Piece, Reply, Stop, Tokens, ToolSpec, TurnRequest,
};
use trustmill_core::port::model::Listener;
use trustmill_core::sse::Event;

/// The most calls of one reply; an index beyond it is nonsense.
const MOST_CALLS: usize = 64;

pub(super) struct Chat {
    /// Whether OpenAI itself is spoken to: others know the older name of the limit, and no cache key.
    pub(super) own: bool,
}

impl Codec for Chat {
    fn path(&self, _: &TurnRequest) -> String {
        "chat/completions".into()
    }

    fn body(&self, request: &TurnRequest) -> Value {
        let mut body = value!({
            "model": request.model,
            "messages": messages(request),
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        if let Some(body) = body.as_object_mut() {
            let limit = if self.own { "max_completion_tokens" } else { "max_tokens" };
            body.insert(limit.into(), request.limits.output_tokens.into());
            if !request.tools.is_empty() {
                body.insert("tools".into(), request.tools.iter().map(tool).collect());
            }
            if self.own && request.cached {
                let prompt = TurnRequest::prompt(&request.instructions, &request.tools).to_hex();
                body.insert("prompt_cache_key".into(), prompt.into());
            }
        }
        body
    }

    fn decoder(&self, request: &TurnRequest) -> Box<dyn Decoder> {
        Box::new(Reading { asked: request.model.clone(), ..Reading::default() })
    }
}

fn tool(tool: &ToolSpec) -> Value {
    value!({
        "type": "function",
        "function": { "name": tool.name, "description": tool.description, "parameters": tool.schema },
    })
}

fn messages(request: &TurnRequest) -> Vec<Value> {
    let mut out = vec![value!({ "role": "system", "content": request.instructions })];
    for message in &request.messages {
        match message {
            Message::Mill { text } => out.push(value!({ "role": "user", "content": text })),
            Message::Model { reply } => out.extend(said(reply)),
            Message::Tools { answers } => {
                out.extend(answers.iter().map(
                    |answer| value!({ "role": "tool", "tool_call_id": answer.id, "content": answer.text }),
                ));
            }
        }
    }
    out
}

fn said(reply: &Reply) -> Option<Value> {
    let calls = reply.calls.iter().map(|call| {
        let arguments = Value::Object(call.arguments.object()).to_string();
        value!({
            "id": call.id, "type": "function",
            "function": { "name": call.name, "arguments": arguments },
        })
    });
    let calls: Vec<Value> = calls.collect();
    match (reply.text.is_empty(), calls.is_empty()) {
        (true, true) => None,
        (false, true) => Some(value!({ "role": "assistant", "content": reply.text })),
        (true, false) => Some(value!({ "role": "assistant", "content": null, "tool_calls": calls })),
        (false, false) => Some(value!({ "role": "assistant", "content": reply.text, "tool_calls": calls })),
    }
}

/// A call while it is being written.
#[derive(Debug, Default)]
struct Draft {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

#[derive(Debug, Default)]
struct Reading {
    asked: String,
    model: Option<String>,
    text: String,
    calls: Vec<Draft>,
    declined: bool,
    finish: Option<String>,
    tokens: Tokens,
}

impl Decoder for Reading {
    fn event(&mut self, event: &Event, listener: &mut dyn Listener) -> Result<Flow, Trouble> {
        if event.data.trim() == "[DONE]" {
            return Ok(Flow::Done);
        }
        let data = json(event)?;
        if data.get("error").is_some_and(|error| !error.is_null()) {
            return Err(failure::of_error(&data));
        }
        if let Some(model) = data.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()) {
            self.model = Some(model.to_owned());
        }
        if let Some(usage) = data.get("usage").filter(|usage| usage.is_object()) {
            self.tokens = tokens(usage);
        }
        let Some(choice) = data.get("choices").and_then(Value::as_array).and_then(|all| all.first()) else {
            return Ok(Flow::More);
        };
        if let Some(delta) = choice.get("delta") {
            self.grow(delta, listener)?;
        }
        if let Some(finish) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(finish.to_owned());
        }
        Ok(Flow::More)
    }

    fn finish(self: Box<Self>) -> Result<Reply, Trouble> {
        // Some servers close the connection in the place of the last line.
        let finish = self.finish.ok_or_else(cut)?;
        let mut calls = Vec::new();
        for (at, draft) in self.calls.into_iter().enumerate() {
            if draft.name.is_empty() {
                return Err(Trouble::Malformed("a function is called without a name".into()));
            }
            let id = if draft.id.is_empty() { format!("call_{at}") } else { draft.id };
            calls.push(Call { id, name: draft.name, arguments: Arguments::parse(&draft.arguments) });
        }
        let stop = match finish.as_str() {
            "length" => Stop::Length,
            "content_filter" => Stop::Declined,
            // Not every server says `tool_calls` when it calls tools.
            _ if !calls.is_empty() => Stop::Tools,
            _ if self.declined => Stop::Declined,
            _ => Stop::End,
        };
        let model = self.model.unwrap_or(self.asked);
        Ok(Reply { text: self.text, calls, stop, tokens: self.tokens, model, carried: None })
    }
}

impl Reading {
    fn grow(&mut self, delta: &Value, listener: &mut dyn Listener) -> Result<(), Trouble> {
        for (member, declines) in [("content", false), ("refusal", true)] {
            if let Some(text) = delta.get(member).and_then(Value::as_str).filter(|text| !text.is_empty()) {
                self.declined |= declines;
                self.text.push_str(text);
                listener.hear(Piece::Text(text.to_owned()));
            }
        }
        let calls = delta.get("tool_calls").and_then(Value::as_array);
        calls.into_iter().flatten().try_for_each(|piece| self.call(piece, listener))
    }

    fn call(&mut self, piece: &Value, listener: &mut dyn Listener) -> Result<(), Trouble> {
        let index = piece.get("index").and_then(Value::as_u64);
        let id = piece.get("id").and_then(Value::as_str).unwrap_or_default();
        let function = piece.get("function").unwrap_or(&Value::Null);
        let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
        // By the index; where a server has none, or gives every call the same, a new id begins a new call.
        let begun = self.calls.iter().rposition(|draft| match (draft.index, index) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        });
        let goes_on = |draft: &Draft| {
            (id.is_empty() || draft.id.is_empty() || draft.id == id) && (index.is_some() || name.is_empty())
        };
        let begun = begun.filter(|at| self.calls.get(*at).is_some_and(goes_on));
        if begun.is_none() {
            if self.calls.len() >= MOST_CALLS {
                return Err(Trouble::Malformed(format!("more than {MOST_CALLS} calls in one reply")));
            }
            listener.hear(Piece::Call(name.to_owned()));
            self.calls.push(Draft { index, ..Draft::default() });
        }
        let at = begun.unwrap_or(self.calls.len().saturating_sub(1));
        let Some(draft) = self.calls.get_mut(at) else { return Ok(()) };
        if draft.id.is_empty() {
            id.clone_into(&mut draft.id);
        }
        if draft.name.is_empty() {
            name.clone_into(&mut draft.name);
        }
        match function.get("arguments") {
            Some(Value::String(text)) => draft.arguments.push_str(text),
            // Whole, as an object: Ollama's older way.
            Some(object @ Value::Object(_)) => draft.arguments = object.to_string(),
            _ => {}
        }
        Ok(())
    }
}

/// What came from the cache is counted as input too.
fn tokens(usage: &Value) -> Tokens {
    let details = usage.get("prompt_tokens_details").unwrap_or(&Value::Null);
    let cached = count(details, "cached_tokens").unwrap_or(0);
    let cache_write = count(details, "cache_write_tokens").unwrap_or(0);
    let input = count(usage, "prompt_tokens").unwrap_or(0);
    let output = count(usage, "completion_tokens").unwrap_or(0);
    Tokens { input: input.saturating_sub(cached).saturating_sub(cache_write), cached, cache_write, output }
}
