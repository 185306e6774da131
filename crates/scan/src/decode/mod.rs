//! Decoders, each within limits: base64 and its kin, hex, escapes, zlib, gzip, bzip2, reversal, rot13.
//!
//! A text of the program is a text here too; bytes are read as Latin-1, each byte a character, so that one decoder's
//! output is the next one's input. What does not decode gives nothing.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::io::Read;

/// The most that one decoder gives.
pub const MAX_OUTPUT: usize = 1 << 20;

/// A way of decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decoder {
    /// RFC 4648, both alphabets, padding or not, white space left out.
    Base64,
    /// RFC 4648.
    Base32,
    /// Python's `b85decode`.
    Base85,
    /// Two digits a byte.
    Hex,
    /// RFC 1950, and raw RFC 1951.
    Zlib,
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// Letters moved by thirteen.
    Rot13,
    /// The other way round.
    Reverse,
    /// `%41`.
    Percent,
    /// A Python code object: what is in it is not looked at here.
    Marshal,
    /// Whatever takes a key: it is known that something was decoded, not what.
    Cipher,
}

impl Decoder {
    /// By the word in tables.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "base64" => Self::Base64,
            "base32" => Self::Base32,
            "base85" => Self::Base85,
            "hex" => Self::Hex,
            "zlib" => Self::Zlib,
            "gzip" => Self::Gzip,
            "bzip2" => Self::Bzip2,
            "rot13" => Self::Rot13,
            "reverse" => Self::Reverse,
            "percent" => Self::Percent,
            "marshal" => Self::Marshal,
            "cipher" => Self::Cipher,
            _ => return None,
        })
    }

    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Base32 => "base32",
            Self::Base85 => "base85",
            Self::Hex => "hex",
            Self::Zlib => "zlib",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Rot13 => "rot13",
            Self::Reverse => "reversed",
            Self::Percent => "percent",
            Self::Marshal => "marshal",
            Self::Cipher => "cipher",
        }
    }

    /// Decodes a text.
    pub fn decode(self, text: &str) -> Option<String> {
        if text.len() > 4 * MAX_OUTPUT {
            return None;
        }
        let bytes = match self {
            Self::Base64 => base64(text)?,
            Self::Base32 => base32(text)?,
            Self::Base85 => base85(text)?,
            Self::Hex => hex(text)?,
            Self::Zlib => {
                let input = latin1(text)?;
                inflate(flate2::read::ZlibDecoder::new(&*input))
                    .or_else(|| inflate(flate2::read::DeflateDecoder::new(&*input)))?
            }
            Self::Gzip => inflate(flate2::read::GzDecoder::new(&*latin1(text)?))?,
            Self::Bzip2 => inflate(bzip2::read::BzDecoder::new(&*latin1(text)?))?,
            Self::Rot13 => return Some(text.chars().map(rot13).collect()),
            Self::Reverse => return Some(text.chars().rev().collect()),
            Self::Percent => percent(text)?,
            Self::Marshal | Self::Cipher => return None,
        };
        Some(text_of(&bytes))
    }
}

/// Bytes as a text: UTF-8 where they are, else Latin-1.
pub fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The bytes of a text whose characters are bytes; of any other, its UTF-8.
pub fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect::<Option<Vec<u8>>>()
        .or_else(|| Some(text.as_bytes().to_vec()))
}

fn inflate(reader: impl Read) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    // What came before an error is kept: a truncated stream still shows what it hides.
    let _ = reader.take(MAX_OUTPUT as u64).read_to_end(&mut out);
    (!out.is_empty()).then_some(out)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let clean: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(clean.trim_end_matches('=')).ok()
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for c in text.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
        let value = match c.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
    }
    Some(out)
}

/// The alphabet of RFC 1924, as Python's `base64.b85decode` has it.
fn base85(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 85] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    let mut out = Vec::with_capacity(text.len() * 4 / 5);
    let mut group: Vec<u64> = Vec::with_capacity(5);
    let mut flush = |group: &mut Vec<u64>, missing: usize| -> Option<()> {
        let value = group.iter().fold(0u64, |sum, digit| sum * 85 + digit);
        let bytes = u32::try_from(value).ok()?.to_be_bytes();
        out.extend_from_slice(bytes.get(..4 - missing)?);
        group.clear();
        Some(())
    };
    for c in text.bytes().filter(|c| !c.is_ascii_whitespace()) {
        group.push(ALPHABET.iter().position(|known| *known == c)? as u64);
        if group.len() == 5 {
            flush(&mut group, 0)?;
        }
    }
    if group.len() > 1 {
        let missing = 5 - group.len();
        group.resize(5, 84);
        flush(&mut group, missing)?;
    }
    Some(out)
}

/// Hex digits; white space, colons, `0x` and `\x` between bytes are left out.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let clean = text.replace("\\x", "").replace("0x", "");
    let digits: Vec<u8> =
        clean.bytes().filter(|c| !c.is_ascii_whitespace() && !matches!(c, b':' | b',')).collect();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits.chunks_exact(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.last()?)?)).collect()
}

fn percent(text: &str) -> Option<Vec<u8>> {
    if !text.contains('%') {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    Some(out)
}

fn rot13(c: char) -> char {
    let turn = |c: char, base: u8| {
        let at = u32::from(c) - u32::from(base);
        char::from_u32((at + 13) % 26 + u32::from(base)).unwrap_or(c)
    };
    match c {
        'a'..='z' => turn(c, b'a'),
        'A'..='Z' => turn(c, b'A'),
        other => other,
    }
}

/// Whether a text is long and could be base64, so that it is worth decoding unasked.
pub fn looks_like_base64(text: &str) -> bool {
    let bytes = text.as_bytes();
    (24..=65_536).contains(&bytes.len())
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=' | b'-' | b'_'))
        && bytes.iter().any(u8::is_ascii_lowercase)
        && bytes.iter().any(u8::is_ascii_uppercase)
}

/// Whether a text is long and could be hex, so that it is worth decoding unasked.
pub fn looks_like_hex(text: &str) -> bool {
    let bytes = text.as_bytes();
    (24..=131_072).contains(&bytes.len())
        && bytes.len().is_multiple_of(2)
        && bytes.iter().all(u8::is_ascii_hexdigit)
}

/// Whether nearly all of a text can be read: what a decoder gave by chance cannot.
pub fn is_readable(text: &str) -> bool {
    let (mut good, mut all) = (0usize, 0usize);
    for c in text.chars().take(4096) {
        all += 1;
        good += usize::from(
            c.is_ascii_graphic() || c.is_ascii_whitespace() || (c.is_alphabetic() && c as u32 > 0xff),
        );
    }
    all > 0 && good * 100 >= all * 95
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_decoder_reads_what_the_language_writes() {
        for (decoder, text, want) in [
            (Decoder::Base64, "aGVs\nbG8_", "hello?"),
            (Decoder::Base64, "aGk", "hi"),
            (Decoder::Base32, "NBSWY3DP", "hello"),
            (Decoder::Base85, "Xk~0{Zv", "hello"),
            (Decoder::Hex, "68656c6c6f", "hello"),
            (Decoder::Hex, "\\x68\\x69", "hi"),
            (Decoder::Rot13, "uryyb", "hello"),
            (Decoder::Reverse, "olleh", "hello"),
            (Decoder::Percent, "%68ell%6f%", "hello%"),
        ] {
            assert_eq!(decoder.decode(text).as_deref(), Some(want), "{decoder:?}");
        }
    }

    #[test]
    fn a_bomb_gives_no_more_than_the_limit() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![b'a'; 8 << 20]).unwrap();
        let text: String = encoder.finish().unwrap().into_iter().map(char::from).collect();
        assert_eq!(Decoder::Zlib.decode(&text).unwrap().len(), MAX_OUTPUT);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}") {
            for decoder in ["base64", "base32", "base85", "hex", "zlib", "gzip", "bzip2", "rot13", "reverse", "percent", "marshal"] {
                let _ = Decoder::named(decoder).unwrap().decode(&text);
            }
            let _ = (looks_like_base64(&text), looks_like_hex(&text), is_readable(&text));
        }
    }
}
