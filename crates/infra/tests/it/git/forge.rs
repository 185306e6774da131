//! Forges that are gone, slow, elsewhere, or not forges.

use crate::git::repo::{FORGE, Forge};
use std::time::Duration;
use trustmill_core::port::Coded as _;
use trustmill_core::port::repositories::{Repositories as _, RepositoryError};
use trustmill_core::source::SourceProblem;
use trustmill_infra::{GitConfig, GitRepositories};
use trustmill_testkit::server::{Reply, Server};

const ASKED: &str = "/info/refs?service=git-upload-pack";

async fn fails(git: &GitRepositories, address: &str) -> RepositoryError {
    git.refs(address).await.unwrap_err()
}

#[tokio::test]
async fn each_answer_that_is_no_repository_has_its_class() {
    let (forge, server) = (Forge::new(), Server::start().await);
    let git = forge.open();
    for (path, reply, class) in [
        (
            "/login/x",
            Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\""),
            SourceProblem::RepositoryGone,
        ),
        ("/forbidden/x", Reply::status(403), SourceProblem::RepositoryGone),
        ("/busy/x", Reply::status(503), SourceProblem::Unreachable),
        ("/page/x", Reply::body("<html>hello</html>"), SourceProblem::RepositoryGone),
    ] {
        server.script(&format!("{path}{ASKED}"), [reply]);
        let error = fails(&git, &server.url(path)).await;
        assert_eq!(error.class, class, "{path}: {error}");
    }
    let error = fails(&git, &server.url("/none/x")).await;
    assert_eq!((error.class, error.code()), (SourceProblem::RepositoryGone, "TM0125"));
    let error = fails(&git, &format!("{FORGE}none")).await;
    assert_eq!(error.class, SourceProblem::RepositoryGone, "{error}");
}

#[tokio::test]
async fn a_redirect_within_the_forge_is_followed() {
    let (forge, server) = (Forge::new(), Server::start().await);
    let id = "1".repeat(40);
    server.script(&format!("/old/x{ASKED}"), [Reply::redirect(&format!("/new/x{ASKED}"))]);
    server.script(&format!("/new/x{ASKED}"), [Reply::body(format!("{id}\trefs/heads/main\n"))]);
    let refs = forge.open().refs(&server.url("/old/x")).await.unwrap();
    assert_eq!(refs[0].commit.to_string(), id);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let (forge, server, other) = (Forge::new(), Server::start().await, Server::start().await);
    server.script(&format!("/old/x{ASKED}"), [Reply::redirect(&other.url(&format!("/new/x{ASKED}")))]);
    let error = fails(&forge.open(), &server.url("/old/x")).await;
    assert_eq!(error.class, SourceProblem::RepositoryGone);
    assert!(error.why.contains("another host"), "{error}");
    assert_eq!(other.received().len(), 0);
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let (forge, server) = (Forge::new(), Server::start().await);
    server.script(&format!("/a/x{ASKED}"), [Reply::redirect(&format!("/b/x{ASKED}"))]);
    server.script(&format!("/b/x{ASKED}"), [Reply::redirect(&format!("/a/x{ASKED}"))]);
    assert_eq!(fails(&forge.open(), &server.url("/a/x")).await.class, SourceProblem::RepositoryGone);
}

#[tokio::test]
async fn a_forge_that_says_nothing_is_not_asked_again_for_a_while() {
    let (forge, server) = (Forge::new(), Server::start().await);
    let config = GitConfig { idle: Duration::from_millis(400), ..forge.config() };
    for path in ["/one", "/two"] {
        server.script(&format!("{path}{ASKED}"), [Reply::hang()]);
    }
    let git = GitRepositories::new(config.clone());
    for path in ["/one", "/two", "/one"] {
        let error = fails(&git, &server.url(path)).await;
        assert_eq!((error.class, error.code()), (SourceProblem::Unreachable, "TM0120"), "{error}");
    }
    let id = "1".repeat(40).parse().unwrap();
    assert_eq!(git.tree(&server.url("/three"), &id).await.unwrap_err().class, SourceProblem::Unreachable);
    assert_eq!(server.received().len(), 1, "a thousand packages do not wait a thousand times");
    let forgetful = GitRepositories::new(GitConfig { unreachable: Duration::ZERO, ..config });
    for path in ["/one", "/two"] {
        fails(&forgetful, &server.url(path)).await;
    }
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn nobody_who_listens_is_out_of_reach() {
    let forge = Forge::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fails(&forge.open(), &format!("http://{closed}/x")).await;
    assert_eq!(error.class, SourceProblem::Unreachable);
}

#[tokio::test]
async fn a_repository_that_vanished_is_gone_and_what_was_fetched_stays() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let commit = repo.files(&[("a", "1")], &[], 0);
    repo.point("refs/heads/main", &commit);
    let git = GitRepositories::new(GitConfig { fresh: Duration::ZERO, ..forge.config() });
    let tree = git.tree(&repo.address, &commit).await.unwrap();
    std::fs::remove_dir_all(&repo.path).unwrap();
    assert_eq!(fails(&git, &repo.address).await.class, SourceProblem::RepositoryGone);
    assert_eq!(git.read(&repo.address, &tree, &|_| true).await.unwrap().text("a"), Some("1"));
}

#[tokio::test]
async fn an_address_that_names_a_program_a_path_or_an_option_starts_nothing() {
    let forge = Forge::new();
    let program = forge.folder.path().join("none");
    let git = GitRepositories::new(GitConfig { program, ..forge.config() });
    let id = "1".repeat(40).parse().unwrap();
    for address in [
        "ext::sh -c true",
        "/etc",
        "file:///etc",
        "--upload-pack=true",
        "http://git.example/x",
        "https://u:p@git.example/x",
    ] {
        let error = git.tree(address, &id).await.unwrap_err();
        assert_eq!(error.class, SourceProblem::UnusableAddress, "{address}: {error}");
        assert!(!error.to_string().contains("u:p@"), "{error}");
    }
}
