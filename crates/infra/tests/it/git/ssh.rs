//! Repositories over ssh, from Debian's own server, with throw-away keys.

use crate::git::repo::Forge;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use trustmill_core::port::repositories::Repositories as _;
use trustmill_core::source::{ObjectId, SourceProblem};
use trustmill_infra::{GitConfig, GitRepositories};

const SSHD: &str = "/usr/sbin/sshd";

/// A forge behind sshd: each connection gets one of its own, as inetd did it.
struct Shell {
    forge: Forge,
    port: u16,
    user: String,
}

impl Shell {
    /// `None` where there is no sshd: `cargo xtask ci` says so.
    fn start() -> Option<Self> {
        if !Path::new(SSHD).exists() {
            return None;
        }
        // It refuses to start as root without this folder, which its service makes.
        let _ = std::fs::create_dir("/run/sshd");
        let forge = Forge::new();
        for name in ["host", "user", "stranger"] {
            key(&forge, name);
        }
        let path = |name: &str| forge.folder.path().join(name).display().to_string();
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\nPidFile none\n",
            path("host"),
            path("user.pub")
        );
        let config = forge.write("sshd_config", &config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let input = OwnedFd::from(socket);
                let output = input.try_clone().unwrap();
                let mut sshd = Command::new(SSHD);
                sshd.args(["-i", "-f"]).arg(&config).stdin(input).stdout(output).stderr(Stdio::null());
                let mut child = sshd.spawn().unwrap();
                // Whoever started the command must not hold the connection open.
                drop(sshd);
                std::thread::spawn(move || child.wait());
            }
        });
        let user = said(Command::new("id").arg("-un"));
        let host = std::fs::read_to_string(path("host.pub")).unwrap();
        forge.write("known_hosts", &format!("[127.0.0.1]:{port} {host}"));
        let stranger = std::fs::read_to_string(path("stranger.pub")).unwrap();
        forge.write("other_hosts", &format!("[127.0.0.1]:{port} {stranger}"));
        Some(Self { forge, port, user })
    }

    fn config(&self) -> GitConfig {
        let path = |name: &str| Some(self.forge.folder.path().join(name));
        GitConfig { ssh_key: path("user"), ssh_known_hosts: path("known_hosts"), ..self.forge.config() }
    }

    fn url(&self, repo: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, repo.display())
    }

    fn demo(&self) -> (String, [ObjectId; 2]) {
        let repo = self.forge.repo("demo");
        let old = repo.files(&[("a", "1")], &[], 0);
        let new = repo.files(&[("a", "2")], &[&old], 1);
        repo.point("refs/heads/main", &new);
        (self.url(&repo.path), [old, new])
    }
}

fn said(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

fn key(forge: &Forge, name: &str) -> PathBuf {
    let path = forge.folder.path().join(name);
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(&path);
    assert!(keygen.status().unwrap().success());
    path
}

#[tokio::test]
async fn a_commit_comes_over_ssh_with_the_configured_key() {
    let Some(shell) = Shell::start() else { return };
    let (address, [old, new]) = shell.demo();
    let git = GitRepositories::new(shell.config());
    assert_eq!(git.refs(&address).await.unwrap()[0].commit, new);
    let tree = git.tree(&address, &old).await.unwrap();
    assert_eq!(git.read(&address, &tree, &|_| true).await.unwrap().text("a"), Some("1"));
    assert!(git.reaches(&address, &old).await.unwrap());
    let error = git.refs(&shell.url(Path::new("/nonexistent/repo"))).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::RepositoryGone, "{error}");
}

#[tokio::test]
async fn a_host_that_is_not_known_by_its_key_is_refused() {
    let Some(shell) = Shell::start() else { return };
    let (address, [_, new]) = shell.demo();
    for hosts in [Some("other_hosts"), Some("none"), None] {
        let ssh_known_hosts = hosts.map(|name| shell.forge.folder.path().join(name));
        let git = GitRepositories::new(GitConfig { ssh_known_hosts, ..shell.config() });
        let error = git.tree(&address, &new).await.unwrap_err();
        assert_eq!(error.class, SourceProblem::Unreachable, "{hosts:?}: {error}");
        assert!(error.why.contains("ssh_known_hosts"), "{hosts:?}: {error}");
    }
}

#[tokio::test]
async fn without_the_right_key_nothing_is_read_and_nobody_is_asked() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(shell) = Shell::start() else { return };
    let (address, [_, new]) = shell.demo();
    let open = shell.forge.folder.path().join("open");
    std::fs::copy(shell.forge.folder.path().join("user"), &open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let locked = key(&shell.forge, "locked");
    let mut keygen = Command::new("ssh-keygen");
    assert!(
        keygen.args(["-q", "-p", "-P", "", "-N", "secret", "-f"]).arg(&locked).status().unwrap().success()
    );
    for (name, why) in [
        (None, "takes no key"),
        (Some("stranger"), "takes no key"),
        (Some("open"), "cannot be used"),
        (Some("absent"), "cannot be used"),
        (Some("locked"), "takes no key"),
    ] {
        let ssh_key = name.map(|name| shell.forge.folder.path().join(name));
        let git = GitRepositories::new(GitConfig { ssh_key, ..shell.config() });
        let error = git.tree(&address, &new).await.unwrap_err();
        assert_eq!(error.class, SourceProblem::Unreachable, "{name:?}: {error}");
        assert!(error.why.contains(why) && error.why.contains("[source] ssh_key"), "{name:?}: {error}");
    }
}

#[tokio::test]
async fn a_host_that_says_nothing_is_left_after_a_while() {
    let Some(shell) = Shell::start() else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ssh://git@{}/x", silent.local_addr().unwrap());
    let config = GitConfig { idle: Duration::from_millis(500), ..shell.config() };
    let error = GitRepositories::new(config).refs(&address).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::Unreachable, "{error}");
}
