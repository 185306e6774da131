//! Real advisories for tests: a committed excerpt, and the whole sets where they are at hand.

use std::path::{Path, PathBuf};

/// The folder of the excerpt, with one folder per ecosystem (`PyPI`, `npm`, `crates.io`).
pub fn excerpt() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/osv")
}

/// A record of the excerpt: `PyPI/PYSEC-2023-74`.
pub fn record(name: &str) -> Vec<u8> {
    std::fs::read(excerpt().join(format!("{name}.json"))).unwrap()
}

/// Every record of the excerpt with its name, in order.
pub fn records() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for ecosystem in ["PyPI", "crates.io", "npm"] {
        for entry in std::fs::read_dir(excerpt().join(ecosystem)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            all.push((name, std::fs::read(path).unwrap()));
        }
    }
    all.sort();
    all
}

/// The archives of whole sets, as `TRUSTMILL_OSV_DATA` or a folder `shared/data/osv` above the checkout has them.
pub fn archives() -> Vec<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|path| path.join("shared/data/osv"));
    let named = std::env::var_os("TRUSTMILL_OSV_DATA").map(PathBuf::from);
    let Some(root) = named.into_iter().chain(above).find(|path| path.is_dir()) else { return Vec::new() };
    let archive = |ecosystem| root.join(ecosystem).join("all.zip");
    ["PyPI", "crates.io", "npm"].into_iter().map(archive).filter(|path| path.is_file()).collect()
}
