//! Repositories over TLS, from git's own server.

use crate::git::repo::{Forge, Repo};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use trustmill_core::port::repositories::Repositories as _;
use trustmill_core::source::{ObjectId, SourceProblem};
use trustmill_infra::{GitConfig, GitRepositories};
use trustmill_testkit::Authority;

const SERVER: &str = include_str!("forge.py");

/// A forge behind TLS that ends when it is dropped.
struct Secure {
    forge: Forge,
    roots: PathBuf,
    port: String,
    server: Child,
}

impl Secure {
    fn start() -> Self {
        let (forge, authority) = (Forge::new(), Authority::new());
        let file = |name: &str, text: &str| forge.write(name, text);
        let roots = file("roots.pem", &authority.root);
        let mut command = Command::new("python3");
        command.args(["-c", SERVER]).arg(forge.folder.path().join("forge"));
        command.arg(file("cert.pem", &authority.certificate)).arg(file("key.pem", &authority.key));
        command.arg(file("log", "")).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        Self { forge, roots, port: port.trim().to_owned(), server }
    }

    fn config(&self) -> GitConfig {
        GitConfig { roots: Some(self.roots.clone()), ..self.forge.config() }
    }

    fn open(&self) -> GitRepositories {
        GitRepositories::new(self.config())
    }

    /// The address of a repository, with the manner in which it is served.
    fn url(&self, manner: &str, repo: &str) -> String {
        format!("https://127.0.0.1:{}/{manner}/{repo}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.forge.folder.path().join("log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A line of commits, the last of which is the branch's.
fn line(repo: &Repo, length: u32) -> Vec<ObjectId> {
    let mut commits: Vec<ObjectId> = Vec::new();
    for n in 0..length {
        let commit = repo.files(&[("a", &n.to_string())], &commits.last().into_iter().collect::<Vec<_>>(), n);
        commits.push(commit);
    }
    repo.point("refs/heads/main", commits.last().unwrap());
    commits
}

#[tokio::test]
async fn a_commit_comes_over_tls_under_the_configured_root() {
    let secure = Secure::start();
    let commits = line(&secure.forge.repo("demo"), 3);
    let (git, address) = (secure.open(), secure.url("now", "demo"));
    assert_eq!(git.refs(&address).await.unwrap()[0].commit, commits[2]);
    let tree = git.tree(&address, &commits[1]).await.unwrap();
    assert_eq!(git.read(&address, &tree, &|_| true).await.unwrap().text("a"), Some("1"));
    assert!(git.reaches(&address, &commits[0]).await.unwrap());
    let gone = "1".repeat(40).parse().unwrap();
    assert_eq!(git.tree(&address, &gone).await.unwrap_err().class, SourceProblem::CommitMissing);
    let error = git.refs(&secure.url("now", "none")).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::RepositoryGone, "{error}");
}

#[tokio::test]
async fn a_certificate_of_another_root_is_not_believed() {
    let secure = Secure::start();
    let commits = line(&secure.forge.repo("demo"), 1);
    let other = secure.forge.write("other.pem", &Authority::new().root);
    for roots in [Some(other), None] {
        let git = GitRepositories::new(GitConfig { roots, ..secure.config() });
        let error = git.tree(&secure.url("now", "demo"), &commits[0]).await.unwrap_err();
        assert_eq!(error.class, SourceProblem::Unreachable, "{error}");
        assert!(error.why.contains("certificate is not trusted"), "{error}");
    }
    assert_eq!(secure.asked(), [] as [&str; 0], "nothing was asked of a stranger");
}

#[tokio::test]
async fn a_repository_that_moved_on_its_forge_is_read_where_it_is_now() {
    let secure = Secure::start();
    let commits = line(&secure.forge.repo("demo"), 2);
    let (git, address) = (secure.open(), secure.url("moved", "demo"));
    let tree = git.tree(&address, &commits[0]).await.unwrap();
    assert_eq!(git.read(&address, &tree, &|_| true).await.unwrap().text("a"), Some("0"));
    assert!(git.reaches(&address, &commits[0]).await.unwrap());
    let error = git.refs(&secure.url("elsewhere", "demo")).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::RepositoryGone, "{error}");
    assert!(error.why.contains("another host"), "{error}");
}

#[tokio::test]
async fn one_commit_of_a_long_history_is_a_small_answer() {
    let secure = Secure::start();
    let repo = secure.forge.repo("demo");
    // One commit each second, each with a file of its own.
    let mut stream = String::new();
    for n in 0..3_000 {
        let text = format!("{n:01000}");
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter C <c@example> {} +0000\ndata 1\nxM 100644 inline a\ndata {}\n{text}\n",
            1_700_000_000 + n,
            text.len()
        ));
    }
    repo.git_with(&["fast-import", "--quiet"], stream.as_bytes());
    let commit: ObjectId = repo.git(&["rev-parse", "main~1500"]).parse().unwrap();
    let (git, address) = (secure.open(), secure.url("now", "demo"));
    assert_eq!(git.tree(&address, &commit).await.unwrap().files.len(), 1);
    let packs = bytes_of_packs(&secure.forge.folder.path().join("cache"));
    assert!(packs < 4_096, "{packs} bytes for one commit of one file");
    // The history is thousands of commits, and no file of theirs.
    assert!(git.reaches(&address, &commit).await.unwrap());
    let short = GitRepositories::new(GitConfig {
        history: 100,
        folder: secure.forge.folder.path().join("short"),
        ..secure.config()
    });
    let error = short.reaches(&address, &commit).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::TooLarge, "{error}");
}

#[tokio::test]
async fn a_server_that_gives_what_it_advertises_only_is_read_by_its_branches_and_tags() {
    let secure = Secure::start();
    let repo = secure.forge.repo("demo");
    let commits = line(&repo, 3);
    repo.annotate("v3", &commits[2]);
    let (git, address) = (secure.open(), secure.url("old", "demo"));
    for (n, commit) in commits.iter().enumerate() {
        let tree = git.tree(&address, commit).await.unwrap();
        assert_eq!(git.read(&address, &tree, &|_| true).await.unwrap().text("a"), Some(&*n.to_string()));
    }
    // One that allows it gives the commit alone, in the old protocol as well.
    let open = secure.forge.repo("open");
    open.git(&["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    let commits = line(&open, 3);
    assert!(git.tree(&secure.url("old", "open"), &commits[0]).await.is_ok());
}

#[tokio::test]
async fn a_server_of_plain_files_is_no_forge() {
    let secure = Secure::start();
    let repo = secure.forge.repo("demo");
    let commits = line(&repo, 2);
    repo.git(&["update-server-info"]);
    let error = secure.open().tree(&secure.url("dumb", "demo"), &commits[0]).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::UnusableAddress, "{error}");
    assert!(error.why.contains("old protocol"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_stands_still_is_out_of_reach_and_leaves_nothing() {
    let secure = Secure::start();
    let commits = line(&secure.forge.repo("demo"), 2);
    for (manner, idle) in [("cut", 30_000), ("stall", 1_500), ("hang", 1_500)] {
        let config = GitConfig {
            idle: Duration::from_millis(idle),
            folder: secure.forge.folder.path().join(manner),
            ..secure.config()
        };
        let git = GitRepositories::new(config);
        let error = git.tree(&secure.url(manner, "demo"), &commits[0]).await.unwrap_err();
        assert_eq!(error.class, SourceProblem::Unreachable, "{manner}: {error}");
    }
    assert!(secure.open().tree(&secure.url("now", "demo"), &commits[0]).await.is_ok());
}

#[tokio::test]
async fn what_speaks_no_tls_is_out_of_reach() {
    let secure = Secure::start();
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}/x", plain.local_addr().unwrap());
    std::thread::spawn(move || plain.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let error = secure.open().refs(&address).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::Unreachable, "{error}");
    assert!(error.why.contains("no TLS connection"), "{error}");
}

#[tokio::test]
async fn a_fetch_over_tls_is_stopped_at_its_bound() {
    let secure = Secure::start();
    let repo = secure.forge.repo("demo");
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(6 << 20).collect();
    let commit = repo.commit(&repo.tree(&[("100644", b"big", &noise)]), &[], 0);
    repo.point("refs/heads/main", &commit);
    let git = GitRepositories::new(GitConfig { fetch_bytes: 2 << 20, ..secure.config() });
    let error = git.tree(&secure.url("now", "demo"), &commit).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::TooLarge, "{error}");
    assert!(bytes_of_packs(&secure.forge.folder.path().join("cache")) < 1 << 20);
}

fn bytes_of_packs(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let size = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
        metadata if metadata.is_dir() => bytes_of_packs(&entry.path()),
        metadata if entry.path().extension().is_some_and(|ext| ext == "pack") => metadata.len(),
        _ => 0,
    };
    entries.map(size).sum()
}
