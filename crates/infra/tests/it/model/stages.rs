//! Every scene in the words of every wire format.

use super::server::{Pieces, Provider, Say};
use super::{KEY, endpoint};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use trustmill_core::conversation::Stop;
use trustmill_core::port::model::Model;
use trustmill_infra::model::{HttpModel, Wire};
use trustmill_testkit::conformance::provider::{Scene, Stage};
use trustmill_testkit::wire::{Came, Check, strict};

/// A wire format's way to say each scene.
pub(crate) struct Script {
    wire: Wire,
    model: &'static str,
    path: &'static str,
    check: Check,
    stream: fn(Scene) -> String,
    refusal: fn(Scene) -> (u16, String),
}

/// A wire format in front of a server.
pub(crate) struct Staged {
    script: Script,
    pieces: Pieces,
    provider: Provider,
    model: Arc<HttpModel>,
    folder: tempfile::TempDir,
}

impl Staged {
    pub(crate) async fn start(script: Script, pieces: Pieces) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start(script.check, []).await;
        let endpoint = endpoint(script.wire, &provider, script.path, folder.path());
        let model = Arc::new(HttpModel::new(endpoint).unwrap());
        Self { script, pieces, provider, model, folder }
    }

    pub(crate) fn asked(&self) -> &'static str {
        self.script.model
    }

    pub(crate) fn wire(&self) -> Wire {
        self.script.wire
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.provider.came()
    }

    pub(crate) fn say(&self, say: Say) {
        self.provider.then(say);
    }
}

#[async_trait]
impl Stage for Staged {
    fn play(&self, scene: Scene) {
        let stream = || (self.script.stream)(scene);
        let say = match scene {
            Scene::Cut => {
                let whole = (self.script.stream)(Scene::Says);
                let half = whole.chars().count() / 2;
                Say::Cut { text: whole.chars().take(half).collect() }
            }
            Scene::Hangs => Say::Stall { text: (self.script.stream)(Scene::Says).chars().take(5).collect() },
            Scene::Endless => Say::Endless { event: format!(": {}\n\n", "x".repeat(4000)) },
            Scene::Page => Say::Status {
                status: 200,
                headers: vec![("content-type", "text/html")],
                body: "<html>It works!</html>".into(),
            },
            Scene::Redirects => Say::Status {
                status: 307,
                headers: vec![("location", "http://127.0.0.1:9/")],
                body: String::new(),
            },
            Scene::Limited | Scene::Overloaded | Scene::Refused | Scene::TooLong | Scene::Unknown => {
                let (status, body) = (self.script.refusal)(scene);
                let headers = if scene == Scene::Limited { vec![("retry-after", "7")] } else { Vec::new() };
                // Some providers repeat what they were sent.
                let body = if scene == Scene::Refused { body.replace("KEY", KEY) } else { body };
                Say::Status { status, headers, body }
            }
            _ => Say::Stream { text: stream(), pieces: self.pieces },
        };
        self.provider.then(say);
    }

    fn model(&self) -> Arc<dyn Model> {
        Arc::clone(&self.model) as _
    }

    fn open(&self) -> u32 {
        self.provider.open()
    }

    fn key(&self) -> &str {
        KEY
    }
}

fn named(events: &[Value]) -> String {
    let event = |value: &Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    events.iter().map(event).collect()
}

fn plain(events: &[Value], end: &str) -> String {
    let lines: String = events.iter().map(|value| format!("data: {value}\r\n\r\n")).collect();
    format!("{lines}{end}")
}

pub(crate) fn anthropic() -> Script {
    Script {
        wire: Wire::Anthropic,
        model: "claude-sonnet-5",
        path: "/v1",
        check: strict::anthropic,
        stream: anthropic_stream,
        refusal: |scene| {
            let (status, kind, message) = match scene {
                Scene::Limited => (429, "rate_limit_error", "slower"),
                Scene::Overloaded => (529, "overloaded_error", "Overloaded"),
                Scene::Refused => (401, "authentication_error", "invalid x-api-key KEY"),
                Scene::TooLong => {
                    (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")
                }
                _ => (404, "not_found_error", "model: claude-sonnet-5"),
            };
            (
                status,
                json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "r" })
                    .to_string(),
            )
        },
    }
}

fn anthropic_frame(blocks: &[Value], stop: &str) -> Vec<Value> {
    let start = json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant",
        "model": "claude-sonnet-5", "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": { "input_tokens": 60, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 0, "output_tokens": 1 } } });
    let end = json!({ "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null },
        "usage": { "output_tokens": 7 } });
    [start]
        .into_iter()
        .chain(blocks.iter().cloned())
        .chain([end, json!({ "type": "message_stop" })])
        .collect()
}

fn block(index: u64, begun: Value, deltas: &[Value]) -> Vec<Value> {
    let begin = json!({ "type": "content_block_start", "index": index, "content_block": begun });
    let deltas =
        deltas.iter().map(|delta| json!({ "type": "content_block_delta", "index": index, "delta": delta }));
    let end = json!({ "type": "content_block_stop", "index": index });
    [begin].into_iter().chain(deltas).chain([end]).collect()
}

fn anthropic_text() -> Vec<Value> {
    let delta = |text: &str| json!({ "type": "text_delta", "text": text });
    block(0, json!({ "type": "text", "text": "" }), &[delta("ä€"), delta("🦀 "), delta("done")])
}

fn anthropic_call(index: u64, name: &str, pieces: &[&str]) -> Vec<Value> {
    let begun = json!({ "type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": {} });
    let deltas: Vec<_> =
        pieces.iter().map(|piece| json!({ "type": "input_json_delta", "partial_json": piece })).collect();
    block(index, begun, &deltas)
}

fn anthropic_stream(scene: Scene) -> String {
    match scene {
        Scene::Calls => {
            let calls =
                [anthropic_call(0, "read", &["", "{\"path\"", ": \"ä\"}"]), anthropic_call(1, "list", &[])];
            named(&anthropic_frame(&calls.concat(), "tool_use"))
        }
        Scene::BadArguments => {
            named(&anthropic_frame(&anthropic_call(0, "read", &["{\"path\":"]), "max_tokens"))
        }
        Scene::Nameless => named(&anthropic_frame(&anthropic_call(0, "", &["{}"]), "tool_use")),
        Scene::Length => named(&anthropic_frame(&anthropic_text(), "max_tokens")),
        Scene::Declines => named(&anthropic_frame(&[], "refusal")),
        Scene::NewEvents => {
            let news = json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "shout_delta", "shout": "!" } });
            let mut events = anthropic_frame(&anthropic_text(), "end_turn");
            events.insert(1, json!({ "type": "ping" }));
            events.insert(4, news);
            events.insert(5, json!({ "type": "weather", "sun": true }));
            format!(": hello\n\n{}", named(&events))
        }
        Scene::FailsLate => {
            let error =
                json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
            let mut events = anthropic_frame(&anthropic_text(), "end_turn");
            events.truncate(3);
            events.push(error);
            named(&events)
        }
        _ => named(&anthropic_frame(&anthropic_text(), "end_turn")),
    }
}

pub(crate) fn anthropic_thinks() -> String {
    let thought = block(
        0,
        json!({ "type": "thinking", "thinking": "", "signature": "" }),
        &[
            json!({ "type": "thinking_delta", "thinking": "hm" }),
            json!({ "type": "signature_delta", "signature": "c2lnbmVk" }),
        ],
    );
    let text =
        block(1, json!({ "type": "text", "text": "" }), &[json!({ "type": "text_delta", "text": "so" })]);
    named(&anthropic_frame(&[thought, text].concat(), "end_turn"))
}

pub(crate) fn responses() -> Script {
    Script {
        wire: Wire::OpenaiResponses,
        model: "gpt-5.2",
        path: "/v1/",
        check: strict::responses,
        stream: responses_stream,
        refusal: openai_refusal,
    }
}

fn openai_refusal(scene: Scene) -> (u16, String) {
    let (status, kind, code, message) = match scene {
        Scene::Limited => (429, "requests", "rate_limit_exceeded", "slower"),
        Scene::Overloaded => (503, "server_error", "overloaded", "The engine is currently overloaded"),
        Scene::Refused => {
            (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: KEY")
        }
        Scene::TooLong => (400, "invalid_request_error", "context_length_exceeded", "too long"),
        _ => (404, "invalid_request_error", "model_not_found", "The model does not exist"),
    };
    (
        status,
        json!({ "error": { "message": message, "type": kind, "param": null, "code": code } }).to_string(),
    )
}

fn responses_end(kind: &str, output: &[Value], incomplete: Value) -> Value {
    json!({ "type": kind, "sequence_number": 9, "response": { "id": "r", "object": "response", "created_at": 1,
        "model": "gpt-5.2-2026-01-01", "output": output, "incomplete_details": incomplete, "status": "completed",
        "usage": { "input_tokens": 100, "input_tokens_details": { "cached_tokens": 40, "cache_write_tokens": 0 },
            "output_tokens": 7, "output_tokens_details": { "reasoning_tokens": 3 }, "total_tokens": 107 } } })
}

fn message_item(content: Value) -> Value {
    json!({ "type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [content] })
}

fn function_item(at: u64, name: &str, arguments: &str) -> Value {
    json!({ "type": "function_call", "id": format!("fc_{at}"), "call_id": format!("call_{at}"), "name": name,
        "arguments": arguments, "status": "completed" })
}

fn responses_with(items: &[Value], end: Value, deltas: &[&str]) -> String {
    let mut events = vec![json!({ "type": "response.created", "sequence_number": 0, "response": {} })];
    for (at, item) in items.iter().enumerate() {
        events.push(json!({ "type": "response.output_item.added", "output_index": at, "item": item, "sequence_number": 1 }));
        for delta in deltas {
            events
                .push(json!({ "type": "response.output_text.delta", "output_index": at, "content_index": 0,
                "item_id": "m", "delta": delta, "logprobs": [], "sequence_number": 2 }));
        }
        events.push(json!({ "type": "response.output_item.done", "output_index": at, "item": item, "sequence_number": 3 }));
    }
    events.push(end);
    named(&events)
}

fn responses_stream(scene: Scene) -> String {
    let done = |items: &[Value]| responses_end("response.completed", items, Value::Null);
    let text = message_item(json!({ "type": "output_text", "text": "ä€🦀 done", "annotations": [] }));
    let says = |end: Value| responses_with(std::slice::from_ref(&text), end, &["ä€", "🦀 ", "done"]);
    let calls = |items: &[Value]| responses_with(items, done(items), &[]);
    match scene {
        Scene::Calls => calls(&[function_item(0, "read", "{\"path\":\"ä\"}"), function_item(1, "list", "")]),
        Scene::BadArguments => calls(&[function_item(0, "read", "{\"path\":")]),
        Scene::Nameless => calls(&[function_item(0, "", "{}")]),
        Scene::Length => says(responses_end(
            "response.incomplete",
            std::slice::from_ref(&text),
            json!({ "reason": "max_output_tokens" }),
        )),
        Scene::Declines => {
            let refusal = message_item(json!({ "type": "refusal", "refusal": "no" }));
            responses_with(std::slice::from_ref(&refusal), done(std::slice::from_ref(&refusal)), &[])
        }
        Scene::NewEvents => {
            let news = json!({ "type": "response.mood.changed", "mood": "good" });
            // What is not there at the end was said before.
            format!(":ping\n\n{}{}", named(&[news]), says(done(&[])))
        }
        Scene::FailsLate => {
            let error = json!({ "code": "server_error", "message": "m" });
            let failed =
                json!({ "type": "response.failed", "sequence_number": 1, "response": { "error": error } });
            named(&[failed]).replace("server_error", "overloaded_error")
        }
        _ => says(done(std::slice::from_ref(&text))),
    }
}

pub(crate) fn chat() -> Script {
    Script {
        wire: Wire::OpenaiChat,
        model: "gpt-5.2",
        path: "/v1",
        check: strict::chat,
        stream: chat_stream,
        refusal: openai_refusal,
    }
}

pub(crate) fn compatible() -> Script {
    Script { wire: Wire::OpenaiCompatible, model: "qwen3-coder", check: strict::compatible, ..chat() }
}

fn piece(delta: Value, finish: Value) -> Value {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.2",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish, "logprobs": null }] })
}

fn chat_call(index: u64, name: &str, arguments: &str) -> Value {
    piece(
        json!({ "tool_calls": [{ "index": index, "id": format!("call_{index}"), "type": "function",
            "function": { "name": name, "arguments": arguments } }] }),
        Value::Null,
    )
}

fn chat_more(index: u64, arguments: &str) -> Value {
    piece(json!({ "tool_calls": [{ "index": index, "function": { "arguments": arguments } }] }), Value::Null)
}

fn usage() -> Value {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.2", "choices": [],
        "usage": { "prompt_tokens": 100, "prompt_tokens_details": { "cached_tokens": 40 }, "completion_tokens": 7, "total_tokens": 107 } })
}

fn chat_stream(scene: Scene) -> String {
    let begin = piece(json!({ "role": "assistant", "content": "" }), Value::Null);
    let says = |text: &str| piece(json!({ "content": text }), Value::Null);
    let end = |finish: &str| piece(json!({}), json!(finish));
    let whole = |pieces: &[Value]| plain(pieces, "data: [DONE]\r\n\r\n");
    let text =
        |finish: &str| whole(&[begin.clone(), says("ä€"), says("🦀 "), says("done"), end(finish), usage()]);
    match scene {
        Scene::Calls => whole(&[
            begin,
            chat_call(0, "read", ""),
            chat_more(0, "{\"path\":"),
            chat_more(0, "\"ä\"}"),
            chat_call(1, "list", "{}"),
            end("tool_calls"),
            usage(),
        ]),
        Scene::BadArguments => whole(&[begin, chat_call(0, "read", "{\"path\":"), end("length")]),
        Scene::Nameless => whole(&[begin, chat_call(0, "", "{}"), end("tool_calls")]),
        Scene::Length => text("length"),
        Scene::Declines => text("content_filter"),
        Scene::NewEvents => format!(
            ": OPENROUTER PROCESSING\n\n{}",
            text("stop").replacen("\"choices\"", "\"mood\":{\"good\":1},\"choices\"", 3)
        ),
        Scene::FailsLate => {
            let error = json!({ "error": { "message": "Overloaded", "code": 503 } });
            plain(&[begin, says("ä"), error], "")
        }
        _ => text("stop"),
    }
}

/// Replies as servers of others really send them: text, the calls that are meant, and why it stopped.
pub(crate) fn odd_chats() -> Vec<(String, Vec<String>, Stop)> {
    let call = |value: Value| piece(json!({ "tool_calls": [value] }), Value::Null);
    let function = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let read = vec!["read {\"path\":\"a\"}".to_owned()];
    let both = vec!["read {\"path\":\"a\"}".to_owned(), "list {}".to_owned()];
    let end = |finish: &str| piece(json!({}), json!(finish));
    vec![
        // Every call has the index 0, and the reason is `stop`.
        (
            plain(
                &[
                    call(
                        json!({ "index": 0, "id": "x1", "function": function("read", json!("{\"path\":\"a\"}")) }),
                    ),
                    call(json!({ "index": 0, "id": "x2", "function": function("list", json!("{}")) })),
                    end("stop"),
                ],
                "data: [DONE]\n\n",
            ),
            both.clone(),
            Stop::Tools,
        ),
        // No index, no id, and the arguments are an object.
        (
            plain(
                &[
                    call(json!({ "function": function("read", json!({ "path": "a" })) })),
                    call(json!({ "function": function("list", json!({})) })),
                    end("tool_calls"),
                ],
                "data: [DONE]\n\n",
            ),
            both,
            Stop::Tools,
        ),
        // The id again with every piece, no last line, and usage in every piece.
        (
            plain(
                &[
                    call(json!({ "index": 0, "id": "x1", "function": function("read", json!("{\"path\"")) })),
                    call(json!({ "index": 0, "id": "x1", "function": { "arguments": ":\"a\"}" } })),
                    end("tool_calls"),
                ],
                "",
            ),
            read,
            Stop::Tools,
        ),
        // Thoughts beside the text.
        (
            plain(
                &[piece(json!({ "reasoning_content": "hm", "content": null }), Value::Null), end("stop")],
                "data: [DONE]\n\n",
            ),
            Vec::new(),
            Stop::End,
        ),
    ]
}

pub(crate) fn google() -> Script {
    Script {
        wire: Wire::Google,
        model: "gemini-3-pro",
        path: "/v1beta",
        check: strict::google,
        stream: google_stream,
        refusal: |scene| {
            let (status, code, message, details) = match scene {
                Scene::Limited => (429, "RESOURCE_EXHAUSTED", "quota", json!([])),
                Scene::Overloaded => (503, "UNAVAILABLE", "The model is overloaded.", json!([])),
                Scene::Refused => (
                    400,
                    "INVALID_ARGUMENT",
                    "API key not valid: KEY",
                    json!([{ "reason": "API_KEY_INVALID" }]),
                ),
                Scene::TooLong => (
                    400,
                    "INVALID_ARGUMENT",
                    "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                    json!([]),
                ),
                _ => (404, "NOT_FOUND", "models/gemini-9 is not found", json!([])),
            };
            let error = json!({ "code": status, "message": message, "status": code, "details": details });
            (status, json!([{ "error": error }]).to_string())
        },
    }
}

fn candidate(parts: Value, finish: Value) -> Value {
    let mut candidate = json!({ "content": { "parts": parts, "role": "model" }, "index": 0 });
    if !finish.is_null() {
        candidate["finishReason"] = finish;
    }
    json!({ "candidates": [candidate], "modelVersion": "gemini-3-pro", "responseId": "r",
        "usageMetadata": { "promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 5,
            "thoughtsTokenCount": 2, "totalTokenCount": 107 } })
}

fn google_stream(scene: Scene) -> String {
    let says = |text: &str| candidate(json!([{ "text": text }]), Value::Null);
    let text = |finish: &str| {
        plain(&[says("ä€"), says("🦀 "), candidate(json!([{ "text": "done" }]), json!(finish))], "")
    };
    let call = |name: &str, args: Value| json!({ "functionCall": { "name": name, "args": args } });
    match scene {
        Scene::Calls => plain(
            &[
                candidate(json!([call("read", json!({ "path": "ä" }))]), Value::Null),
                candidate(json!([call("list", json!({}))]), json!("STOP")),
            ],
            "",
        ),
        Scene::Nameless => plain(&[candidate(json!([call("", json!({}))]), json!("STOP"))], ""),
        Scene::Length => text("MAX_TOKENS"),
        Scene::Declines => plain(&[json!({ "promptFeedback": { "blockReason": "SAFETY" } })], ""),
        Scene::NewEvents => {
            let thought =
                candidate(json!([{ "text": "hm", "thought": true }, { "hologram": {} }]), Value::Null);
            format!("{}{}", plain(&[thought], ": ping\r\n\r\n"), text("STOP"))
        }
        Scene::FailsLate => {
            let error = json!({ "error": { "code": 503, "message": "m", "status": "UNAVAILABLE" } });
            plain(&[says("ä"), error], "")
        }
        _ => text("STOP"),
    }
}

pub(crate) fn google_thinks() -> String {
    let parts = json!([
        { "text": "hm", "thought": true },
        { "functionCall": { "name": "read", "args": {}, "id": "f1" }, "thoughtSignature": "c2lnbmVk" },
    ]);
    plain(&[candidate(parts, json!("STOP"))], "")
}
