//! OpenAI's Responses, streamed (<https://platform.openai.com/docs/api-reference/responses>). Nothing is stored there:
//! every turn carries the whole conversation.

use super::{Codec, Decoder, Flow, Trouble, Wire, carried, count, cut, failure, json};
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use trustmill_core::conversation::{
    Arguments, Call, Carried, Message, Piece, Reply, Stop, Tokens, ToolSpec, TurnRequest,
};
use trustmill_core::port::model::Listener;
use trustmill_core::sse::Event;

pub(super) struct Responses {
    /// Whether thoughts are asked for in encrypted form and given back; models that do not think refuse to be asked.
    pub(super) encrypted: bool,
}

impl Codec for Responses {
    fn path(&self, _: &TurnRequest) -> String {
        "responses".into()
    }

    fn body(&self, request: &TurnRequest) -> Value {
        let mut body = value!({
            "model": request.model,
            "instructions": request.instructions,
            "input": input(request),
            "max_output_tokens": request.limits.output_tokens,
            "stream": true,
            "store": false,
        });
        if let Some(body) = body.as_object_mut() {
            if !request.tools.is_empty() {
                body.insert("tools".into(), request.tools.iter().map(tool).collect());
            }
            if request.cached {
                // What begins alike is kept by itself; the key leads it to the machine that has it.
                let prompt = TurnRequest::prompt(&request.instructions, &request.tools).to_hex();
                body.insert("prompt_cache_key".into(), prompt.into());
            }
            if self.encrypted {
                body.insert("include".into(), value!(["reasoning.encrypted_content"]));
            }
        }
        body
    }

    fn decoder(&self, request: &TurnRequest) -> Box<dyn Decoder> {
        Box::new(Reading { asked: request.model.clone(), encrypted: self.encrypted, ..Reading::default() })
    }
}

fn tool(tool: &ToolSpec) -> Value {
    value!({
        "type": "function", "name": tool.name, "description": tool.description,
        "parameters": tool.schema, "strict": false,
    })
}

fn input(request: &TurnRequest) -> Vec<Value> {
    let mut items = Vec::new();
    for message in &request.messages {
        match message {
            Message::Mill { text } => items.push(value!({ "role": "user", "content": text })),
            Message::Model { reply } => items.extend(said(reply, request)),
            Message::Tools { answers } => items.extend(answers.iter().map(|answer| {
                value!({ "type": "function_call_output", "call_id": answer.id, "output": answer.text })
            })),
        }
    }
    items
}

fn said(reply: &Reply, request: &TurnRequest) -> Vec<Value> {
    if let Some(Value::Array(items)) = carried(reply, Wire::OpenaiResponses, request) {
        return items.clone();
    }
    let text = Some(&reply.text).filter(|text| !text.is_empty());
    let text = text.map(|text| value!({ "role": "assistant", "content": text }));
    let calls = reply.calls.iter().map(|call| {
        let arguments = Value::Object(call.arguments.object()).to_string();
        value!({ "type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments })
    });
    text.into_iter().chain(calls).collect()
}

#[derive(Debug, Default)]
struct Reading {
    asked: String,
    encrypted: bool,
    items: BTreeMap<u64, Value>,
    response: Option<Value>,
}

impl Decoder for Reading {
    fn event(&mut self, event: &Event, listener: &mut dyn Listener) -> Result<Flow, Trouble> {
        let mut data = json(event)?;
        let place = data.get("output_index").and_then(Value::as_u64);
        match data.get("type").and_then(Value::as_str).unwrap_or_default() {
            "response.output_text.delta" => {
                let text = data.get("delta").and_then(Value::as_str).unwrap_or_default();
                listener.hear(Piece::Text(text.to_owned()));
            }
            "response.output_item.added" => {
                let name = data.pointer("/item/name").and_then(Value::as_str);
                if let Some(name) = name {
                    listener.hear(Piece::Call(name.to_owned()));
                }
            }
            "response.output_item.done" => {
                let item = data.get_mut("item").map(Value::take);
                let (Some(place), Some(item)) = (place, item) else {
                    return Err(Trouble::Malformed("an item is done that has no place".into()));
                };
                self.items.insert(place, item);
            }
            "response.completed" | "response.incomplete" => {
                self.response = data.get_mut("response").map(Value::take);
                return Ok(Flow::Done);
            }
            "response.failed" => {
                return Err(failure::of_error(data.pointer("/response/error").unwrap_or(&Value::Null)));
            }
            "error" => return Err(failure::of_error(&data)),
            _ => {}
        }
        Ok(Flow::More)
    }

    fn finish(self: Box<Self>) -> Result<Reply, Trouble> {
        let mut response = self.response.ok_or_else(cut)?;
        let items = match response.get_mut("output").map(Value::take) {
            Some(Value::Array(items)) if !items.is_empty() => items,
            _ => self.items.into_values().collect(),
        };
        let (mut text, mut calls, mut declined, mut kept) = (String::new(), Vec::new(), false, Vec::new());
        for item in items {
            match word(&item, "type").as_str() {
                "message" => declined |= message(&item, &mut text),
                "function_call" => calls.push(call(&item)?),
                "reasoning" => {}
                // What the mill never asked for: another provider's tools.
                _ => continue,
            }
            kept.push(item);
        }
        let incomplete = response.pointer("/incomplete_details/reason").and_then(Value::as_str);
        let stop = match incomplete {
            Some("content_filter") => Stop::Declined,
            Some(_) => Stop::Length,
            None if !calls.is_empty() => Stop::Tools,
            None if declined => Stop::Declined,
            None => Stop::End,
        };
        let model = Some(word(&response, "model")).filter(|model| !model.is_empty());
        let carried = self.encrypted.then(|| Carried {
            wire: Wire::OpenaiResponses.as_str().into(),
            model: self.asked.clone(),
            content: kept.into(),
        });
        let tokens = tokens(response.get("usage").unwrap_or(&Value::Null));
        Ok(Reply { text, calls, stop, tokens, model: model.unwrap_or(self.asked), carried })
    }
}

/// Adds a message's text; `true` if it is a refusal.
fn message(item: &Value, text: &mut String) -> bool {
    let mut declined = false;
    let parts = item.get("content").and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        match word(part, "type").as_str() {
            "output_text" => text.push_str(&word(part, "text")),
            "refusal" => {
                declined = true;
                text.push_str(&word(part, "refusal"));
            }
            _ => {}
        }
    }
    declined
}

fn call(item: &Value) -> Result<Call, Trouble> {
    let (id, name) = (word(item, "call_id"), word(item, "name"));
    if id.is_empty() || name.is_empty() {
        return Err(Trouble::Malformed("a function is called without a name or an id".into()));
    }
    Ok(Call { id, name, arguments: Arguments::parse(&word(item, "arguments")) })
}

/// OpenAI counts what came from the cache, and went into it, as input too.
fn tokens(usage: &Value) -> Tokens {
    let details = usage.get("input_tokens_details").unwrap_or(&Value::Null);
    let cached = count(details, "cached_tokens").unwrap_or(0);
    let cache_write = count(details, "cache_write_tokens").unwrap_or(0);
    let input = count(usage, "input_tokens").unwrap_or(0);
    let output = count(usage, "output_tokens").unwrap_or(0);
    Tokens { input: input.saturating_sub(cached).saturating_sub(cache_write), cached, cache_write, output }
}

fn word(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}
