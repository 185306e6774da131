//! Facts: what a file does, before anybody judges it.

use crate::program::At;

/// What a piece of code can do to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Talks to other machines.
    Network,
    /// Starts programs.
    Process,
    /// Runs text as code.
    DynamicCode,
    /// Loads native code.
    NativeCode,
    /// Reads files.
    FileRead,
    /// Writes files.
    FileWrite,
    /// Deletes files.
    FileDelete,
    /// Reads the environment.
    Environment,
    /// Asks who and where it is: user, host, addresses.
    HostFacts,
    /// Reads or writes the clipboard.
    Clipboard,
    /// Watches the keyboard, the screen or the camera.
    Spying,
    /// Uses a crypto-currency wallet or its provider.
    Wallet,
    /// Encrypts.
    Encryption,
    /// Turns encoded bytes into plain ones.
    Decoding,
}

/// Where a value comes from; a set of marks that flows along with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Labels(pub u32);

impl Labels {
    /// Nothing is known of it.
    pub const NONE: Self = Self(0);
    /// Credentials: key files, token files, password stores, wallets.
    pub const SECRET: Self = Self(1);
    /// One variable of the environment whose name promises a secret.
    pub const SECRET_VARIABLE: Self = Self(1 << 1);
    /// The whole environment.
    pub const ENVIRONMENT: Self = Self(1 << 2);
    /// Any other variable of the environment.
    pub const VARIABLE: Self = Self(1 << 3);
    /// Who and where the machine is.
    pub const HOST: Self = Self(1 << 4);
    /// The contents of a file.
    pub const FILE: Self = Self(1 << 5);
    /// An answer of another machine.
    pub const NETWORK: Self = Self(1 << 6);
    /// The output of a program.
    pub const OUTPUT: Self = Self(1 << 7);
    /// Came out of a decoder.
    pub const DECODED: Self = Self(1 << 8);
    /// The clipboard, the keyboard, the screen.
    pub const SPIED: Self = Self(1 << 9);
    /// The code's own file.
    pub const OWN_CODE: Self = Self(1 << 10);
    /// An answer of a socket: somebody who types commands.
    pub const SOCKET: Self = Self(1 << 11);
    /// The contents of a file with tokens that honest tools read every day.
    pub const TOKEN_FILE: Self = Self(1 << 12);
    /// The key of a wallet that a function was given, as it is: what is computed from it is something else.
    pub const GIVEN_KEY: Self = Self(1 << 13);
    /// The words from which all keys of a wallet come, as a function was given them.
    pub const GIVEN_PHRASE: Self = Self(1 << 14);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether any of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Where values end up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sink {
    /// Sent to another machine: body, headers or address.
    Send,
    /// Run as a program or a shell's command.
    Run,
    /// Run as code of the language itself.
    Eval,
    /// Written to a file.
    Write,
    /// Loaded as a module or library.
    Load,
}

/// Whether running a file reaches a place of it; the order is from least to most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Not by itself, as far as can be told: somebody has to call a function of the file.
    #[default]
    WhenCalled,
    /// If the file is started as a program, and not if it is imported.
    AsProgram,
    /// Its top level, or what that calls, names it or hands it to something that may run it or only keep it.
    Handed,
    /// Its top level runs it, or functions that are called from there.
    Always,
}

/// A capability that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Which.
    pub capability: Capability,
    /// The function, by its resolved name: `child_process.exec`.
    pub api: Box<str>,
    /// The arguments that are plain text, folded, cut to a few hundred characters each.
    pub texts: Vec<Box<str>>,
    /// What its arguments carry.
    pub labels: Labels,
    /// Where.
    pub at: At,
    /// Layers of decoding above it: an index into [`Facts::layers`].
    pub layer: u16,
    /// Whether running the file is enough.
    pub reached: Reached,
}

/// A value that reaches a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// What it carries.
    pub labels: Labels,
    /// Where it ends.
    pub sink: Sink,
    /// The function that takes it, by its resolved name.
    pub api: Box<str>,
    /// The value, where it is a plain text.
    pub text: Option<Box<str>>,
    /// Where.
    pub at: At,
    /// As in [`Use`].
    pub layer: u16,
    /// As in [`Use`].
    pub reached: Reached,
}

/// A text of the program: a literal, or what folding and decoding made of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: Box<str>,
    /// Where the expression that gives it begins.
    pub at: At,
    /// As in [`Use`].
    pub layer: u16,
}

/// A module that is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// As written: `os.path`, `./lib/index.js`.
    pub module: Box<str>,
    /// Where.
    pub at: At,
}

/// What is known of a value that goes from one file to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// What it carries.
    pub labels: Labels,
    /// The text that it is.
    pub text: Option<Box<str>>,
    /// How that was decoded.
    pub decoded: Option<Box<str>>,
}

/// A name of another file of the package, or of any module that the language's table does not know, that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The module, as an import writes it.
    pub module: Box<str>,
    /// The name in it; a method of what it makes begins with a dot.
    pub name: Box<str>,
    /// Whether loading the file runs it.
    pub reached: Reached,
    /// What it is called with; what several calls give is added up.
    pub args: Vec<Carried>,
}

/// A name that a file has for others, where it says anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gift {
    /// The name; a method begins with a dot.
    pub name: Box<str>,
    /// What it is.
    pub value: Carried,
    /// What calling it gives.
    pub result: Carried,
}

/// How code looks, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measures {
    /// Bytes of the file.
    pub bytes: u64,
    /// Lines.
    pub lines: u32,
    /// Length of the longest line, in bytes.
    pub longest_line: u32,
    /// Shannon entropy of the bytes, in bits per byte.
    pub entropy: f32,
    /// Names as obfuscators make them (`_0x1a2b3c`, `__l1lIl`), of all names.
    pub machine_names: u32,
    /// Names.
    pub names: u32,
    /// Sums of nothing but literal numbers, where a person writes the result.
    pub literal_sums: u32,
    /// Texts that are written as escapes (`\x68\x65`), in characters.
    pub escaped: u32,
    /// Accesses by a computed key that folds to a plain name: `a['ev' + 'al']`.
    pub hidden_names: u32,
    /// Bytes of code behind a run of spaces that pushes them out of sight.
    pub pushed_right: u32,
    /// The share of the file, in percent, that is punctuation with which whole programs can be written.
    pub symbols: u32,
    /// Arrays of texts that are rotated until a sum is right.
    pub rotations: u32,
    /// Statements whose order is told by a text of numbers.
    pub flattened: u32,
}

/// A layer of decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// How it was decoded: `base64`, `zlib`.
    pub how: Box<str>,
    /// The layer around it; 0 is the file itself.
    pub outer: u16,
}

/// All that is known of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Capabilities that are used.
    pub uses: Vec<Use>,
    /// Values that reach sinks.
    pub flows: Vec<Flow>,
    /// Texts that were decoded, and literals that are worth a look (addresses, paths, long ones).
    pub texts: Vec<Text>,
    /// Modules.
    pub imports: Vec<Imported>,
    /// Names of other files that are used.
    pub foreign: Vec<Foreign>,
    /// Names that are there for other files.
    pub gifts: Vec<Gift>,
    /// Layers of decoding; the first is the file itself.
    pub layers: Vec<Layer>,
    /// How it looks.
    pub measures: Measures,
    /// Whether it was parsed; where not, the facts come from tokens.
    pub parsed: bool,
    /// Whether it asked for more work than a file gets.
    pub cut_short: bool,
    /// Steps of data-flow that it took.
    pub steps: u32,
}

impl Facts {
    /// A layer of decoding and those around it, innermost first, the file itself left out. It ends: an outer layer has a
    /// lower number, always.
    pub fn layers_above(&self, layer: u16) -> impl Iterator<Item = &Layer> {
        let mut next = layer;
        std::iter::from_fn(move || {
            let layer = self.layers.get(usize::from(next)).filter(|_| next != 0)?;
            next = layer.outer.min(next - 1);
            Some(layer)
        })
    }
}
