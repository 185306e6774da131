//! The signing key on disk: made once, kept from everybody else, rotated without losing what it signed.
//!
//! The folder (mode 0700) holds `signing.pem` (PKCS#8, mode 0600) and `trusted.pem` (the public keys that
//! ever signed here, oldest first). Whoever reads the first can sign as this mill; whoever writes the
//! second decides what this mill believes. Nothing else in the crate touches files.

use super::{KeyError, SigningKey, TrustedKeys};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The name of the private key in its folder.
pub const SIGNING: &str = "signing.pem";
/// The name of the list of public keys in the folder.
pub const TRUSTED: &str = "trusted.pem";

/// The longest key file that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// Opens the signing key in `folder`, or makes folder and key if there is none. Of two processes that do
/// so at once, both get the same key.
///
/// # Errors
/// [`KeyError::Exposed`] if anybody but the owner can read the key or replace it, [`KeyError::Malformed`]
/// if it is not a key, [`KeyError::Io`], [`KeyError::Randomness`].
pub fn open_or_create(folder: &Path) -> Result<SigningKey, KeyError> {
    make_folder(folder)?;
    let path = folder.join(SIGNING);
    let key = match read_private(&path) {
        Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            let fresh = SigningKey::generate()?;
            let staged = stage(&path, fresh.to_pem()?.as_bytes(), 0o600)?;
            // A hard link does not replace: whoever comes second reads the key of the first.
            let linked = fs::hard_link(&staged, &path);
            remove(&staged)?;
            match linked {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(io(&path, "written")(error)),
                _ => read_private(&path),
            }
        }
        found => found,
    }?;
    trust(folder, &key)?;
    Ok(key)
}

/// Opens the signing key in `folder`.
///
/// # Errors
/// As [`open_or_create`]; a key that is not there is [`KeyError::Io`].
pub fn open(folder: &Path) -> Result<SigningKey, KeyError> {
    check_folder(folder)?;
    read_private(&folder.join(SIGNING))
}

/// Puts a new signing key in the place of the one in `folder`; the old public key stays trusted and the
/// old private key is gone.
///
/// # Errors
/// As [`open_or_create`].
pub fn rotate(folder: &Path) -> Result<SigningKey, KeyError> {
    open(folder)?;
    let fresh = SigningKey::generate()?;
    // Trusted before it signs: a crash between the two leaves a key that never signed anything.
    trust(folder, &fresh)?;
    replace(&folder.join(SIGNING), fresh.to_pem()?.as_bytes(), 0o600)?;
    Ok(fresh)
}

/// The public keys that ever signed in `folder`.
///
/// # Errors
/// [`KeyError::Malformed`], [`KeyError::Io`].
pub fn trusted(folder: &Path) -> Result<TrustedKeys, KeyError> {
    read_public(&folder.join(TRUSTED))
}

/// Reads a file of public keys.
///
/// # Errors
/// [`KeyError::Malformed`], [`KeyError::Io`].
pub fn read_public(path: &Path) -> Result<TrustedKeys, KeyError> {
    let file = File::open(path).map_err(io(path, "read"))?;
    TrustedKeys::from_pem(&read(file, path)?, &path.display().to_string())
}

fn trust(folder: &Path, key: &SigningKey) -> Result<(), KeyError> {
    let path = folder.join(TRUSTED);
    let mut list = match read_public(&path) {
        Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => TrustedKeys::default(),
        found => found?,
    };
    let public = key.public();
    if list.iter().any(|known| *known == public) {
        return Ok(());
    }
    list.add(public);
    replace(&path, list.to_pem().as_bytes(), 0o644)
}

fn read_private(path: &Path) -> Result<SigningKey, KeyError> {
    let entry = fs::symlink_metadata(path).map_err(io(path, "read"))?;
    if !entry.is_file() {
        return Err(KeyError::Malformed { origin: path.display().to_string(), expected: "a regular file" });
    }
    let file = File::open(path).map_err(io(path, "read"))?;
    // The mode of what was opened, not of what the path names by now.
    let mode = file.metadata().map_err(io(path, "read"))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    SigningKey::from_pem(&read(file, path)?, &path.display().to_string())
}

fn read(file: File, path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(io(path, "read"))?;
    if text.len() as u64 > MAX_FILE {
        return Err(KeyError::Malformed {
            origin: path.display().to_string(),
            expected: "shorter than 64 KiB",
        });
    }
    Ok(text)
}

fn make_folder(folder: &Path) -> Result<(), KeyError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io(folder, "written"))?;
    check_folder(folder)
}

/// Whoever may write to the folder may replace the key.
fn check_folder(folder: &Path) -> Result<(), KeyError> {
    let mode = fs::metadata(folder).map_err(io(folder, "read"))?.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(KeyError::Exposed { path: folder.to_owned(), mode });
    }
    Ok(())
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let staged = stage(path, bytes, mode)?;
    fs::rename(&staged, path).map_err(io(path, "written"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(path, "written"))
}

/// A new file beside `path`, durable, with its mode from the first instant.
fn stage(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, KeyError> {
    let mut salt = [0; 8];
    getrandom::fill(&mut salt).map_err(KeyError::Randomness)?;
    let staged = path.with_extension(format!("{:016x}.tmp", u64::from_le_bytes(salt)));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&staged)
        .map_err(io(path, "written"))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io(path, "written"))?;
    Ok(staged)
}

fn remove(path: &Path) -> Result<(), KeyError> {
    fs::remove_file(path).map_err(io(path, "removed"))
}

fn io(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { path, what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let keys = root.path().join("keys");
        (root, keys)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_made_once_and_is_the_owners_alone() {
        let (_root, keys) = folder();
        let first = open_or_create(&keys).unwrap();
        assert_eq!(open_or_create(&keys).unwrap().public(), first.public());
        assert_eq!((mode(&keys), mode(&keys.join(SIGNING))), (0o700, 0o600));
        assert!(trusted(&keys).unwrap().iter().eq([&first.public()]));
        assert_eq!(fs::read_dir(&keys).unwrap().count(), 2, "no staged file is left");
    }

    #[test]
    fn many_first_runs_agree_on_one_key() {
        let (_root, keys) = folder();
        let run = || open_or_create(&keys).map(|key| key.public().id()).unwrap();
        let ids: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        assert!(ids.windows(2).all(|two| two[0] == two[1]));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let (_root, keys) = folder();
        open_or_create(&keys).unwrap();
        for bits in [0o640, 0o604, 0o660] {
            fs::set_permissions(keys.join(SIGNING), fs::Permissions::from_mode(bits)).unwrap();
            assert!(matches!(open_or_create(&keys), Err(KeyError::Exposed { mode, .. }) if mode == bits));
        }
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let (_root, keys) = folder();
        open_or_create(&keys).unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(open(&keys), Err(KeyError::Exposed { mode: 0o770, .. })));
    }

    #[test]
    fn a_link_in_the_place_of_the_key_is_refused() {
        let (root, keys) = folder();
        open_or_create(&keys).unwrap();
        let elsewhere = root.path().join("elsewhere.pem");
        fs::rename(keys.join(SIGNING), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, keys.join(SIGNING)).unwrap();
        assert!(matches!(open(&keys), Err(KeyError::Malformed { .. })));
    }

    #[test]
    fn what_is_not_a_key_is_never_overwritten() {
        let (_root, keys) = folder();
        open_or_create(&keys).unwrap();
        for junk in ["", "junk", &"x".repeat(70_000)] {
            fs::write(keys.join(SIGNING), junk).unwrap();
            assert!(matches!(open_or_create(&keys), Err(KeyError::Malformed { .. })));
            assert_eq!(fs::read_to_string(keys.join(SIGNING)).unwrap(), junk);
        }
    }

    #[test]
    fn rotation_keeps_the_old_public_key_and_drops_the_old_secret() {
        let (_root, keys) = folder();
        let old = open_or_create(&keys).unwrap();
        let new = rotate(&keys).unwrap();
        assert_ne!(old.public(), new.public());
        assert!(trusted(&keys).unwrap().iter().eq([&old.public(), &new.public()]));
        assert_eq!(open(&keys).unwrap().public(), new.public());
        assert_eq!(mode(&keys.join(SIGNING)), 0o600);
    }
}
