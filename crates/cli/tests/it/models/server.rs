//! A server of Chat Completions on loopback, for the real binary.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is said to a request: text, or calls of tools.
pub(crate) enum Says {
    Text(String),
    Calls(Vec<(String, Value)>),
    Refuses(u16),
}

/// What came: the body, and the key that makes it one with its repetitions.
pub(crate) type Came = Arc<Mutex<Vec<(Value, String)>>>;

pub(crate) struct Chat {
    pub(crate) url: String,
    pub(crate) came: Came,
}

impl Chat {
    /// Answers what `says` makes of a request, until the test ends.
    pub(crate) fn start(says: impl Fn(&Value) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let came = Came::default();
        let (heard, says) = (Arc::clone(&came), Arc::new(says));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, says) = (Arc::clone(&heard), Arc::clone(&says));
                // A client that was killed hangs up in the middle.
                std::thread::spawn(move || answer(stream, &heard, says.as_ref()));
            }
        });
        Self { url, came }
    }
}

fn answer(stream: TcpStream, heard: &Came, says: &dyn Fn(&Value) -> Says) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if let Some(value) = line.strip_prefix("idempotency-key:") {
            value.trim().clone_into(&mut key);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    heard.lock().unwrap().push((body.clone(), key));
    reply(stream, &body, says(&body)).ok()
}

fn reply(mut stream: TcpStream, body: &Value, says: Says) -> std::io::Result<()> {
    let (delta, finish) = match says {
        Says::Refuses(status) => {
            let text = json!({ "error": { "message": "as the test says", "type": "invalid_request_error" } })
                .to_string();
            return write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
        }
        Says::Text(text) => (json!({ "role": "assistant", "content": text }), "stop"),
        Says::Calls(calls) => {
            let calls = calls.into_iter().enumerate().map(|(index, (name, arguments))| {
                json!({ "index": index, "id": format!("call_{index}"), "type": "function",
                    "function": { "name": name, "arguments": arguments.to_string() } })
            });
            (json!({ "role": "assistant", "tool_calls": calls.collect::<Vec<_>>() }), "tool_calls")
        }
    };
    let piece = |choices: Value, usage: Value| {
        let value = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"],
            "choices": choices, "usage": usage });
        format!("data: {value}\n\n")
    };
    let text = [
        piece(json!([{ "index": 0, "delta": delta, "finish_reason": null }]), Value::Null),
        piece(json!([{ "index": 0, "delta": {}, "finish_reason": finish }]), Value::Null),
        piece(json!([]), json!({ "prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100 })),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{text}")
}
