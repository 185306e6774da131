//! Replay: an archive that is accepted replays from its own members to its own digest, or is refused; and a
//! changed member is never replayed.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trustmill_inspect::archive::{Limits, zip};
use trustmill_inspect::compare::compare;
use trustmill_inspect::replay::{self, replay};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let limits = Limits { total_bytes: 4 << 20, member_bytes: 4 << 20, members: 200, ..Limits::default() };
    let Ok(archive) = zip::open(&bytes, &limits) else { return };
    let costs = replay::Limits::from(&limits);
    if let Ok(replayed) = replay(&archive, &archive.contents, &costs) {
        assert_eq!(replayed.bytes, bytes);
    }
    let mut ours = archive.contents.clone();
    if let Some(member) = ours.members.values_mut().next() {
        member.bytes = [&member.bytes[..], b"x"].concat().into();
        assert!(replay(&archive, &ours, &costs).is_err());
    }
    let _ = compare("a-1-py3-none-any.whl", &bytes, &Bytes::from_static(include_bytes!("../seeds/replay/wheel.zip")), &limits);
});
