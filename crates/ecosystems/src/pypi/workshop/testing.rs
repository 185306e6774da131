//! Trees for the workshop's tests.

use bytes::Bytes;
use trustmill_core::content::Contents;

/// A tree of these files.
pub(super) fn tree(files: &[(&str, &str)]) -> Contents {
    let mut tree = Contents::default();
    for (path, text) in files {
        tree.set(path, Some(Bytes::copy_from_slice(text.as_bytes())));
    }
    tree
}
