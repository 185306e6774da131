//! What the tasks need on a machine. A laptop is told what is missing; CI, which may, installs it.

use crate::report::Failure;
use crate::run::{cargo, program};

/// A program, how to ask for it, where it comes from, and what is not tested without it; `None` if nothing
/// works without it.
struct Need {
    name: &'static str,
    ask: &'static [&'static str],
    debian: &'static [&'static str],
    without: Option<&'static str>,
}

/// What building and testing uses beside the Rust toolchain.
const NEEDS: &[Need] = &[
    Need { name: "git", ask: &["--version"], debian: &["git"], without: None },
    // SQLite and the TLS provider are compiled from C.
    Need { name: "cc", ask: &["--version"], debian: &["gcc", "libc6-dev"], without: None },
    // The tests of `trust` and of the pipeline run verifiers and package managers from virtual environments.
    Need {
        name: "python3",
        ask: &["-c", "import ensurepip, venv"],
        debian: &["python3", "python3-venv", "python3-pip"],
        without: None,
    },
    // The tests of the npm registry run npm, and install the other clients with it.
    Need { name: "npm", ask: &["--version"], debian: &["nodejs", "npm"], without: None },
    Need {
        name: "bwrap",
        ask: &["--version"],
        debian: &["bubblewrap"],
        without: Some("the sandbox's second backend is not tested"),
    },
    Need {
        name: "/usr/sbin/sshd",
        ask: &["-V"],
        debian: &["openssh-server"],
        without: Some("repositories over ssh are not tested"),
    },
];

/// Checks every need, and in CI installs what is missing.
pub(crate) fn check() -> Result<(), Failure> {
    for component in ["fmt", "clippy"] {
        if !cargo([component, "--version"]).works() {
            let help = "run `rustup component add rustfmt clippy`".to_owned();
            return Err(Failure::Missing { program: format!("cargo {component}"), help });
        }
    }
    for need in NEEDS {
        let there = || program(need.name, need.ask.iter().copied()).works();
        if !there() && in_ci() {
            apt_get(need.debian);
        }
        if there() {
            continue;
        }
        let help = format!("on Debian: `apt-get install {}`", need.debian.join(" "));
        match need.without {
            Some(loss) => println!("{} is not installed: {loss} ({help})", need.name),
            None => return Err(Failure::Missing { program: need.name.to_owned(), help }),
        }
    }
    if !nextest() && in_ci() {
        // Without it `cargo test` runs the same tests, so that a failure here is none of the checks'.
        cargo(["install", "cargo-nextest", "--locked"]).works();
    }
    Ok(())
}

/// Whether the faster test runner is there.
pub(crate) fn nextest() -> bool {
    cargo(["nextest", "--version"]).works()
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Best effort: whether it worked is seen by asking for the program again.
fn apt_get(packages: &[&str]) {
    program("apt-get", ["update"]).works();
    let arguments = ["install", "--yes", "--no-install-recommends"];
    program("apt-get", arguments.into_iter().chain(packages.iter().copied()))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .works();
}
