//! The interpreters of this machine: found without running a script, asked once.

use crate::build_world::interpreters;

#[tokio::test]
async fn this_machine_has_a_python_and_it_is_asked_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("state/interpreters.json");
    let found = interpreters(&cache).await;
    let newest = found.newest().expect("a CPython 3 on this machine");
    assert!(newest.version.major == 3 && newest.executable.is_absolute());
    assert!(newest.prefix.join("lib").is_dir());
    let remembered = std::fs::read(&cache).unwrap();
    let mtime = std::fs::metadata(&cache).unwrap().modified().unwrap();
    assert_eq!(interpreters(&cache).await, found);
    assert_eq!(std::fs::metadata(&cache).unwrap().modified().unwrap(), mtime);
    // What is remembered is believed only for the file it was said of.
    let spoilt = String::from_utf8(remembered).unwrap().replace("\"len\":", "\"len\":1");
    std::fs::write(&cache, spoilt).unwrap();
    assert_eq!(interpreters(&cache).await, found);
    std::fs::write(&cache, "broken").unwrap();
    assert_eq!(interpreters(&cache).await, found);
}
