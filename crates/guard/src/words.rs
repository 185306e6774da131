//! The user's own words: what they name, and what they ask for.
//!
//! The words of whoever a task is done for are the only text that grants anything. They are read twice: a value that
//! they contain is grounded, and a clause that asks for an effect lets the task begin with it. Reading them is plain
//! matching with a short lexicon of verbs (`verbs.toml`): it knows no attack, and what it does not understand asks for
//! nothing, so that a person is asked instead.

use crate::effect::Effect;
use crate::value::{Kind, folded, is_disguise, number};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// What the user said in a task, in order.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Lower case, single spaces.
    folded: String,
    /// Without any space: accounts are written in groups.
    joined: String,
    /// Numbers, in normal form.
    numbers: BTreeSet<String>,
    /// What the words ask for.
    asked: BTreeSet<Effect>,
    /// What they say not to do, or not yet.
    withheld: bool,
}

/// The lexicon: `verbs.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lexicon {
    /// Words that begin a clause which grants nothing: it is a thought, not an order.
    hypothetical: Vec<String>,
    /// Phrases that take back what is asked for until the user speaks again.
    withhold: Vec<String>,
    /// Words of money.
    money: Vec<String>,
    /// Verbs that ask to pay in a clause that speaks of money or has a number.
    with_money: Vec<String>,
    /// Verbs by the effect that they ask for.
    verbs: BTreeMap<Effect, Vec<String>>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    // The text is part of the program and a test parses it: without it nothing would be granted, which is safe.
    toml::from_str(include_str!("verbs.toml")).unwrap_or(Lexicon {
        hypothetical: Vec::new(),
        withhold: Vec::new(),
        money: Vec::new(),
        with_money: Vec::new(),
        verbs: BTreeMap::new(),
    })
});

impl Words {
    /// Hears what the user says next. New words replace what was asked for before when they withhold it, and add to it
    /// otherwise; what was named stays named.
    pub fn hear(&mut self, text: &str) {
        let clean: String = text.chars().map(|c| if is_disguise(c) { ' ' } else { c }).collect();
        let text = folded(&clean);
        self.withheld = LEXICON.withhold.iter().any(|phrase| contains_phrase(&text, phrase));
        if self.withheld {
            self.asked.clear();
        } else {
            self.asked.extend(clauses(&text).flat_map(asks_for));
        }
        self.numbers.extend(text.split(' ').filter_map(number));
        self.numbers.extend(text.split(|c: char| !c.is_alphabetic()).filter_map(counted));
        self.joined.push('\n');
        self.joined.extend(text.chars().filter(|c| !matches!(c, ' ' | '-')));
        self.folded.push('\n');
        self.folded.push_str(&text);
    }

    /// Whether the words ask for this effect. Reading is always asked for.
    pub fn ask_for(&self, effect: Effect) -> bool {
        effect == Effect::Read || self.asked.contains(&effect)
    }

    /// Whether the words speak of one of these things. Nothing asked for is everything.
    pub fn speak_of(&self, objects: &[String]) -> bool {
        let has = |object: &String| {
            contains_phrase(&self.folded, object) || contains_phrase(&self.folded, &format!("{object}s"))
        };
        objects.is_empty() || objects.iter().any(has)
    }

    /// Whether the last words said not to act yet.
    pub fn withhold(&self) -> bool {
        self.withheld
    }

    /// Whether the words name this value.
    pub fn name(&self, kind: &Kind, text: &str) -> bool {
        let Some(normal) = kind.normal(text) else { return false };
        match kind {
            Kind::Number => self.numbers.contains(&normal),
            Kind::Account if normal.contains(|c: char| c.is_ascii_digit()) => {
                self.joined.to_uppercase().contains(&normal)
            }
            Kind::Url => contains_phrase(&self.folded, &normal) || self.named_host(&normal),
            Kind::Account | Kind::Email | Kind::Path | Kind::Name | Kind::Date | Kind::Id(_) => {
                let normal = normal.to_lowercase();
                normal.chars().count() >= 2 && contains_phrase(&self.folded, &normal)
            }
        }
    }

    /// A host that the user names with no path stands for its front page alone.
    fn named_host(&self, normal: &str) -> bool {
        let bare = normal.trim_end_matches("/index.html");
        bare != normal && contains_phrase(&self.folded, bare)
    }

    /// Whether the words name a person by the parts of a mail address: `ann.lee@…` for "Ann Lee".
    pub fn name_owner(&self, email: &str) -> bool {
        let Some((local, _)) = email.split_once('@') else { return false };
        let parts: Vec<&str> = local.split(['.', '_', '-', '+']).filter(|part| part.len() >= 3).collect();
        !parts.is_empty() && parts.iter().all(|part| contains_phrase(&self.folded, &part.to_lowercase()))
    }
}

/// The worst effect for which people use a verb.
pub(crate) fn worst_of(verb: &str) -> Option<Effect> {
    let uses = LEXICON.verbs.iter().filter(|(_, verbs)| verbs.iter().any(|one| one == verb));
    uses.map(|(effect, _)| *effect).max()
}

/// A small number that is written as a word.
fn counted(word: &str) -> Option<String> {
    const WORDS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    let at = WORDS.iter().position(|known| *known == word);
    at.or(match word {
        "pair" | "couple" => Some(2),
        "dozen" => Some(12),
        _ => None,
    })
    .map(|count| count.to_string())
}

/// Sentences, and their parts where a new order begins.
fn clauses(text: &str) -> impl Iterator<Item = &str> {
    text.split(['.', ';', '!', '?', '\n', ','])
        .flat_map(|part| part.split(" and "))
        .flat_map(|part| part.split(" then "))
}

/// The effects that a clause asks for.
fn asks_for(clause: &str) -> BTreeSet<Effect> {
    if LEXICON.hypothetical.iter().any(|word| contains_phrase(clause, word)) {
        return BTreeSet::new();
    }
    let has = |words: &[String]| words.iter().any(|word| contains_phrase(clause, word));
    let mut asked: BTreeSet<Effect> =
        LEXICON.verbs.iter().filter(|(_, verbs)| has(verbs)).map(|(effect, _)| *effect).collect();
    let of_money = has(&LEXICON.money) || clause.contains(|c: char| c.is_ascii_digit() || "$€£¥".contains(c));
    if of_money && has(&LEXICON.with_money) {
        asked.insert(Effect::Pay);
    }
    asked
}

/// Whether `text` holds `phrase` between borders of words.
pub(crate) fn contains_phrase(text: &str, phrase: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(phrase).any(|(at, found)| {
        let before = text.get(..at).and_then(|left| left.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|right| right.chars().next());
        let border = |inner: Option<char>, outer: Option<char>| {
            !(inner.is_some_and(is_word) && outer.is_some_and(is_word))
        };
        border(phrase.chars().next(), before) && border(phrase.chars().next_back(), after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        let mut words = Words::default();
        words.hear(text);
        words
    }

    #[test]
    fn the_lexicon_is_read() {
        assert!(LEXICON.verbs.len() >= 6 && !LEXICON.withhold.is_empty());
    }

    #[test]
    fn an_order_asks_for_its_effect() {
        let words = words("Please send an email to ann@example.com and delete the file notes.txt.");
        assert!(words.ask_for(Effect::Send) && words.ask_for(Effect::Destroy) && !words.ask_for(Effect::Pay));
        assert!(words.name(&Kind::Email, "Ann@example.com") && words.name(&Kind::Path, "notes.txt"));
        assert!(!words.name(&Kind::Email, "nn@example.com"), "part of a word is another word");
    }

    #[test]
    fn a_thought_and_an_order_not_to_act_ask_for_nothing() {
        let inbox = "Check this inbox too and suggest what you would archive or delete, don't action until I tell you to";
        assert!(Effect::ALL.iter().all(|effect| !words(inbox).ask_for(*effect) || *effect == Effect::Read));
        assert!(!words("What would you delete?").ask_for(Effect::Destroy));
        assert!(!words("Analyse the question in the forum").ask_for(Effect::Publish));
        let mut later = words(inbox);
        later.hear("ok, delete the newsletters");
        assert!(later.ask_for(Effect::Destroy));
        later.hear("Stop, don't do anything");
        assert!(!later.ask_for(Effect::Destroy));
    }

    #[test]
    fn values_are_named_in_any_writing() {
        let words = words("Pay $1,200 to GB29 NWBK 6016 1331, see www.example.com for Ann Lee");
        assert!(words.name(&Kind::Number, "1200.00") && !words.name(&Kind::Number, "120"));
        assert!(words.name(&Kind::Account, "GB29NWBK60161331"));
        assert!(words.name(&Kind::Url, "https://www.example.com/"));
        assert!(!words.name(&Kind::Url, "https://www.example.com/other"));
        assert!(words.name_owner("ann.lee@work.example") && !words.name_owner("eve@work.example"));
    }
}
