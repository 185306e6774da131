//! What kind of difference it is: of the classes that apply, the most alarming one.

use super::kinds::{self, Class};
use super::{diff, loud, metadata, native, text};
use crate::archive::path::shown;
use crate::archive::published::Family;
use std::collections::{BTreeSet, HashMap};
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

/// A member that both have, with other bytes; and whether its class leaves it unexplained. `meaning` is what a
/// manifest says about its own difference.
pub(super) fn both(
    family: Family,
    path: &str,
    (published, rebuilt): (&Member, &Member),
    meaning: Option<Class>,
) -> (Difference, bool) {
    let (theirs, ours) = (&published.bytes[..], &rebuilt.bytes[..]);
    let metadata = || if family == Family::Python { metadata::classify(path, theirs, ours) } else { None };
    let said = || metadata().or_else(|| text::classify(path, theirs, ours)).map(with_alarm);
    let (class, detail, alarming) = meaning
        .or_else(said)
        .or_else(|| kinds::by_kind(family, path, theirs, ours))
        .unwrap_or_else(|| with_alarm((DifferenceClass::Content, content(published, rebuilt))));
    (difference(path, class, published, rebuilt, detail), alarming)
}

fn with_alarm((class, detail): (DifferenceClass, String)) -> Class {
    let alarming = matches!(class, DifferenceClass::Dependencies | DifferenceClass::Content);
    (class, detail, alarming)
}

/// Names for a sentence, cut after a few.
pub(super) fn listed(names: &BTreeSet<String>) -> String {
    let few: Vec<String> = names.iter().take(5).map(|name| shown(name)).collect();
    let more = names.len() - few.len();
    few.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
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

/// A member that only the published archive has; and whether it may run code.
pub(super) fn only_published(
    family: Family,
    path: &str,
    member: &Member,
    ours: &Twins<'_>,
) -> (Difference, bool) {
    let runs = loud::runs(family, path, member);
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
        class: if native::is_bundled(path, member) {
            DifferenceClass::BundledLibrary
        } else {
            one_sided(family, path, DifferenceClass::OnlyPublished)
        },
        alarming: false,
        published: Some(member.digest()),
        rebuilt: None,
        detail,
        diff: diff::unified(&member.bytes, b""),
    };
    (difference, runs.is_some())
}

/// A crate's lock is reported under its own class, whichever side has it.
fn one_sided(family: Family, path: &str, class: DifferenceClass) -> DifferenceClass {
    if family == Family::Rust && path == "Cargo.lock" { DifferenceClass::PublishedLock } else { class }
}

/// A member that only the rebuild has.
pub(super) fn only_rebuilt(family: Family, path: &str, member: &Member, theirs: &Twins<'_>) -> Difference {
    let twin = theirs.find(member);
    let detail = match twin {
        Some(other) => format!("the published file has the same bytes at {}", shown(other)),
        None => "the source builds this file and the published archive does not have it".to_owned(),
    };
    Difference {
        member: path.to_owned(),
        class: one_sided(family, path, DifferenceClass::OnlyRebuilt),
        alarming: false,
        published: None,
        rebuilt: Some(member.digest()),
        detail,
        diff: None,
    }
}
