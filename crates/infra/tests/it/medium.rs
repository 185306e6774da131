//! A volume that is full or read-only, made for the test in a mount namespace of its own.

use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::{BlobError, Blobs};
use trustmill_core::port::fetch::{Fetch, FetchError};
use trustmill_core::port::queue::{Enqueue, Queue, QueueError};
use trustmill_infra::{DataDir, FetchConfig, HttpFetch};
use trustmill_testkit::server::{Reply, Server};

const VOLUME: &str = "TRUSTMILL_TEST_VOLUME";

/// Runs one of the ignored tests below where it may mount. Machines without unprivileged user namespaces
/// cannot, and say so.
fn in_own_namespace(test: &str) {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "--"]);
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("not tested: no user namespaces here");
        return;
    }
    let volume = tempfile::tempdir().unwrap();
    let status = unshare()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(VOLUME, volume.path())
        .status()
        .unwrap();
    assert!(status.success(), "{test}: {status}");
}

fn mount(options: &str) -> PathBuf {
    let volume = PathBuf::from(std::env::var_os(VOLUME).unwrap());
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(&volume).status();
    assert!(mount.unwrap().success());
    volume
}

#[test]
fn a_full_volume_loses_nothing() {
    in_own_namespace("medium::full");
}

#[test]
fn a_read_only_volume_is_named() {
    in_own_namespace("medium::read_only");
}

fn strays(data: &DataDir) -> usize {
    std::fs::read_dir(data.path().join("blobs/incoming")).unwrap().count()
}

fn long_key(task: usize, n: usize) -> String {
    format!("{task}-{n}-{}", "x".repeat(5000))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "runs inside the namespace that `a_full_volume_loses_nothing` makes"]
async fn full() {
    let volume = mount("size=8m");
    let data = DataDir::open(&volume).unwrap();
    let kept = data.blobs().put(Bytes::from(vec![1; 1 << 20])).await.unwrap();
    let acknowledged = fill_the_queue(&data).await;
    assert!(acknowledged.len() > 100);

    let error = data.blobs().put(Bytes::from(vec![2; 9 << 20])).await.unwrap_err();
    assert!(matches!(error, BlobError::Full { .. }), "{error:?}");
    assert_eq!((error.code(), strays(&data)), ("TM0602", 0));
    a_download_fails_cleanly(&data).await;
    for key in &acknowledged {
        data.queue().enqueue(&[Enqueue::now(key.clone(), 0)]).await.unwrap();
    }

    std::fs::remove_file(data.blobs().path(&kept)).unwrap();
    data.queue().enqueue(&[Enqueue::now("afterwards", 0)]).await.unwrap();
    drop(data);
    let data = DataDir::open(&volume).unwrap();
    let there: BTreeSet<_> =
        data.queue().enumerate().await.unwrap().into_iter().map(|info| info.key).collect();
    assert!(there.contains("afterwards"), "with room again, work goes on");
    assert!(acknowledged.is_subset(&there), "what was acknowledged is there");
}

/// Several tasks enqueue until the volume is full; returns what was acknowledged.
async fn fill_the_queue(data: &DataDir) -> BTreeSet<String> {
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let queue = data.queue();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    match queue.enqueue(&[Enqueue::now(long_key(task, n), 0)]).await {
                        Ok(()) => acknowledged.push(long_key(task, n)),
                        Err(error) => {
                            assert!(
                                matches!(error, QueueError::Storage { what: "written", .. }),
                                "{error:?}"
                            );
                            break;
                        }
                    }
                }
                acknowledged
            })
        })
        .collect();
    let mut all = BTreeSet::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all
}

async fn a_download_fails_cleanly(data: &DataDir) {
    let server = Server::start().await;
    server.script("/f", [Reply::body(vec![3; 9 << 20])]);
    let fetch = HttpFetch::new(FetchConfig::default(), data.blobs()).unwrap();
    let error = fetch.file(&server.url("/f"), None, 64 << 20).await.unwrap_err();
    assert!(matches!(&error, FetchError::Store { why, .. } if why.contains("no space")), "{error:?}");
    assert_eq!(strays(data), 0);
}

#[test]
#[ignore = "runs inside the namespace that `a_read_only_volume_is_named` makes"]
fn read_only() {
    let volume = mount("size=8m");
    drop(DataDir::open(&volume).unwrap());
    let remount = |how: &str, path: &Path| {
        let status = Command::new("mount").args(["-o", how]).arg(path).status();
        assert!(status.unwrap().success());
    };
    remount("remount,ro", &volume);
    let error = DataDir::open(&volume).unwrap_err();
    assert_eq!(error.code(), "TM0605", "{error:?}");
    let error = DataDir::open(volume.join("new")).unwrap_err();
    assert_eq!(error.code(), "TM0605", "{error:?}");
    remount("remount,rw", &volume);
    drop(DataDir::open(&volume).unwrap());
}
