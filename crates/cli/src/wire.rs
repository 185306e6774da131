//! Where adapters meet the application: the only file that names both sides.

mod access;
mod agents;
pub(crate) mod feeds;
mod firewall;
mod models;
mod scanner;

pub(crate) use access::{Alarm, Ledger};
pub(crate) use agents::models_for_agents;
pub(crate) use firewall::{config, follow, newest_alarm, overrides};
pub(crate) use models::Stop;
pub(crate) use scanner::{added_rules, scan_worker, scanner};

use crate::cmd::{Backend, Data, FeedHealth, Findings, Found, Global, Program, Reached};
use crate::config::{self, Config};
use crate::error::Failure;
use crate::exit::Exit;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use trustmill_core::Timestamp;
use trustmill_core::port::Coded;
use trustmill_core::port::advisories::Advisories;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::ecosystem::Ecosystem;
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::gate::{Gate, Open};
use trustmill_core::port::journal::Journal;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::Registry;
use trustmill_core::port::repositories::Repositories;
use trustmill_core::port::sandbox::Sandbox;
use trustmill_ecosystems::join::{self, Family, Found as FoundUpstream, Given, Opened, Ports, Workshop};
use trustmill_ecosystems::pypi::join::interpreters;
use trustmill_factory::audit::AuditError;
use trustmill_factory::firewall::Firewall;
use trustmill_factory::progress::Observer;
use trustmill_factory::repair::{self, Mending, Repairs};
use trustmill_factory::screen::{Screen, Screened};
use trustmill_factory::{ServePolicy, World};
use trustmill_infra::advisories::Feeds;
use trustmill_infra::{
    DataDir, DataDirError, FetchConfig, GitConfig, GitRepositories, HttpFetch, SystemClock,
};
use trustmill_inspect::archive;
use trustmill_policy::Mode;
use trustmill_sandbox::{Bubblewrap, InitCommand, Own};
use trustmill_serve::{Options, PublicKey, RegistryGateways, Server, ServerLimits};
use trustmill_trust::keys::{TrustedKeys, file as key_file};

/// The hidden first argument with which the sandbox starts this binary as the first process inside.
const INIT: &str = "__sandbox-init";

/// What a verb needs the data folder for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To work on keys or to serve: nobody else may.
    Work,
    /// To look, or to change the watch set: beside whoever works.
    Look,
}

/// Runs as the sandbox's first process if that is what this process was started for.
pub(crate) fn sandbox_init() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == INIT) {
        trustmill_sandbox::init_main()
    }
}

/// What speaks HTTP to the servers behind the guard.
///
/// # Errors
/// A sentence.
pub(crate) fn exchange() -> Result<Arc<dyn trustmill_core::port::exchange::Exchange>, String> {
    Ok(Arc::new(trustmill_infra::HttpExchange::new(&[])?))
}

/// What sends messages to an address.
///
/// # Errors
/// The address is none.
pub(crate) fn webhook(
    url: &str,
) -> Result<Arc<dyn trustmill_core::port::webhook::Webhook>, trustmill_core::port::webhook::WebhookError> {
    Ok(Arc::new(trustmill_infra::HttpWebhook::new(url)?))
}

/// Keeps the process small. Before any thread is started.
pub(crate) fn give_memory_back() {
    trustmill_sandbox::give_memory_back();
}

/// Runs a verb, or a part of one, on the one async runtime.
pub(crate) fn runtime<T>(verb: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(NoRuntime)?.block_on(verb)
}

/// The async runtime cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the async runtime cannot start")]
struct NoRuntime(#[source] std::io::Error);

impl Coded for NoRuntime {
    fn code(&self) -> &'static str {
        "TM0813"
    }

    fn help(&self) -> String {
        "this process may start no threads or open no files: raise its limits (ulimit -u, ulimit -n)".into()
    }
}

/// A part of the mill ended in a way that it never should.
#[derive(Debug, thiserror::Error)]
#[error("a part of the mill failed")]
pub(crate) struct WorkerFailed(#[from] tokio::task::JoinError);

impl Coded for WorkerFailed {
    fn code(&self) -> &'static str {
        "TM0499"
    }

    fn help(&self) -> String {
        "this is a defect of the mill: please report it with the output of -vv".into()
    }
}

/// No folder for the state.
#[derive(Debug, thiserror::Error)]
#[error("there is no data folder: neither --data-dir, XDG_DATA_HOME nor HOME is set")]
struct NoDataDir;

impl Coded for NoDataDir {
    fn code(&self) -> &'static str {
        "TM0803"
    }

    fn help(&self) -> String {
        "give --data-dir".into()
    }
}

/// The folder of the state: the flag, else where the XDG base directory specification puts it.
pub(crate) fn data_dir(global: &Global) -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let xdg = || set("XDG_DATA_HOME").filter(|path| path.is_absolute());
    let home = || set("HOME").map(|home| home.join(".local/share"));
    global
        .data_dir
        .clone()
        .or_else(|| xdg().or_else(home).map(|base| base.join("trustmill")))
        // Sandboxes and git have folders of their own to start from.
        .and_then(|folder| std::path::absolute(folder).ok())
        .ok_or_else(|| Failure::new(Exit::Usage, NoDataDir))
}

/// What is read of the data folder where no key, registry or sandbox is needed.
pub(crate) struct Known {
    /// The advisories.
    pub(crate) advisories: Arc<dyn Advisories>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Opens the advisories alone: everything else would cost more than what is asked of them.
pub(crate) async fn known(global: &Global) -> Result<Known, Failure> {
    let store = DataDir::advisories_in(data_dir(global)?)?;
    let store = store.ok_or_else(|| Failure::new(Exit::Usage, AuditError::NoAdvisories))?;
    Ok(Known { advisories: Arc::new(store), clock: Arc::new(SystemClock) })
}

/// Opens the facts, if there are any.
pub(crate) async fn records(global: &Global) -> Result<Option<Arc<dyn Records>>, Failure> {
    let folder = data_dir(global)?;
    if !folder.join("state.db").is_file() {
        return Ok(None);
    }
    let data = open_folder(folder, Purpose::Look).await?;
    Ok(Some(data.records()))
}

/// What time it is.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// Resolves when SIGTERM or SIGINT arrives.
pub(crate) async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

/// Resolves when `flag` turns true.
pub(crate) async fn turned(mut flag: watch::Receiver<bool>) {
    let _ = flag.wait_for(|stopped| *stopped).await;
}

/// One installation: the application with its adapters.
pub(crate) struct Mill {
    /// What the application works with.
    pub(crate) world: World,
    /// The configuration that was read.
    pub(crate) config: Config,
    /// Where advisories come from.
    pub(crate) feeds: Feeds,
    /// What every registry asks before it hands something out.
    pub(crate) firewall: Arc<Firewall>,
    /// Looks at releases for a person, whether or not files are screened.
    pub(crate) examiner: Arc<Screen>,
    registries: Vec<Arc<dyn Registry>>,
    keys: Vec<PublicKey>,
    trusted: TrustedKeys,
    /// Holds the folder's lock.
    data: DataDir,
}

impl Mill {
    /// Opens the data folder and joins everything to it.
    pub(crate) async fn open(
        global: &Global,
        purpose: Purpose,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Failure> {
        let folder = data_dir(global)?;
        let config = load_config(global, &folder)?;
        let data = open_folder(folder.clone(), purpose).await?;
        if purpose == Purpose::Work {
            data.queue().end_leases().await?;
        }
        let keys = folder.join("keys");
        let signer = Arc::new(key_file::open_or_create(&keys)?);
        let trusted = key_file::trusted(&keys)?;
        let firewall = firewall::open(&config, &data, trusted.clone()).await?;
        let adapters = adapters(global, &config, &data, Arc::clone(&firewall) as Arc<dyn Gate>).await?;
        require_layers(&config, adapters.sandbox.as_ref(), purpose)?;
        let feeds = feeds::feeds(global, &config, &data)?;
        let policy = ServePolicy { require: config.serve.require, native: config.serve.native };
        let world = World {
            clock: adapters.clock,
            blobs: adapters.blobs,
            records: data.records(),
            queue: data.queue(),
            fetch: adapters.fetch,
            repositories: repositories(&config, data.path())
                .map(|git| Arc::new(git) as Arc<dyn Repositories>),
            screen: (config.scanner.mode != Mode::Off).then(|| Arc::clone(&adapters.screen)),
            ecosystems: adapters.ecosystems,
            signer,
            policy,
            observer,
            artifact_limit: config.build.artifact_mib << 20,
        };
        let keys = trusted.iter().map(exported).collect();
        let registries = adapters.registries;
        let examiner = adapters.screen;
        Ok(Self { world, config, feeds, firewall, examiner, registries, keys, trusted, data })
    }

    /// What repairs vulnerable releases.
    pub(crate) fn repairs(&self) -> Repairs {
        Repairs {
            world: self.world.clone(),
            advisories: self.data.advisories(),
            schemes: join::ALL.iter().map(|family| family.versions).collect(),
        }
    }

    /// What the reconciler repairs by itself, without models.
    pub(crate) fn mending(&self) -> Mending {
        let config::Repair { backports, recipes, builds, .. } = self.config.repair;
        Mending { repairs: self.repairs(), backports, recipes, builds, models: None }
    }

    /// The same with models, where the configuration lets them. A verb that somebody waits for asks none.
    pub(crate) async fn mending_with_models(&self) -> Result<Mending, Failure> {
        let mut mending = self.mending();
        if self.config.repair.models {
            let models = repair::Models::new(self.models().await?, self.config.repair.team.clone());
            mending.models = Some(Arc::new(models));
        }
        Ok(mending)
    }

    /// How people point their package managers at the mill that serves at `origin`.
    pub(crate) fn usage(&self, origin: &str) -> Vec<String> {
        let lines = |registry: &Arc<dyn Registry>| {
            let mount = format!("{origin}/{}", registry.ty());
            registry.usage().iter().map(|line| line.replace("{mount}", &mount)).collect::<Vec<_>>()
        };
        self.registries.iter().flat_map(lines).collect()
    }

    /// Binds the server; it answers from [`Serving::run`] on.
    pub(crate) async fn bind(&self, listen: SocketAddr) -> Result<Serving, Failure> {
        let bound = Server::bind(listen, ServerLimits::default()).await;
        let mut server = bound.map_err(|error| Failure::new(Exit::Busy, error))?;
        let tls = access::tls(&self.config)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        if let Some(tls) = tls {
            server = server.with_tls(tls);
        }
        let keep_days = self.config.journal.keep_days;
        let journal = (keep_days > 0).then(|| self.data.journal() as Arc<dyn Journal>);
        let access = access::access(&self.config, &listen, self.data.tokens());
        let token_required = access.required;
        let options = Options {
            records: Some(Arc::clone(&self.world.records)),
            journal: journal.clone(),
            overrides: Some(Arc::new(self.counter())),
            access,
            clock: Arc::clone(&self.world.clock),
            keys: self.keys.clone(),
            version: env!("CARGO_PKG_VERSION"),
            ..Options::default()
        };
        let app = trustmill_serve::router(self.registries.clone(), Arc::clone(&self.world.blobs), options);
        let mut chores = JoinSet::new();
        if let Some(journal) = journal {
            chores.spawn(access::forget(journal, Arc::clone(&self.world.clock), keep_days));
        }
        Ok(Serving { server, app, scheme, token_required, _chores: chores })
    }
}

/// A bound server and what it will answer with.
pub(crate) struct Serving {
    server: Server,
    app: axum::Router,
    scheme: &'static str,
    /// Whether only who shows a token is answered.
    pub(crate) token_required: bool,
    /// What else is done as long as it serves.
    _chores: JoinSet<()>,
}

impl Serving {
    /// The address that was bound.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The address as clients write it: `http://127.0.0.1:8447`.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address())
    }

    /// Answers until `stop` is done, then drains.
    pub(crate) async fn run(self, stop: impl Future<Output = ()> + Send) {
        let drained = self.server.run(self.app, stop).await;
        tracing::info!(drained.cut, "the server has stopped");
    }
}

/// The adapters of one installation.
struct Adapters {
    clock: Arc<dyn Clock>,
    blobs: Arc<dyn Blobs>,
    fetch: Arc<dyn Fetch>,
    sandbox: Arc<dyn Sandbox>,
    screen: Arc<Screen>,
    registries: Vec<Arc<dyn Registry>>,
    ecosystems: Vec<Arc<dyn Ecosystem>>,
}

/// Makes every adapter.
async fn adapters(
    global: &Global,
    config: &Config,
    data: &DataDir,
    gate: Arc<dyn Gate>,
) -> Result<Adapters, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let blobs: Arc<dyn Blobs> = Arc::new(data.blobs());
    let found = upstreams(global, config)?;
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(fetch_config(&found), data.blobs())?);
    let sandbox = sandbox(config)?;
    let ports = ports(data, Arc::clone(&fetch), gate);
    let opened: Vec<Opened> = found.into_iter().map(|(_, found)| (found.open)(&ports)).collect();
    let screen = scanner::screen(config, data, Arc::clone(&blobs), Arc::clone(&fetch))?;
    let screened = |opened: &Opened| -> Arc<dyn Registry> {
        let registry = Arc::clone(&opened.registry);
        match config.scanner.mode {
            Mode::Off => registry,
            Mode::Enforce | Mode::Preview => Arc::new(Screened::new(registry, Arc::clone(&screen))),
        }
    };
    let registries: Vec<_> = opened.iter().map(screened).collect();
    let workshop = Workshop {
        sandbox: Arc::clone(&sandbox),
        gateways: Arc::new(RegistryGateways::new(registries.clone(), Arc::clone(&blobs))),
        limits: config.build.limits(),
        native: config.build.native || global.native,
        definitions: config.build.definitions.clone(),
        interpreters: config.build.interpreters.clone(),
        open: |name, bytes| {
            let opened = archive::sdist::read(name, bytes, &archive::Limits::default());
            opened.map_err(|refused| refused.to_string())
        },
    };
    let mut ecosystems = Vec::new();
    for opened in opened {
        let ecosystem = (opened.ecosystem)(workshop.clone()).await;
        ecosystems.push(ecosystem.map_err(|error| Failure::new(Exit::Usage, error))?);
    }
    screen.join(&ecosystems);
    Ok(Adapters { clock, blobs, fetch, sandbox, screen, registries, ecosystems })
}

/// What every ecosystem reads and writes through.
fn ports(data: &DataDir, fetch: Arc<dyn Fetch>, gate: Arc<dyn Gate>) -> Ports {
    Ports {
        clock: Arc::new(SystemClock),
        blobs: Arc::new(data.blobs()),
        records: data.records(),
        gate,
        data: data.path().to_owned(),
        fetch,
    }
}

/// Source repositories, unless the configuration leaves them out.
fn repositories(config: &Config, data: &Path) -> Option<GitRepositories> {
    let source = &config.source;
    let config = GitConfig {
        program: PathBuf::from(&source.git),
        mirrors: source.mirrors.clone(),
        roots: source.roots.clone(),
        ssh_key: source.ssh_key.clone(),
        ssh_known_hosts: source.ssh_known_hosts.clone(),
        fetch_bytes: source.fetch_mib << 20,
        cache_bytes: source.cache_mib << 20,
        files: source.files,
        file_bytes: source.file_mib << 20,
        read_bytes: source.read_mib << 20,
        history: source.history,
        wall: Duration::from_secs(source.wall_seconds),
        idle: Duration::from_secs(source.idle_seconds),
        fresh: Duration::from_secs(source.fresh_seconds),
        unreachable: Duration::from_secs(source.unreachable_seconds),
        ..GitConfig::new(data.join("git"))
    };
    source.is_on().then(|| GitRepositories::new(config))
}

/// Where packages come from, for each ecosystem: flag and environment, then the file, then what this machine's own
/// client is configured to use.
fn upstreams(global: &Global, config: &Config) -> Result<Vec<(Family, FoundUpstream)>, Failure> {
    let given = |ty: &str| {
        let flag =
            global.upstream.iter().rev().find(|one| one.ty == ty).map(|one| (one.url.as_str(), "--upstream"));
        let flag =
            flag.or_else(|| Some((global.pypi_index.as_deref()?, "--pypi-index")).filter(|_| ty == "pypi"));
        let file = || config.upstream.0.get(ty).map(|url| (url.as_str(), "configuration"));
        flag.or_else(file).map(|(address, origin)| Given { address, origin })
    };
    join::ALL
        .into_iter()
        .map(|family| match (family.discover)(given(family.ty)) {
            Ok(found) => Ok((family, found)),
            Err(error) => Err(Failure::new(Exit::Usage, error)),
        })
        .collect()
}

/// The HTTP client's settings: the credentials of the upstreams and their roots of trust.
fn fetch_config(found: &[(Family, FoundUpstream)]) -> FetchConfig {
    let credentials = found.iter().flat_map(|(_, found)| &found.credentials);
    FetchConfig {
        roots: found.iter().flat_map(|(_, found)| found.roots.clone()).collect(),
        credentials: credentials.cloned().collect(),
        ..FetchConfig::default()
    }
}

/// The chosen sandbox backend.
fn sandbox(config: &Config) -> Result<Arc<dyn Sandbox>, Failure> {
    match config.sandbox.backend {
        config::Backend::Own => Ok(Arc::new(Own::new(init_command()))),
        config::Backend::Bubblewrap => match Bubblewrap::detect(init_command()) {
            Some(backend) => Ok(Arc::new(backend)),
            None => Err(Failure::new(Exit::Usage, NoBubblewrap)),
        },
    }
}

fn init_command() -> InitCommand {
    InitCommand { program: PathBuf::from("/proc/self/exe"), args: vec![INIT.to_owned()] }
}

/// Bubblewrap was asked for and is not there.
#[derive(Debug, thiserror::Error)]
#[error("the configuration asks for bubblewrap, and no `bwrap` is on the PATH")]
struct NoBubblewrap;

impl Coded for NoBubblewrap {
    fn code(&self) -> &'static str {
        "TM0805"
    }

    fn help(&self) -> String {
        "install the package `bubblewrap`, or set [sandbox] backend = \"own\"".into()
    }
}

/// Layers are missing that the configuration requires.
#[derive(Debug, thiserror::Error)]
#[error("isolation layers are missing that the configuration requires: {0}")]
struct LayersMissing(String);

impl Coded for LayersMissing {
    fn code(&self) -> &'static str {
        "TM0811"
    }

    fn help(&self) -> String {
        "`trustmill doctor` prints the fix for each; or take them out of [sandbox] require".into()
    }
}

/// Refuses to work where a required layer is not to be had.
fn require_layers(config: &Config, sandbox: &dyn Sandbox, purpose: Purpose) -> Result<(), Failure> {
    if purpose == Purpose::Look || config.sandbox.require.is_empty() {
        return Ok(());
    }
    let layers = sandbox.layers();
    let active = |wanted| layers.iter().any(|status| status.layer == wanted && status.active);
    let missing: Vec<_> = config.sandbox.require.iter().filter(|layer| !active(**layer)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.into_iter().map(|layer| layer.as_str()).collect();
    Err(Failure::new(Exit::Gate, LayersMissing(names.join(", "))))
}

fn load_config(global: &Global, folder: &Path) -> Result<Config, Failure> {
    Config::load(global.config.as_deref(), folder).map_err(|error| Failure::new(Exit::Usage, error))
}

/// Opens the data folder; opening touches the disk, so it leaves the async threads alone.
async fn open_folder(folder: PathBuf, purpose: Purpose) -> Result<DataDir, Failure> {
    let opened = tokio::task::spawn_blocking(move || match purpose {
        Purpose::Work => DataDir::open(folder),
        Purpose::Look => DataDir::beside(folder),
    });
    opened.await.map_err(WorkerFailed::from)?.map_err(|error| match error {
        DataDirError::Locked { .. } => Failure::new(Exit::Busy, error),
        other => Failure::from(other),
    })
}

fn exported(key: &trustmill_trust::keys::PublicKey) -> PublicKey {
    PublicKey { id: key.id().to_string(), algorithm: "ed25519".to_owned(), pem: key.to_pem() }
}

/// What `doctor` looks at. Works without the folder's lock, and says what is wrong rather than failing.
pub(crate) async fn examine(global: &Global) -> Result<Findings, Failure> {
    let folder = data_dir(global)?;
    let config = load_config(global, &folder)?;
    let mut problems = Vec::new();
    let sandboxes = sandboxes(&config);
    for backend in sandboxes.iter().filter(|backend| backend.chosen) {
        let required = |layer| config.sandbox.require.contains(layer) || !layer.is_optional();
        let missing = backend.layers.iter().filter(|status| !status.active && required(&status.layer));
        problems
            .extend(missing.map(|status| format!("isolation layer {} is missing", status.layer.as_str())));
    }
    let interpreters = interpreters(&config.build.interpreters, &folder).await;
    if interpreters.all().is_empty() {
        problems
            .push("no CPython was found: install python3, or name one in [build] interpreters".to_owned());
    }
    let git = match repositories(&config, &folder) {
        Some(git) => Some(program(git.version().await)),
        None => None,
    };
    if let Some(error) = git.as_ref().and_then(|git| git.error.as_ref()) {
        problems.push(format!("{error}: install git 2.36 or later, or set [source] git = \"off\""));
    }
    let named = config.source.files_named();
    problems.extend(named.filter_map(|(key, path)| {
        let error = std::fs::File::open(path).err()?;
        Some(format!("{} of [source] {key} cannot be read: {error}", path.display()))
    }));
    let (error, upstreams, feeds) = match open_folder(folder.clone(), Purpose::Look).await {
        Ok(open) => {
            let feeds = feeds::feeds(global, &config, &open)?;
            let health = feeds::health(&open.advisories(), &feeds).await?;
            (None, reach(global, &config, &open).await?, health)
        }
        Err(failure) => (Some(failure.to_string()), Vec::new(), Vec::new()),
    };
    problems.extend(feeds.iter().filter_map(FeedHealth::problem));
    let data = Data { path: folder.display().to_string(), free_bytes: free_bytes(&folder), error };
    problems.extend(data.error.clone());
    problems.extend(upstreams.iter().filter_map(|reached| reached.error.clone()));
    let policies = match crate::policies::load(&config.policy) {
        Ok(set) => firewall::in_brief(&set),
        Err(error) => {
            problems.push(format!("policies: {error}; `trustmill policy check` shows every problem"));
            "cannot be used".to_owned()
        }
    };
    let scanner = scanner::health(&config).await;
    problems.extend(scanner.problem.as_ref().map(|problem| format!("the scanner: {problem}")));
    let interpreters = interpreters.all().iter().map(|python| Found {
        version: python.version.to_string(),
        path: python.executable.display().to_string(),
    });
    let interpreters = interpreters.collect();
    Ok(Findings { sandboxes, scanner, interpreters, git, upstreams, feeds, policies, data, problems })
}

/// What is known of git: it must know `cat-file --batch-command`.
fn program(version: Result<String, String>) -> Program {
    let version = match version {
        Ok(version) => version,
        Err(error) => return Program { version: None, error: Some(error) },
    };
    let number = version.strip_prefix("git version ").unwrap_or(&version).to_owned();
    let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let known = (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (2, 36);
    let error = (!known).then(|| format!("git {number} is too old"));
    Program { version: Some(number), error }
}

/// Every backend of this machine with its layers.
fn sandboxes(config: &Config) -> Vec<Backend> {
    let mut backends: Vec<Arc<dyn Sandbox>> = vec![Arc::new(Own::new(init_command()))];
    backends.extend(Bubblewrap::detect(init_command()).map(|backend| Arc::new(backend) as Arc<dyn Sandbox>));
    let chosen = match config.sandbox.backend {
        config::Backend::Own => "own",
        config::Backend::Bubblewrap => "bubblewrap",
    };
    backends
        .iter()
        .map(|backend| Backend {
            name: backend.name().to_owned(),
            chosen: backend.name() == chosen,
            layers: backend.layers(),
        })
        .collect()
}

/// Asks each upstream for a project that every mirror has.
async fn reach(global: &Global, config: &Config, data: &DataDir) -> Result<Vec<Reached>, Failure> {
    let found = upstreams(global, config)?;
    let settings = FetchConfig { tries: 1, ..fetch_config(&found) };
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(settings, data.blobs())?);
    // Nothing is handed out of here.
    let ports = ports(data, fetch, Arc::new(Open));
    let mut reached = Vec::new();
    for (family, found) in found {
        let (address, origin) = (found.address, found.origin);
        let opened = (found.open)(&ports);
        let error = (opened.probe)().await.err().map(|error| error.to_string());
        reached.push(Reached { ecosystem: family.ty.to_owned(), address, origin, error });
    }
    Ok(reached)
}

/// Bytes that are free on the volume of a folder.
fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|path| path.exists())?;
    let volume = rustix::fs::statvfs(there).ok()?;
    Some(volume.f_bavail.saturating_mul(volume.f_frsize))
}
