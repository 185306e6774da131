//! What the clients' own audits say of what the mill knows.

use super::client::{CLIENTS, Client, Lock, project};
use super::mill::Mill;
use std::sync::Arc;
use trustmill_core::advisory::{
    Advisory, Affected, Finding, Matched, RangeEvent, RangeKind, Severity, VersionRange,
};
use trustmill_core::{Purl, Timestamp};

const TITLE: &str = "prototype pollution in tm-demo";

fn finding(version: &str) -> Finding {
    let events = vec![RangeEvent::Introduced("0".into()), RangeEvent::Fixed("1.1.0".into())];
    let project = Purl::project("npm", "tm-demo");
    let ranges = vec![VersionRange { kind: RangeKind::Semver, events }];
    Finding {
        release: project.at(version),
        advisory: Arc::new(Advisory {
            id: "GHSA-aaaa-bbbb-cccc".into(),
            modified: Timestamp::UNIX_EPOCH,
            published: None,
            withdrawn: None,
            aliases: Vec::new(),
            summary: TITLE.into(),
            severity: Severity::High,
            score: Some(75),
            malicious: false,
            informational: false,
            affected: vec![Affected { project, ranges, versions: Vec::new() }],
            references: Vec::new(),
        }),
        ids: vec!["GHSA-aaaa-bbbb-cccc".into()],
        severity: Severity::High,
        malicious: false,
        fixed: vec!["1.1.0".into()],
        matched: Matched::Range,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_tells_what_the_mill_knows() {
    let mill = Mill::over_a_demo().await;
    mill.gate.know(vec![finding("1.0.0")]);
    // Yarn classic asks its own registry, whatever it is configured for.
    for client in CLIENTS.into_iter().filter(|client| *client != Client::YarnClassic) {
        for (version, is_bad) in [("1.0.0", true), ("1.1.0", false)] {
            let project = project(&[("tm-demo", version)]);
            let (folder, registry) = (project.path().to_owned(), mill.registry(""));
            let run = move || {
                let installed = client.install(&folder, &registry, Lock::Free);
                (installed, client.audit(&folder, &registry))
            };
            let (installed, audit) = tokio::task::spawn_blocking(run).await.unwrap();
            assert!(installed.ok, "{client:?}: {}", installed.said);
            assert_eq!(audit.ok, !is_bad, "{client:?} {version}: {}", audit.said);
            assert_eq!(audit.said.contains(TITLE), is_bad, "{client:?} {version}: {}", audit.said);
        }
    }
}

/// Without advisories nobody is told that all is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_advisories_no_audit_passes() {
    let mill = Mill::over_a_demo().await;
    let project = project(&[("tm-demo", "1.0.0")]);
    let (folder, registry) = (project.path().to_owned(), mill.registry(""));
    let run = move || {
        let installed = Client::Npm.install(&folder, &registry, Lock::Free);
        (installed, Client::Npm.audit(&folder, &registry))
    };
    let (installed, audit) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(installed.ok, "an install goes on without: {}", installed.said);
    assert!(!audit.ok, "{}", audit.said);
}
