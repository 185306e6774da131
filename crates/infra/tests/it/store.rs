//! The blob store's contract on files, and what only files can do wrong.

use crate::support::Folders;
use bytes::Bytes;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::{BlobError, Blobs};
use trustmill_infra::store::FsBlobs;
use trustmill_testkit::{MemBlobs, conformance};

#[tokio::test(flavor = "multi_thread")]
async fn files_keep_the_contract() {
    let folders = Folders::default();
    conformance::blobs(|| Arc::new(folders.open(|data| data.blobs()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_keeps_the_contract() {
    conformance::blobs(|| Arc::new(MemBlobs::new())).await;
}

fn strays(root: &Path) -> usize {
    fs::read_dir(root.join("incoming")).unwrap().count()
}

#[tokio::test]
async fn a_blob_is_a_private_file_under_its_digest() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(root.path(), None).unwrap();
    let digest = blobs.put(Bytes::from_static(b"abc")).await.unwrap();
    let path = root.path().join("sha256/ba").join(digest.to_hex());
    assert_eq!(blobs.path(&digest), path);
    assert_eq!(fs::read(&path).unwrap(), b"abc");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(strays(root.path()), 0);
}

#[tokio::test]
async fn rotten_bytes_are_never_served_and_are_replaced() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(root.path(), None).unwrap();
    let digest = blobs.put(Bytes::from_static(b"good")).await.unwrap();
    for rotten in [&b"evil"[..], b"goo", b"goods", b""] {
        fs::write(blobs.path(&digest), rotten).unwrap();
        let error = blobs.get(&digest).await.unwrap_err();
        assert!(matches!(error, BlobError::Corrupt { digest: named } if named == digest));
        assert_eq!(error.code(), "TM0601");
        blobs.put(Bytes::from_static(b"good")).await.unwrap();
        assert_eq!(blobs.get(&digest).await.unwrap(), Some(Bytes::from_static(b"good")));
    }
}

#[tokio::test]
async fn what_a_crash_left_is_swept() {
    let root = tempfile::tempdir().unwrap();
    drop(FsBlobs::open(root.path(), None).unwrap());
    fs::write(root.path().join("incoming/17"), b"half").unwrap();
    let blobs = FsBlobs::open(root.path(), None).unwrap();
    assert_eq!(strays(root.path()), 0);
    assert_eq!(blobs.get(&Sha256::of(b"half")).await.unwrap(), None);
}

#[tokio::test]
async fn a_staged_blob_is_seen_only_when_it_is_committed() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(root.path(), None).unwrap();
    let whole: Vec<u8> = (0..2_000_000u32).map(|n| (n % 251) as u8).collect();
    let digest = Sha256::of(&whole);
    let mut staged = blobs.stage(None).await.unwrap();
    staged.write(Bytes::from_static(b"of another version")).await.unwrap();
    assert_eq!(staged.digest().await.unwrap().0, Sha256::of(b"of another version"));
    staged.restart().await.unwrap();
    assert!(staged.is_empty());
    for piece in whole.chunks(70_001) {
        staged.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!((staged.len(), staged.digest().await.unwrap().0), (whole.len() as u64, digest));
    assert_eq!(blobs.size(&digest).await.unwrap(), None, "nothing is seen before the commit");
    assert_eq!(staged.commit().await.unwrap(), digest);
    assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), whole);
    drop(blobs.stage(None).await.unwrap());
    assert_eq!(strays(root.path()), 0, "what is dropped leaves nothing");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_says_so() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(root.path(), None).unwrap();
    // Works for every user, root included, whom permission bits do not stop.
    fs::remove_dir(root.path().join("incoming")).unwrap();
    fs::write(root.path().join("incoming"), b"").unwrap();
    let error = blobs.put(Bytes::from_static(b"abc")).await.unwrap_err();
    assert!(matches!(error, BlobError::Io { .. }), "{error:?}");
    assert_eq!(error.code(), "TM0603");
}
