//! What `serve` asks an ecosystem: the answer to a request of a package manager.

use crate::ruling::{Action, Listed, Principal};
use crate::{Purl, Sha256};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// What a request asks for. `HEAD` is a [`Method::Get`] whose body `serve` leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Method {
    /// To read.
    #[default]
    Get,
    /// To ask something with a body: npm's audit.
    Post,
    /// To write: publishing.
    Put,
    /// To take away: yanking, removing a tag.
    Delete,
}

impl Method {
    /// Every method, in the order in which `Allow` lists them.
    pub const ALL: [Self; 4] = [Self::Get, Self::Post, Self::Put, Self::Delete];
}

/// What a registry makes of the body of a request with some method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// The method is not answered there: 405.
    Nothing,
    /// The request is answered from its head. A body is not read, however long.
    Head,
    /// The body is read, up to so many bytes once inflated; a longer one is answered 413.
    Body(usize),
}

/// A value that must reach no log: it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for comparing or for sending on.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A request below the ecosystem's mount point.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The path below the view, percent-decoded, without a leading slash: `simple/requests/`.
    pub path: String,
    /// What follows the `?`, as sent; bounded by `serve`.
    pub query: Option<String>,
    /// The body where [`Registry::takes`] asked for it, inflated; else empty.
    pub body: Bytes,
    /// Whether the server answers only who shows a token: some protocols say so on their pages.
    pub auth_required: bool,
    /// Who asks, as far as the server knows.
    pub principal: Arc<Principal>,
    /// What for: a client installs, a build of the mill is served.
    pub action: Action,
    /// The server's address in the client's own words (`http://127.0.0.1:8080`), for protocols whose pages carry
    /// whole addresses; `None` where `Host` is missing or is no plain host. Every client chooses its own: what
    /// is rendered with it MUST NOT be given to one that wrote another.
    pub origin: Option<String>,
    /// `Accept` as it came.
    pub accept: Option<String>,
    /// The time-travel view: nothing uploaded at or after this instant exists.
    pub as_of: Option<Timestamp>,
    /// The path under which this view is mounted, without a trailing slash: `/pypi`, `/pypi/@2024-05-01`.
    pub mount: String,
}

/// The answer; `serve` adds what HTTP asks for (validators, ranges, `HEAD`, compression).
#[derive(Debug, Clone)]
pub enum Answer {
    /// A rendered page.
    Page(Arc<RenderedPage>),
    /// Bytes of the blob store.
    File(FileAnswer),
    /// The canonical place is another path of this server.
    Redirect(String),
    /// Policy or an alarm refuses.
    Refused(Refusal),
    /// There is no such thing.
    NotFound(String),
    /// A short answer for this request alone, with a status of its own: an error in the protocol's own shape,
    /// or what was computed from the request's body. Never cached.
    Status(StatusAnswer),
    /// Upstream cannot be read just now and nothing usable is cached.
    Unavailable {
        /// Why, for people.
        why: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
}

/// A page, rendered once and shared by every request until something changes.
#[derive(Debug)]
pub struct RenderedPage {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// The body, gzip-compressed, where that is worth it.
    pub gzip: Option<Bytes>,
    /// Strong validator, in quotes; differs between representations.
    pub etag: String,
    /// How long a client may use it without asking again.
    pub max_age: Duration,
    /// Names of request headers that chose this representation, beside what `serve` looks at itself
    /// (`Accept-Encoding`, `Authorization`); may be empty.
    pub vary: &'static str,
}

/// A file out of the blob store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAnswer {
    /// Its address, and its validator.
    pub digest: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Whether what stands under this URL can ever change.
    pub immutable: bool,
    /// Which file of which release it is, where it is one: what is handed out is remembered.
    pub of: Option<Arc<(Purl, String)>>,
    /// What the person who installs it should know: one line of printable ASCII, sent as a header of its own.
    pub warning: Option<Arc<str>>,
}

impl FileAnswer {
    /// A file that never changes under its URL and of which nothing more is known.
    pub const fn new(digest: Sha256, size: u64, content_type: &'static str) -> Self {
        Self { digest, size, content_type, immutable: true, of: None, warning: None }
    }
}

/// A short answer for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusAnswer {
    /// The status: 200, 401, 404, …
    pub status: u16,
    /// `Content-Type` of `body`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// `WWW-Authenticate`, which a 401 must carry (RFC 9110, section 11.6.1).
    pub challenge: Option<String>,
}

impl StatusAnswer {
    /// JSON with a status.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: Bytes::from(body.to_string()),
            challenge: None,
        }
    }
}

/// A refusal that reaches the person (`docs/refusals.md`): the reason goes into the status line's reason
/// phrase and into the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 403 or 451.
    pub status: u16,
    /// Stable code.
    pub code: std::borrow::Cow<'static, str>,
    /// One line of printable ASCII.
    pub reason: String,
    /// `Content-Type` of `body`.
    pub content_type: &'static str,
    /// What the client's own protocol prints.
    pub body: Bytes,
}

/// The serving side of an ecosystem.
///
/// * `answer` MUST NOT serve bytes whose digest it did not check or lock.
/// * Concurrent requests for one cold page or file MUST cause one upstream request.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The package URL type, which is also the first path segment: `pypi`.
    fn ty(&self) -> &'static str;

    /// What becomes of a request with this method to this path (as in [`Request::path`]). A `Get` never has a
    /// body, whatever is said here.
    fn takes(&self, method: Method, path: &str) -> Takes {
        let _ = path;
        if method == Method::Get { Takes::Head } else { Takes::Nothing }
    }

    /// How people point their package managers here: command lines in which `{mount}` stands for the address
    /// of the mount, `http://HOST/pypi`.
    fn usage(&self) -> &'static [&'static str] {
        &[]
    }

    /// What `WWW-Authenticate` says to a client that must show a token, so that this registry's own client shows the
    /// one that it was given. `origin` is as in [`Request::origin`].
    fn challenge(&self, origin: Option<&str>) -> String {
        let _ = origin;
        "Basic realm=\"Trustmill\"".to_owned()
    }

    /// Answers one request whose method it takes.
    async fn answer(&self, request: &Request) -> Answer;

    /// The releases of a project as the gate is asked about them: for a person who wants to know what it says.
    ///
    /// # Errors
    /// There is no such project, or upstream cannot be read.
    async fn releases(&self, project: &Purl) -> Result<Releases, NoReleases> {
        Err(NoReleases { project: Box::new(project.clone()), why: "this registry lists none".to_owned() })
    }
}

/// The releases of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Releases {
    /// The project, in the spelling that facts use.
    pub project: Purl,
    /// Every one that the registry lists; repaired ones of the mill too, which only those see who ask for them.
    pub releases: Vec<Listed<'static>>,
}

impl Releases {
    /// With what the view of repaired releases has, and this one does not.
    #[must_use]
    pub fn with_repaired<'a>(mut self, view: impl IntoIterator<Item = Listed<'a>>) -> Self {
        let known: HashSet<_> = self.releases.iter().map(|listed| listed.version.clone()).collect();
        let new = view.into_iter().filter(|listed| !known.contains(&*listed.version));
        self.releases.extend(new.map(Listed::into_owned));
        self
    }
}

/// Why the releases of a project are not known.
#[derive(Debug, thiserror::Error)]
#[error("the releases of {project} are not known: {why}")]
pub struct NoReleases {
    /// The project.
    pub project: Box<Purl>,
    /// Why, for people.
    pub why: String,
}

impl NoReleases {
    /// What an answer that is no page says of it.
    pub fn of(project: &Purl, answer: &Answer) -> Self {
        let why = match answer {
            Answer::NotFound(why) | Answer::Unavailable { why, .. } => why.clone(),
            Answer::Refused(refusal) => refusal.reason.clone(),
            _ => "the registry does not list it".to_owned(),
        };
        Self { project: Box::new(project.clone()), why }
    }
}

impl super::Coded for NoReleases {
    fn code(&self) -> &'static str {
        "TM0921"
    }

    fn help(&self) -> String {
        "check the name; `trustmill doctor` says whether the registry can be reached".into()
    }
}
