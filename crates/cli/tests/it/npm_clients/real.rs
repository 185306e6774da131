//! Trees of the real registry, through the mill.

use super::client::{Client, Lock, installed, project};
use super::mill::Mill;
use std::path::{Path, PathBuf};

const TREE: [(&str, &str); 3] =
    [("express", "4.21.2"), ("@babel/code-frame", "7.27.1"), ("is-odd", "^3.0.0")];

/// Three tries: what is above the mill is a real network.
async fn install(client: Client, folder: &Path, registry: String, lock: Lock) {
    let folder: PathBuf = folder.to_owned();
    let run = move || {
        for tries in 1.. {
            let outcome = client.install(&folder, &registry, lock);
            if outcome.ok {
                return;
            }
            assert!(tries < 3, "{client:?}: {}", outcome.said);
        }
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

/// Resolves once, then installs what was locked into an empty folder: the lockfile does not change.
async fn locks_and_installs(client: Client) {
    let mill = Mill::over_the_real_registry().await;
    let project = project(&TREE);
    install(client, project.path(), mill.registry(""), Lock::Free).await;
    let lockfile = project.path().join(client.lockfile());
    let lock = std::fs::read_to_string(&lockfile).unwrap();
    assert!(lock.contains("express") && lock.contains("@babel/code-frame"), "{lock}");
    std::fs::remove_dir_all(project.path().join("node_modules")).unwrap();
    install(client, project.path(), mill.registry(""), Lock::Frozen).await;
    assert_eq!(std::fs::read_to_string(&lockfile).unwrap(), lock, "the lockfile is as it was");
    assert_eq!(installed(project.path(), "express").as_deref(), Some("4.21.2"));
    assert_eq!(installed(project.path(), "@babel/code-frame").as_deref(), Some("7.27.1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npm_resolves_and_installs_through_the_mill() {
    locks_and_installs(Client::Npm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pnpm_resolves_and_installs_through_the_mill() {
    locks_and_installs(Client::Pnpm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_yarns_resolve_and_install_through_the_mill() {
    locks_and_installs(Client::YarnClassic).await;
    locks_and_installs(Client::YarnBerry).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bun_resolves_and_installs_through_the_mill() {
    locks_and_installs(Client::Bun).await;
}

/// A lockfile that was written against the registry itself: its digests hold for what the mill serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npm_ci_takes_a_lockfile_from_elsewhere_as_it_is() {
    let mill = Mill::over_the_real_registry().await;
    let project = project(&[("is-odd", "3.0.1")]);
    let lock = r#"{"name":"demo","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{
        "":{"name":"demo","version":"1.0.0","dependencies":{"is-odd":"3.0.1"}},
        "node_modules/is-odd":{"version":"3.0.1","integrity":"sha512-CQpnWPrDwmP1+SMHXZhtLtJv90yiyVfluGsX5iNCVkrhQtU3TQHsUWPG9wkdk9Lgd5yNpAg9jQEo90CBaXgWMA==","dependencies":{"is-number":"^6.0.0"}},
        "node_modules/is-number":{"version":"6.0.0","integrity":"sha512-Wu1VHeILBK8KAWJUAiSZQX94GmOE45Rg6/538fKwiloUu21KncEkYGPqob2oSZ5mUT73vLGrHQjKw3KMPwfDzg=="}}}"#;
    let lockfile = project.path().join("package-lock.json");
    std::fs::write(&lockfile, lock).unwrap();
    install(Client::Npm, project.path(), mill.registry(""), Lock::Frozen).await;
    assert_eq!(std::fs::read_to_string(&lockfile).unwrap(), lock);
    assert_eq!(installed(project.path(), "is-number").as_deref(), Some("6.0.0"));
}
