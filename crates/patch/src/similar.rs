//! How much two texts have in common: a file that was moved is found by what is in it.

use crate::lines::Lines;
use std::collections::HashMap;

/// Lines shorter than this say nothing of where they come from.
const TELLING: usize = 4;

/// The part of the longer text's telling lines that the other has too, from 0 to 1000.
pub fn in_common(one: &str, other: &str) -> u32 {
    let telling = |text: &str| -> Vec<String> {
        let lines = Lines::of(text);
        let telling = lines.text.iter().map(|line| line.trim()).filter(|line| line.len() >= TELLING);
        telling.map(str::to_owned).collect()
    };
    let (one, other) = (telling(one), telling(other));
    let most = one.len().max(other.len());
    if most == 0 {
        return 0;
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in &one {
        *counts.entry(line).or_default() += 1;
    }
    let mut shared = 0usize;
    for line in &other {
        if let Some(count) = counts.get_mut(line.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    u32::try_from(shared * 1000 / most).unwrap_or(1000)
}

/// The path among `candidates` that holds what `path` held: the same path; else the one file that has most of the
/// text; `None` where no file has enough of it, or two do.
pub fn follow<'a>(
    path: &str,
    text: &str,
    candidates: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<&'a str> {
    /// From where on a file is taken for the same one.
    const SAME: u32 = 500;
    /// By how much the best has to lead.
    const LEAD: u32 = 100;
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let wanted = name(path);
    let mut best: Option<(u32, &str)> = None;
    let mut second = 0;
    for (other, there) in candidates {
        if other == path {
            return Some(other);
        }
        // A file that kept its name needs less to be known again.
        let bonus = if name(other) == wanted { 200 } else { 0 };
        let common = in_common(text, there);
        let score = if common == 0 { 0 } else { common + bonus };
        match best {
            Some((top, _)) if score <= top => second = second.max(score),
            _ => {
                second = best.map_or(0, |(top, _)| top);
                best = Some((score, other));
            }
        }
    }
    best.filter(|(score, _)| *score >= SAME && *score >= second + LEAD).map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "def first(x):\n    return x + 1\n\ndef second(y):\n    return y * 2\n";

    #[test]
    fn a_moved_file_is_followed_and_a_stranger_is_not() {
        let moved = A.replace("x + 1", "x + 2");
        let files = [("src/kit/core.py", moved.as_str()), ("kit/other.py", "import os\nprint(os.name)\n")];
        assert_eq!(follow("kit/core.py", A, files.into_iter()), Some("src/kit/core.py"));
        assert_eq!(follow("kit/core.py", A, files.into_iter().skip(1)), None);
    }

    #[test]
    fn two_copies_are_no_answer() {
        let files = [("a/core.py", A), ("b/core.py", A)];
        assert_eq!(follow("kit/core.py", A, files.into_iter()), None);
    }
}
