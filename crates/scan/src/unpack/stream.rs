//! Compressed streams, read as far as they go: what came out before the error is what an installer may have got too.

use std::io::{self, Read};
use zlib_rs::{Inflate, InflateFlush, Status};

/// Inflated at once.
const PIECE: usize = 64 << 10;
/// Window bits of raw deflate (zlib's manual, `inflateInit2`), and what asks for a gzip header.
const WINDOW: u8 = 15;
const GZIP: u8 = 16;
/// The largest memory that a dictionary of xz or lzma may ask for, in KiB.
const LZMA_KIB: u32 = 64 << 10;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Whole,
    /// Before its end.
    Truncated,
    /// In an error.
    Corrupt,
    /// At our limit.
    Limit,
}

/// What came out.
#[derive(Debug)]
pub(super) struct Inflated {
    pub(super) bytes: Vec<u8>,
    /// How many bytes of the input were used.
    pub(super) used: usize,
    pub(super) end: End,
}

/// Inflates one raw deflate stream, to at most `room` bytes.
pub(super) fn deflate(input: &[u8], room: usize) -> Inflated {
    one(Inflate::new(false, WINDOW), input, room)
}

/// Inflates the members of a gzip file one after the other; what follows the last one is left over.
fn gzip(input: &[u8], room: usize) -> Inflated {
    let mut all = Inflated { bytes: Vec::new(), used: 0, end: End::Whole };
    loop {
        let rest = input.get(all.used..).unwrap_or_default();
        let next = one(Inflate::new(true, GZIP + WINDOW), rest, room.saturating_sub(all.bytes.len()));
        all.used += next.used;
        all.end = next.end;
        if all.bytes.is_empty() {
            all.bytes = next.bytes;
        } else {
            all.bytes.extend(next.bytes);
        }
        let more = input.get(all.used..).unwrap_or_default();
        if all.end != End::Whole || !more.starts_with(&[0x1f, 0x8b]) {
            return all;
        }
    }
}

fn one(mut engine: Inflate, input: &[u8], room: usize) -> Inflated {
    let mut out = Inflated { bytes: Vec::new(), used: 0, end: End::Whole };
    let mut piece = vec![0; PIECE];
    loop {
        let before = (engine.total_in(), engine.total_out());
        let rest = input.get(out.used..).unwrap_or_default();
        let status = engine.decompress(rest, &mut piece, InflateFlush::NoFlush);
        let taken = usize::try_from(engine.total_in() - before.0).unwrap_or_default();
        let given = usize::try_from(engine.total_out() - before.1).unwrap_or_default();
        out.used += taken;
        let left = room - out.bytes.len().min(room);
        out.bytes.extend(piece.iter().take(given.min(left)));
        out.end = match status {
            _ if given > left => End::Limit,
            Ok(Status::StreamEnd) => return out,
            Ok(_) if taken == 0 && given == 0 => End::Truncated,
            Ok(_) => continue,
            Err(_) => End::Corrupt,
        };
        return out;
    }
}

/// Reads a whole stream, to at most `room` bytes.
pub(super) fn read(coding: Coding, input: &[u8], room: usize) -> Inflated {
    match coding {
        Coding::Plain => Inflated { bytes: input.to_vec(), used: input.len(), end: End::Whole },
        Coding::Gzip => gzip(input, room),
        Coding::Bzip2 => drain(bzip2::bufread::MultiBzDecoder::new(input), input.len(), room),
        Coding::Xz => drain(lzma_rust2::XzReader::new_mem_limit(input, true, LZMA_KIB), input.len(), room),
        Coding::Zstd => match ruzstd::decoding::StreamingDecoder::new(input) {
            Ok(decoder) => drain(decoder, input.len(), room),
            Err(_) => Inflated { bytes: Vec::new(), used: 0, end: End::Corrupt },
        },
    }
}

fn drain(reader: impl Read, used: usize, room: usize) -> Inflated {
    let mut bytes = Vec::new();
    let mut reader = reader.take((room as u64).saturating_add(1));
    let end = match reader.read_to_end(&mut bytes) {
        _ if bytes.len() > room => End::Limit,
        Ok(_) => End::Whole,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => End::Truncated,
        Err(_) => End::Corrupt,
    };
    bytes.truncate(room);
    Inflated { bytes, used, end }
}
