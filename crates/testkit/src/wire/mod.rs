//! Providers of models on loopback: what each wire format takes, and a server of Chat Completions for the real binary.

mod chat;
pub mod strict;

pub use chat::{Chat, Says};

use serde_json::Value;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Came {
    /// Path and query.
    pub path: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body; null where it is no JSON.
    pub body: Value,
}

impl Came {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Says what is wrong with a request, in the words of the wire format.
pub type Check = fn(&Came) -> Result<(), String>;
