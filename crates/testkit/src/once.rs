//! What is dear to make and the same for every test: made by one process, waited for by the others.

use std::fs::File;
use std::path::{Path, PathBuf};

/// The folder `name` below `home`, filled by `make` the first time that anybody asks.
///
/// Every test is a process of its own, so a lock file beside the folder decides who makes it. A folder whose
/// making was cut off lacks its mark of completion, and is made again.
pub fn made_once(home: &Path, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    std::fs::create_dir_all(home).unwrap();
    let folder = home.join(name);
    let lock = File::create(home.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let complete = folder.join(".complete");
    if !complete.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        make(&folder);
        std::fs::write(complete, "").unwrap();
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn many_ask_and_one_makes() {
        let home = std::env::temp_dir().join(format!("trustmill-once-{}", std::process::id()));
        let made = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let folder = made_once(&home, "tool", |folder| {
                        made.fetch_add(1, Ordering::Relaxed);
                        std::fs::write(folder.join("file"), "x").unwrap();
                    });
                    assert!(folder.join("file").exists());
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
        std::fs::remove_file(home.join("tool/.complete")).unwrap();
        std::fs::write(home.join("tool/left"), "half").unwrap();
        let folder = made_once(&home, "tool", |_| {});
        assert!(!folder.join("left").exists(), "what was cut off is made again");
        std::fs::remove_dir_all(home).unwrap();
    }
}
