//! ELF: no panic, whatever the bytes; and a file that is read has every loaded byte in one section.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trustmill_inspect::elf::Elf;

fuzz_target!(|data: &[u8]| {
    let Ok(elf) = Elf::read(data) else { return };
    for segment in elf.segments.iter().filter(|segment| segment.kind == 1) {
        assert!(segment.offset + segment.file_size <= data.len() as u64);
    }
    for section in elf.loaded() {
        let end = section.offset + section.bytes.len() as u64;
        assert!(section.bytes.is_empty() || end <= data.len() as u64);
    }
});
