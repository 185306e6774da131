//! The exchange that every wire format shares: one request, a bounded stream of events, one reply.

use super::failure::{self, Trouble};
use super::{Codec, Endpoint, Flow, KeyHeader, cut};
use crate::http::retry_after;
use async_trait::async_trait;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Response, redirect};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use trustmill_core::conversation::{Reply, TurnRequest};
use trustmill_core::port::Coded;
use trustmill_core::port::model::{Listener, Model, ModelError, Passing};
use trustmill_core::port::registry::Secret;
use trustmill_core::sse::{Broken, Reader};

/// For the connection, TLS included.
const CONNECT: Duration = Duration::from_secs(15);
/// Between two pieces of a reply. Models that think are silent for long; providers send pings meanwhile.
const SILENCE: Duration = Duration::from_secs(300);
/// The most that is read of an answer that is no reply, and for how long.
const REFUSAL: usize = 64 << 10;
const REFUSAL_WAIT: Duration = Duration::from_secs(10);
/// The longest `Retry-After` in milliseconds that is obeyed.
const LONGEST_RETRY_AFTER: u64 = 3_600_000;

/// A provider behind HTTP.
pub struct HttpModel {
    endpoint: Endpoint,
    codec: Box<dyn Codec>,
    client: Client,
}

/// Why there is no client for a provider.
#[derive(Debug, thiserror::Error)]
pub enum ModelSetupError {
    /// A header field that is none.
    #[error("the provider {provider:?} has a header field {name:?} that cannot be sent")]
    Header {
        /// The provider.
        provider: String,
        /// The field.
        name: String,
    },
    /// A file of roots cannot be used.
    #[error("the certificates in {} cannot be used", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
    },
    /// TLS could not be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl Coded for ModelSetupError {
    fn code(&self) -> &'static str {
        "TM1408"
    }

    fn help(&self) -> String {
        match self {
            Self::Header { .. } => "write the name in letters, digits and `-`, and the value in plain text",
            Self::Roots { .. } => {
                "name a readable file in PEM form with the roots that the provider's server uses"
            }
            Self::Client(_) => {
                "install the system's certificates (the package `ca-certificates`), or set SSL_CERT_FILE"
            }
        }
        .into()
    }
}

impl HttpModel {
    /// A client for the provider.
    ///
    /// # Errors
    /// [`ModelSetupError`].
    pub fn new(endpoint: Endpoint) -> Result<Self, ModelSetupError> {
        for (name, value) in &endpoint.headers {
            let sent = name.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value.expose()).is_ok();
            if !sent {
                return Err(ModelSetupError::Header { provider: endpoint.name.clone(), name: name.clone() });
            }
        }
        let mut roots = Vec::new();
        for path in &endpoint.roots {
            let pem = std::fs::read(path).ok();
            let found =
                pem.and_then(|pem| Certificate::from_pem_bundle(&pem).ok()).filter(|all| !all.is_empty());
            roots.extend(found.ok_or_else(|| ModelSetupError::Roots { path: path.clone() })?);
        }
        let client = Client::builder()
            .user_agent(concat!("trustmill/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            // A key goes where the configuration says, and nowhere else.
            .redirect(redirect::Policy::none())
            .referer(false)
            .tls_certs_merge(roots)
            .build()
            .map_err(ModelSetupError::Client)?;
        let codec = endpoint.wire.codec(&endpoint);
        Ok(Self { endpoint, codec, client })
    }

    async fn exchange(
        &self,
        request: &TurnRequest,
        key: Option<&Secret>,
        listener: &mut dyn Listener,
    ) -> Result<Reply, Trouble> {
        let url =
            format!("{}/{}", self.endpoint.url.as_str().trim_end_matches('/'), self.codec.path(request));
        let body = self.codec.body(request).to_string();
        let sent = self.client.post(url).headers(self.headers(request, key)?).body(body).send().await;
        let response = sent.map_err(of_client)?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let is_stream = |value: &HeaderValue| value.as_bytes().starts_with(b"text/event-stream");
        if !response.headers().get(CONTENT_TYPE).is_some_and(is_stream) {
            let said = peek(response).await;
            let trouble = serde_json::from_slice(&said).map(|value| failure::of_error(&value));
            return Err(match trouble {
                Ok(trouble) if said.windows(7).any(|word| word == b"\"error\"") => trouble,
                _ => Trouble::Malformed("it answers with something else than a stream of events".into()),
            });
        }
        self.read(response, request, listener).await
    }

    fn headers(&self, request: &TurnRequest, key: Option<&Secret>) -> Result<HeaderMap, Trouble> {
        let mut headers = HeaderMap::new();
        let mut put = |name: &str, value: &str, secret: bool| {
            let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) else {
                return Err(Trouble::Rejected(format!("the header field {name} cannot be sent")));
            };
            value.set_sensitive(secret);
            headers.insert(name, value);
            Ok(())
        };
        put(CONTENT_TYPE.as_str(), "application/json", false)?;
        put(ACCEPT.as_str(), "text/event-stream", false)?;
        for (name, value) in self.codec.headers() {
            put(name, value, false)?;
        }
        put("idempotency-key", &request.key, false)?;
        for (name, value) in &self.endpoint.headers {
            put(name, value.expose(), true)?;
        }
        if let Some(key) = key {
            let key = key.expose();
            match self.endpoint.key_header.unwrap_or(self.endpoint.wire.key_header()) {
                KeyHeader::Bearer => put("authorization", &format!("Bearer {key}"), true)?,
                KeyHeader::XApiKey => put("x-api-key", key, true)?,
                KeyHeader::XGoogApiKey => put("x-goog-api-key", key, true)?,
                KeyHeader::ApiKey => put("api-key", key, true)?,
            }
        }
        Ok(headers)
    }

    async fn read(
        &self,
        mut response: Response,
        request: &TurnRequest,
        listener: &mut dyn Listener,
    ) -> Result<Reply, Trouble> {
        let mut reader = Reader::default();
        let mut decoder = self.codec.decoder(request);
        let mut came: u64 = 0;
        loop {
            let piece = match response.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) => return decoder.finish(),
                Err(error) if error.is_timeout() => return Err(of_client(error)),
                Err(_) => return Err(cut()),
            };
            came = came.saturating_add(piece.len() as u64);
            if came > request.limits.reply_bytes {
                return Err(Trouble::TooMuch(request.limits.reply_bytes));
            }
            let events = reader.push(&piece).map_err(|broken| match broken {
                Broken::Encoding => Trouble::Malformed("an event is no UTF-8".into()),
                Broken::TooLong => Trouble::TooMuch(request.limits.reply_bytes),
            })?;
            for event in &events {
                if decoder.event(event, listener)? == Flow::Done {
                    return decoder.finish();
                }
            }
        }
    }
}

#[async_trait]
impl Model for HttpModel {
    async fn turn(&self, request: &TurnRequest, listener: &mut dyn Listener) -> Result<Reply, ModelError> {
        let name = self.endpoint.name.as_str();
        let key = self.endpoint.key.read().await;
        let key = key.map_err(|why| Trouble::Refused(why).at(name, &request.model, None))?;
        let wait = Duration::from_secs(u64::from(request.limits.seconds));
        let exchange = tokio::time::timeout(wait, self.exchange(request, key.as_ref(), listener)).await;
        let reply = exchange.unwrap_or_else(|_| {
            let why = format!("the turn took more than {} seconds", wait.as_secs());
            Err(Trouble::Passing(Passing::TimedOut, why, None))
        });
        reply.map_err(|trouble| trouble.at(name, &request.model, key.as_ref().map(Secret::expose)))
    }
}

/// What the client reports. Its own text would show the address.
fn of_client(error: reqwest::Error) -> Trouble {
    let kind = if error.is_timeout() { Passing::TimedOut } else { Passing::Unreachable };
    let error = error.without_url();
    let mut why = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        why = inner.to_string();
        cause = inner.source();
    }
    Trouble::Passing(kind, why, None)
}

async fn refusal(response: Response) -> Trouble {
    let status = response.status();
    if status.is_redirection() {
        return Trouble::Rejected(format!(
            "it redirects (status {}), which is not followed",
            status.as_u16()
        ));
    }
    let headers = response.headers();
    let milliseconds =
        headers.get("retry-after-ms").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let exact = milliseconds.map(|ms| Duration::from_millis(ms.min(LONGEST_RETRY_AFTER)));
    let after = exact.or_else(|| retry_after(headers, SystemTime::now()));
    let body = peek(response).await;
    failure::of_status(status, &body, after)
}

/// The beginning of a body.
async fn peek(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(piece)) = response.chunk().await {
            body.extend_from_slice(&piece);
            if body.len() >= REFUSAL {
                body.truncate(REFUSAL);
                break;
            }
        }
    };
    // What came until then is what there is to say.
    let _ = tokio::time::timeout(REFUSAL_WAIT, read).await;
    body
}
