//! Where a provider's key is. It is read for every turn, so that a new one counts at once and a revoked one is gone.

use std::path::PathBuf;
use trustmill_core::port::registry::Secret;

/// The longest key, in bytes; what some clouds hand out are signed documents.
const LONGEST: u64 = 16 << 10;

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In a variable of the environment.
    Env(String),
    /// In a file, alone.
    File(PathBuf),
    /// The provider asks for none.
    None,
}

impl KeySource {
    /// The key; `Ok(None)` if none is asked for. The error says where it was looked for, and nothing of what is there.
    pub async fn read(&self) -> Result<Option<Secret>, String> {
        let (text, place) = match self {
            Self::None => return Ok(None),
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?;
                (text, format!("the variable {name}"))
            }
            Self::File(path) => {
                let place = path.display().to_string();
                let size =
                    tokio::fs::metadata(path).await.map_err(|error| format!("{place}: {error}"))?.len();
                if size > LONGEST {
                    return Err(format!("{place} is larger than {LONGEST} bytes"));
                }
                let text = tokio::fs::read_to_string(path).await;
                (text.map_err(|error| format!("{place}: {error}"))?, place)
            }
        };
        let key = text.trim();
        let plain = key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_empty() || !plain || key.len() as u64 > LONGEST {
            return Err(format!("{place} holds no key: it is empty, has spaces within, or is no plain text"));
        }
        Ok(Some(Secret::new(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_read_anew_and_an_error_does_not_show_it() {
        let folder = tempfile::tempdir().unwrap();
        let source = KeySource::File(folder.path().join("key"));
        assert!(source.read().await.unwrap_err().contains("key"));
        for (text, key) in
            [("sk-1\n", Some("sk-1")), ("sk-2", Some("sk-2")), ("sk 3", None), ("\n", None), ("ä", None)]
        {
            std::fs::write(folder.path().join("key"), text).unwrap();
            match (source.read().await, key) {
                (Ok(read), key) => assert_eq!(read.as_ref().map(Secret::expose), key),
                (Err(error), None) => assert!(!error.contains("sk"), "{error}"),
                (Err(error), Some(_)) => panic!("{error}"),
            }
        }
        assert_eq!(KeySource::None.read().await, Ok(None));
        assert!(KeySource::Env("TRUSTMILL_NO_SUCH_KEY".into()).read().await.is_err());
    }
}
