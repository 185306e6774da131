//! What is refused, and whether the person reads why. The table in `docs/refusals.md` is this file's.

use super::client::{CLIENTS, Client, Lock, installed, project};
use super::mill::Mill;

const REASON: &str = "known malware GHSA-test";
const HELD: &str = "published 2 hours ago";

/// Installs with one client; the mill answers on other threads.
async fn install(client: Client, folder: &std::path::Path, registry: String) -> super::client::Outcome {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || client.install(&folder, &registry, Lock::Free)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_refusal_the_newest_is_installed_and_scopes_work() {
    let mill = Mill::over_a_demo().await;
    for client in CLIENTS {
        let project = project(&[("tm-demo", "^1.0.0"), ("@tm/demo", "*")]);
        let outcome = install(client, project.path(), mill.registry("")).await;
        assert!(outcome.ok, "{client:?}: {}", outcome.said);
        assert_eq!(installed(project.path(), "tm-demo").as_deref(), Some("1.1.0"), "{client:?}");
        assert_eq!(installed(project.path(), "@tm/demo").as_deref(), Some("1.0.0"), "{client:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_gets_the_newest_that_is_not_refused() {
    let mill = Mill::over_a_demo().await;
    mill.refuse("tm-demo", "1.1.0", REASON).await;
    for client in CLIENTS {
        let project = project(&[("tm-demo", "^1.0.0")]);
        let outcome = install(client, project.path(), mill.registry("")).await;
        let got = installed(project.path(), "tm-demo");
        assert!(outcome.ok, "{client:?}: {}", outcome.said);
        assert_eq!(got.as_deref(), Some("1.0.0"), "{client:?}: {}", outcome.said);
    }
}

/// Who looks at warnings when it chooses takes another; yarn classic and pnpm do not, and read why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_that_latest_does_not_fit() {
    let mill = Mill::over_a_demo().await;
    mill.refuse("tm-two", "1.1.0", REASON).await;
    for client in CLIENTS {
        let project = project(&[("tm-two", "^1.0.0")]);
        let outcome = install(client, project.path(), mill.registry("")).await;
        if matches!(client, Client::YarnClassic | Client::Pnpm) {
            assert!(!outcome.ok && outcome.said.contains(REASON), "{client:?}: {}", outcome.said);
        } else {
            let got = installed(project.path(), "tm-two");
            assert_eq!(got.as_deref(), Some("1.0.0"), "{client:?}: {}", outcome.said);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exact_pin_is_refused_and_the_person_reads_why() {
    let mill = Mill::over_a_demo().await;
    mill.refuse("tm-demo", "1.1.0", REASON).await;
    for client in CLIENTS {
        let project = project(&[("tm-demo", "1.1.0")]);
        let outcome = install(client, project.path(), mill.registry("")).await;
        assert!(
            !outcome.ok && installed(project.path(), "tm-demo").is_none(),
            "{client:?}: {}",
            outcome.said
        );
        assert!(outcome.said.contains("403"), "{client:?}: {}", outcome.said);
        assert!(outcome.said.contains(REASON), "{client:?}: {}", outcome.said);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_newest_version_is_passed_over_by_ranges_and_says_why_to_pins() {
    let mill = Mill::over_a_demo().await;
    mill.hold("tm-demo", "1.1.0", HELD);
    for client in CLIENTS {
        let range = project(&[("tm-demo", "^1.0.0")]);
        let outcome = install(client, range.path(), mill.registry("")).await;
        let got = installed(range.path(), "tm-demo");
        assert_eq!((outcome.ok, got.as_deref()), (true, Some("1.0.0")), "{client:?}: {}", outcome.said);
        let pin = project(&[("tm-demo", "1.1.0")]);
        let outcome = install(client, pin.path(), mill.registry("")).await;
        assert!(!outcome.ok && installed(pin.path(), "tm-demo").is_none(), "{client:?}: {}", outcome.said);
        assert!(outcome.said.contains(HELD), "{client:?}: {}", outcome.said);
    }
}

/// The lockfile is from before the hold, and so is everything in it: addresses and digests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lockfile_from_before_is_refused_and_the_person_reads_why() {
    for client in CLIENTS {
        let mill = Mill::over_a_demo().await;
        let locked = project(&[("tm-demo", "^1.0.0")]);
        let outcome = install(client, locked.path(), mill.registry("")).await;
        assert!(outcome.ok, "{client:?}: {}", outcome.said);
        std::fs::remove_dir_all(locked.path().join("node_modules")).unwrap();
        // Berry keeps what it was given beside the project.
        let _ = std::fs::remove_dir_all(locked.path().join(".yarn"));
        mill.hold("tm-demo", "1.1.0", HELD);
        let (folder, registry) = (locked.path().to_owned(), mill.registry(""));
        let frozen = move || client.install(&folder, &registry, Lock::Frozen);
        let outcome = tokio::task::spawn_blocking(frozen).await.unwrap();
        assert!(!outcome.ok && installed(locked.path(), "tm-demo").is_none(), "{client:?}: {}", outcome.said);
        // These show the status alone here: they read no packument, where the reason would be.
        let shown = if matches!(client, Client::YarnClassic | Client::Bun) { "403" } else { HELD };
        assert!(outcome.said.contains(shown), "{client:?}: {}", outcome.said);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_of_the_past_has_no_later_version() {
    let mill = Mill::over_a_demo().await;
    for client in CLIENTS {
        let project = project(&[("tm-demo", "*")]);
        let outcome = install(client, project.path(), mill.registry("@2024-01-15/")).await;
        assert!(outcome.ok, "{client:?}: {}", outcome.said);
        assert_eq!(installed(project.path(), "tm-demo").as_deref(), Some("1.0.0"), "{client:?}");
    }
}
