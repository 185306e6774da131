//! Archives made byte by byte, so that a test can make each of them wrong in one way.

use bytes::Bytes;
use std::io::Write as _;

/// One zip entry; `central` and `local` say the same unless a test makes them differ.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) stream: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) crc: u32,
    pub(crate) size: u32,
    pub(crate) external: u32,
    pub(crate) time: u16,
    pub(crate) extra: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    /// Bytes after the data: a descriptor, or what should not be there.
    pub(crate) after: Vec<u8>,
    pub(crate) local: Local,
    /// Where the central directory says that it is, if not where it is.
    pub(crate) offset: Option<u32>,
    pub(crate) disk: u16,
}

/// What the local header says if it is not what the central one says.
#[derive(Clone, Default)]
pub(crate) struct Local {
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) method: Option<u16>,
    pub(crate) flags: Option<u16>,
    pub(crate) crc: Option<u32>,
    pub(crate) size: Option<u32>,
    pub(crate) compressed: Option<u32>,
}

pub(crate) fn crc(data: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum()
}

pub(crate) fn deflated(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

/// A stored file with mode 644.
pub(crate) fn file(name: &str, data: &[u8]) -> Entry {
    Entry {
        name: name.as_bytes().to_vec(),
        stream: data.to_vec(),
        method: 0,
        flags: if name.is_ascii() { 0 } else { 1 << 11 },
        crc: crc(data),
        size: data.len().try_into().unwrap(),
        external: 0o100_644 << 16,
        time: 0x6000,
        extra: Vec::new(),
        comment: Vec::new(),
        after: Vec::new(),
        local: Local::default(),
        offset: None,
        disk: 0,
    }
}

/// A deflated file with mode 644.
pub(crate) fn packed(name: &str, data: &[u8]) -> Entry {
    Entry { stream: deflated(data), method: 8, ..file(name, data) }
}

pub(crate) fn mode(mode: u32, entry: Entry) -> Entry {
    Entry { external: mode << 16, ..entry }
}

/// Writes a zip.
pub(crate) fn zip(entries: &[Entry]) -> Bytes {
    Zip { entries, ..Zip::default() }.build()
}

#[derive(Default)]
pub(crate) struct Zip<'a> {
    pub(crate) entries: &'a [Entry],
    pub(crate) before: &'a [u8],
    pub(crate) before_directory: &'a [u8],
    pub(crate) after: &'a [u8],
    pub(crate) comment: &'a [u8],
    pub(crate) count: Option<u16>,
    /// The order of the central directory.
    pub(crate) central: Option<Vec<usize>>,
}

fn header(out: &mut Vec<u8>, e: &Entry, central: bool) {
    let local = if central { Local::default() } else { e.local.clone() };
    let name = local.name.unwrap_or_else(|| e.name.clone());
    let compressed = u32::try_from(e.stream.len()).unwrap();
    for value in [20, local.flags.unwrap_or(e.flags), local.method.unwrap_or(e.method), e.time, 0x5821] {
        out.extend(value.to_le_bytes());
    }
    for value in
        [local.crc.unwrap_or(e.crc), local.compressed.unwrap_or(compressed), local.size.unwrap_or(e.size)]
    {
        out.extend(value.to_le_bytes());
    }
    out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    out.extend(u16::try_from(e.extra.len()).unwrap().to_le_bytes());
    if central {
        out.extend(u16::try_from(e.comment.len()).unwrap().to_le_bytes());
        out.extend(e.disk.to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out.extend(e.external.to_le_bytes());
        out.extend(e.offset.unwrap().to_le_bytes());
    }
    out.extend(name);
    out.extend(&e.extra);
}

impl Zip<'_> {
    pub(crate) fn build(&self) -> Bytes {
        let mut out = self.before.to_vec();
        let mut placed = Vec::new();
        for entry in self.entries {
            let at = u32::try_from(out.len()).unwrap();
            placed.push(Entry { offset: entry.offset.or(Some(at)), ..entry.clone() });
            out.extend(0x0403_4b50_u32.to_le_bytes());
            header(&mut out, entry, false);
            out.extend(&entry.stream);
            out.extend(&entry.after);
        }
        out.extend(self.before_directory);
        let directory = out.len();
        let order = self.central.clone().unwrap_or_else(|| (0..placed.len()).collect());
        for at in order {
            out.extend(0x0201_4b50_u32.to_le_bytes());
            out.extend(0x0314_u16.to_le_bytes());
            header(&mut out, &placed[at], true);
            out.extend(&placed[at].comment);
        }
        let len = out.len() - directory;
        let count = self.count.unwrap_or_else(|| u16::try_from(self.entries.len()).unwrap());
        out.extend(0x0605_4b50_u32.to_le_bytes());
        out.extend([0; 4]);
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(u32::try_from(len).unwrap().to_le_bytes());
        out.extend(u32::try_from(directory).unwrap().to_le_bytes());
        out.extend(u16::try_from(self.comment.len()).unwrap().to_le_bytes());
        out.extend(self.comment);
        out.extend(self.after);
        out.into()
    }
}

/// One tar header with its data, padded.
pub(crate) fn tar_entry(name: &[u8], kind: u8, mode: &str, link: &str, data: &[u8]) -> Vec<u8> {
    let mut block = vec![0_u8; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..100 + mode.len()].copy_from_slice(mode.as_bytes());
    let size = format!("{:011o}", data.len());
    block[124..135].copy_from_slice(size.as_bytes());
    block[136..147].copy_from_slice(b"14000000000");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut block);
    block.extend(data);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// Writes the checksum of a tar header.
pub(crate) fn seal(block: &mut [u8]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block[..512].iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Ends a tar and compresses it.
pub(crate) fn tar_gz(entries: &[Vec<u8>]) -> Bytes {
    let mut tar = entries.concat();
    tar.extend([0; 1024]);
    gz(&tar)
}

pub(crate) fn gz(data: &[u8]) -> Bytes {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(data).unwrap();
    out.finish().unwrap().into()
}
