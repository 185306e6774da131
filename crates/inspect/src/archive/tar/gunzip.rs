//! The members of a gzip file one after the other (RFC 1952), inflated by zlib-rs: the C zlib that replay needs
//! takes twice the time. Large pieces at once, whatever the small reads of a tar reader are.

use std::io::{self, Read};
use zlib_rs::{Inflate, InflateFlush, Status};

/// Inflated at once.
const PIECE: usize = 64 << 10;
/// Window bits that ask for a gzip header and its trailer (zlib's manual, `inflateInit2`).
const GZIP: u8 = 16 + 15;

/// A reader of what the members hold. Bytes after the last one that are no member are an error.
pub(super) struct Gunzip<'a> {
    rest: &'a [u8],
    /// The member that is being read.
    engine: Option<Inflate>,
    piece: Vec<u8>,
    /// What of the piece was inflated, and what of that was read.
    filled: usize,
    read: usize,
}

impl<'a> Gunzip<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        // Nothing at all is no gzip file: one member there has to be.
        let engine = Some(Inflate::new(true, GZIP));
        Self { rest: bytes, engine, piece: vec![0; PIECE], filled: 0, read: 0 }
    }

    /// Inflates the next piece; it stays empty at the end of the file.
    fn fill(&mut self) -> io::Result<()> {
        (self.filled, self.read) = (0, 0);
        while self.filled == 0 {
            if self.engine.is_none() && self.rest.is_empty() {
                return Ok(());
            }
            let engine = self.engine.get_or_insert_with(|| Inflate::new(true, GZIP));
            let before = (engine.total_in(), engine.total_out());
            let status = engine.decompress(self.rest, &mut self.piece, InflateFlush::NoFlush);
            let taken = usize::try_from(engine.total_in() - before.0).map_err(io::Error::other)?;
            self.filled = usize::try_from(engine.total_out() - before.1).map_err(io::Error::other)?;
            self.rest = self.rest.get(taken..).unwrap_or_default();
            match status {
                Ok(Status::StreamEnd) => self.engine = None,
                Ok(_) if taken == 0 && self.filled == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) => {
                    let why = engine.error_message().unwrap_or(error.as_str());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
            }
        }
        Ok(())
    }
}

impl Read for Gunzip<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.read == self.filled {
            self.fill()?;
        }
        let mut ready = self.piece.get(self.read..self.filled).unwrap_or_default();
        let count = ready.read(out)?;
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn all(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Gunzip::new(bytes).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn members_follow_each_other_and_nothing_else_does() {
        let long = vec![7; 3 * PIECE + 1];
        let both = [gzip(b"a"), gzip(b""), gzip(&long)].concat();
        assert_eq!(all(&both).unwrap(), [&b"a"[..], &long].concat());
        let one = gzip(b"some words, and some words again");
        for broken in [&both[..both.len() - 1], &[&one[..], b"x"].concat(), &one[..9], b"", b"PK"] {
            assert!(all(broken).is_err(), "{broken:?}");
        }
        // The checksum and the size at the end are checked.
        for at in [one.len() - 1, one.len() - 8] {
            let mut wrong = one.clone();
            wrong[at] ^= 1;
            assert_eq!(all(&wrong).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_another_reader_reads(data in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..400, flip in any::<u8>()) {
            let mut bytes = gzip(&data);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= flip;
            }
            let mut expected = Vec::new();
            let theirs = flate2::bufread::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut expected);
            match theirs {
                Ok(_) => prop_assert_eq!(all(&bytes).unwrap(), expected),
                Err(_) => prop_assert!(all(&bytes).is_err()),
            }
        }
    }
}
