//! The doors: the decision point on its own, an MCP server behind it, an agent's hook before it.

use super::setup::{self, Point};
use crate::cmd::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::{complain, say};
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::BufReader;
use tokio::process::{Child, ChildStdin, ChildStdout};
use trustmill_core::port::Coded;
use trustmill_core::port::registry::Secret;
use trustmill_doors::engine::Engine;
use trustmill_doors::hook::{self, Shape};
use trustmill_doors::mcp::endpoint::{self, Endpoint, Fence};
use trustmill_doors::mcp::{caretaker, upstream};
use trustmill_doors::models;
use trustmill_doors::page::People;
use trustmill_doors::socket::{Remote, Request, Side, paths};
use trustmill_doors::standard;
use trustmill_doors::stdio::Proxy;
use trustmill_guard::value::visible;

/// A server that cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("{program} cannot be started")]
pub(super) struct StartError {
    pub(super) program: String,
    pub(super) source: std::io::Error,
}

impl Coded for StartError {
    fn code(&self) -> &'static str {
        "TM1310"
    }

    fn help(&self) -> String {
        "check the command after `--`: it is started as it stands, without a shell".into()
    }
}

/// Decide for every door, until a signal ends it
#[derive(Args)]
pub(super) struct Up {
    /// Address of the page on which people decide, for each --person; put TLS before it where it is not this machine's
    #[arg(long, value_name = "IP:PORT", requires = "person")]
    listen: Option<SocketAddr>,
    /// Somebody who may decide there: prints their own sign-in link
    #[arg(long, value_name = "NAME", requires = "listen")]
    person: Vec<String>,
    /// Further host names under which these addresses are reached, as clients say them
    #[arg(long, value_name = "HOST[:PORT]")]
    host: Vec<String>,
    /// Address at which agents reach the servers of guard.toml, each agent with a key of its session
    #[arg(long, value_name = "IP:PORT")]
    agents: Option<SocketAddr>,
    /// Pass agents' requests on to the models of the mill's [models] there as well, with keys that agents do not have
    #[arg(long, requires = "agents")]
    models: bool,
    /// Folder for one more door.sock, for agents of other users: their --state; whoever can write to the socket can use it
    #[arg(long, value_name = "DIR")]
    door: Option<PathBuf>,
}

/// Agents cannot be listened to.
#[derive(Debug, thiserror::Error)]
#[error("agents cannot be listened to at {address}")]
struct AgentsError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Coded for AgentsError {
    fn code(&self) -> &'static str {
        "TM1320"
    }

    fn help(&self) -> String {
        "name a free address of this machine with --agents".into()
    }
}

/// The page cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("the guard's page cannot be shown at {address}")]
struct PageError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Coded for PageError {
    fn code(&self) -> &'static str {
        "TM1311"
    }

    fn help(&self) -> String {
        "name a free address of this machine with --listen".into()
    }
}

impl Up {
    /// Shows the page until the runtime ends, and prints everybody's link.
    async fn show_page(&self, engine: &Arc<Engine>, address: SocketAddr) -> Result<SocketAddr, Failure> {
        let failed = |source| Failure::from(PageError { address, source });
        let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let mut people = People::default();
        for name in &self.person {
            let key = people.add(name).map_err(|error| failed(std::io::Error::other(error)))?;
            say!("{name}: http://{bound}/enter?key={key}");
        }
        let router = trustmill_doors::page::router(Arc::clone(engine), people, bound, &self.host);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!("the page is gone: {error}");
            }
        });
        Ok(bound)
    }

    /// Answers agents until the runtime ends.
    async fn listen_to_agents(
        &self,
        global: &Global,
        engine: &Arc<Engine>,
        servers: BTreeMap<String, upstream::Server>,
        address: SocketAddr,
        page: Option<String>,
    ) -> Result<Arc<Endpoint>, Failure> {
        let failed = |source| Failure::from(AgentsError { address, source });
        let exchange = crate::wire::exchange().map_err(NoClient)?;
        let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        say!("agents: http://{bound}/mcp");
        servers.keys().for_each(|name| say!("agents: http://{bound}/mcp/{name}"));
        let fence = Fence::new(bound, &self.host);
        let models = match self.models {
            true => crate::wire::models_for_agents(global).await?,
            false => None,
        };
        if self.models && models.is_none() {
            complain!("no model is passed on: trustmill.toml names no [[models.providers]] (docs/models.md)");
        }
        let models = models.map(|models| {
            say!("models: http://{bound}/v1 (OpenAI), http://{bound} (Anthropic)");
            models::router(Arc::clone(engine), models, Arc::clone(&exchange), fence.clone())
        });
        let endpoint = Endpoint::new(Arc::clone(engine), servers, exchange, page);
        let router = endpoint::router(Arc::clone(&endpoint), fence).merge(models.unwrap_or_default());
        tokio::spawn(async move {
            use axum::serve::ListenerExt as _;
            let listener = listener.tap_io(|stream| {
                // A small answer does not wait for a larger one.
                let _ = stream.set_nodelay(true);
            });
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!("agents are no longer listened to: {error}");
            }
        });
        Ok(endpoint)
    }

    pub(super) async fn run(self, global: &Global, state: &Path) -> Result<Exit, Failure> {
        let engine = Arc::new(setup::engine(state, &[])?);
        setup::share(&engine, state, &[]);
        if let Some(folder) = &self.door {
            setup::answer_at(&engine, paths(folder).1, Side::Door);
        }
        let page = match self.listen {
            Some(address) => {
                let bound = self.show_page(&engine, address).await?;
                let named = self.host.first().map(|host| format!("https://{host}"));
                Some(named.unwrap_or_else(|| format!("http://{bound}")))
            }
            None => None,
        };
        setup::tell(&engine, state, page.clone())?;
        let servers = setup::servers(state)?;
        let endpoint = match self.agents {
            Some(address) => {
                Some(self.listen_to_agents(global, &engine, servers.clone(), address, page).await?)
            }
            None => None,
        };
        care(&engine, servers)?;
        complain!("the guard decides; its record is {}", state.join("record.jsonl").display());
        let _ = tokio::signal::ctrl_c().await;
        if let Some(endpoint) = endpoint {
            endpoint.close().await;
        }
        Ok(Exit::Success)
    }
}

/// No client of servers over HTTP can be made.
#[derive(Debug, thiserror::Error)]
#[error("no client of servers over HTTP can be made: {0}")]
struct NoClient(String);

impl Coded for NoClient {
    fn code(&self) -> &'static str {
        "TM1322"
    }

    fn help(&self) -> String {
        "look at the roots of trust of this machine: `SSL_CERT_FILE` names others".into()
    }
}

/// How long a server may take to end what is due.
const LONGEST_END: std::time::Duration = std::time::Duration::from_secs(60);

/// Ends what is due on these servers, for as long as the runtime lives.
fn care(engine: &Arc<Engine>, servers: BTreeMap<String, upstream::Server>) -> Result<(), Failure> {
    if servers.is_empty() {
        return Ok(());
    }
    let exchange = crate::wire::exchange().map_err(NoClient)?;
    tokio::spawn(caretaker::end_what_is_due(Arc::clone(engine), servers, exchange));
    Ok(())
}

/// Start an MCP server behind the guard, and talk to its client
#[derive(Args)]
pub(super) struct Run {
    /// Name of the server: in leases, records and guard.toml; a shipped catalogue of that name describes its tools
    #[arg(long, value_name = "NAME")]
    server: String,
    /// Catalogue of its tools: a shipped one's name, or a file; may be given again
    #[arg(long, value_name = "NAME|FILE")]
    catalogue: Vec<String>,
    /// Session that was opened before
    #[arg(long, env = "TRUSTMILL_GUARD_SESSION", value_name = "SESSION", conflicts_with = "task")]
    session: Option<String>,
    /// Words of whom the task is done for; without them and a session, the agent can only read
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
    /// Name of the agent, in the record
    #[arg(long, default_value = "agent", value_name = "NAME")]
    agent: String,
    /// The server's command
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Starts a server that is spoken to over standard input and output; it ends with whoever holds it.
pub(super) fn start(command: &[String]) -> Result<(Child, ChildStdin, ChildStdout), StartError> {
    let mut words = command.iter();
    let program = words.next().cloned().unwrap_or_default();
    let started = tokio::process::Command::new(&program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let piped = started.and_then(|mut child| match (child.stdin.take(), child.stdout.take()) {
        (Some(to), Some(from)) => Ok((child, to, from)),
        _ => Err(std::io::Error::other("it has no standard input or output")),
    });
    piped.map_err(|source| StartError { program, source })
}

impl Run {
    pub(super) async fn run(self, state: &Path) -> Result<Exit, Failure> {
        let more: Vec<_> = self.catalogue.iter().map(|name| (self.server.clone(), name.clone())).collect();
        let point = Point::find(state, &more).await?;
        let session = self.session(state, &point).await?;
        if let Point::Here(engine) = &point {
            setup::tell(engine, state, None)?;
            let mine = upstream::Server { place: self.place(), patience: LONGEST_END };
            let mut servers = setup::servers(state)?;
            servers.insert(self.server.clone(), mine);
            care(engine, servers)?;
            if engine.rules().catalogue(&self.server).tools.is_empty() {
                complain!(
                    "no catalogue describes the tools of {}: every call waits for a person. `trustmill guard catalogue -- {}` says \
                     which to name with --catalogue",
                    visible(&self.server),
                    visible(&self.command.join(" "))
                );
            }
        } else if !self.catalogue.is_empty() {
            complain!(
                "another guard decides in {}, by its own catalogues: --catalogue changes nothing here. Name them in its guard.toml",
                state.display()
            );
        }
        let (mut child, to, from) = start(&self.command)?;
        let proxy = Proxy::new(point.desk(), session, self.server);
        let (output, writer) = standard::output();
        let passed = proxy.run(BufReader::new(standard::input()), output, to, BufReader::new(from)).await;
        let _ = tokio::task::spawn_blocking(|| writer.join()).await;
        let status = child.wait().await;
        if let Ok(status) = status.as_ref()
            && !status.success()
        {
            complain!("the server ended: {status}");
        }
        // A blocked read of standard input would keep the runtime from ending.
        let good = passed.is_ok() && status.is_ok_and(|status| status.success());
        std::process::exit(if good { 0 } else { 3 })
    }

    /// The server as this process starts it, for what is due to end on it.
    fn place(&self) -> upstream::Place {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, Secret::new(value.into_string().ok()?)))
        };
        let env = std::env::vars_os().filter_map(text).collect();
        upstream::Place::Process { command: self.command.clone(), env, folder: None }
    }

    /// The session: one that exists, or a new one for this run.
    async fn session(&self, state: &Path, point: &Point) -> Result<String, Failure> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let session = super::people::new_name();
        let owner = std::env::var("USER").unwrap_or_else(|_| "owner".into());
        let words = self.task.clone().unwrap_or_default();
        let (agent, parent) = (self.agent.clone(), None);
        let begin = Request::Begin { session: session.clone(), agent, owner, words, parent };
        let answered = match point {
            Point::Here(engine) => trustmill_doors::socket::answer(engine, begin).await,
            Point::There(_) => return setup::ask(state, begin).await.map(|_| session),
        };
        setup::told(answered)?;
        Ok(session)
    }
}

/// Answer an agent's hook
#[derive(Args)]
pub(super) struct Hook {
    /// Session that was opened before
    #[arg(long, env = "TRUSTMILL_GUARD_SESSION", value_name = "SESSION")]
    session: Option<String>,
    /// Whose hook it is
    #[arg(long, value_enum, default_value_t, value_name = "AGENT")]
    shape: Asks,
}

/// Agents that ask.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Asks {
    /// Claude Code's PreToolUse
    #[default]
    ClaudeCode,
    /// OpenClaw's before_tool_call
    Openclaw,
    /// OpenAI Agents' needs_approval
    OpenaiAgents,
}

impl From<Asks> for Shape {
    fn from(asks: Asks) -> Self {
        match asks {
            Asks::ClaudeCode => Self::ClaudeCode,
            Asks::Openclaw => Self::Openclaw,
            Asks::OpenaiAgents => Self::OpenaiAgents,
        }
    }
}

/// The longest event, in bytes.
const LONGEST: u64 = 8 << 20;

impl Hook {
    /// Whatever goes wrong, the answer is a denial that the agent understands.
    pub(super) async fn run(self, state: &Path) -> Result<Exit, Failure> {
        let mut event = Vec::new();
        let read = std::io::stdin().take(LONGEST).read_to_end(&mut event);
        let shape = Shape::from(self.shape);
        let answer = match (read, self.session) {
            (Err(error), _) => shape.verdict(false, &format!("the hook cannot read its event: {error}")),
            (Ok(_), None) => shape.verdict(
                false,
                "no session: set TRUSTMILL_GUARD_SESSION to what `trustmill guard open` prints",
            ),
            (Ok(_), Some(session)) => {
                let state = state.to_owned();
                // Agents take a hook that fails for one that has nothing to say.
                let decided = tokio::spawn(async move { decide(&state, session, shape, &event).await });
                decided.await.unwrap_or_else(|_| shape.verdict(false, "the guard failed"))
            }
        };
        say!("{answer}");
        Ok(Exit::Success)
    }
}

async fn decide(state: &Path, session: String, shape: Shape, event: &[u8]) -> Value {
    let (_, door) = paths(state);
    let Ok(text) = String::from_utf8(event.to_vec()) else {
        return shape.verdict(false, "the event is no text");
    };
    match Remote::connect(&door).await {
        Some(remote) => match remote.ask(&Request::Hook { session, event: text, shape }).await {
            Ok(answered) => answered
                .get("done")
                .cloned()
                .unwrap_or_else(|| shape.verdict(false, "the guard gives no answer")),
            Err(error) => shape.verdict(false, &format!("the guard cannot be asked: {error}")),
        },
        None => match setup::engine(state, &[]) {
            Ok(engine) => hook::answer(&engine, &session, shape, event),
            Err(failure) => shape.verdict(false, &format!("the guard cannot be asked: {failure}")),
        },
    }
}
