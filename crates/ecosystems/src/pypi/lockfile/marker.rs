//! Environment markers: parsed, and evaluated for one target.
//!
//! The grammar and its meaning are those of the dependency specifiers specification, with the sets `extras`
//! and `dependency_groups` that lock files add (PEP 751). Evaluation is direct: a library that turns
//! markers into decision diagrams needs exponential space for a hostile one and knows no sets.

use super::target::Target;
use pep440_rs::{Version, VersionSpecifier};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Bytes of one marker.
const MAX_BYTES: usize = 16 << 10;
/// Nested parentheses.
const MAX_DEPTH: usize = 32;

/// A parsed marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(Node);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Compare { left: Value, op: Op, right: Value },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Variable(Variable),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    In,
    NotIn,
    /// One of `<`, `<=`, `!=`, `==`, `>=`, `>`, `~=`, `===`.
    Symbol(&'static str),
}

/// Longest first: a prefix must not win.
const SYMBOLS: &[&str] = &["===", "<=", "!=", "==", ">=", "~=", "<", ">"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    PythonVersion,
    PythonFullVersion,
    OsName,
    SysPlatform,
    PlatformRelease,
    PlatformSystem,
    PlatformVersion,
    PlatformMachine,
    PlatformPythonImplementation,
    ImplementationName,
    ImplementationVersion,
    Extra,
    Extras,
    DependencyGroups,
}

/// With the names of PEP 345 that old files still carry.
const VARIABLES: &[(&str, Variable)] = &[
    ("python_version", Variable::PythonVersion),
    ("python_full_version", Variable::PythonFullVersion),
    ("os_name", Variable::OsName),
    ("os.name", Variable::OsName),
    ("sys_platform", Variable::SysPlatform),
    ("sys.platform", Variable::SysPlatform),
    ("platform_release", Variable::PlatformRelease),
    ("platform_system", Variable::PlatformSystem),
    ("platform_version", Variable::PlatformVersion),
    ("platform.version", Variable::PlatformVersion),
    ("platform_machine", Variable::PlatformMachine),
    ("platform.machine", Variable::PlatformMachine),
    ("platform_python_implementation", Variable::PlatformPythonImplementation),
    ("platform.python_implementation", Variable::PlatformPythonImplementation),
    ("python_implementation", Variable::PlatformPythonImplementation),
    ("implementation_name", Variable::ImplementationName),
    ("implementation_version", Variable::ImplementationVersion),
    ("extra", Variable::Extra),
    ("extras", Variable::Extras),
    ("dependency_groups", Variable::DependencyGroups),
];

/// What a marker is evaluated for.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Interpreter and platform.
    pub target: &'a Target,
    /// The extras in force.
    pub extras: &'a BTreeSet<String>,
    /// The dependency groups in force.
    pub groups: &'a BTreeSet<String>,
}

impl FromStr for Marker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("the marker is longer than {} KiB", MAX_BYTES >> 10));
        }
        let mut parser = Parser { rest: text };
        let node = parser.any(0)?;
        parser.skip_space();
        if parser.rest.is_empty() { Ok(Self(node)) } else { Err(parser.unexpected("`and`, `or` or the end")) }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn unexpected(&self, wanted: &str) -> String {
        let near: String = self.rest.chars().take(24).collect();
        format!("the marker needs {wanted} at {near:?}")
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(symbol);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The word here, not taken.
    fn peek_word(&self) -> &'a str {
        let rest = self.rest.trim_start();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == word;
        if found {
            self.symbol(word);
        }
        found
    }

    fn any(&mut self, depth: usize) -> Result<Node, String> {
        let mut nodes = vec![self.all(depth)?];
        while self.word("or") {
            nodes.push(self.all(depth)?);
        }
        Ok(Node::Any(nodes))
    }

    fn all(&mut self, depth: usize) -> Result<Node, String> {
        let mut nodes = vec![self.operand(depth)?];
        while self.word("and") {
            nodes.push(self.operand(depth)?);
        }
        Ok(Node::All(nodes))
    }

    fn operand(&mut self, depth: usize) -> Result<Node, String> {
        if self.symbol("(") {
            if depth >= MAX_DEPTH {
                return Err(format!("the marker nests deeper than {MAX_DEPTH} parentheses"));
            }
            let inner = self.any(depth + 1)?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.unexpected("`)`")) };
        }
        let left = self.value()?;
        let op = self.op()?;
        let right = self.value()?;
        if matches!((&left, &right), (Value::Text(_), Value::Text(_))) {
            return Err("the marker compares two texts, not a variable".into());
        }
        Ok(Node::Compare { left, op, right })
    }

    fn op(&mut self) -> Result<Op, String> {
        if self.word("in") {
            return Ok(Op::In);
        }
        if self.word("not") {
            return if self.word("in") { Ok(Op::NotIn) } else { Err(self.unexpected("`in`")) };
        }
        let symbol = SYMBOLS.iter().find(|symbol| self.symbol(symbol));
        symbol.map(|symbol| Op::Symbol(symbol)).ok_or_else(|| self.unexpected("a comparison"))
    }

    fn value(&mut self) -> Result<Value, String> {
        self.skip_space();
        for quote in ['"', '\''] {
            if let Some(inner) = self.rest.strip_prefix(quote) {
                let (text, rest) =
                    inner.split_once(quote).ok_or_else(|| self.unexpected("a closing quote"))?;
                self.rest = rest;
                return Ok(Value::Text(text.to_owned()));
            }
        }
        let word = self.peek_word();
        let known = VARIABLES.iter().find(|(name, _)| *name == word);
        let (_, variable) = known.ok_or_else(|| self.unexpected("a variable or a quoted text"))?;
        self.symbol(word);
        Ok(Value::Variable(*variable))
    }
}

impl Marker {
    /// Whether the marker holds.
    ///
    /// # Errors
    /// A sentence, if a comparison has no meaning: `~=` between texts, an order of sets.
    pub fn evaluate(&self, context: &Context<'_>) -> Result<bool, String> {
        self.0.evaluate(context)
    }
}

impl Node {
    /// Without short cuts: a meaningless comparison is an error wherever it stands, as in `packaging`.
    fn evaluate(&self, context: &Context<'_>) -> Result<bool, String> {
        match self {
            Self::Any(nodes) => {
                nodes.iter().try_fold(false, |held, node| Ok(node.evaluate(context)? || held))
            }
            Self::All(nodes) => nodes.iter().try_fold(true, |held, node| Ok(node.evaluate(context)? && held)),
            Self::Compare { left, op, right } => compare(left, *op, right, context),
        }
    }
}

fn compare(left: &Value, op: Op, right: &Value, context: &Context<'_>) -> Result<bool, String> {
    match (left, right) {
        (Value::Text(name), Value::Variable(set @ (Variable::Extras | Variable::DependencyGroups))) => {
            let names = if *set == Variable::Extras { context.extras } else { context.groups };
            let held = names.iter().any(|known| normalise(known) == normalise(name));
            match op {
                Op::In => Ok(held),
                Op::NotIn => Ok(!held),
                Op::Symbol(symbol) => {
                    Err(format!("a set of names is compared by `{symbol}`; only `in` has a meaning"))
                }
            }
        }
        (Value::Variable(Variable::Extras | Variable::DependencyGroups), _)
        | (_, Value::Variable(Variable::Extras | Variable::DependencyGroups)) => {
            Err("a set of names stands only on the right of `in`".into())
        }
        (Value::Variable(Variable::Extra), Value::Text(text))
        | (Value::Text(text), Value::Variable(Variable::Extra)) => compare_extra(op, text, context),
        (Value::Variable(variable), Value::Text(text)) => {
            compare_texts(*variable, &lookup(*variable, context), op, text)
        }
        (Value::Text(text), Value::Variable(variable)) => {
            compare_texts(*variable, text, op, &lookup(*variable, context))
        }
        (Value::Variable(one), Value::Variable(other)) => {
            compare_texts(*one, &lookup(*one, context), op, &lookup(*other, context))
        }
        (Value::Text(one), Value::Text(other)) => compare_texts(Variable::Extra, one, op, other),
    }
}

/// `extra` holds for each extra in force; with none it is the empty text.
fn compare_extra(op: Op, text: &str, context: &Context<'_>) -> Result<bool, String> {
    let wanted = normalise(text);
    let held = match wanted.as_str() {
        "" => context.extras.is_empty(),
        name => context.extras.iter().any(|extra| normalise(extra) == name),
    };
    match op {
        Op::Symbol("==" | "===") => Ok(held),
        Op::Symbol("!=") => Ok(!held),
        _ => Err("`extra` is compared with `==` or `!=` only".into()),
    }
}

fn lookup(variable: Variable, context: &Context<'_>) -> String {
    let target = context.target;
    match variable {
        Variable::PythonVersion => target.python_version(),
        Variable::PythonFullVersion => target.python_full_version.to_string(),
        Variable::OsName => target.os_name.clone(),
        Variable::SysPlatform => target.sys_platform.clone(),
        Variable::PlatformRelease => target.platform_release.clone(),
        Variable::PlatformSystem => target.platform_system.clone(),
        Variable::PlatformVersion => target.platform_version.clone(),
        Variable::PlatformMachine => target.platform_machine.clone(),
        Variable::PlatformPythonImplementation => target.platform_python_implementation.clone(),
        Variable::ImplementationName => target.implementation_name.clone(),
        Variable::ImplementationVersion => target.implementation_version.to_string(),
        Variable::Extra | Variable::Extras | Variable::DependencyGroups => String::new(),
    }
}

/// Versions where the variable is one and the other side is one too, else texts.
fn compare_texts(variable: Variable, left: &str, op: Op, right: &str) -> Result<bool, String> {
    if is_version(variable) && op == Op::Symbol("===") {
        return Ok(left.eq_ignore_ascii_case(right));
    }
    if let (true, Op::Symbol(symbol)) = (is_version(variable), op)
        && let Ok(specifier) = format!("{symbol}{right}").parse::<VersionSpecifier>()
    {
        return Ok(left.parse::<Version>().is_ok_and(|version| specifier.contains(&version)));
    }
    match op {
        Op::In => Ok(right.contains(left)),
        Op::NotIn => Ok(!right.contains(left)),
        Op::Symbol("==" | "<=" | ">=") => Ok(left == right),
        Op::Symbol("!=") => Ok(left != right),
        // Texts have no order: the specification leaves them equal or not.
        Op::Symbol("<" | ">") => Ok(false),
        Op::Symbol(symbol) => Err(format!("`{symbol}` has no meaning between {left:?} and {right:?}")),
    }
}

const fn is_version(variable: Variable) -> bool {
    matches!(
        variable,
        Variable::PythonVersion
            | Variable::PythonFullVersion
            | Variable::ImplementationVersion
            | Variable::PlatformRelease
    )
}

/// A name as PEP 503 (projects) and PEP 685 (extras) compare it.
pub(crate) fn normalise(name: &str) -> String {
    trustmill_core::Purl::project("pypi", name).name()
}
