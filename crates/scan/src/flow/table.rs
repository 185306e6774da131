//! What the functions of a language do: a text file per language, one function per line.
//!
//! ```text
//! # NAME              WORDS
//! @globals builtins __builtins__
//! os.system           process sink:run
//! requests.*          network sink:send source:network
//! os.environ          value environment source:environment
//! ```
//!
//! A name ends in `.*` for everything below it, and begins with `*.` for a method of any object. What a call gives is
//! named `NAME()`, so `socket.socket().recv` is a method of what `socket.socket` gives. Words: a capability; `value`
//! (reading it is enough, it need not be called); `sink:`, `source:`, `decode:`; and `do:` for what the engine itself
//! must understand.

use crate::decode::Decoder;
use crate::facts::{Capability, Labels, Sink};
use rustc_hash::{FxHashMap, FxHashSet};

/// What the engine itself must understand of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Gives the module that its first argument names.
    Import,
    /// Gives the member of its first argument that its second names.
    Member,
    /// Gives a function that calls its first argument.
    Partial,
    /// Gives its first argument, or a text made of all.
    Identity,
    /// Gives its arguments joined as a path.
    JoinPath,
    /// Opens the file that its first argument names; the mode is the second.
    Open,
    /// Gives a variable of the environment by its name.
    Variable,
    /// Gives the character of a number.
    Character,
    /// Gives the number of a character.
    Code,
    /// Decodes its first argument by the encoding that its second names.
    Encoding,
    /// Runs its first argument, which is a function.
    CallFirst,
    /// Hands what the object gives over to its first argument.
    Pipe,
    /// Hands what its first argument gives over to its second.
    Copy,
}

/// What a function does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Api {
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) sink: Option<Sink>,
    pub(crate) source: Labels,
    pub(crate) decode: Option<Decoder>,
    pub(crate) action: Option<Action>,
    pub(crate) value: bool,
}

/// The functions of a language.
#[derive(Debug, Default)]
pub struct Table {
    exact: FxHashMap<&'static str, Api>,
    below: FxHashMap<&'static str, Api>,
    methods: FxHashMap<&'static str, Api>,
    globals: FxHashSet<&'static str>,
    /// Everything that a name of the table begins with: no other path is worth remembering.
    beginnings: FxHashSet<&'static str>,
    problems: Vec<String>,
}

impl Table {
    /// Reads a table. Lines that are wrong are left out, and a test of each table asks for [`Table::problems`].
    pub fn parse(text: &'static str) -> Self {
        let mut table = Self::default();
        for line in text.lines() {
            let line = line.split(" #").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            if name == "@globals" {
                for word in words {
                    table.begin(word);
                    table.globals.insert(word);
                }
                continue;
            }
            let mut api = Api::default();
            for word in words {
                if !api.read(word) {
                    table.problems.push(format!("{name}: {word}"));
                }
            }
            table.begin(name);
            let before = match (name.strip_suffix(".*"), name.strip_prefix("*.")) {
                (Some(prefix), _) => table.below.insert(prefix, api),
                (_, Some(method)) => table.methods.insert(method, api),
                _ => table.exact.insert(name, api),
            };
            if before.is_some() {
                table.problems.push(format!("{name}: twice"));
            }
        }
        table
    }

    /// Remembers what a name begins with: `a.B().c` with `a`, `a.B` and `a.B()`.
    fn begin(&mut self, name: &'static str) {
        for (at, _) in name.match_indices(['.', '(']) {
            self.beginnings.extend(name.get(..at));
        }
        self.beginnings.insert(name);
    }

    /// Whether a path is, or may become, one that the table says something of.
    pub(crate) fn leads(&self, path: &str) -> bool {
        self.beginnings.contains(path) || self.globals.contains(path) || self.get(path).is_some()
    }

    /// Whether the table may say something of what is below a path.
    pub(crate) fn has_below(&self, path: &str) -> bool {
        self.beginnings.contains(path) || self.get_below(path).is_some()
    }

    /// What is wrong with it, for its test.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Every function that has a name of its own.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &Api)> {
        self.exact.iter().map(|(path, api)| (*path, api))
    }

    /// Whether a name is one of the global object, whose members are the global names.
    pub(crate) fn is_global_object(&self, path: &str) -> bool {
        self.globals.contains(path)
    }

    /// What is known of a name: itself, a method of that name, or the nearest name above it.
    pub(crate) fn get(&self, path: &str) -> Option<&Api> {
        if let Some(api) = self.exact.get(path) {
            return Some(api);
        }
        self.get_below(path.rsplit_once('.')?.0)
    }

    /// What is known of everything below a path, or below the nearest above it.
    fn get_below(&self, path: &str) -> Option<&Api> {
        let mut above = path;
        loop {
            if let Some(api) = self.below.get(above) {
                return Some(api);
            }
            above = above.rsplit_once('.')?.0;
        }
    }

    /// What a method of that name does, whatever the object is.
    pub(crate) fn method(&self, name: &str) -> Option<&Api> {
        self.methods.get(name)
    }
}

impl Api {
    fn read(&mut self, word: &str) -> bool {
        let Some((kind, what)) = word.split_once(':') else { return self.read_plain(word) };
        match kind {
            "sink" => self.sink = sink(what),
            "source" => self.source = label(what).map_or(self.source, |label| self.source.and(label)),
            "decode" => self.decode = Decoder::named(what),
            "do" => self.action = action(what),
            _ => return false,
        }
        match kind {
            "sink" => self.sink.is_some(),
            "source" => label(what).is_some(),
            "decode" => self.decode.is_some(),
            _ => self.action.is_some(),
        }
    }

    fn read_plain(&mut self, word: &str) -> bool {
        if word == "value" {
            self.value = true;
            return true;
        }
        let Some(capability) = capability(word) else { return false };
        self.capabilities.push(capability);
        true
    }
}

fn capability(word: &str) -> Option<Capability> {
    Some(match word {
        "network" => Capability::Network,
        "process" => Capability::Process,
        "dynamic" => Capability::DynamicCode,
        "native" => Capability::NativeCode,
        "file-read" => Capability::FileRead,
        "file-write" => Capability::FileWrite,
        "file-delete" => Capability::FileDelete,
        "environment" => Capability::Environment,
        "host" => Capability::HostFacts,
        "clipboard" => Capability::Clipboard,
        "spying" => Capability::Spying,
        "wallet" => Capability::Wallet,
        "encryption" => Capability::Encryption,
        "decoding" => Capability::Decoding,
        _ => return None,
    })
}

fn sink(word: &str) -> Option<Sink> {
    Some(match word {
        "send" => Sink::Send,
        "run" => Sink::Run,
        "eval" => Sink::Eval,
        "write" => Sink::Write,
        "load" => Sink::Load,
        _ => return None,
    })
}

fn label(word: &str) -> Option<Labels> {
    Some(match word {
        "secret" => Labels::SECRET,
        "environment" => Labels::ENVIRONMENT,
        "variable" => Labels::VARIABLE,
        "host" => Labels::HOST,
        "file" => Labels::FILE,
        "network" => Labels::NETWORK,
        "output" => Labels::OUTPUT,
        "decoded" => Labels::DECODED,
        "spied" => Labels::SPIED,
        "own-code" => Labels::OWN_CODE,
        "socket" => Labels::SOCKET,
        _ => return None,
    })
}

fn action(word: &str) -> Option<Action> {
    Some(match word {
        "import" => Action::Import,
        "member" => Action::Member,
        "partial" => Action::Partial,
        "identity" => Action::Identity,
        "join-path" => Action::JoinPath,
        "open" => Action::Open,
        "variable" => Action::Variable,
        "character" => Action::Character,
        "code" => Action::Code,
        "encoding" => Action::Encoding,
        "pipe" => Action::Pipe,
        "copy" => Action::Copy,
        "call-first" => Action::CallFirst,
        _ => return None,
    })
}
