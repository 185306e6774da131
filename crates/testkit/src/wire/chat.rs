//! A server of Chat Completions that takes what the format takes and nothing else, and says what a test makes of it.

use super::{Came, strict};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is said to a request.
#[derive(Debug, Clone)]
pub enum Says {
    /// Text.
    Text(String),
    /// Calls of tools, by name, with their arguments.
    Calls(Vec<(String, Value)>),
    /// A status.
    Refuses(u16),
}

/// A running server; its thread ends with the test.
pub struct Chat {
    /// What a provider is configured with.
    pub url: String,
    /// Everything that came, in order.
    pub came: Arc<Mutex<Vec<Came>>>,
}

impl Chat {
    /// Answers what `says` makes of the body of a request; refuses with 400 what the format does not take.
    pub fn start(says: impl Fn(&Value) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let came = Arc::<Mutex<Vec<Came>>>::default();
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

    /// The keys that make a request one with its repetitions, in the order in which they came.
    pub fn keys(&self) -> Vec<String> {
        let came = self.came.lock().unwrap();
        came.iter().map(|one| one.header("idempotency-key").unwrap_or_default().to_owned()).collect()
    }
}

fn answer(stream: TcpStream, heard: &Mutex<Vec<Came>>, says: &dyn Fn(&Value) -> Says) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let header = |line: &String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.iter().skip(1).filter_map(header).collect();
    let mut came = Came { path, headers, body: Value::Null };
    let mut body = vec![0; came.header("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    came.body = serde_json::from_slice(&body).ok()?;
    heard.lock().unwrap().push(came.clone());
    match strict::compatible(&came) {
        Ok(()) => reply(stream, &came.body, says(&came.body)).ok(),
        Err(why) => refuse(stream, 400, &why).ok(),
    }
}

fn refuse(mut stream: TcpStream, status: u16, why: &str) -> std::io::Result<()> {
    let text = json!({ "error": { "message": why, "type": "invalid_request_error" } }).to_string();
    let length = text.len();
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}")
}

fn reply(mut stream: TcpStream, body: &Value, says: Says) -> std::io::Result<()> {
    let (delta, finish) = match says {
        Says::Refuses(status) => return refuse(stream, status, "as the test says"),
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
