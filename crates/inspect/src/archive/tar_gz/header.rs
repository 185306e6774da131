//! The 512 bytes before each member of a tar, kept as written (POSIX.1-2024, `pax`: ustar interchange format).

use std::ops::Range;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 512;

/// One header block, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header(pub [u8; BLOCK]);

/// Which of the three layouts a header has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Version 7 Unix: nothing after the link's name.
    V7,
    /// POSIX, with a prefix to the name.
    Ustar,
    /// GNU's, older than POSIX.
    Gnu,
    /// None of them.
    Unknown,
}

/// Where a field is.
pub(crate) mod field {
    use super::Range;

    pub(crate) const NAME: Range<usize> = 0..100;
    pub(crate) const MODE: Range<usize> = 100..108;
    pub(crate) const UID: Range<usize> = 108..116;
    pub(crate) const GID: Range<usize> = 116..124;
    pub(crate) const SIZE: Range<usize> = 124..136;
    pub(crate) const MTIME: Range<usize> = 136..148;
    pub(crate) const CHECKSUM: Range<usize> = 148..156;
    pub(crate) const KIND: Range<usize> = 156..157;
    pub(crate) const LINK: Range<usize> = 157..257;
    pub(crate) const MAGIC: Range<usize> = 257..265;
    pub(crate) const UNAME: Range<usize> = 265..297;
    pub(crate) const GNAME: Range<usize> = 297..329;
    pub(crate) const DEV_MAJOR: Range<usize> = 329..337;
    pub(crate) const DEV_MINOR: Range<usize> = 337..345;
    pub(crate) const PREFIX: Range<usize> = 345..500;
    /// After the link's name: all zero in Version 7.
    pub(crate) const AFTER_V7: Range<usize> = 257..512;
}

impl Header {
    /// The header that `block` is; `None` if it has another length.
    pub(super) fn new(block: &[u8]) -> Option<Self> {
        block.try_into().ok().map(Self)
    }

    /// The bytes of a field.
    pub(crate) fn get(&self, field: Range<usize>) -> &[u8] {
        self.0.get(field).unwrap_or_default()
    }

    /// The bytes of a field up to its first NUL.
    pub(crate) fn text(&self, field: Range<usize>) -> &[u8] {
        self.get(field).split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// The type flag.
    pub fn kind(&self) -> u8 {
        self.get(field::KIND).first().copied().unwrap_or_default()
    }

    /// Which layout it has.
    pub fn layout(&self) -> Layout {
        match self.get(field::MAGIC) {
            b"ustar\x0000" => Layout::Ustar,
            b"ustar  \0" => Layout::Gnu,
            _ if self.get(field::AFTER_V7).iter().all(|byte| *byte == 0) => Layout::V7,
            _ => Layout::Unknown,
        }
    }

    /// The name, with the prefix where the layout has one.
    pub fn name(&self) -> Vec<u8> {
        let name = self.text(field::NAME);
        let prefix = self.text(field::PREFIX);
        if self.layout() == Layout::Ustar && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.to_vec()
        }
    }

    /// The value of a numeric field; `None` if it is no number of 63 bits.
    pub(crate) fn number(&self, field: Range<usize>) -> Option<u64> {
        number(self.get(field))
    }

    /// Whether the checksum is that of the header (the sum of its bytes, the checksum itself as spaces).
    pub(super) fn is_sound(&self) -> bool {
        self.number(field::CHECKSUM) == Some(self.sum())
    }

    /// What the checksum has to be.
    pub(crate) fn sum(&self) -> u64 {
        let all: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        let own: u64 = self.get(field::CHECKSUM).iter().map(|byte| u64::from(*byte)).sum();
        all - own + 8 * u64::from(b' ')
    }
}

/// Octal digits between spaces and NULs, or GNU's base 256; an empty field is zero.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, rest)) = field.split_first() {
        let wide = rest.iter().try_fold(0_u64, |sum, byte| Some(sum.checked_mul(256)? + u64::from(*byte)))?;
        return i64::try_from(wide).ok().and_then(|value| u64::try_from(value).ok());
    }
    let text = std::str::from_utf8(field).ok()?.trim_start_matches(' ');
    let digits = text.trim_end_matches([' ', '\0']);
    if digits.is_empty() { Some(0) } else { plain_octal(digits) }
}

fn plain_octal(digits: &str) -> Option<u64> {
    let octal = digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    octal.then(|| u64::from_str_radix(digits, 8).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_reading() {
        for (field, want) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"000644 \0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"00000012", Some(10)),
            (b"\x80\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"0000648\0", None),
            (b"644\0\x001\0\0", None),
            (b"-000001\0", None),
            (b"+000001\0", None),
            (b"\x00644\0\0\0\0", None),
        ] {
            assert_eq!(number(field), want, "{field:?}");
        }
    }
}
