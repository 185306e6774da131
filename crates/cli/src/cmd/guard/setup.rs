//! How a guard is set up: `guard.toml` in its folder, the shipped catalogues, and the decision point that is reached
//! through a socket or opened here.

use crate::error::Failure;
use crate::exit::Exit;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::port::Coded;
use trustmill_doors::engine::Engine;
use trustmill_doors::log::LogError;
use trustmill_doors::socket::{Remote, Request, answer, paths};
use trustmill_guard::catalogue::{Catalogue, CatalogueError, SHIPPED};
use trustmill_guard::decide::Settings;

/// `guard.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    /// Catalogues by the operator's names of servers: shipped ones by name, own ones by path.
    servers: BTreeMap<String, Vec<String>>,
    /// What policies may set.
    settings: Settings,
}

/// A guard that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    /// The configuration.
    #[error("{} is no configuration of a guard: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// No catalogue of that name.
    #[error("there is no catalogue {0:?}")]
    NoCatalogue(String),
    /// What was asked cannot be done.
    #[error("{message}")]
    Told {
        /// As the decision point says it.
        message: String,
        /// What to do.
        help: String,
    },
}

impl Coded for SetupError {
    fn code(&self) -> &'static str {
        match self {
            Self::Catalogue(error) => error.code(),
            Self::File { .. } | Self::NoCatalogue(_) => "TM1301",
            Self::Told { .. } => "TM1308",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Catalogue(error) => error.help(),
            Self::File { .. } => "docs/guard.md has every option".into(),
            Self::NoCatalogue(_) => {
                "`trustmill guard catalogue` lists the shipped ones; another is named by its path".into()
            }
            Self::Told { help, .. } => help.clone(),
        }
    }
}

/// One catalogue, shipped or from a file.
pub(super) fn catalogue(name: &str) -> Result<Catalogue, SetupError> {
    if let Some(shipped) = Catalogue::shipped(name) {
        return Ok(shipped?);
    }
    let text = std::fs::read_to_string(name).map_err(|_| SetupError::NoCatalogue(name.to_owned()))?;
    Ok(Catalogue::parse(name, &text)?)
}

/// Opens the decision point of a folder. Without a word about it, a server has the shipped catalogue of its own name;
/// `more` adds catalogues for single servers.
pub(super) fn engine(state: &Path, more: &[(String, String)]) -> Result<Engine, Failure> {
    let usage = |error: SetupError| Failure::new(Exit::Usage, error);
    let path = state.join("guard.toml");
    let file: File = match std::fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text)
            .map_err(|error| usage(SetupError::File { path: path.clone(), why: error.to_string() }))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => File::default(),
        Err(error) => return Err(usage(SetupError::File { path, why: error.to_string() })),
    };
    let mut named = file.servers;
    for (server, name) in more {
        named.entry(server.clone()).or_default().push(name.clone());
    }
    let mut catalogues: BTreeMap<String, Catalogue> = BTreeMap::new();
    for (name, _) in SHIPPED {
        catalogues.insert(name.to_owned(), catalogue(name).map_err(usage)?);
    }
    for (server, names) in named {
        let mut whole = Catalogue::default();
        for name in names {
            whole.extend(catalogue(&name).map_err(usage)?);
        }
        catalogues.insert(server, whole);
    }
    Engine::open(state, catalogues, file.settings, trustmill_core::Timestamp::now).map_err(
        |error| match error {
            LogError::Taken { .. } => Failure::new(Exit::Busy, error),
            other => Failure::from(other),
        },
    )
}

/// Asks as a person: the guard that runs, or the record where none does.
pub(super) async fn ask(state: &Path, request: Request) -> Result<Value, Failure> {
    let (people, _) = paths(state);
    let answered = match Remote::connect(&people).await {
        Some(remote) => remote
            .ask(&request)
            .await
            .map_err(|source| Failure::from(LogError::Io { path: people, what: "read", source }))?,
        None => answer(&engine(state, &[])?, request).await,
    };
    told(answered)
}

/// What the decision point did, or why not.
pub(super) fn told(answered: Value) -> Result<Value, Failure> {
    if let Some(done) = answered.get("done") {
        return Ok(done.clone());
    }
    let text = |key: &str| {
        let value = answered.get("error").and_then(|error| error.get(key)).and_then(Value::as_str);
        value.unwrap_or("the guard gives no answer").to_owned()
    };
    let message = format!("{} ({})", text("message"), text("code"));
    Err(Failure::new(Exit::Usage, SetupError::Told { message, help: text("help") }))
}

/// The guard that runs, or one that is opened here and shared with other doors for as long as this process lives.
pub(super) enum Point {
    /// Another process.
    There(Arc<Remote>),
    /// This one.
    Here(Arc<Engine>),
}

impl Point {
    /// Finds or opens it.
    pub(super) async fn find(state: &Path, more: &[(String, String)]) -> Result<Self, Failure> {
        let (_, door) = paths(state);
        if let Some(remote) = Remote::connect(&door).await {
            return Ok(Self::There(Arc::new(remote)));
        }
        let engine = Arc::new(engine(state, more)?);
        share(&engine, state);
        Ok(Self::Here(engine))
    }
}

/// Answers at both sockets for as long as the runtime lives.
pub(super) fn share(engine: &Arc<Engine>, state: &Path) {
    use trustmill_doors::socket::{Side, serve};
    let (people, door) = paths(state);
    for (path, side) in [(people, Side::People), (door, Side::Door)] {
        let engine = Arc::clone(engine);
        tokio::spawn(async move {
            if let Err(error) = serve(engine, &path, side).await {
                tracing::warn!("nobody can ask the guard at {}: {error}", path.display());
            }
        });
    }
}
