//! Google's `streamGenerateContent` (<https://ai.google.dev/api/generate-content>), as server-sent events.

use super::{Codec, Decoder, Flow, Trouble, Wire, carried, count, cut, failure, json};
use serde_json::{Value, json as value};
use trustmill_core::conversation::{
    Answer, Arguments, Call, Carried, Message, Piece, Reply, Stop, Tokens, ToolSpec, TurnRequest,
};
use trustmill_core::port::model::Listener;
use trustmill_core::sse::Event;

/// Begins the ids that the mill made, since not every model of Google gives its calls one.
const OWN_ID: &str = "tm-call-";

pub(super) struct Google;

impl Codec for Google {
    fn path(&self, request: &TurnRequest) -> String {
        let name: String =
            request.model.chars().filter(|c| c.is_ascii_graphic() && !"?#%:".contains(*c)).collect();
        let name = name.replace("..", "");
        // Whole names, such as those of tuned models, come as they are.
        let name = if name.contains('/') { name } else { format!("models/{name}") };
        format!("{name}:streamGenerateContent?alt=sse")
    }

    fn body(&self, request: &TurnRequest) -> Value {
        let mut body = value!({
            "contents": contents(request),
            "systemInstruction": { "parts": [{ "text": request.instructions }] },
            "generationConfig": { "maxOutputTokens": request.limits.output_tokens },
        });
        if let Some(body) = body.as_object_mut().filter(|_| !request.tools.is_empty()) {
            let declared: Vec<Value> = request.tools.iter().map(tool).collect();
            body.insert("tools".into(), value!([{ "functionDeclarations": declared }]));
        }
        body
    }

    fn decoder(&self, request: &TurnRequest) -> Box<dyn Decoder> {
        Box::new(Reading { asked: request.model.clone(), ..Reading::default() })
    }
}

fn tool(tool: &ToolSpec) -> Value {
    value!({ "name": tool.name, "description": tool.description, "parametersJsonSchema": tool.schema })
}

fn contents(request: &TurnRequest) -> Vec<Value> {
    let mut out: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let (role, parts) = match message {
            Message::Mill { text } => ("user", vec![value!({ "text": text })]),
            Message::Model { reply } => ("model", said(reply, request)),
            Message::Tools { answers } => ("user", answers.iter().map(answer).collect()),
        };
        match out.last_mut() {
            Some((last, content)) if *last == role => content.extend(parts),
            _ if parts.is_empty() => {}
            _ => out.push((role, parts)),
        }
    }
    out.into_iter().map(|(role, parts)| value!({ "role": role, "parts": parts })).collect()
}

fn answer(answer: &Answer) -> Value {
    let member = if answer.failed { "error" } else { "output" };
    let mut response = value!({ "name": answer.name, "response": { member: answer.text } });
    with_id(&mut response, &answer.id);
    value!({ "functionResponse": response })
}

fn with_id(value: &mut Value, id: &str) {
    if let Some(object) = value.as_object_mut().filter(|_| !id.starts_with(OWN_ID)) {
        object.insert("id".into(), id.into());
    }
}

fn said(reply: &Reply, request: &TurnRequest) -> Vec<Value> {
    if let Some(Value::Array(parts)) = carried(reply, Wire::Google, request) {
        return parts.clone();
    }
    let text = Some(&reply.text).filter(|text| !text.is_empty()).map(|text| value!({ "text": text }));
    let calls = reply.calls.iter().map(|call| {
        let mut function = value!({ "name": call.name, "args": call.arguments.object() });
        with_id(&mut function, &call.id);
        value!({ "functionCall": function })
    });
    text.into_iter().chain(calls).collect()
}

#[derive(Debug, Default)]
struct Reading {
    asked: String,
    model: Option<String>,
    parts: Vec<Value>,
    finish: Option<String>,
    blocked: bool,
    tokens: Tokens,
}

impl Decoder for Reading {
    fn event(&mut self, event: &Event, listener: &mut dyn Listener) -> Result<Flow, Trouble> {
        let mut data = json(event)?;
        if data.get("error").is_some() {
            return Err(failure::of_error(&data));
        }
        if let Some(model) = data.get("modelVersion").and_then(Value::as_str) {
            self.model = Some(model.to_owned());
        }
        if let Some(usage) = data.get("usageMetadata") {
            self.tokens = tokens(usage);
        }
        self.blocked |= data.pointer("/promptFeedback/blockReason").is_some();
        let Some(candidate) = data.pointer_mut("/candidates/0") else { return Ok(Flow::More) };
        if let Some(Value::Array(parts)) = candidate.pointer_mut("/content/parts").map(Value::take) {
            for part in parts {
                hear(&part, listener);
                self.parts.push(part);
            }
        }
        if let Some(finish) = candidate.get("finishReason").and_then(Value::as_str) {
            self.finish = Some(finish.to_owned());
        }
        Ok(Flow::More)
    }

    fn finish(self: Box<Self>) -> Result<Reply, Trouble> {
        let Self { asked, model, parts, finish, blocked, tokens } = *self;
        // There is no last event: the reason to finish is what says that the reply is whole.
        let finish = match finish {
            Some(finish) => finish,
            None if blocked => "SAFETY".into(),
            None => return Err(cut()),
        };
        let (mut text, mut calls, mut signed) = (String::new(), Vec::new(), false);
        for part in &parts {
            signed |= part.get("thoughtSignature").is_some();
            let is_thought = part.get("thought").and_then(Value::as_bool) == Some(true);
            if let Some(words) = part.get("text").and_then(Value::as_str).filter(|_| !is_thought) {
                text.push_str(words);
            }
            if let Some(function) = part.get("functionCall") {
                calls.push(call(function, calls.len())?);
            }
        }
        let stop = match finish.as_str() {
            "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" => {
                return Err(Trouble::Malformed(format!("the model called a function badly: {finish}")));
            }
            "MAX_TOKENS" => Stop::Length,
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" => {
                Stop::Declined
            }
            _ if !calls.is_empty() => Stop::Tools,
            _ => Stop::End,
        };
        let carried = signed.then(|| Carried {
            wire: Wire::Google.as_str().into(),
            model: asked.clone(),
            content: parts.into(),
        });
        Ok(Reply { text, calls, stop, tokens, model: model.unwrap_or(asked), carried })
    }
}

fn hear(part: &Value, listener: &mut dyn Listener) {
    let is_thought = part.get("thought").and_then(Value::as_bool) == Some(true);
    if let Some(text) = part.get("text").and_then(Value::as_str).filter(|_| !is_thought) {
        listener.hear(Piece::Text(text.to_owned()));
    }
    if let Some(name) = part.pointer("/functionCall/name").and_then(Value::as_str) {
        listener.hear(Piece::Call(name.to_owned()));
    }
}

fn call(function: &Value, at: usize) -> Result<Call, Trouble> {
    let name = function.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Trouble::Malformed("a function is called without a name".into()))?;
    let arguments = match function.get("args") {
        Some(Value::Object(args)) => Arguments::Object(args.clone()),
        None | Some(Value::Null) => Arguments::parse(""),
        Some(other) => Arguments::parse(&other.to_string()),
    };
    let id = function.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let id = id.map_or_else(|| format!("{OWN_ID}{at}"), str::to_owned);
    Ok(Call { id, name: name.to_owned(), arguments })
}

/// Prompts are counted with what came from the cache; thoughts are written too.
fn tokens(usage: &Value) -> Tokens {
    let cached = count(usage, "cachedContentTokenCount").unwrap_or(0);
    let prompt = count(usage, "promptTokenCount").unwrap_or(0);
    let tools = count(usage, "toolUsePromptTokenCount").unwrap_or(0);
    let written = count(usage, "candidatesTokenCount").unwrap_or(0);
    let thoughts = count(usage, "thoughtsTokenCount").unwrap_or(0);
    Tokens {
        input: prompt.saturating_sub(cached).saturating_add(tools),
        cached,
        cache_write: 0,
        output: written.saturating_add(thoughts),
    }
}
