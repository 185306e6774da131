//! How obfuscators write JavaScript, told from how minifiers do.
//!
//! A minifier shortens names, and drops spaces and nothing else: its output has long lines and is no reason for
//! suspicion. An obfuscator hides what is called: texts are moved into an array that is rotated at the start, control
//! flow goes through a `switch` over a text of numbers, programs are written with six characters, or the code stands
//! so far to the right that no editor shows it.

use crate::facts::Measures;

/// Spaces in front of code, within a line, that push it out of sight.
const FAR: usize = 150;
/// Bytes of code there that are worth a word.
const CODE: usize = 12;

/// Adds what only JavaScript has to the measures of a file.
pub(crate) fn of(bytes: &[u8], measures: Measures) -> Measures {
    Measures {
        pushed_right: pushed_right(bytes),
        symbols: symbols(bytes),
        rotations: rotations(bytes),
        flattened: flattened(bytes),
        ..measures
    }
}

/// Bytes of code that stand behind a long run of spaces in their line.
fn pushed_right(bytes: &[u8]) -> u32 {
    const RUN: [u8; FAR] = [b' '; FAR];
    let mut total = 0;
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memmem::find(rest, &RUN)) {
        let rest = bytes.get(from + at..).unwrap_or_default();
        let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let code = rest.get(spaces..).unwrap_or_default();
        let end = memchr::memchr(b'\n', code).unwrap_or(code.len());
        let code = code.get(..end).unwrap_or_default();
        let is_code = code.len() > CODE
            && !code.starts_with(b"//")
            && !code.starts_with(b"*")
            && code.contains(&b'(')
            && code.iter().filter(|byte| **byte == b' ').count() * 2 < code.len();
        total += if is_code { code.len() } else { 0 };
        from += at + spaces + end;
    }
    u32::try_from(total).unwrap_or(u32::MAX)
}

/// The share of the file, in percent, that is written with the six characters of JSFuck or the faces of AAEncode.
fn symbols(bytes: &[u8]) -> u32 {
    if memchr::memmem::find(bytes, "ﾟωﾟﾉ".as_bytes()).is_some() {
        return 100;
    }
    if bytes.len() < 400 {
        return 0;
    }
    let six = bytes.iter().filter(|byte| matches!(byte, b'[' | b']' | b'(' | b')' | b'!' | b'+')).count();
    u32::try_from(six * 100 / bytes.len()).unwrap_or(0)
}

/// Arrays that are rotated until a sum is right: `a['push'](a['shift']())` after several `parseInt`, or a countdown.
fn rotations(bytes: &[u8]) -> u32 {
    const BEFORE: usize = 80;
    const SUM: usize = 1_500;
    let mut count = 0;
    for at in memchr::memmem::find_iter(bytes, b"shift") {
        let near = bytes.get(at.saturating_sub(BEFORE)..at).unwrap_or_default();
        let Some(push) = memchr::memmem::rfind(near, b"push") else { continue };
        let (before, between) = near.split_at(push);
        let array = trailing_name(before);
        if array.is_empty() || trailing_name(between) != array {
            continue;
        }
        let far = bytes.get(at.saturating_sub(SUM)..(at + SUM).min(bytes.len())).unwrap_or_default();
        let sums = memchr::memmem::find_iter(far, b"parseInt").count() >= 3;
        count += u32::from(sums || memchr::memmem::find(near, b"--").is_some());
    }
    count
}

/// The name at the end of `name.`, `name['` or `name["`.
fn trailing_name(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| is_name(*byte)).map_or(0, |at| at + 1);
    let text = text.get(..end).unwrap_or_default();
    let start = text.iter().rposition(|byte| !is_name(*byte)).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

/// `switch (order[step++])`: statements in an order that only running them tells.
fn flattened(bytes: &[u8]) -> u32 {
    const LENGTH: usize = 60;
    let mut count = 0;
    for at in memchr::memmem::find_iter(bytes, b"switch") {
        let rest = bytes.get(at + 6..(at + 6 + LENGTH).min(bytes.len())).unwrap_or_default();
        let end = memchr::memchr(b'{', rest).unwrap_or(0);
        let head: Vec<u8> =
            rest.iter().take(end).copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let order = head.strip_prefix(b"(").and_then(|head| head.strip_suffix(b"++])"));
        count += u32::from(order.is_some_and(|order| {
            order.contains(&b'[') && order.iter().all(|byte| is_name(*byte) || *byte == b'[')
        }));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Measures {
        of(text.as_bytes(), Measures::default())
    }

    #[test]
    fn what_obfuscators_write_is_known() {
        let rotated = "(function(a,b){while(!![]){try{var c=parseInt(d(1))/1+parseInt(d(2))/2*parseInt(d(3));if(c===b)break;else a['push'](a['shift']());}catch(e){a['push'](a['shift']());}}}(x,0x1));";
        assert_eq!(look(rotated).rotations, 2);
        assert_eq!(look("while(--n){a.push(a.shift())}").rotations, 1);
        assert_eq!(look("while(!![]){switch(order[step++]){case'0':continue;}}").flattened, 1);
        assert!(look(&"[]+!![]+(![]+[])[+[]]".repeat(40)).symbols > 90);
        assert!(look(&format!("a = 1;{}require('x').run()", " ".repeat(300))).pushed_right > 10);
    }

    #[test]
    fn what_people_and_minifiers_write_is_not() {
        let all = [
            "queue.push(queue.shift())".to_owned(),
            "switch(e.prev=e.next){case 0:return}".to_owned(),
            format!("a = 1;{}// a note (far away)", " ".repeat(300)),
            format!("var table = `\n{}| a | b |\n`", " ".repeat(300)),
            "!function(e,t){e.push(t.shift())}([],[])".repeat(50),
        ];
        for text in all {
            let look = look(&text);
            assert_eq!((look.rotations, look.flattened, look.pushed_right), (0, 0, 0), "{text}");
            assert!(look.symbols < 60, "{text}");
        }
    }
}
