//! Opening the data folder: who may, and what the others are told.

use bytes::Bytes;
use jiff::Timestamp;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use trustmill_core::Purl;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::queue::{Enqueue, Queue};
use trustmill_core::port::records::Records;
use trustmill_infra::{DataDir, DataDirError};

#[tokio::test]
async fn it_is_made_private_and_opens_again() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a/b");
    let data = DataDir::open(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    data.queue().enqueue(&[Enqueue::now("k", 0)]).await.unwrap();
    drop(data);
    let again = DataDir::open(&path).unwrap();
    assert_eq!(again.queue().enumerate().await.unwrap().len(), 1);
}

#[test]
fn the_second_is_told_who_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = DataDir::open(folder.path()).unwrap();
    let error = DataDir::open(folder.path()).unwrap_err();
    assert!(matches!(error, DataDirError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    assert_eq!(error.code(), "TM0604");
    let queue = first.queue();
    drop(first);
    assert!(DataDir::open(folder.path()).is_err(), "a handle that is still in use holds it");
    drop(queue);
    DataDir::open(folder.path()).unwrap();
}

#[test]
fn a_file_is_no_folder() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "mine").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = DataDir::open(&path).unwrap_err();
        assert_eq!(error.code(), "TM0606", "{error:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn foreign_and_damaged_state_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.db");
    let foreign = rusqlite::Connection::open(&state).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 1").unwrap();
    drop(foreign);
    let before = fs::read(&state).unwrap();
    assert_eq!(DataDir::open(folder.path()).unwrap_err().code(), "TM0607");
    assert_eq!(fs::read(&state).unwrap(), before);
    fs::write(&state, "this is no database, it only has its name, and it is long enough").unwrap();
    assert_eq!(DataDir::open(folder.path()).unwrap_err().code(), "TM0607");
}

#[test]
fn newer_state_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    drop(DataDir::open(folder.path()).unwrap());
    let state = folder.path().join("state.db");
    let newer = rusqlite::Connection::open(&state).unwrap();
    newer.pragma_update(None, "user_version", 9).unwrap();
    drop(newer);
    let error = DataDir::open(folder.path()).unwrap_err();
    assert_eq!(error.code(), "TM0620");
    assert!(matches!(error, DataDirError::Newer { found: 9, known: 2, .. }), "{error:?}");
    let version: u32 = rusqlite::Connection::open(&state)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 9);
}

#[tokio::test]
async fn a_second_process_may_look_and_watch() {
    let folder = tempfile::tempdir().unwrap();
    let owner = DataDir::open(folder.path()).unwrap();
    let staged = owner.blobs().stage(None).await.unwrap();
    let beside = DataDir::beside(folder.path()).unwrap();
    let blob = beside.blobs().put(Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(owner.blobs().get(&blob).await.unwrap(), Some(Bytes::from_static(b"abc")));
    let (purl, at) = (Purl::project("pypi", "a"), Timestamp::UNIX_EPOCH);
    beside.records().watch(&purl, at).await.unwrap();
    assert_eq!(owner.records().watched().await.unwrap(), [(purl, at)]);
    owner.queue().enqueue(&[Enqueue::now("k", 0)]).await.unwrap();
    assert_eq!(beside.queue().enumerate().await.unwrap().len(), 1);
    drop(beside);
    staged.commit().await.unwrap();
    assert_eq!(DataDir::open(folder.path()).unwrap_err().code(), "TM0604", "the owner still owns it");
}
