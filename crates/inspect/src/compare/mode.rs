//! Modes: what an installer acts on. Read and write bits follow the builder's umask; the rest is reported.

use crate::replay::is_executable;
use trustmill_core::comparison::{Difference, DifferenceClass};
use trustmill_core::content::Member;

/// The difference in modes of one member, if it is more than a umask makes.
pub(super) fn difference(path: &str, published: &Member, rebuilt: &Member) -> Option<Difference> {
    let (theirs, ours) = (is_executable(published), is_executable(rebuilt));
    if theirs == ours {
        return None;
    }
    let side = if theirs { "published" } else { "rebuilt" };
    let octal = |member: &Member| member.mode.map_or_else(|| "none".to_owned(), |mode| format!("{mode:o}"));
    let detail =
        format!("only the {side} file is executable (mode {} against {})", octal(published), octal(rebuilt));
    Some(super::classify::difference(path, DifferenceClass::ExecutableBit, published, rebuilt, detail))
}
