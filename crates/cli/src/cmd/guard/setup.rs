//! How a guard is set up: `guard.toml` in its folder, the shipped catalogues, and the decision point that is reached
//! through a socket or opened here.

use super::upstreams::Upstream;
use super::webhook::{Told, Webhook};
use crate::error::Failure;
use crate::exit::Exit;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::Timestamp;
use trustmill_core::port::Coded;
use trustmill_doors::desk::Desk;
use trustmill_doors::engine::Engine;
use trustmill_doors::log::LogError;
use trustmill_doors::mcp::upstream::Server;
use trustmill_doors::questions::Questions;
use trustmill_doors::socket::{Remote, Request, Side, answer, paths, serve};
use trustmill_guard::catalogue::{Catalogue, CatalogueError, SHIPPED};
use trustmill_guard::decide::{Rulebook, Settings};
use trustmill_policy::{Mode, PolicyProblems, Source};
use trustmill_trust::keys::file as key_file;

/// `guard.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    /// Catalogues by the operator's names of servers: shipped ones by name, own ones by path.
    servers: BTreeMap<String, Vec<String>>,
    /// Servers behind the guard's own address, by the operator's names.
    upstreams: BTreeMap<String, Upstream>,
    /// Numbers that policies go by.
    settings: Settings,
    /// Who is told that something waits.
    webhook: Option<Webhook>,
    /// Own policies, beside those in `policies/` of the guard's folder.
    policy: PolicyFiles,
}

/// `[policy]` of `guard.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PolicyFiles {
    /// Files in Cedar.
    files: Vec<PathBuf>,
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
    /// Policies.
    #[error(transparent)]
    Policy(#[from] PolicyProblems),
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
            Self::Policy(error) => error.code(),
            Self::File { .. } | Self::NoCatalogue(_) => "TM1301",
            Self::Told { .. } => "TM1308",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Catalogue(error) => error.help(),
            Self::Policy(_) => {
                "docs/guard-policy.md has what policies see; `trustmill guard policy` checks them".into()
            }
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

/// A file by which the operator decides. Whoever else can write to it would decide.
fn read_own(path: &Path) -> Result<String, SetupError> {
    use std::os::unix::fs::MetadataExt as _;
    let bad = |why: String| SetupError::File { path: path.to_owned(), why };
    let looked = std::fs::metadata(path).map_err(|error| bad(error.to_string()))?;
    let me = std::fs::metadata("/proc/self").map_or(0, |of_process| of_process.uid());
    if looked.mode() & 0o022 != 0 || (looked.uid() != me && looked.uid() != 0) {
        return Err(bad("others than the guard's user can write to it: take that right away".into()));
    }
    std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))
}

/// `guard.toml` of a folder; nothing where there is none.
fn file(state: &Path) -> Result<File, SetupError> {
    let path = state.join("guard.toml");
    if !path.try_exists().unwrap_or(true) {
        return Ok(File::default());
    }
    let text = read_own(&path)?;
    toml::from_str(&text).map_err(|error| SetupError::File { path, why: error.to_string() })
}

/// The operator's policy files: those of `policies/` in the order of their names, then those that are named.
fn policy_files(state: &Path, file: &File) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(state.join("policies")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cedar"))
        .collect();
    files.sort();
    files.extend(file.policy.files.iter().cloned());
    files
}

fn source(path: &Path) -> Result<Source, SetupError> {
    let (file, text) = (path.display().to_string(), read_own(path)?);
    Ok(Source { file, text, set: "own".into(), mode: Mode::Enforce })
}

/// The rulebook of a folder with these policies in place of all others.
pub(super) fn only(state: &Path, policies: &[PathBuf]) -> Result<Rulebook, SetupError> {
    let sources = policies.iter().map(|path| source(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(rulebook(state, &[], &[])?.exchanged(&sources)?)
}

/// The servers behind the guard's own address.
pub(super) fn servers(state: &Path) -> Result<BTreeMap<String, Server>, Failure> {
    let usage = |error: SetupError| Failure::new(Exit::Usage, error);
    let wrong = |why| usage(SetupError::File { path: state.join("guard.toml"), why });
    let described = file(state).map_err(usage)?.upstreams.into_iter();
    described.map(|(name, upstream)| Ok((name.clone(), upstream.server(&name).map_err(wrong)?))).collect()
}

/// Tells people what waits, where `guard.toml` names a receiver, for as long as the runtime lives. `page` is where the page is
/// shown, if it is.
pub(super) fn tell(engine: &Arc<Engine>, state: &Path, page: Option<String>) -> Result<(), Failure> {
    let usage = |error: SetupError| Failure::new(Exit::Usage, error);
    let Some(webhook) = file(state).map_err(usage)?.webhook else { return Ok(()) };
    let wrong = |why| usage(SetupError::File { path: state.join("guard.toml"), why });
    let Told { url, page: named } = webhook.read().map_err(wrong)?;
    let receiver = crate::wire::webhook(url.expose()).map_err(|error| Failure::new(Exit::Usage, error))?;
    let signer = Arc::new(key_file::open_or_create(&state.join("keys"))?);
    let questions = Questions::new(Arc::clone(engine), receiver, signer, named.or(page), Timestamp::now);
    tokio::spawn(questions.run());
    Ok(())
}

/// Everything that decides: catalogues, settings, policies. Without a word about it, a server has the shipped catalogue of
/// its own name; `more` adds catalogues for single servers, `policies` adds policy files.
pub(super) fn rulebook(
    state: &Path,
    more: &[(String, String)],
    policies: &[PathBuf],
) -> Result<Rulebook, SetupError> {
    let file = file(state)?;
    let paths = policy_files(state, &file);
    let own = paths.iter().chain(policies).map(|path| source(path)).collect::<Result<Vec<_>, _>>()?;
    let mut named = file.servers;
    for (server, name) in more {
        named.entry(server.clone()).or_default().push(name.clone());
    }
    let mut catalogues: BTreeMap<String, Catalogue> = BTreeMap::new();
    for (name, _) in SHIPPED {
        catalogues.insert(name.to_owned(), catalogue(name)?);
    }
    for (server, names) in named {
        let mut whole = Catalogue::default();
        for name in names {
            whole.extend(catalogue(&name)?);
        }
        catalogues.insert(server, whole);
    }
    Ok(Rulebook::new(catalogues, file.settings, &own)?)
}

/// Opens the decision point of a folder.
pub(super) fn engine(state: &Path, more: &[(String, String)]) -> Result<Engine, Failure> {
    let rules = rulebook(state, more, &[]).map_err(|error| Failure::new(Exit::Usage, error))?;
    Engine::open(state, rules, Timestamp::now).map_err(|error| match error {
        LogError::Taken { .. } => Failure::new(Exit::Busy, error),
        other => Failure::from(other),
    })
}

/// What the operator's files look like: enough to see that one changed.
fn looks(state: &Path) -> Vec<(PathBuf, Option<(std::time::SystemTime, u64)>)> {
    let named = file(state).unwrap_or_default();
    let files = named.servers.values().flatten().map(PathBuf::from).chain(policy_files(state, &named));
    let files = files.chain([state.join("guard.toml"), state.join("policies")]);
    files
        .map(|path| {
            let look =
                std::fs::metadata(&path).ok().and_then(|seen| Some((seen.modified().ok()?, seen.len())));
            (path, look)
        })
        .collect()
}

/// Takes over changes of the operator's files, for as long as the runtime lives. What is wrong is told, and the rules from
/// before go on.
fn follow(engine: &Arc<Engine>, state: &Path, more: &[(String, String)]) {
    let (engine, state, more) = (Arc::clone(engine), state.to_owned(), more.to_vec());
    tokio::spawn(async move {
        let mut before = looks(&state);
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let now = looks(&state);
            if now == before {
                continue;
            }
            before = now;
            let read = rulebook(&state, &more, &[]).map_err(|error| error.to_string());
            match read.and_then(|rules| engine.rule_by(rules).map_err(|error| error.to_string())) {
                Ok(()) => tracing::warn!("the guard's rules were read again"),
                Err(why) => tracing::error!("the guard goes on by its rules from before: {why}"),
            }
        }
    });
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
        share(&engine, state, more);
        Ok(Self::Here(engine))
    }

    /// What doors ask.
    pub(super) fn desk(&self) -> Arc<dyn Desk> {
        match self {
            Self::There(remote) => Arc::clone(remote) as Arc<dyn Desk>,
            Self::Here(engine) => Arc::clone(engine) as Arc<dyn Desk>,
        }
    }
}

/// Answers at both sockets, and follows the operator's files, for as long as the runtime lives.
pub(super) fn share(engine: &Arc<Engine>, state: &Path, more: &[(String, String)]) {
    follow(engine, state, more);
    let (people, door) = paths(state);
    answer_at(engine, people, Side::People);
    answer_at(engine, door, Side::Door);
}

/// Answers at a socket, for as long as the runtime lives.
pub(super) fn answer_at(engine: &Arc<Engine>, path: PathBuf, side: Side) {
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        if let Err(error) = serve(engine, &path, side).await {
            tracing::warn!("nobody can ask the guard at {}: {error}", path.display());
        }
    });
}
