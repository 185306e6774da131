//! Exchanges with servers that the operator named: MCP servers and model providers behind the guard.

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Response, redirect};
use std::path::PathBuf;
use std::time::Duration;
use trustmill_core::port::exchange::{Body, Exchange, ExchangeError, Incoming, Outgoing, Verb};

/// For the connection, TLS included.
const CONNECT: Duration = Duration::from_secs(15);

/// Between two pieces of an answer. Streams of events are silent for long; whoever waits for less gives up earlier.
const SILENCE: Duration = Duration::from_secs(600);

/// The one client of these servers; clones share connections.
#[derive(Debug, Clone)]
pub struct HttpExchange {
    client: Client,
}

impl HttpExchange {
    /// A client that trusts the system's roots, and those of the files (PEM).
    ///
    /// # Errors
    /// A sentence: a file holds no root, or TLS cannot be set up.
    pub fn new(roots: &[PathBuf]) -> Result<Self, String> {
        let mut trusted = Vec::new();
        for path in roots {
            let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if found.is_empty() {
                return Err(format!("{} holds no certificate", path.display()));
            }
            trusted.extend(found);
        }
        let client = Client::builder()
            .user_agent(concat!("trustmill/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            // A credential goes where the operator says, and nowhere else.
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_gzip()
            .tcp_nodelay(true)
            .tls_certs_merge(trusted)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Exchange for HttpExchange {
    async fn send(&self, request: Outgoing) -> Result<Incoming, ExchangeError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let (Ok(name), Ok(mut value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose()))
            else {
                return Err(ExchangeError::Request("a header field is none"));
            };
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let url = reqwest::Url::parse(&request.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or(ExchangeError::Request("the address is not an http or https URL"))?;
        let builder = match request.verb {
            Verb::Get => self.client.get(url),
            Verb::Post => self.client.post(url).body(request.body),
            Verb::Delete => self.client.delete(url),
        };
        let response = builder.headers(headers).send().await.map_err(failed)?;
        let headers = response.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let (status, headers) = (response.status().as_u16(), headers.collect());
        Ok(Incoming { status, headers, body: Box::new(Pieces(response)) })
    }
}

struct Pieces(Response);

#[async_trait]
impl Body for Pieces {
    async fn piece(&mut self) -> Result<Option<Bytes>, ExchangeError> {
        self.0.chunk().await.map_err(failed)
    }
}

/// The client's own words would show the address.
fn failed(error: reqwest::Error) -> ExchangeError {
    if error.is_timeout() {
        return ExchangeError::Silent;
    }
    let error = error.without_url();
    let mut why = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        why = inner.to_string();
        cause = inner.source();
    }
    ExchangeError::Unreachable(why)
}
