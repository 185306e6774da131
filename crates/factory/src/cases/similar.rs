//! Solved cases that are like a task: BM25 over the words of class, log and identifiers. Deterministic, without a network
//! and without a model, so that what is offered can be explained.

use super::Case;
use crate::agent::{BenchError, Similar, SolvedCase};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

/// BM25's usual constants (Robertson and Zaragoza 2009).
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// The most words of one case.
const WORDS: usize = 4_000;
/// The most of a patch that is shown, in bytes.
const PATCH: usize = 4 << 10;
/// Words that say nothing.
const STOP: &[&str] = &[
    "the", "and", "for", "not", "with", "from", "that", "this", "self", "return", "import", "none", "true",
    "false", "line", "file", "def", "class", "function", "const", "var", "let",
];

/// The words of a text: runs of letters and digits, cut also where a name changes its case; those that say nothing left
/// out.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in text.split(|c: char| !c.is_alphanumeric()) {
        let mut parts: Vec<String> = Vec::new();
        let mut was_lower = false;
        for c in run.chars() {
            if parts.is_empty() || (c.is_uppercase() && was_lower) {
                parts.push(String::new());
            }
            was_lower = c.is_lowercase() || c.is_numeric();
            if let Some(part) = parts.last_mut() {
                part.extend(c.to_lowercase());
            }
        }
        if parts.len() > 1 {
            parts.push(run.to_lowercase());
        }
        words.extend(parts.into_iter().filter(|word| {
            (3..=40).contains(&word.len())
                && !word.bytes().all(|b| b.is_ascii_digit())
                && !STOP.contains(&word.as_str())
        }));
        if words.len() >= WORDS {
            words.truncate(WORDS);
            break;
        }
    }
    words
}

/// Solved cases, ready to be searched.
pub struct Index {
    cases: Vec<(SolvedCase, BTreeMap<String, u32>, usize)>,
    /// In how many cases a word is.
    found_in: BTreeMap<String, u32>,
    mean: f64,
    task: Vec<String>,
}

impl Index {
    /// An index of the accepted cases of other releases than `except`, for a task that these words describe.
    pub fn new<'a>(
        cases: impl IntoIterator<Item = (&'a Case, String, String)>,
        except: &str,
        task: &str,
    ) -> Self {
        let mut index = Self { cases: Vec::new(), found_in: BTreeMap::new(), mean: 1.0, task: words(task) };
        let solved =
            cases.into_iter().filter(|(case, ..)| case.is_accepted() && case.release.to_string() != except);
        for (case, text, patch) in solved {
            let all = words(&format!("{} {} {} {text}", case.class, case.kind, case.goal));
            let mut counts: BTreeMap<String, u32> = BTreeMap::new();
            for word in &all {
                *counts.entry(word.clone()).or_default() += 1;
            }
            for word in counts.keys() {
                *index.found_in.entry(word.clone()).or_default() += 1;
            }
            let shown = patch.char_indices().take_while(|(at, _)| *at < PATCH).map(|(_, c)| c).collect();
            let solved = SolvedCase {
                id: case.id.clone(),
                release: case.release.to_string(),
                class: case.class.clone(),
                likeness: 0.0,
                patch: shown,
            };
            index.cases.push((solved, counts, all.len()));
        }
        let total: usize = index.cases.iter().map(|(_, _, length)| length).sum();
        index.mean = (total as f64 / index.cases.len().max(1) as f64).max(1.0);
        index
    }

    /// The cases that are most like `query`, at most `most`, those with nothing in common left out.
    pub fn like(&self, query: &[String], most: usize) -> Vec<SolvedCase> {
        let query: BTreeSet<&String> = query.iter().collect();
        let all = self.cases.len() as f64;
        let weight = |word: &String| {
            let found = f64::from(self.found_in.get(word).copied().unwrap_or(0));
            (1.0 + (all - found + 0.5) / (found + 0.5)).ln()
        };
        // What a case would score that has every word often: what likeness is measured by.
        let best: f64 = query.iter().map(|word| weight(word) * (K1 + 1.0)).sum();
        let mut scored: Vec<SolvedCase> = Vec::new();
        for (case, counts, length) in &self.cases {
            let norm = K1 * (1.0 - B + B * *length as f64 / self.mean);
            let score: f64 = query
                .iter()
                .filter_map(|word| counts.get(*word).map(|count| (word, f64::from(*count))))
                .map(|(word, count)| weight(word) * count * (K1 + 1.0) / (count + norm))
                .sum();
            if score > 0.0 && best > 0.0 {
                let likeness = (score / best * 1000.0).round() / 1000.0;
                scored.push(SolvedCase { likeness, ..case.clone() });
            }
        }
        scored.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then_with(|| a.id.cmp(&b.id)));
        scored.truncate(most);
        scored
    }
}

#[async_trait]
impl Similar for Index {
    async fn find(&self, words: Option<&str>, most: usize) -> Result<Vec<SolvedCase>, BenchError> {
        let query = words.map(self::words).unwrap_or_else(|| self.task.clone());
        Ok(self.like(&query, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::tests::case;

    #[test]
    fn words_are_those_of_names_too() {
        assert_eq!(
            words("getUserName(x1) 42 the load_yaml"),
            ["get", "user", "name", "getusername", "load", "yaml"]
        );
    }

    #[test]
    fn what_is_alike_comes_first_and_what_is_not_does_not_come() {
        let cases = [case("a", true), case("b", true), case("c", true), case("d", false)];
        let texts = [
            "yaml load constructs python objects from untrusted documents FullLoader",
            "path traversal in extractall of tarfile members",
            "regular expression backtracks catastrophically on cookies",
            "yaml load constructs python objects",
        ];
        let all =
            cases.iter().zip(texts).map(|(case, text)| (case, text.to_owned(), format!("+{}\n", case.id)));
        let index = Index::new(all, "pkg:pypi/x@1", "unsafe yaml load of python objects");
        let found = index.like(&words("unsafe yaml load of python objects"), 3);
        assert_eq!(found.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ["a"], "{found:?}");
        assert!(found[0].likeness > 0.2 && found[0].likeness <= 1.0 && found[0].patch == "+a\n");
        assert!(index.like(&words("quaternions"), 3).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_words(text in "\\PC{0,200}") {
            proptest::prop_assert!(words(&text).len() <= WORDS);
        }
    }
}
