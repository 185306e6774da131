//! Splits a script into commands, as tolerantly as shells do: nothing here fails, and what is odd becomes a word.
//!
//! One reader for `sh`, batch files and PowerShell: they agree on what matters here (words, quotes, pipes, and what
//! separates commands), and a script that mixes them up is read as its author hoped it would be.

use crate::facts::Labels;
use crate::flow::secret;
use std::collections::HashMap;

/// Bytes of a word from which on nothing is put into it.
const MAX_WORD: usize = 4_000;

/// A word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// The word without its quotes, with the variables that are known put in.
    pub text: String,
    /// What its variables and substitutions carry.
    pub labels: Labels,
    /// Where it begins.
    pub at: u32,
}

/// Where a command's input comes from or its output goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Whether it is written: `>`, `>>`.
    pub writes: bool,
    /// The file.
    pub target: Word,
}

/// A command as written: its program is the first word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) words: Vec<Word>,
    pub(super) redirects: Vec<Redirect>,
    /// The text of a here-document.
    pub(super) input: Option<String>,
}

/// Commands of which each reads what the one before writes.
pub(super) type Pipeline = Vec<Raw>;

/// What substitutions need: runs a text as a script of its own, and gives what its output carries.
pub(super) trait Substitute {
    fn substitute(&mut self, script: &str, at: u32) -> Labels;
}

/// What is known of variables.
pub(super) type Variables = HashMap<String, Word>;

/// The reader.
pub(super) struct Lexer<'a, 'v> {
    text: &'a str,
    at: usize,
    variables: &'v Variables,
    /// Here-documents whose text follows the line: the command, by its place in the pipeline, and the end mark.
    waiting: Vec<(usize, String)>,
}

/// How a pipeline ended.
pub(super) enum Ended {
    Here,
    Text,
}

impl<'a, 'v> Lexer<'a, 'v> {
    pub(super) fn new(text: &'a str, at: usize, variables: &'v Variables) -> Self {
        Self { text, at, variables, waiting: Vec::new() }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, what: &str) -> bool {
        let there = self.rest().starts_with(what);
        if there {
            self.at += what.len();
        }
        there
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_line(&mut self) {
        self.at += memchr::memchr(b'\n', self.rest().as_bytes()).unwrap_or(self.rest().len());
    }

    /// The next pipeline; an empty one where there is only a separator.
    pub(super) fn pipeline(&mut self, run: &mut dyn Substitute) -> (Pipeline, Ended) {
        let mut pipeline = vec![Raw::default()];
        loop {
            let Some(c) = self.peek() else { return (pipeline, Ended::Text) };
            match c {
                ' ' | '\t' | '\r' => drop(self.bump()),
                '\\' if self.rest().starts_with("\\\n") || self.rest().starts_with("\\\r\n") => {
                    self.skip_line();
                    self.bump();
                }
                '#' => self.skip_line(),
                '\n' => {
                    self.bump();
                    self.documents(&mut pipeline);
                    return (pipeline, Ended::Here);
                }
                ';' | '(' | ')' => {
                    self.bump();
                    return (pipeline, Ended::Here);
                }
                '&' if self.rest().starts_with("&>") => self.redirect(&mut pipeline, run),
                '&' => {
                    self.bump();
                    self.eat("&");
                    return (pipeline, Ended::Here);
                }
                '|' => {
                    self.bump();
                    if self.eat("|") {
                        return (pipeline, Ended::Here);
                    }
                    self.eat("&");
                    pipeline.push(Raw::default());
                }
                '<' if self.rest().starts_with("<(") => {
                    let word = self.word(run);
                    push(&mut pipeline, word);
                }
                '>' | '<' => self.redirect(&mut pipeline, run),
                '0'..='9' if self.rest().get(1..2) == Some(">") => {
                    self.bump();
                    self.redirect(&mut pipeline, run);
                }
                _ => {
                    let word = self.word(run);
                    push(&mut pipeline, word);
                }
            }
        }
    }

    fn redirect(&mut self, pipeline: &mut Pipeline, run: &mut dyn Substitute) {
        self.eat("&");
        let document = self.eat("<<");
        let writes = !document && self.rest().starts_with('>');
        while matches!(self.peek(), Some('<' | '>' | '&' | '-' | '|')) {
            self.bump();
        }
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.bump();
        }
        let target = self.word(run);
        let place = pipeline.len() - 1;
        let Some(command) = pipeline.last_mut() else { return };
        if document {
            self.waiting.push((place, target.text));
        } else if !target.text.is_empty() {
            command.redirects.push(Redirect { writes, target });
        }
    }

    /// Reads the here-documents that were announced on the line before.
    fn documents(&mut self, pipeline: &mut Pipeline) {
        for (place, mark) in std::mem::take(&mut self.waiting) {
            let start = self.at;
            let mut end = self.text.len();
            while self.at < self.text.len() {
                let line_at = self.at;
                self.skip_line();
                let line = self.text.get(line_at..self.at).unwrap_or_default();
                self.bump();
                if line.trim() == mark {
                    end = line_at;
                    break;
                }
            }
            if let Some(command) = pipeline.get_mut(place) {
                command.input = Some(self.text.get(start..end).unwrap_or_default().to_owned());
            }
        }
    }

    fn word(&mut self, run: &mut dyn Substitute) -> Word {
        let mut word = Word { at: u32::try_from(self.at).unwrap_or(u32::MAX), ..Word::default() };
        while let Some(c) = self.peek() {
            match c {
                '<' if self.rest().starts_with("<(") => {
                    self.bump();
                    self.substitution(&mut word, run);
                }
                ' ' | '\t' | '\r' | '\n' | ';' | '|' | '&' | '<' | '>' | '(' | ')' => break,
                '\'' => {
                    self.bump();
                    let body = self.rest();
                    let len = body.find('\'').unwrap_or(body.len());
                    word.text.push_str(body.get(..len).unwrap_or_default());
                    self.at = (self.at + len + 1).min(self.text.len());
                }
                '"' => {
                    self.bump();
                    self.quoted(&mut word, run);
                }
                '\\' => {
                    self.bump();
                    self.escaped(&mut word);
                }
                // Batch files hide words with it; at the end of a line it joins lines.
                '^' => drop(self.bump()),
                '$' | '`' => self.expansion(&mut word, run),
                _ => {
                    self.bump();
                    word.text.push(c);
                }
            }
        }
        word
    }

    /// A backslash: before a letter it is part of a Windows path.
    fn escaped(&mut self, word: &mut Word) {
        match self.peek() {
            Some('\n') => drop(self.bump()),
            Some(c) if c.is_ascii_alphanumeric() || c == '\\' || c == '.' => word.text.push('\\'),
            Some(c) => {
                self.bump();
                word.text.push(c);
            }
            None => {}
        }
    }

    fn quoted(&mut self, word: &mut Word, run: &mut dyn Substitute) {
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.bump();
                    return;
                }
                '\\' if self.rest().get(1..2).is_some_and(|next| matches!(next, "\"" | "$" | "`")) => {
                    self.bump();
                    word.text.extend(self.bump());
                }
                '$' | '`' => self.expansion(word, run),
                _ => {
                    self.bump();
                    word.text.push(c);
                }
            }
        }
    }

    /// `$name`, `${name}`, `$(script)`, `` `script` ``.
    fn expansion(&mut self, word: &mut Word, run: &mut dyn Substitute) {
        let first = self.bump();
        if first == Some('`') {
            let body = self.rest();
            // PowerShell escapes with it: then there is no second one near.
            let Some(len) = body.find('`').filter(|len| body.get(..*len).is_some_and(|b| !b.contains('\n')))
            else {
                return;
            };
            let at = u32::try_from(self.at).unwrap_or(u32::MAX);
            word.labels = word.labels.and(run.substitute(body.get(..len).unwrap_or_default(), at));
            word.text.push('\u{FFFC}');
            self.at += len + 1;
        } else if self.rest().starts_with('(') {
            self.substitution(word, run);
        } else {
            self.variable(word);
        }
    }

    fn substitution(&mut self, word: &mut Word, run: &mut dyn Substitute) {
        self.bump();
        let body = self.rest();
        let len = closing(body);
        let at = u32::try_from(self.at).unwrap_or(u32::MAX);
        word.labels = word.labels.and(run.substitute(body.get(..len).unwrap_or_default(), at));
        word.text.push('\u{FFFC}');
        self.at = (self.at + len + 1).min(self.text.len());
    }

    fn variable(&mut self, word: &mut Word) {
        let braced = self.eat("{");
        let body = self.rest();
        let body = body.strip_prefix("env:").unwrap_or(body);
        self.at = self.text.len() - body.len();
        let len = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
        let name = body.get(..len).unwrap_or_default();
        self.at += len;
        if braced {
            let rest = self.rest();
            self.at += rest.find('}').map_or(rest.len(), |at| at + 1);
        }
        if name.is_empty() {
            word.text.push('$');
        } else if let Some(known) = self.variables.get(name) {
            // A value of itself, again and again, grows without end.
            if word.text.len() < MAX_WORD {
                word.text.push_str(&known.text);
            }
            word.labels = word.labels.and(known.labels);
        } else if name == "HOME" {
            word.text.push('~');
        } else {
            word.text.push('$');
            word.text.push_str(name);
            word.labels = word.labels.and(secret::of_variable(name));
        }
    }
}

fn push(pipeline: &mut Pipeline, word: Word) {
    if let Some(command) = pipeline.last_mut() {
        command.words.push(word);
    }
}

/// Where the parenthesis closes that was opened before `text`, quotes and inner ones skipped.
fn closing(text: &str) -> usize {
    let (mut depth, mut quote, mut escaped) = (0usize, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return at,
            },
            _ => {}
        }
    }
    text.len()
}
