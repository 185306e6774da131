//! What flows between the files of a package.
//!
//! A file is walked by itself first. What it uses of modules that the table does not know is written down
//! ([`Foreign`]), and so is what its own names are and give ([`Gift`]). Where one file's use is another's gift, or hands
//! over something that is worth following, the other is walked again with an [`Outside`].

use super::value::Value;
use super::{Engine, texts};
use crate::decode;
use crate::facts::{Carried, Foreign, Gift, Labels, Reached};
use crate::program::Pattern;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Functions of other files are numbered from here; no file has so many of its own.
const FIRST: usize = 1 << 40;

/// Names of other files that one file may use; who has more is a bundle, and uses few.
const MAX_NAMES: usize = 2_000;

/// Names that a file may have for others.
const MAX_GIFTS: usize = 400;

/// A text is kept for other files up to this length.
const MAX_TEXT: usize = 256 << 10;

/// What is worth following into another file.
pub(crate) const TELLING: Labels = Labels::SECRET
    .and(Labels::SECRET_VARIABLE)
    .and(Labels::ENVIRONMENT)
    .and(Labels::HOST)
    .and(Labels::OUTPUT)
    .and(Labels::TOKEN_FILE)
    .and(Labels::SPIED)
    .and(Labels::NETWORK)
    .and(Labels::SOCKET)
    .and(Labels::DECODED);

/// Whether a function is one of another file.
pub(super) const fn is_foreign(function: usize) -> bool {
    function >= FIRST
}

/// A name below a module: `a` and `b` are `a.b`, `.` and `b` are `.b`.
pub(super) fn below(module: &str, name: &str) -> String {
    let dot = if module.ends_with('.') { "" } else { "." };
    format!("{module}{dot}{name}")
}

/// What other files give a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// What names of modules are, by module and name.
    pub names: FxHashMap<(Box<str>, Box<str>), Gift>,
    /// What functions of the file are called with.
    pub calls: Vec<(Box<str>, Reached, Vec<Carried>)>,
}

impl Outside {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.calls.is_empty()
    }

    /// Adds a name of a module, and says whether that is news.
    pub fn name(&mut self, module: &str, gift: &Gift) -> bool {
        let known = self.names.entry((module.into(), gift.name.clone())).or_default();
        let before = known.clone();
        known.name = gift.name.clone();
        carry(&mut known.value, &gift.value);
        carry(&mut known.result, &gift.result);
        *known != before
    }

    /// Adds a call, and says whether that is news.
    pub fn call(&mut self, call: &Foreign) -> bool {
        let Some((_, reached, args)) = self.calls.iter_mut().find(|(name, ..)| *name == call.name) else {
            self.calls.push((call.name.clone(), call.reached, call.args.clone()));
            return true;
        };
        let before = (*reached, args.clone());
        *reached = (*reached).max(call.reached);
        merge(args, &call.args);
        before.0 != *reached || before.1 != *args
    }
}

fn carry(known: &mut Carried, other: &Carried) {
    known.labels = known.labels.and(other.labels);
    if known.text.is_none() {
        known.text.clone_from(&other.text);
        known.decoded.clone_from(&other.decoded);
    }
}

/// Adds the arguments of another call.
pub fn merge(known: &mut Vec<Carried>, other: &[Carried]) {
    known.resize_with(known.len().max(other.len()), Carried::default);
    for (known, other) in known.iter_mut().zip(other) {
        carry(known, other);
    }
}

impl Carried {
    fn of(value: &Value) -> Self {
        let text = value.known_text().filter(|text| text.len() <= MAX_TEXT);
        let decoded = value.decoded.as_deref().map(Into::into);
        Self { labels: value.labels, text: text.map(|text| (&**text).into()), decoded }
    }

    /// What is left of it where nothing says that it is used unasked: what anybody may know of the machine is handed
    /// around in honest programs as well.
    pub(crate) fn asked_for(&self) -> Self {
        const OPEN: Labels = Labels::ENVIRONMENT
            .and(Labels::VARIABLE)
            .and(Labels::SECRET_VARIABLE)
            .and(Labels::HOST)
            .and(Labels::OUTPUT)
            .and(Labels::NETWORK);
        Self { labels: self.labels.without(OPEN), ..self.clone() }
    }

    /// Whether it says anything that is worth following: a mark, or a text that may be encoded or an address.
    pub(crate) fn tells(&self) -> bool {
        let text = |text: &str| {
            texts::is_interesting(text) || decode::looks_like_base64(text) || decode::looks_like_hex(text)
        };
        self.labels.has(TELLING) || self.decoded.is_some() || self.text.as_deref().is_some_and(text)
    }
}

impl Gift {
    /// What is left of it where nothing says that it is used unasked.
    pub(crate) fn asked_for(&self) -> Self {
        Self { name: self.name.clone(), value: self.value.asked_for(), result: self.result.asked_for() }
    }

    /// Whether it is worth another walk.
    pub(crate) fn tells(&self) -> bool {
        self.value.tells() || self.result.tells()
    }
}

impl From<&Carried> for Value {
    fn from(carried: &Carried) -> Self {
        let text = carried.text.as_deref().map(Rc::from);
        Self { text, decoded: carried.decoded.as_deref().map(Rc::from), ..Self::labelled(carried.labels) }
    }
}

/// The names of other files that a walk came upon.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: Vec<(Box<str>, Box<str>, Vec<Carried>)>,
    by_name: FxHashMap<Box<str>, FxHashMap<Box<str>, usize>>,
}

impl Known {
    pub(super) fn has(&self, function: usize) -> bool {
        self.get(function).is_some()
    }

    /// The name of a function in its own file.
    pub(super) fn name(&self, function: usize) -> Option<&str> {
        self.get(function).map(|(_, name, _)| &**name)
    }

    fn get(&self, function: usize) -> Option<&(Box<str>, Box<str>, Vec<Carried>)> {
        self.names.get(function.checked_sub(FIRST)?)
    }

    fn number(&mut self, module: &str, name: &str) -> Option<usize> {
        if let Some(at) = self.by_name.get(module).and_then(|names| names.get(name)) {
            return Some(FIRST + at);
        }
        let at = self.names.len();
        if at >= MAX_NAMES || module.len() + name.len() > 300 {
            return None;
        }
        self.names.push((module.into(), name.into(), Vec::new()));
        self.by_name.entry(module.into()).or_default().insert(name.into(), at);
        Some(FIRST + at)
    }

    /// What was used, and whether loading the file runs it.
    pub(super) fn used(self, reached: impl Fn(u32) -> Reached) -> impl Iterator<Item = Foreign> {
        let names = self.names.into_iter().enumerate().filter(|(_, (_, name, _))| &**name != "()");
        names.map(move |(at, (module, name, args))| {
            let reached = reached(node(at));
            Foreign { module, name, reached, args }
        })
    }
}

/// The number of a name of another file among functions: from the upper end.
fn node(at: usize) -> u32 {
    u32::MAX - u32::try_from(at).unwrap_or(0)
}

/// The node of any function.
pub(super) fn node_of(function: usize) -> Option<u32> {
    function.checked_sub(FIRST).map(node)
}

impl<'p> Engine<'p, '_> {
    /// A name of a module that the table does not know.
    pub(super) fn foreign_name(&mut self, module: &str, name: &str) -> Value {
        let function = self.foreign.number(module, name);
        let value = self.given(module, name).map(|gift| Value::from(&gift.value)).unwrap_or_default();
        Value { function, ..value }
    }

    fn given(&self, module: &str, name: &str) -> Option<&Gift> {
        let names = Some(&self.outside.names).filter(|names| !names.is_empty())?;
        names.get(&(Box::from(module), Box::from(name)))
    }

    /// A member of such a module, or of what came from one.
    pub(super) fn foreign_member(&mut self, object: &Value, name: &str) -> Option<Value> {
        if let Some((module, outer, _)) = object.function.and_then(|function| self.foreign.get(function)) {
            let made = &**outer == "()";
            let module = if made { module.to_string() } else { below(module, outer) };
            let name = if made { format!(".{name}") } else { name.to_owned() };
            return Some(self.foreign_name(&module, &name));
        }
        let module = object.path.clone().filter(|path| self.modules.contains(&**path))?;
        Some(self.foreign_name(&module, name))
    }

    /// A name that may come from a module whose names are all imported.
    pub(super) fn foreign_star(&mut self, name: &str) -> Option<Value> {
        let outside = self.outside;
        if outside.is_empty() {
            return None;
        }
        let given = |module: &&str| outside.names.contains_key(&(Box::from(*module), Box::from(name)));
        let module = self.stars.iter().rev().copied().find(given)?;
        Some(self.foreign_name(module, name))
    }

    /// A function of another file is called.
    pub(super) fn call_foreign(&mut self, function: usize, args: &[Value], result: Value) -> Value {
        let Some(at) = function.checked_sub(FIRST) else { return result };
        let Some((module, name, known)) = self.foreign.names.get_mut(at) else { return result };
        if self.recording {
            merge(known, &args.iter().take(8).map(Carried::of).collect::<Vec<_>>());
        }
        let (module, name) = (module.clone(), name.clone());
        let gift = self.given(&module, &name).map(|gift| Value::from(&gift.result));
        let mut value = result.or(gift.unwrap_or_default());
        if value.function.is_none() && value.path.is_none() && value.text.is_none() {
            value.function = self.foreign.number(&module, "()");
        }
        value
    }

    /// What other files call functions of this one with.
    pub(super) fn take_in(&mut self) {
        let outside = self.outside;
        for (name, reached, args) in &outside.calls {
            for function in self.offered(name) {
                match reached {
                    Reached::Always => self.calls.call(function),
                    Reached::Handed => self.calls.lead_to(function),
                    Reached::WhenCalled | Reached::AsProgram => {}
                }
                self.hand_in(function, args);
            }
        }
    }

    /// The functions that a name of this file stands for: a function, or those that run when a class is called.
    fn offered(&self, name: &str) -> Vec<usize> {
        if let Some(method) = name.strip_prefix('.') {
            return self.members.get(method).and_then(|member| member.function).into_iter().collect();
        }
        let own = self.scopes.first().and_then(|scope| scope.names.get(name));
        let Some(value) = self.exports.get(name).or(own) else { return Vec::new() };
        self.runs(value)
    }

    fn hand_in(&mut self, id: usize, args: &[Carried]) {
        let Some(known) = self.functions.get(id) else { return };
        let (function, scope) = (known.function, known.scope);
        let is_self = |param: &Pattern| matches!(param, Pattern::Name(name) if &**name == "self");
        let skip = usize::from(function.params.first().is_some_and(is_self));
        let before = std::mem::replace(&mut self.scope, scope);
        self.conditional += 1;
        for (param, arg) in function.params.iter().skip(skip).zip(args) {
            self.bind(param, arg.into());
        }
        self.conditional -= 1;
        self.scope = before;
    }

    /// Something is exported: a map of names, or the whole.
    pub(super) fn export(&mut self, value: Value) {
        let Some(parts) = value.parts.clone().filter(|_| value.text.is_none()) else {
            if value.function.is_some() || !value.labels.is_empty() {
                self.exports.insert("default".into(), value);
            }
            return;
        };
        for (name, part) in parts.iter().take(MAX_GIFTS) {
            if self.exports.len() < MAX_GIFTS && (part.function.is_some() || Carried::of(part).tells()) {
                self.exports.insert(name.clone(), part.clone());
            }
        }
    }

    /// `module.exports = value`, `exports.name = value`.
    pub(super) fn exported_by(&mut self, pattern: &'p Pattern, value: &Value) {
        use crate::program::Expr;
        if !super::eval::is_export(pattern) {
            return;
        }
        let Pattern::Place(Expr::Member(_, name, _)) = pattern else { return };
        if &**name == "exports" {
            self.export(value.clone());
        } else if self.exports.len() < MAX_GIFTS {
            self.exports.insert(name.clone(), value.clone());
        }
    }

    /// Writes down what the file's names are for others.
    pub(super) fn give(&mut self) {
        if self.layer != 0 {
            return;
        }
        let named = self.exports.iter().map(|(name, value)| (Box::from(name.as_str()), value));
        let own = self.scopes.first().into_iter().flat_map(|scope| &scope.names);
        let own = own.map(|(name, value)| (Box::from(*name), value));
        let methods = self.members.iter().map(|(name, value)| (format!(".{name}").into(), value));
        let mut gifts: FxHashMap<Box<str>, Gift> = FxHashMap::default();
        for (name, value) in named.chain(own).chain(methods) {
            let function = value.function.and_then(|function| self.functions.get(function));
            let result = function.map(|known| Carried::of(&known.result)).unwrap_or_default();
            let gift = Gift { name, value: Carried::of(value), result };
            if gift.tells() && gifts.len() < MAX_GIFTS {
                gifts.entry(gift.name.clone()).or_insert(gift);
            }
        }
        let mut gifts: Vec<Gift> = gifts.into_values().collect();
        gifts.sort_by(|a, b| a.name.cmp(&b.name));
        self.out.gifts = gifts;
    }
}
