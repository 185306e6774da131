//! Zips that are encrypted with the traditional cipher of PKWARE (APPNOTE.TXT 6.1), as collections of malware are kept
//! so that nothing opens them by accident. For evaluation only: the scanner itself never opens what is encrypted.

use super::budget::Budget;
use super::salvage::{Salvage, Told};
use super::stream::{self, End};
use super::{LIMITS, names, zip};
use bytes::Bytes;

/// Bytes before the data that only stir the keys.
const HEADER: usize = 12;

/// The members of an encrypted zip, in memory; `None` where a member cannot be read with this password.
pub fn open(bytes: &Bytes, password: &[u8]) -> Option<Vec<(String, Bytes)>> {
    let mut budget = Budget::new(LIMITS, bytes.len() as u64);
    let mut told = Told::default();
    let mut salvage = Salvage::new(&mut budget, &mut told, "", 0);
    let records = zip::centrals(bytes, LIMITS.members, &mut salvage)?;
    for record in records {
        let name = record.names.first()?;
        if name.ends_with('/') {
            continue;
        }
        let data = bytes.get(record.data..record.end?)?;
        let plain = if record.flags & 1 == 1 { Keys::new(password).open(data)? } else { data.to_vec() };
        let content = match record.method {
            0 => plain,
            8 => {
                Some(stream::deflate(&plain, salvage.budget.room()))
                    .filter(|out| out.end == End::Whole)?
                    .bytes
            }
            _ => return None,
        };
        let content = Bytes::from(content);
        let sound = record.crc.is_none_or(|crc| crc == zlib_rs::crc32::crc32(0, &content));
        if !sound || !salvage.push(&names::normal(name, LIMITS.path_bytes), content) {
            return None;
        }
    }
    Some(salvage.members)
}

/// The three keys of the cipher (APPNOTE 6.1.5).
struct Keys([u32; 3]);

/// CRC-32 of one byte, without the complements at both ends.
fn crc(before: u32, byte: u8) -> u32 {
    !zlib_rs::crc32::crc32(!before, &[byte])
}

impl Keys {
    fn new(password: &[u8]) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        password.iter().for_each(|byte| keys.stir(*byte));
        keys
    }

    fn stir(&mut self, plain: u8) {
        let [a, b, c] = &mut self.0;
        *a = crc(*a, plain);
        *b = b.wrapping_add(*a & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        *c = crc(*c, b.to_be_bytes()[0]);
    }

    fn open(mut self, data: &[u8]) -> Option<Vec<u8>> {
        let mut plain = Vec::with_capacity(data.len());
        for byte in data {
            let mask = self.0[2] | 2;
            let mask = mask.wrapping_mul(mask ^ 1).to_le_bytes()[1];
            let byte = byte ^ mask;
            self.stir(byte);
            plain.push(byte);
        }
        plain.get(HEADER..).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    /// Three lines `import os` in `a.py`, by Info-ZIP's `zip -P infected`.
    const SAMPLE: &str = "UEsDBBQACQAIAKKCel0/BJ4jGwAAAB4AAAAEABwAYS5weVVUCQADb1wIa29cCGt1eAsAAQQAAAAABAAAAAC2w81vDuUlmxTvAd0zyEDuNhMcU/p30hqgrdNQSwcIPwSeIxsAAAAeAAAAUEsBAh4DFAAJAAgAooJ6XT8EniMbAAAAHgAAAAQAGAAAAAAAAQAAAKSBAAAAAGEucHlVVAUAA29cCGt1eAsAAQQAAAAABAAAAABQSwUGAAAAAAEAAQBKAAAAaQAAAAAA";

    #[test]
    fn a_member_is_opened_by_its_password_and_by_no_other() {
        let bytes = Bytes::from(base64::engine::general_purpose::STANDARD.decode(SAMPLE).unwrap());
        let members = open(&bytes, b"infected").unwrap();
        assert_eq!(members, [("a.py".to_owned(), Bytes::from("import os\n".repeat(3)))]);
        assert_eq!(open(&bytes, b"other"), None);
        // A scan does not try.
        let found = super::super::unpack("a-1-py3-none-any.whl", &bytes);
        assert!(found.files.iter().all(|(_, content)| !content.starts_with(b"import")));
        assert!(found.oddities.iter().any(|oddity| oddity.kind == super::super::Odd::Encrypted));
    }
}
