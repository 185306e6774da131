//! The list of changes beside an archive: `modified_id.csv`, one `TIME,ID` a line, the newest first.

use super::read::AllHeld;
use std::io::{self, BufRead, Read};
use trustmill_core::Timestamp;
use trustmill_core::advisory::osv::is_id;

/// The longest line.
const LINE_BYTES: u64 = 512;

/// What the list says.
pub(super) struct Changes {
    /// The newest time that lies not beyond `horizon`.
    pub(super) newest: Option<Timestamp>,
    /// The records that are newer there than here.
    pub(super) ids: Vec<String>,
}

/// Reads the list. A record that is not held counts if it is newer than `since`: those that were left out before are
/// not asked for again.
pub(super) fn read(
    mut list: impl BufRead,
    held: &AllHeld,
    since: Timestamp,
    horizon: Timestamp,
) -> io::Result<Changes> {
    let mut changes = Changes { newest: None, ids: Vec::new() };
    let mut line = String::new();
    loop {
        line.clear();
        if list.by_ref().take(LINE_BYTES).read_line(&mut line)? == 0 {
            return Ok(changes);
        }
        let (modified, id) = parse(&line).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the list of changes is not one of times and ids")
        })?;
        if modified <= horizon {
            changes.newest = changes.newest.max(Some(modified));
        }
        let newer = match held.get(id) {
            Some(held) => held.modified < modified.as_microsecond(),
            None => modified > since,
        };
        if newer {
            changes.ids.push(id.to_owned());
        }
    }
}

/// A list of all ecosystems writes `PyPI/ID`.
fn parse(line: &str) -> Option<(Timestamp, &str)> {
    let (time, id) = line.strip_suffix('\n')?.trim_end().split_once(',')?;
    let id = id.rsplit('/').next()?;
    Some((time.parse().ok()?, id)).filter(|(_, id)| is_id(id))
}

#[cfg(test)]
mod tests {
    use super::super::read::Held;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn read_text(text: &str) -> io::Result<Changes> {
        let held = Held {
            row: 1,
            modified: at("2026-01-05T00:00:00Z").as_microsecond(),
            digest: Default::default(),
        };
        let held = AllHeld::from([("GHSA-old".into(), held), ("GHSA-new".into(), held)]);
        read(text.as_bytes(), &held, at("2026-01-06T00:00:00Z"), at("2026-02-01T00:00:00Z"))
    }

    #[test]
    fn what_is_newer_there_than_here_is_asked_for() {
        let text = "2999-01-01T00:00:00Z,MAL-far\n2026-01-08T00:00:00Z,npm/GHSA-old\r\n\
                    2026-01-07T00:00:00Z,MAL-1\n2026-01-05T00:00:00Z,GHSA-new\n2026-01-01T00:00:00Z,MAL-0\n";
        let changes = read_text(text).unwrap();
        assert_eq!(changes.ids, ["MAL-far", "GHSA-old", "MAL-1"]);
        assert_eq!(changes.newest, Some(at("2026-01-08T00:00:00Z")), "no clock is that far ahead");
    }

    #[test]
    fn a_list_that_is_cut_or_is_none_is_refused() {
        for text in [
            "2026-01-08T00:00:00Z,GHSA-o",
            "<html>\n",
            "2026-01-08T00:00:00Z,..%2F..%2Fetc-passwd\n",
            "yesterday,GHSA-old\n",
            "\n",
        ] {
            assert!(read_text(text).is_err(), "{text:?}");
        }
        assert!(read_text(&format!("2026-01-08T00:00:00Z,A-{}\n", "b".repeat(600))).is_err());
        assert!(read_text("").unwrap().ids.is_empty());
    }
}
