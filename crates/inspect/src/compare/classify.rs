//! What kind of difference it is: of the classes that apply, the most alarming one.

use super::{diff, loud, metadata, text};
use crate::archive::path::shown;
use std::collections::HashMap;
use trustmill_core::Sha256;
use trustmill_core::comparison::{Difference, DifferenceClass};
use trustmill_core::content::{Contents, Member};

/// A difference of two members.
pub(super) fn difference(
    path: &str,
    class: DifferenceClass,
    published: &Member,
    rebuilt: &Member,
    detail: String,
) -> Difference {
    let differs = published.bytes != rebuilt.bytes;
    Difference {
        member: path.to_owned(),
        class,
        alarming: false,
        published: Some(published.digest()),
        rebuilt: Some(rebuilt.digest()),
        detail,
        diff: differs.then(|| diff::unified(&published.bytes, &rebuilt.bytes)).flatten(),
    }
}

/// A member that both have, with other bytes; and whether its class leaves it unexplained.
pub(super) fn both(path: &str, published: &Member, rebuilt: &Member) -> (Difference, bool) {
    let (class, detail) = metadata::classify(path, &published.bytes, &rebuilt.bytes)
        .or_else(|| text::classify(path, &published.bytes, &rebuilt.bytes))
        .unwrap_or_else(|| (DifferenceClass::Content, content(published, rebuilt)));
    let alarming = matches!(class, DifferenceClass::Dependencies | DifferenceClass::Content);
    (difference(path, class, published, rebuilt, detail), alarming)
}

fn content(published: &Member, rebuilt: &Member) -> String {
    let (theirs, ours) = (published.bytes.len(), rebuilt.bytes.len());
    if published.bytes.starts_with(&rebuilt.bytes) {
        return format!("the published file goes on where ours ends: {} bytes are appended", theirs - ours);
    }
    if rebuilt.bytes.starts_with(&published.bytes) {
        return format!("the published file ends early: {} bytes are missing", ours - theirs);
    }
    format!("the bytes differ ({theirs} published, {ours} rebuilt)")
}

/// The members of one side by digest: to say that a file was moved.
pub(super) struct Twins<'a>(HashMap<Sha256, &'a str>);

impl<'a> Twins<'a> {
    pub(super) fn of(contents: &'a Contents) -> Self {
        let members = contents.members.iter().filter(|(_, member)| !member.bytes.is_empty());
        Self(members.map(|(path, member)| (member.digest(), path.as_str())).collect())
    }

    fn find(&self, member: &Member) -> Option<&'a str> {
        self.0.get(&member.digest()).copied()
    }
}

/// A member that only the published wheel has; and whether it may run code.
pub(super) fn only_published(path: &str, member: &Member, ours: &Twins<'_>) -> (Difference, bool) {
    let runs = loud::runs(path, member);
    let twin = ours.find(member);
    let detail = match (runs, twin) {
        (Some(why), _) => {
            format!("EXECUTABLE CONTENT that the source does not build: {} {why}", shown(path))
        }
        (None, Some(other)) => format!("the rebuild has the same bytes at {}", shown(other)),
        (None, None) => "the source does not build this file; nothing in it runs".to_owned(),
    };
    let difference = Difference {
        member: path.to_owned(),
        class: DifferenceClass::OnlyPublished,
        alarming: false,
        published: Some(member.digest()),
        rebuilt: None,
        detail,
        diff: diff::unified(&member.bytes, b""),
    };
    (difference, runs.is_some())
}

/// A member that only the rebuild has.
pub(super) fn only_rebuilt(path: &str, member: &Member, theirs: &Twins<'_>) -> Difference {
    let twin = theirs.find(member);
    let detail = match twin {
        Some(other) => format!("the published wheel has the same bytes at {}", shown(other)),
        None => "the source builds this file and the published wheel does not have it".to_owned(),
    };
    Difference {
        member: path.to_owned(),
        class: DifferenceClass::OnlyRebuilt,
        alarming: false,
        published: None,
        rebuilt: Some(member.digest()),
        detail,
        diff: None,
    }
}
