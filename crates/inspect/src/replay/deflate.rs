//! Which compressor, at which level, made a published deflate stream: found by making it again from our bytes.
//!
//! RFC 1951 fixes what a stream means, not which of many streams a compressor writes. CPython's `zipfile`
//! writes with the zlib it was built on; packers written in Rust use miniz or zlib-ng's algorithms; npm uses Node.js,
//! which has Chromium's. They
//! live side by side here: stock zlib through flate2's C back end, zlib-ng's through `zlib-rs`, miniz, and ours.

use super::chromium::{self, Variant};
use flate2::{Compress, Compression, FlushCompress, Status};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use std::fmt;

/// A compressor at a level, with a 32 KiB window, memory level 8 and the default strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compressor {
    /// Stock zlib 1.2 and 1.3.
    Zlib(u8),
    /// zlib-ng's algorithms, as zlib-rs has them.
    ZlibNg(u8),
    /// miniz.
    Miniz(u8),
    /// Chromium's zlib, as Node.js has it since about 2022; levels 4 to 9.
    Chromium(u8),
    /// Chromium's zlib with the hash that processors compute; levels 4 to 9.
    ChromiumCrc(u8),
}

/// Levels in the order in which publishers use them.
const LEVELS: [u8; 9] = [6, 9, 1, 5, 8, 7, 4, 3, 2];

impl Compressor {
    /// Every compressor that is known, the commonest first.
    pub fn all() -> Vec<Self> {
        let families: [fn(u8) -> Self; 5] =
            [Self::Zlib, Self::ZlibNg, Self::Miniz, Self::Chromium, Self::ChromiumCrc];
        families.into_iter().flat_map(|family| LEVELS.map(family)).collect()
    }

    /// The same, those of `level` before the others of their family.
    pub fn all_from(level: u8) -> Vec<Self> {
        let mut all = Self::all();
        all.sort_by_key(|compressor| compressor.level() != level);
        all
    }

    /// The level.
    pub fn level(self) -> u8 {
        match self {
            Self::Zlib(level)
            | Self::ZlibNg(level)
            | Self::Miniz(level)
            | Self::Chromium(level)
            | Self::ChromiumCrc(level) => level,
        }
    }

    /// Whether compressing `input` gives just `stream`; stops at the first byte that differs.
    pub fn gives(self, input: &[u8], stream: &[u8]) -> bool {
        Engine::new(self).gives(input, stream)
    }
}

/// A compressor with its tables, a quarter of a megabyte: most members are smaller, and what made one of
/// them made the next one too.
pub(super) struct Engine {
    compressor: Compressor,
    state: State,
    /// Compressed bytes are compared in pieces of this size.
    piece: Vec<u8>,
}

enum State {
    Zlib(Compress),
    ZlibNg(zlib_rs::Deflate),
    Miniz(Box<CompressorOxide>),
    /// Ours, which takes its tables anew each time.
    Chromium(Variant, u8),
}

impl Engine {
    pub(super) fn new(compressor: Compressor) -> Self {
        let state = match compressor {
            Compressor::Zlib(level) => State::Zlib(Compress::new(Compression::new(level.into()), false)),
            Compressor::ZlibNg(level) => State::ZlibNg(zlib_rs::Deflate::new(level.into(), false, 15)),
            Compressor::Miniz(level) => {
                let window = DataFormat::Raw.to_window_bits();
                let flags = create_comp_flags_from_zip_params(level.into(), window, 0);
                State::Miniz(Box::new(CompressorOxide::new(flags)))
            }
            Compressor::Chromium(level) => State::Chromium(Variant::Current, level),
            Compressor::ChromiumCrc(level) => State::Chromium(Variant::Castagnoli, level),
        };
        Self { compressor, state, piece: vec![0; PIECE] }
    }

    pub(super) const fn compressor(&self) -> Compressor {
        self.compressor
    }

    /// As [`Compressor::gives`], any number of times.
    pub(super) fn gives(&mut self, input: &[u8], stream: &[u8]) -> bool {
        match &mut self.state {
            State::Zlib(engine) => {
                engine.reset();
                same(input, stream, &mut self.piece, |input, out| zlib(engine, input, out))
            }
            State::ZlibNg(engine) => {
                engine.reset();
                same(input, stream, &mut self.piece, |input, out| zlib_ng(engine, input, out))
            }
            State::Miniz(engine) => {
                engine.reset();
                same(input, stream, &mut self.piece, |input, out| miniz(engine, input, out))
            }
            State::Chromium(variant, level) => chromium::gives(*variant, *level, input, stream),
        }
    }
}

/// Whether `stream`, which is known to inflate to `input`, is about as long as an honest compressor's.
///
/// Empty blocks and wasteful codes could make a stream of any length, with room for a payload; an eighth over
/// stock zlib's length covers every compressor that was seen and leaves no such room.
pub(super) fn is_plausible(input: &[u8], stream: &[u8]) -> bool {
    let mut engine = Compress::new(Compression::new(6), false);
    let mut buffer = vec![0; PIECE];
    let mut rest = input;
    loop {
        let before = engine.total_in();
        let Ok(status) = engine.compress(rest, &mut buffer, FlushCompress::Finish) else { return false };
        let taken = usize::try_from(engine.total_in() - before).unwrap_or(usize::MAX);
        rest = rest.get(taken..).unwrap_or_default();
        if status == Status::StreamEnd {
            let ours = engine.total_out();
            return stream.len() as u64 <= ours + ours / 8 + 16;
        }
    }
}

impl fmt::Display for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zlib(level) => write!(f, "zlib level {level}"),
            Self::ZlibNg(level) => write!(f, "zlib-ng level {level}"),
            Self::Miniz(level) => write!(f, "miniz level {level}"),
            Self::Chromium(level) => write!(f, "Chromium's zlib level {level}"),
            Self::ChromiumCrc(level) => write!(f, "Chromium's zlib with CRC-32C level {level}"),
        }
    }
}

/// Compressed bytes are compared in pieces of this size.
const PIECE: usize = 16 << 10;

/// One call of a compressor: bytes taken, bytes written, whether the stream has ended; `None` on an error.
type Step = Option<(usize, usize, bool)>;

/// Feeds `input` to `step` and compares what comes out, piece by piece, with `stream`.
fn same(
    mut input: &[u8],
    mut stream: &[u8],
    piece: &mut [u8],
    mut step: impl FnMut(&[u8], &mut [u8]) -> Step,
) -> bool {
    loop {
        let Some((taken, written, ended)) = step(input, piece) else { return false };
        let (Some(left), Some(made)) = (input.get(taken..), piece.get(..written)) else { return false };
        let Some(rest) = stream.strip_prefix(made) else { return false };
        (input, stream) = (left, rest);
        if ended {
            return stream.is_empty() && input.is_empty();
        }
        if taken == 0 && written == 0 {
            return false;
        }
    }
}

fn zlib(engine: &mut Compress, input: &[u8], out: &mut [u8]) -> Step {
    let before = (engine.total_in(), engine.total_out());
    let status = engine.compress(input, out, FlushCompress::Finish).ok()?;
    let taken = usize::try_from(engine.total_in() - before.0).ok()?;
    let written = usize::try_from(engine.total_out() - before.1).ok()?;
    Some((taken, written, status == Status::StreamEnd))
}

fn zlib_ng(engine: &mut zlib_rs::Deflate, input: &[u8], out: &mut [u8]) -> Step {
    let before = (engine.total_in(), engine.total_out());
    let status = engine.compress(input, out, zlib_rs::DeflateFlush::Finish).ok()?;
    let taken = usize::try_from(engine.total_in() - before.0).ok()?;
    let written = usize::try_from(engine.total_out() - before.1).ok()?;
    Some((taken, written, status == zlib_rs::Status::StreamEnd))
}

fn miniz(engine: &mut CompressorOxide, input: &[u8], out: &mut [u8]) -> Step {
    let result = miniz_oxide::deflate::stream::deflate(engine, input, out, MZFlush::Finish);
    let ended = result.status.ok()? == MZStatus::StreamEnd;
    Some((result.bytes_consumed, result.bytes_written, ended))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};
    use trustmill_core::Sha256;

    /// Text on which stock zlib, zlib-ng and miniz write different streams.
    pub(in crate::replay) fn sample() -> Vec<u8> {
        const WORDS: [&str; 18] = [
            "def",
            "return",
            "import",
            "self",
            "class",
            "None",
            "raise",
            "value",
            "path",
            "name",
            "  ",
            "\n",
            ".",
            "(",
            ")",
            "=",
            "trustmill",
            "lazy",
        ];
        let mut x: u64 = 88_172_645_463_325_252;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        };
        let mut text = String::new();
        for _ in 0..20_000 {
            text.push_str(WORDS[usize::try_from(next() % 18).unwrap()]);
            if !next().is_multiple_of(3) {
                text.push(' ');
            }
        }
        text.into_bytes()
    }

    /// The expected digests are those of CPython's `zlib.compressobj(level, 8, -15)` on zlib 1.2.13. If this
    /// fails, something in the build switched flate2's back end, and no replay would succeed.
    #[test]
    fn the_c_back_end_is_stock_zlib() {
        let sample = sample();
        assert_eq!(
            Sha256::of(&sample).to_hex(),
            "6380226ffe5c659a9497a3db8e05edda3ca6204d0dccf52c814a792d768aef77"
        );
        for (level, want) in [
            (1, "262dce380a20de5a4199416a9c28cec7d55145ef1dab2227b45b63c7fa259200"),
            (6, "c93d2f09dbe1c8151f894e6a918fe63851d6ba1da7518c7a5398a94ae6483872"),
            (9, "5436e687c38be1a2a8fe76972be174026a686608f70e637d89dc3d503dda3495"),
        ] {
            let mut engine = Compress::new(Compression::new(level), false);
            let mut out = Vec::with_capacity(sample.len());
            engine.compress_vec(&sample, &mut out, FlushCompress::Finish).unwrap();
            assert_eq!(Sha256::of(&out).to_hex(), want, "level {level}");
            let level = u8::try_from(level).unwrap();
            assert!(Compressor::Zlib(level).gives(&sample, &out));
            assert!(!Compressor::ZlibNg(level).gives(&sample, &out));
            assert!(!Compressor::Miniz(level).gives(&sample, &out));
            assert!(!Compressor::Zlib(level).gives(&sample, &out[..out.len() - 1]));
            assert!(!Compressor::Zlib(level).gives(&sample, &[&out[..], b"x"].concat()));
            assert!(!Compressor::Zlib(level).gives(&sample[1..], &out));
        }
    }

    /// Whatever an engine was used for before, complete or given up, it gives what a new one gives.
    #[test]
    fn an_engine_remembers_nothing() {
        let sample = sample();
        // Ours keeps nothing from one member to the next.
        let kept = |compressor: &Compressor| {
            !matches!(compressor, Compressor::Chromium(_) | Compressor::ChromiumCrc(_))
        };
        for compressor in Compressor::all().into_iter().filter(kept) {
            let mut engine = Engine::new(compressor);
            let (long, short) = (&sample[..], &sample[5000..9000]);
            let streams = [long, short].map(|input| stream_of(compressor, input));
            assert!(engine.gives(long, &streams[0]), "{compressor}");
            assert!(engine.gives(short, &streams[1]), "{compressor}");
            assert!(!engine.gives(long, &streams[1]), "{compressor}");
            assert!(engine.gives(short, &streams[1]) && engine.gives(long, &streams[0]), "{compressor}");
        }
    }

    /// What a new engine makes of `input`.
    fn stream_of(compressor: Compressor, mut input: &[u8]) -> Vec<u8> {
        let mut engine = Engine::new(compressor);
        let mut piece = vec![0; PIECE];
        let mut stream = Vec::new();
        loop {
            let (taken, written, ended) = match &mut engine.state {
                State::Zlib(engine) => zlib(engine, input, &mut piece),
                State::ZlibNg(engine) => zlib_ng(engine, input, &mut piece),
                State::Miniz(engine) => miniz(engine, input, &mut piece),
                State::Chromium(..) => panic!("it compresses whole members"),
            }
            .unwrap();
            input = &input[taken..];
            stream.extend_from_slice(&piece[..written]);
            if ended {
                return stream;
            }
        }
    }

    #[test]
    fn miniz_and_zlib_ng_are_told_apart() {
        let sample = sample();
        let stream = miniz_oxide::deflate::compress_to_vec(&sample, 6);
        let found: Vec<_> = Compressor::all().into_iter().filter(|c| c.gives(&sample, &stream)).collect();
        assert_eq!(found, [Compressor::Miniz(6)]);
        let mut engine = zlib_rs::Deflate::new(6, false, 15);
        let mut out = vec![0; sample.len()];
        engine.compress(&sample, &mut out, zlib_rs::DeflateFlush::Finish).unwrap();
        out.truncate(usize::try_from(engine.total_out()).unwrap());
        let found: Vec<_> = Compressor::all().into_iter().filter(|c| c.gives(&sample, &out)).collect();
        assert_eq!(found, [Compressor::ZlibNg(6)]);
    }
}
