//! The official software of agents, installed through the registries' own clients once for all tests: SDKs of the Model
//! Context Protocol and of models' providers, and servers that others wrote.

use crate::once::made_once;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What Python has.
const PYTHON: [&str; 5] = [
    "mcp==2.3.0",
    "mcp-server-time==2026.10.19",
    "mcp-server-git==2026.10.19",
    "openai==3.57.0",
    "anthropic==2.14.0",
];

/// What Node has.
const NODE: [&str; 4] = [
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    "@modelcontextprotocol/server-memory@2026.8.31",
];

/// The folder of the programs of a Python environment below `home`, a test's `CARGO_TARGET_TMPDIR`.
pub fn python(home: &Path) -> PathBuf {
    let folder = made_once(home, "agents-python", |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder));
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--retries", "10"])
            .args(PYTHON));
    });
    folder.join("bin")
}

/// A folder with `node_modules`.
pub fn node(home: &Path) -> PathBuf {
    made_once(home, "agents-node", |folder| {
        std::fs::write(folder.join("package.json"), "{\"private\":true,\"type\":\"module\"}").unwrap();
        run(Command::new("npm")
            .current_dir(folder)
            .args(["install", "--no-audit", "--no-fund", "--silent"])
            .args(NODE));
    })
}

/// Three tries: the registry is somewhere else.
fn run(command: &mut Command) {
    let mut tries = (0..3).map(|_| command.stdin(Stdio::null()).output().unwrap());
    assert!(tries.any(|output| output.status.success()), "{command:?}");
}
