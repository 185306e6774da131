//! A program as the scanner sees it, whatever language it was written in.
//!
//! Each language lowers its syntax tree to this, once; folding, decoding and data-flow are written once, over this.
//! It keeps what matters for where data goes and which functions are called, and drops the rest. Lowering never fails:
//! what has no place here becomes an [`Expr::Group`] of its parts, so that nothing inside it is lost.

use compact_str::CompactString;
use std::rc::Rc;

/// The name of a variable, a member, a module: most are short, and need no memory of their own.
pub type Name = CompactString;

/// A byte offset into the source text.
pub type At = u32;

/// Where lowering stops: deeper trees are cut off, and the file counts as cut short.
pub const MAX_DEPTH: u16 = 200;

/// A lowered file.
#[derive(Debug, Default)]
pub struct Program {
    /// Its statements.
    pub body: Vec<Stmt>,
    /// Whether something was too deep or too much to be lowered.
    pub cut_short: bool,
    /// How it looks.
    pub look: Look,
}

/// What lowering counts of a program's look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Names.
    pub names: u32,
    /// Names as obfuscators make them.
    pub machine_names: u32,
    /// Sums of nothing but literal numbers, where a person writes the result.
    pub literal_sums: u32,
}

/// What has a value.
#[derive(Debug, Default)]
pub enum Expr {
    /// A literal text; bytes are read as Latin-1, each byte a character.
    Text(Rc<str>, At),
    /// A literal number.
    Number(f64),
    /// A variable.
    Name(Name, At),
    /// `object.name`.
    Member(Box<Expr>, Name, At),
    /// `object[key]`.
    Index(Box<Expr>, Box<Expr>, At),
    /// A call; `new` is a call too.
    Call(Box<Call>),
    /// Texts that are joined: `a + b`, templates, f-strings, `%` and `format`.
    Join(Vec<Expr>, At),
    /// `a - b`, `a ^ b` and other arithmetic, where a decoder's key may be.
    Arithmetic(&'static str, Box<Expr>, Box<Expr>),
    /// Array, tuple, set. A comprehension is the list of its element.
    List(Vec<Expr>, At),
    /// A comprehension over one thing: the variable, what is walked over, the element.
    Each(Box<Pattern>, Box<Expr>, Box<Expr>),
    /// Object, dict. Keys that are spread in have the key [`Expr::Nothing`].
    Map(Vec<(Expr, Expr)>, At),
    /// A function as a value.
    Function(Box<Function>),
    /// One of several: a conditional, `a or b`, `a ?? b`.
    Either(Vec<Expr>),
    /// `name = value` where a value is expected; also Python's `:=`.
    Assign(Box<Pattern>, Box<Expr>),
    /// Anything else, which may carry what its parts carry.
    Group(Vec<Expr>),
    /// No value, or one that says nothing: `null`, `true`, `this`.
    #[default]
    Nothing,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// What is called.
    pub callee: Expr,
    /// Arguments by position; a spread one is a [`Expr::Group`].
    pub args: Vec<Expr>,
    /// Arguments by name (Python).
    pub named: Vec<(Name, Expr)>,
    /// Where the call begins.
    pub at: At,
}

/// A function.
#[derive(Debug, Default)]
pub struct Function {
    /// Its name, where it has one.
    pub name: Option<Name>,
    /// Its parameters, in order.
    pub params: Vec<Pattern>,
    /// Variables that it declares, and that are not those of the same name around it.
    pub locals: Vec<Name>,
    /// Its body; that of an arrow function without braces is one [`Stmt::Return`].
    pub body: Vec<Stmt>,
    /// Where it begins.
    pub at: At,
}

/// What is assigned to.
#[derive(Debug)]
pub enum Pattern {
    /// A variable.
    Name(Name),
    /// `object.name`, `object[key]`.
    Place(Expr),
    /// `{key: pattern}`: parts by their key.
    Keys(Vec<(Name, Pattern)>),
    /// `[a, b]`: parts by their position.
    Items(Vec<Pattern>),
    /// Anything else.
    Other,
}

/// What is done.
#[derive(Debug)]
pub enum Stmt {
    /// A value is computed and dropped.
    Expr(Expr),
    /// `pattern = value`; several where one value goes to each.
    Assign(Vec<Pattern>, Expr),
    /// `import module`, `from module import name as alias`, `use path`; `names` is empty where the module itself is
    /// bound, then to `alias`.
    Import(Import),
    /// A named function.
    Function(Function),
    /// A class: its bases, and its body.
    Class {
        /// Its name.
        name: Name,
        /// What it inherits from.
        bases: Vec<Expr>,
        /// Its body.
        body: Vec<Stmt>,
    },
    /// `if`, `while`, `for`, `try`, `with` and plain blocks: the body may run.
    Block {
        /// What it depends on.
        guard: Option<Expr>,
        /// What may run.
        body: Vec<Stmt>,
    },
    /// The value of the function.
    Return(Expr),
    /// `module.exports = value`, `export …`, and what Python's module gives by being imported needs nothing.
    Export(Expr),
}

/// An import.
#[derive(Debug)]
pub struct Import {
    /// The module, as written; relative ones begin with a dot.
    pub module: Name,
    /// The variable that the module itself is bound to.
    pub alias: Option<Name>,
    /// `(name in the module, variable)`.
    pub names: Vec<(Name, Name)>,
    /// Where it stands.
    pub at: At,
}
