//! The query of OSV's interface, answered from memory: `POST {"package": {"name": …}, "version": …}`.

use crate::Failure;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// Records by project, as they go out.
type Records = HashMap<String, Vec<Value>>;

/// Serves the records of a folder until the bench ends; the address of the query.
pub(crate) fn start(folder: &Path) -> Result<String, Failure> {
    let mut records = Records::new();
    for entry in std::fs::read_dir(folder)? {
        let record: Value = serde_json::from_slice(&std::fs::read(entry?.path())?)?;
        let name = record.pointer("/affected/0/package/name").and_then(Value::as_str).unwrap_or_default();
        records.entry(name.to_owned()).or_default().push(record.clone());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/v1/query", listener.local_addr()?);
    let records = Arc::new(records);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let records = Arc::clone(&records);
            std::thread::spawn(move || answer(&stream, &records));
        }
    });
    Ok(address)
}

/// Answers what comes over one connection until it ends.
fn answer(stream: &TcpStream, records: &Records) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let query: Value = serde_json::from_slice(&body).ok()?;
        let (name, version) = (query.pointer("/package/name")?.as_str()?, query.get("version")?.as_str()?);
        // The service compares versions too: an odd project's records end before its version.
        let even = version.split('.').nth(1)?.parse::<usize>().ok()? % 2 == 0;
        let found = records.get(name).filter(|_| even);
        let body =
            found.map_or_else(|| "{}".to_owned(), |found| serde_json::json!({ "vulns": found }).to_string());
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        (&mut &*stream).write_all(format!("{head}{body}").as_bytes()).ok()?;
    }
}
