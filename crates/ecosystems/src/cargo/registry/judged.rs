//! A crate under a ruling: what one who asks sees of it.

use super::state::State;
use crate::cargo::index::Release;
use crate::rulings::Ruled;
use crate::stop::Stop;
use bytes::{BufMut as _, Bytes, BytesMut};
use std::sync::Arc;
use trustmill_core::Timestamp;
use trustmill_core::port::registry::FileAnswer;

/// A state, and the gate's word about it.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    /// What upstream and the mill say.
    pub(super) state: Arc<State>,
    /// What the gate says.
    pub(super) ruled: Arc<Ruled>,
}

/// A release as it is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served<'a> {
    /// Its place in the index file.
    index: usize,
    /// What upstream says of it.
    pub(super) release: &'a Release,
    /// Why it is not handed out, if it is not.
    pub(super) stop: Option<&'a Stop>,
}

impl Judged {
    /// Every release that exists before `as_of`, in the index's order.
    fn releases(&self, as_of: Option<Timestamp>) -> impl Iterator<Item = Served<'_>> {
        let all = self.state.file.releases.iter().enumerate();
        all.filter(move |(_, release)| exists(release, as_of)).map(|(index, release)| {
            // What the mill says of the file by itself, and then what the gate says of the release.
            let stop = self.state.stop(&release.version).or_else(|| self.ruled.stop(index));
            Served { index, release, stop }
        })
    }

    /// The release of that version, if it exists before `as_of`.
    pub(super) fn release(&self, version: &str, as_of: Option<Timestamp>) -> Option<Served<'_>> {
        self.releases(as_of).find(|served| served.release.version == version)
    }

    /// The index file as it is served; `None` where nothing existed before `as_of`.
    pub(super) fn rendered(&self, as_of: Option<Timestamp>) -> Option<Bytes> {
        let mut out = BytesMut::new();
        for served in self.releases(as_of) {
            match served.stop {
                Some(_) => out.put(served.release.yanked_line()),
                None => out.put(served.release.line.clone()),
            }
            out.put_u8(b'\n');
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    /// An answer that was made for any client, with what this one should know.
    pub(super) fn warned(&self, served: Served<'_>, answer: FileAnswer) -> FileAnswer {
        FileAnswer { warning: self.ruled.warning(served.index), ..answer }
    }
}

/// Without a publication time nobody can say that a release existed, so a view of the past has it not.
fn exists(release: &Release, as_of: Option<Timestamp>) -> bool {
    as_of.is_none_or(|instant| release.published.is_some_and(|published| published < instant))
}
