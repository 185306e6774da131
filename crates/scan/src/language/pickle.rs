//! Pickles, read as the programs that they are and never loaded: which functions they call, with which texts.
//!
//! The opcodes are those of CPython's `pickletools`. The stack is followed as far as texts go, which is what the names
//! of functions are; what a pickle computes otherwise is of no interest here.

use super::python;
use crate::facts::{Capability, Facts, Flow, Labels, Layer, Reached, Sink, Use};
use std::collections::HashMap;

/// Bytes that are read: what calls functions stands before the data, or between it.
const MAX_BYTES: usize = 64 << 20;
/// Instructions that are read.
const MAX_STEPS: u32 = 2_000_000;
/// Calls that are kept, texts that are remembered, and characters of one.
const MAX_CALLS: usize = 200;
const MAX_TEXTS: usize = 100_000;
const MAX_TEXT: usize = 600;

/// Whether bytes begin as a pickle of protocol 2 or later does.
pub(crate) fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

/// What a pickle calls.
pub fn facts(bytes: &[u8]) -> Facts {
    let head = bytes.get(..MAX_BYTES).unwrap_or(bytes);
    let mut reader = Reader { bytes: head, at: 0, texts: Vec::new(), memo: HashMap::new(), called: None };
    let mut facts = Facts {
        layers: vec![Layer { how: "".into(), outer: 0 }],
        cut_short: head.len() < bytes.len(),
        ..Facts::default()
    };
    for _ in 0..MAX_STEPS {
        match reader.step(&mut facts) {
            Some(true) if facts.flows.len() < MAX_CALLS => {}
            ended => {
                facts.parsed = ended.is_some();
                return facts;
            }
        }
    }
    facts.cut_short = true;
    facts
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Texts that were pushed, the last ones last.
    texts: Vec<Box<str>>,
    memo: HashMap<u64, Box<str>>,
    /// The function that was named last, where it was, and how many texts there were.
    called: Option<(String, usize, usize)>,
}

impl Reader<'_> {
    fn take(&mut self, count: u64) -> Option<&[u8]> {
        let end = self.at.checked_add(usize::try_from(count).ok()?)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self, bytes: u64) -> Option<u64> {
        Some(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn line(&mut self) -> Option<String> {
        let rest = self.bytes.get(self.at..)?;
        let end = memchr::memchr(b'\n', rest)?;
        self.at += end + 1;
        Some(String::from_utf8_lossy(rest.get(..end.min(MAX_TEXT))?).into_owned())
    }

    fn push(&mut self, text: &str) {
        if self.texts.len() < MAX_TEXTS {
            self.texts.push(text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default().into());
        }
    }

    /// A text whose length is a number of so many bytes.
    fn sized(&mut self, length: u64) -> Option<()> {
        let length = self.number(length)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(&text);
        Some(())
    }

    fn remember(&mut self, key: u64) {
        if let Some(text) = self.texts.last().filter(|_| self.memo.len() < MAX_TEXTS) {
            self.memo.insert(key, text.clone());
        }
    }

    fn recall(&mut self, key: u64) {
        if let Some(text) = self.memo.get(&key).cloned() {
            self.push(&text);
        }
    }

    /// A function is named.
    fn global(&mut self, module: &str, name: &str) {
        let module = match module {
            "posix" | "nt" => "os",
            "__builtin__" | "builtins" => "",
            other => other,
        };
        let path = if module.is_empty() { name.to_owned() } else { format!("{module}.{name}") };
        self.called = Some((path, self.at, self.texts.len()));
    }

    /// What was named is called, with the texts that came since.
    fn call(&mut self, facts: &mut Facts) {
        let Some((path, at, texts)) = self.called.take() else { return };
        let Some(api) = python::language().table.get(&path) else { return };
        let texts: Vec<Box<str>> = self.texts.iter().skip(texts).take(8).cloned().collect();
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let (labels, reached, layer) = (Labels::NONE, Reached::WhenCalled, 0);
        for capability in &api.capabilities {
            let (api, texts) = (path.as_str().into(), texts.clone());
            facts.uses.push(Use { capability: *capability, api, texts, labels, at, layer, reached });
        }
        let runs =
            api.capabilities.iter().any(|it| matches!(it, Capability::Process | Capability::DynamicCode));
        if let Some(sink) = api.sink.or_else(|| runs.then_some(Sink::Run)) {
            let text = texts.first().cloned();
            facts.flows.push(Flow { labels, sink, api: path.into(), text, at, layer, reached });
        }
    }

    /// Reads an instruction: `None` where it cannot be read, `Some(false)` at the end.
    fn step(&mut self, facts: &mut Facts) -> Option<bool> {
        let op = self.number(1)?;
        match u8::try_from(op).ok()? {
            b'.' => return Some(false),
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name);
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name);
                if let Some((_, _, texts)) = &mut self.called {
                    // Here the arguments come before the name.
                    *texts = texts.saturating_sub(1);
                }
                self.call(facts);
            }
            0x93 => {
                let mut last = self.texts.iter().rev();
                let (name, module) = (last.next()?.to_string(), last.next()?.to_string());
                self.global(&module, &name);
            }
            b'R' | b'o' | 0x81 | 0x92 => self.call(facts),
            b'S' | b'V' => {
                let line = self.line()?;
                self.push(line.trim_matches(['\'', '"']));
            }
            b'F' | b'I' | b'L' | b'P' => drop(self.line()?),
            b'g' => {
                let key = self.line()?.parse().ok()?;
                self.recall(key);
            }
            b'p' => {
                let key = self.line()?.parse().ok()?;
                self.remember(key);
            }
            b'U' | b'C' | 0x8c => self.sized(1)?,
            b'T' | b'X' | b'B' => self.sized(4)?,
            0x8d | 0x8e | 0x96 => self.sized(8)?,
            0x8a => {
                let length = self.number(1)?;
                self.take(length)?;
            }
            0x8b => {
                let length = self.number(4)?;
                self.take(length)?;
            }
            b'h' => {
                let key = self.number(1)?;
                self.recall(key);
            }
            b'j' => {
                let key = self.number(4)?;
                self.recall(key);
            }
            b'q' => {
                let key = self.number(1)?;
                self.remember(key);
            }
            b'r' => {
                let key = self.number(4)?;
                self.remember(key);
            }
            0x94 => self.remember(self.memo.len() as u64),
            b'K' | 0x80 | 0x82 => drop(self.take(1)?),
            b'M' | 0x83 => drop(self.take(2)?),
            b'J' | 0x84 => drop(self.take(4)?),
            b'G' | 0x95 => drop(self.take(8)?),
            b'('
            | b'0'
            | b'1'
            | b'2'
            | b'N'
            | b'Q'
            | b'a'
            | b'b'
            | b'd'
            | b'}'
            | b'e'
            | b'l'
            | b']'
            | b's'
            | b't'
            | b')'
            | b'u'
            | 0x85..=0x89
            | 0x8f..=0x91
            | 0x97
            | 0x98 => {}
            _ => return None,
        }
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calls(bytes: &[u8]) -> Vec<(String, Option<String>)> {
        let told = |flow: &Flow| (flow.api.to_string(), flow.text.as_deref().map(str::to_owned));
        facts(bytes).flows.iter().map(told).collect()
    }

    #[test]
    fn what_a_pickle_calls_is_known_in_every_protocol() {
        let want = [("os.system".to_owned(), Some("id".to_owned()))];
        assert_eq!(calls(b"cposix\nsystem\n(S'id'\ntR."), want);
        assert_eq!(calls(b"\x80\x02cnt\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03."), want);
        let four = b"\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.";
        assert_eq!(calls(four), want);
        let evaluated = calls(b"\x80\x02c__builtin__\neval\nX\x03\x00\x00\x001+1\x85R.");
        assert_eq!(evaluated, [("eval".to_owned(), Some("1+1".to_owned()))]);
    }

    #[test]
    fn data_calls_nothing() {
        assert!(calls(b"\x80\x02]q\x00(K\x01K\x02e.").is_empty());
        assert!(calls(b"\x80\x02ccollections\nOrderedDict\n)R.").is_empty());
        assert!(!facts(b"\x80\x02X\xff\xff\xff\xff").parsed);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            facts(&bytes);
            facts(&[b"\x80\x04".as_slice(), &bytes].concat());
        }
    }
}
