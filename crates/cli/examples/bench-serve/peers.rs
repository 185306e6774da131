//! Who is measured, and how each is started before our upstream with an empty folder.

use crate::http;
use crate::load::Bench;
use crate::process::{Failure, Server, bounded, free_port, program, succeed};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// One caching proxy.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Where its simple index is.
    pub(crate) index: &'static str,
    /// Starts it with a folder that is empty.
    pub(crate) start: fn(&Bench, &Path) -> Result<Server, Failure>,
    /// What it says of itself.
    pub(crate) version: fn(&Bench) -> Result<String, Failure>,
}

/// The pins of the Python peers.
const PROXPI: [&str; 2] = ["proxpi==1.3.1", "gunicorn==23.0.0"];
const DEVPI: [&str; 1] = ["devpi-server==6.20.3"];

/// All of them, ours first.
pub(crate) fn all() -> [Peer; 4] {
    [
        Peer { name: "trustmill", index: "/pypi/simple/", start: trustmill, version: trustmill_version },
        Peer { name: "nginx", index: "/simple/", start: nginx, version: nginx_version },
        Peer { name: "proxpi", index: "/index/", start: proxpi, version: |_| Ok(PROXPI.join(", ")) },
        Peer { name: "devpi", index: "/root/pypi/+simple/", start: devpi, version: |_| Ok(DEVPI.join(", ")) },
    ]
}

fn trustmill(bench: &Bench, folder: &Path) -> Result<Server, Failure> {
    let port = free_port()?;
    let mut command = Command::new(&bench.mill);
    command.arg("--data-dir").arg(folder.join("data")).arg("--pypi-index").arg(bench.index());
    command.args(["up", "--serve-only", "--json", "--listen", &format!("127.0.0.1:{port}")]);
    command.env_remove("TRUSTMILL_CONFIG").env_remove("TRUSTMILL_LOG");
    Server::start(&command, port, &folder.join("log"))
}

fn trustmill_version(bench: &Bench) -> Result<String, Failure> {
    Ok(succeed(bounded(10, &bench.mill).arg("--version"))?.trim().to_owned())
}

fn nginx(bench: &Bench, folder: &Path) -> Result<Server, Failure> {
    let port = free_port()?;
    let config = fs::read_to_string(bench.tools.data.join("nginx.conf"))?
        .replace("@folder@", &folder.display().to_string())
        .replace("@port@", &port.to_string())
        .replace("@upstream@", &bench.upstream.address.to_string());
    let path = folder.join("nginx.conf");
    fs::write(&path, config)?;
    let mut command = Command::new(bench.tools.program("nginx", "nginx-light")?);
    command.arg("-p").arg(folder).args(["-e", "stderr", "-c"]).arg(path);
    Server::start(&command, port, &folder.join("log"))
}

fn nginx_version(bench: &Bench) -> Result<String, Failure> {
    let said = program(bench.tools.program("nginx", "nginx-light")?).arg("-v").output()?;
    let said = String::from_utf8_lossy(&said.stderr).trim().to_owned();
    Ok(said.replace("nginx version: ", ""))
}

/// As its container image runs it, with a thread per connection of the client.
fn proxpi(bench: &Bench, folder: &Path) -> Result<Server, Failure> {
    let port = free_port()?;
    let venv = bench.tools.venv("proxpi", &PROXPI)?;
    let mut command = Command::new(venv.join("bin/gunicorn"));
    command.args(["--preload", "--workers", "1", "--threads", "64", "--bind", &format!("127.0.0.1:{port}")]);
    command.arg("proxpi.server:app").env("PROXPI_INDEX_URL", bench.index());
    command.env("PROXPI_CACHE_DIR", folder.join("cache"));
    Server::start(&command, port, &folder.join("log"))
}

fn devpi(bench: &Bench, folder: &Path) -> Result<Server, Failure> {
    let port = free_port()?;
    let venv = bench.tools.venv("devpi", &DEVPI)?;
    let state = folder.join("state");
    let mut init = bounded(120, venv.join("bin/devpi-init"));
    succeed(init.args(["--no-root-pypi", "--root-passwd", "bench", "--serverdir"]).arg(&state))?;
    let mut command = Command::new(venv.join("bin/devpi-server"));
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--serverdir"]).arg(&state);
    let server = Server::start(&command, port, &folder.join("log"))?;
    let said = http::send(
        server.address,
        "POST",
        "/+login",
        &JSON_HEADERS,
        r#"{"user":"root","password":"bench"}"#,
    )?;
    let said: Value = serde_json::from_slice(&said.body)?;
    let token = said["result"]["password"].as_str().ok_or("devpi gives no token")?;
    // The one place where base64 is needed: the value is ASCII without special bytes.
    let auth = succeed(
        program("python3")
            .args(["-c", "import base64,sys;print(base64.b64encode(sys.argv[1].encode()).decode())"])
            .arg(format!("root:{token}")),
    )?;
    let mirror = json!({ "type": "mirror", "mirror_url": bench.index(), "volatile": false });
    let headers =
        [("Content-Type", "application/json"), ("Accept", "application/json"), ("X-Devpi-Auth", auth.trim())];
    let made = http::send(server.address, "PUT", "/root/pypi", &headers, &mirror.to_string())?;
    if made.status != 200 {
        return Err(format!("devpi makes no mirror: {}", String::from_utf8_lossy(&made.body)).into());
    }
    Ok(server)
}

const JSON_HEADERS: [(&str, &str); 2] =
    [("Content-Type", "application/json"), ("Accept", "application/json")];
