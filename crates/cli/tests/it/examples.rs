//! What `examples/` promises holds.

use std::path::Path;
use trustmill_ecosystems::pypi::lockfile::{Target, read};

#[test]
fn the_example_lockfile_pins_and_hashes_a_real_application() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/requirements.txt");
    let pins = read(&path, &Target::cpython_linux("3.11.7".parse().unwrap())).unwrap().unwrap();
    assert!(pins.pins.len() >= 50, "{} pins", pins.pins.len());
    assert!(pins.pins.iter().all(|pin| !pin.hashes.is_empty()));
    assert!(pins.skipped.iter().all(|skipped| !skipped.why.is_empty()));
}
