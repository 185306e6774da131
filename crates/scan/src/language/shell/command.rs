//! A command as rules may ask about it: its program without path and wrappers, and its arguments.

use super::lex::{Raw, Redirect, Word};
use crate::facts::Labels;

/// A command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// The program: lower case, without its folder and `.exe`, and without what only starts others (`sudo`, `env`).
    pub program: String,
    /// The program as written, with its folder.
    pub path: String,
    /// What its name carries, where that is put together.
    pub carries: Labels,
    /// Its arguments.
    pub args: Vec<Word>,
    /// Where its input comes from and its output goes to.
    pub redirects: Vec<Redirect>,
    /// The text of a here-document.
    pub input: Option<String>,
    /// Where it begins.
    pub at: u32,
}

/// Programs that start the program which follows, and how many arguments of theirs come first.
const WRAPPERS: &[(&str, usize)] = &[
    ("sudo", 0),
    ("doas", 0),
    ("env", 0),
    ("nohup", 0),
    ("setsid", 0),
    ("command", 0),
    ("exec", 0),
    ("time", 0),
    ("nice", 0),
    ("ionice", 0),
    ("xargs", 0),
    ("busybox", 0),
    ("timeout", 1),
    ("start", 0),
    ("call", 0),
    ("then", 0),
    ("do", 0),
    ("else", 0),
    ("if", 0),
    ("while", 0),
    ("until", 0),
    ("!", 0),
    ("{", 0),
    ("@", 0),
];

impl Command {
    pub(super) fn new(raw: Raw) -> Self {
        let at = raw.words.first().map_or(0, |word| word.at);
        let mut words = raw.words.into_iter().peekable();
        let mut command = Self { redirects: raw.redirects, input: raw.input, at, ..Self::default() };
        while let Some(word) = words.next() {
            // `NAME=value program`.
            if assignment(&word.text).is_some() && words.peek().is_some() {
                continue;
            }
            let program = base(&word.text);
            let wrapper = WRAPPERS.iter().find(|(name, _)| *name == program);
            match wrapper.filter(|_| words.peek().is_some()) {
                Some((_, skip)) => {
                    while words.next_if(|next| next.text.starts_with('-')).is_some() {}
                    words.by_ref().take(*skip).for_each(drop);
                }
                None => {
                    command.path = word.text.trim_start_matches('@').to_owned();
                    command.program = program;
                    command.carries = word.labels;
                    break;
                }
            }
        }
        command.args = words.collect();
        command
    }

    /// Whether one of its arguments is `option`.
    pub fn has(&self, option: &str) -> bool {
        self.args.iter().any(|arg| arg.text.eq_ignore_ascii_case(option))
    }

    /// The arguments that are values of options, given as `-o value`, `-ovalue` (short ones) or `--option=value`.
    pub fn values<'a>(&'a self, options: &'a [&str]) -> impl Iterator<Item = Word> + 'a {
        self.args.iter().enumerate().filter_map(|(at, arg)| {
            options.iter().find_map(|option| {
                let (head, rest) = arg.text.split_at_checked(option.len())?;
                let same = head == *option || option.len() > 2 && head.eq_ignore_ascii_case(option);
                let value = match rest {
                    _ if !same => return None,
                    "" => return self.args.get(at + 1).cloned(),
                    rest if option.starts_with("--") => rest.strip_prefix('=')?,
                    rest if option.len() == 2 => rest,
                    _ => return None,
                };
                Some(Word { text: value.to_owned(), ..arg.clone() })
            })
        })
    }

    /// The arguments that are no options.
    pub fn operands(&self) -> impl Iterator<Item = &Word> {
        self.args.iter().filter(|arg| !arg.text.starts_with('-'))
    }

    /// The first argument that is an address.
    pub fn address(&self) -> Option<&Word> {
        self.args.iter().find(|arg| arg.text.contains("://"))
    }

    /// What all arguments carry.
    pub fn labels(&self) -> Labels {
        self.args.iter().fold(self.carries, |all, arg| all.and(arg.labels))
    }

    /// The command with its program first and single spaces, so that two spellings are one.
    pub fn text(&self) -> String {
        let mut text = self.program.clone();
        for arg in &self.args {
            text.push(' ');
            text.push_str(&arg.text);
        }
        for redirect in &self.redirects {
            text.push_str(if redirect.writes { " > " } else { " < " });
            text.push_str(&redirect.target.text);
        }
        text
    }
}

/// A program's name without its folder, in lower case.
fn base(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).trim_start_matches('@').to_ascii_lowercase();
    name.strip_suffix(".exe").unwrap_or(&name).to_owned()
}

/// `NAME=value`, or PowerShell's `$NAME=value`.
pub(super) fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.strip_prefix('$').unwrap_or(name);
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then_some((name, value))
}
