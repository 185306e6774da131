//! Who is measured, and how each is started before the machine's own registry with an empty folder.

use crate::process::{Failure, Server, bounded, free_port, succeed};
use crate::server;
use std::fs;
use std::path::Path;
use std::process::Command;
use trustmill_ecosystems::npm::upstream::{Discovered, discover};

/// One caching proxy.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Where its registry is.
    pub(crate) path: &'static str,
    /// Starts it with the bench's data and a folder that is empty.
    pub(crate) start: fn(&Path, &Path) -> Result<Server, Failure>,
}

/// The newest that runs on Node 20.
const VERDACCIO: &str = "verdaccio@6.1.6";

/// All of them, ours first.
pub(crate) fn all() -> [Peer; 3] {
    [
        Peer { name: "trustmill", path: "/npm/", start: trustmill },
        Peer { name: "nginx", path: "/", start: nginx },
        Peer { name: "verdaccio", path: "/", start: verdaccio },
    ]
}

/// What this machine's npm is configured for.
pub(crate) fn upstream() -> Result<Discovered, Failure> {
    Ok(discover(std::env::vars(), |path| fs::read_to_string(path).ok())?)
}

fn trustmill(_: &Path, folder: &Path) -> Result<Server, Failure> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(server::ARGUMENT).arg(folder).arg(port.to_string());
    Server::start(&command, port, &folder.join("log"))
}

fn nginx(data: &Path, folder: &Path) -> Result<Server, Failure> {
    let port = free_port()?;
    let registry = upstream()?.registries.default;
    let config = fs::read_to_string(data.join("nginx.conf"))?
        .replace("@folder@", &folder.display().to_string())
        .replace("@port@", &port.to_string())
        .replace("@host@", registry.host_str().unwrap_or_default())
        .replace("@upstream@", registry.as_str());
    let path = folder.join("nginx.conf");
    fs::write(&path, config)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).args(["-e", "stderr", "-c"]).arg(path);
    Server::start(&command, port, &folder.join("log"))
}

fn verdaccio(_: &Path, folder: &Path) -> Result<Server, Failure> {
    let port = free_port()?;
    let tool = folder.join("tool");
    fs::create_dir(&tool)?;
    fs::write(tool.join("package.json"), "{}")?;
    let mut npm = bounded(600, "npm");
    succeed(npm.current_dir(&tool).args(["install", "--no-audit", "--no-fund", "--no-save", VERDACCIO]))?;
    let config = format!(
        "storage: {0}/storage\nuplinks:\n  up:\n    url: {1}\n    maxage: 1h\npackages:\n  '**':\n    access: $all\n    \
         proxy: up\nlog: {{ type: stdout, level: error }}\n",
        folder.display(),
        upstream()?.registries.default
    );
    let path = folder.join("config.yaml");
    fs::write(&path, config)?;
    let mut command = Command::new("node");
    command.arg(tool.join("node_modules/verdaccio/bin/verdaccio")).arg("--config").arg(path);
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    Server::start(&command, port, &folder.join("log"))
}
