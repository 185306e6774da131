//! Anthropic's Messages, streamed (<https://docs.anthropic.com/en/api/messages-streaming>; API version 2023-06-01).

use super::{Codec, Decoder, Flow, Trouble, Wire, carried, count, cut, failure, json};
use serde_json::{Map, Value, json as value};
use std::collections::BTreeMap;
use trustmill_core::conversation::{
    Arguments, Call, Carried, Message, Piece, Reply, Stop, Tokens, ToolSpec, TurnRequest,
};
use trustmill_core::port::model::Listener;
use trustmill_core::sse::Event;

pub(super) struct Anthropic;

impl Codec for Anthropic {
    fn path(&self, _: &TurnRequest) -> String {
        "messages".into()
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn body(&self, request: &TurnRequest) -> Value {
        let mut system = value!({ "type": "text", "text": request.instructions });
        let mut messages = messages(request);
        if request.cached {
            // Tools and instructions never change; what was said so far is the beginning of the next turn.
            mark(&mut system);
            let last = messages
                .last_mut()
                .and_then(|message| message.get_mut("content")?.as_array_mut()?.last_mut());
            last.map(mark);
        }
        let mut body = value!({
            "model": request.model,
            "max_tokens": request.limits.output_tokens,
            "stream": true,
            "system": [system],
            "messages": messages,
        });
        if let Some(body) = body.as_object_mut().filter(|_| !request.tools.is_empty()) {
            body.insert("tools".into(), request.tools.iter().map(tool).collect());
        }
        body
    }

    fn decoder(&self, request: &TurnRequest) -> Box<dyn Decoder> {
        Box::new(Reading { asked: request.model.clone(), ..Reading::default() })
    }
}

fn mark(block: &mut Value) {
    if let Some(block) = block.as_object_mut() {
        block.insert("cache_control".into(), value!({ "type": "ephemeral" }));
    }
}

fn tool(tool: &ToolSpec) -> Value {
    value!({ "name": tool.name, "description": tool.description, "input_schema": tool.schema })
}

/// Roles alternate, so that what follows each other in one role becomes one message.
fn messages(request: &TurnRequest) -> Vec<Value> {
    let mut out: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let (role, blocks) = match message {
            Message::Mill { text } => ("user", vec![value!({ "type": "text", "text": text })]),
            Message::Model { reply } => ("assistant", said(reply, request)),
            Message::Tools { answers } => {
                let results = answers.iter().map(|answer| {
                    value!({
                        "type": "tool_result", "tool_use_id": answer.id,
                        "content": answer.text, "is_error": answer.failed,
                    })
                });
                ("user", results.collect())
            }
        };
        match out.last_mut() {
            Some((last, content)) if *last == role => content.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => out.push((role, blocks)),
        }
    }
    out.into_iter().map(|(role, content)| value!({ "role": role, "content": content })).collect()
}

fn said(reply: &Reply, request: &TurnRequest) -> Vec<Value> {
    if let Some(Value::Array(blocks)) = carried(reply, Wire::Anthropic, request) {
        return blocks.clone();
    }
    let text = Some(&reply.text).filter(|text| !text.trim().is_empty());
    let text = text.map(|text| value!({ "type": "text", "text": text.trim_end() }));
    let calls = reply.calls.iter().map(|call| {
        value!({ "type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments.object() })
    });
    text.into_iter().chain(calls).collect()
}

/// A content block while it is being written.
#[derive(Debug)]
struct Block {
    /// As it began; members of it grow.
    value: Map<String, Value>,
    /// The pieces of a tool's input.
    input: String,
}

#[derive(Debug, Default)]
struct Reading {
    asked: String,
    model: Option<String>,
    blocks: BTreeMap<u64, Block>,
    stop: Option<String>,
    tokens: Tokens,
    whole: bool,
}

impl Decoder for Reading {
    fn event(&mut self, event: &Event, listener: &mut dyn Listener) -> Result<Flow, Trouble> {
        let data = json(event)?;
        match data.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => {
                let message = data.get("message").unwrap_or(&Value::Null);
                self.model = message.get("model").and_then(Value::as_str).map(str::to_owned);
                self.count(message.get("usage"));
            }
            "content_block_start" => self.begin(&data, listener)?,
            "content_block_delta" => self.grow(&data, listener)?,
            "message_delta" => {
                let stop = data.pointer("/delta/stop_reason").and_then(Value::as_str);
                self.stop = stop.map(str::to_owned).or(self.stop.take());
                self.count(data.get("usage"));
            }
            "message_stop" => {
                self.whole = true;
                return Ok(Flow::Done);
            }
            "error" => return Err(failure::of_error(&data)),
            // `ping`, `content_block_stop`, and what there will be one day.
            _ => {}
        }
        Ok(Flow::More)
    }

    fn finish(self: Box<Self>) -> Result<Reply, Trouble> {
        if !self.whole || self.stop.is_none() {
            return Err(cut());
        }
        let (mut text, mut calls, mut content, mut thought) = (String::new(), Vec::new(), Vec::new(), false);
        for (_, mut block) in self.blocks {
            let kind = member(&block.value, "type");
            match kind.as_str() {
                "text" => text.push_str(&member(&block.value, "text")),
                "tool_use" => {
                    let arguments = match (block.input.is_empty(), block.value.get("input")) {
                        (true, Some(Value::Object(input))) => Arguments::Object(input.clone()),
                        _ => Arguments::parse(&block.input),
                    };
                    block.value.insert("input".into(), Value::Object(arguments.object()));
                    let (id, name) = (member(&block.value, "id"), member(&block.value, "name"));
                    if id.is_empty() || name.is_empty() {
                        return Err(Trouble::Malformed("a tool is called without a name or an id".into()));
                    }
                    calls.push(Call { id, name, arguments });
                }
                "thinking" | "redacted_thinking" => thought = true,
                _ => continue,
            }
            let empty = kind == "text" && member(&block.value, "text").trim().is_empty();
            if !empty {
                content.push(Value::Object(block.value));
            }
        }
        let stop = match self.stop.as_deref() {
            Some("tool_use") => Stop::Tools,
            Some("max_tokens" | "model_context_window_exceeded") => Stop::Length,
            Some("refusal") => Stop::Declined,
            _ if !calls.is_empty() => Stop::Tools,
            _ => Stop::End,
        };
        let carried = thought.then(|| Carried {
            wire: Wire::Anthropic.as_str().into(),
            model: self.asked.clone(),
            content: content.into(),
        });
        let model = self.model.unwrap_or(self.asked);
        Ok(Reply { text, calls, stop, tokens: self.tokens, model, carried })
    }
}

impl Reading {
    fn begin(&mut self, data: &Value, listener: &mut dyn Listener) -> Result<(), Trouble> {
        let index = index(data)?;
        let block = data.get("content_block").and_then(Value::as_object);
        let block = block.ok_or_else(|| Trouble::Malformed("a content block begins without one".into()))?;
        if member(block, "type") == "tool_use" {
            listener.hear(Piece::Call(member(block, "name")));
        }
        self.blocks.insert(index, Block { value: block.clone(), input: String::new() });
        Ok(())
    }

    fn grow(&mut self, data: &Value, listener: &mut dyn Listener) -> Result<(), Trouble> {
        let index = index(data)?;
        let block = self.blocks.get_mut(&index);
        let block = block.ok_or_else(|| Trouble::Malformed("a piece of a block that never began".into()))?;
        let delta = data.get("delta").and_then(Value::as_object);
        let delta = delta.ok_or_else(|| Trouble::Malformed("a delta without one".into()))?;
        match member(delta, "type").as_str() {
            "text_delta" => {
                let text = member(delta, "text");
                append(&mut block.value, "text", &text);
                listener.hear(Piece::Text(text));
            }
            "input_json_delta" => block.input.push_str(&member(delta, "partial_json")),
            "thinking_delta" => append(&mut block.value, "thinking", &member(delta, "thinking")),
            "signature_delta" => append(&mut block.value, "signature", &member(delta, "signature")),
            _ => {}
        }
        Ok(())
    }

    /// Counts are cumulative: the last ones hold.
    fn count(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        let tokens = &mut self.tokens;
        for (name, place) in [
            ("input_tokens", &mut tokens.input),
            ("cache_read_input_tokens", &mut tokens.cached),
            ("cache_creation_input_tokens", &mut tokens.cache_write),
            ("output_tokens", &mut tokens.output),
        ] {
            if let Some(count) = count(usage, name) {
                *place = count;
            }
        }
    }
}

fn index(data: &Value) -> Result<u64, Trouble> {
    let index = data.get("index").and_then(Value::as_u64);
    index.ok_or_else(|| Trouble::Malformed("an event names no content block".into()))
}

fn member(object: &Map<String, Value>, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn append(object: &mut Map<String, Value>, name: &str, more: &str) {
    match object.get_mut(name) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            object.insert(name.to_owned(), more.into());
        }
    }
}
