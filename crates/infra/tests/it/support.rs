//! Fresh data folders that vanish with the test.

use std::sync::Mutex;
use tempfile::TempDir;
use trustmill_infra::DataDir;

/// A folder in memory where there is such a place: a suite asks for many, and flushing is not its subject.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Opens as many fresh data folders as a suite asks for, and keeps them until the test ends.
#[derive(Default)]
pub(crate) struct Folders(Mutex<Vec<(DataDir, TempDir)>>);

impl Folders {
    pub(crate) fn open<T>(&self, part: impl Fn(&DataDir) -> T) -> T {
        let folder = in_memory();
        let data = DataDir::open(folder.path()).unwrap();
        let wanted = part(&data);
        self.0.lock().unwrap().push((data, folder));
        wanted
    }
}
