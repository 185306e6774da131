//! Fresh data folders that vanish with the test.

use std::sync::Mutex;
use tempfile::TempDir;
use trustmill_infra::DataDir;

/// Opens as many fresh data folders as a suite asks for, and keeps them until the test ends.
#[derive(Default)]
pub(crate) struct Folders(Mutex<Vec<(DataDir, TempDir)>>);

impl Folders {
    pub(crate) fn open<T>(&self, part: impl Fn(&DataDir) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let wanted = part(&data);
        self.0.lock().unwrap().push((data, folder));
        wanted
    }
}
