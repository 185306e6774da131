//! Statements and expressions.

use super::reached::{Calls, PROGRAM, TOP};
use super::value::{MAX_PARTS, UNKNOWN, Value};
use super::{Engine, Known, Scope, fold, foreign, push_layer, secret, texts};
use crate::decode::{self, Decoder, MAX_OUTPUT};
use crate::facts::{Capability, Labels};
use crate::program::{At, Expr, Function, Import, Pattern, Stmt};
use compact_str::ToCompactString;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Texts that are decoded because they look like it, per file.
const MAX_UNASKED: usize = 300;

impl<'p> Engine<'p, '_> {
    pub(super) fn body(&mut self, body: &'p [Stmt]) {
        for stmt in body {
            if !self.step() {
                return;
            }
            self.statement(stmt);
        }
    }

    fn statement(&mut self, stmt: &'p Stmt) {
        match stmt {
            Stmt::Expr(expr) => {
                self.eval(expr);
            }
            Stmt::Export(expr) => {
                self.calls.exporting += 1;
                let value = self.eval(expr);
                self.calls.exporting -= 1;
                self.export(value);
            }
            Stmt::Assign(patterns, expr) => {
                let value = self.assigned(expr, patterns);
                for pattern in patterns {
                    self.exported_by(pattern, &value);
                    self.bind(pattern, value.clone());
                }
            }
            Stmt::Import(import) => self.import(import),
            Stmt::Function(function) => {
                let value = self.function(function);
                if let Some(name) = &function.name {
                    if self.scope == 0 && self.language.entry == Some(name) {
                        self.called(&value);
                    }
                    self.assign(name, value);
                }
            }
            Stmt::Class { name, bases, body } => self.class(name, bases, body),
            Stmt::Block { guard, body } => {
                if let Some(guard) = guard {
                    self.eval(guard);
                }
                let program = self.calls.owner == TOP && guard.as_ref().is_some_and(asks_for_program);
                let owner = if program { PROGRAM } else { self.calls.owner };
                let before = std::mem::replace(&mut self.calls.owner, owner);
                self.conditional += 1;
                self.body(body);
                self.conditional -= 1;
                self.calls.owner = before;
            }
            Stmt::Return(expr) => {
                let value = self.eval(expr);
                if let Some(result) = self.results.last_mut() {
                    *result = std::mem::take(result).or(value);
                }
            }
        }
    }

    /// The value of what is assigned. Another name, or a table of functions, runs none of them.
    fn assigned(&mut self, expr: &'p Expr, patterns: &[Pattern]) -> Value {
        let named = matches!(expr, Expr::Name(..) | Expr::Map(..) | Expr::List(..));
        let exported = u16::from(named || patterns.iter().any(is_export));
        self.calls.exporting += exported;
        let value = self.eval(expr);
        self.calls.exporting -= exported;
        value
    }

    fn import(&mut self, import: &'p Import) {
        self.record_import(&import.module, import.at);
        let module = import.module.strip_prefix("node:").unwrap_or(&import.module);
        let unknown = !self.language.table.leads(module);
        if unknown && !import.names.is_empty() && !module.contains(['/', '@', ':']) {
            // `from package import module`: what a name is, the files of the package say.
            for (name, _) in import.names.iter().take(64) {
                self.record_import(&foreign::below(module, name), import.at);
            }
        }
        if unknown {
            self.modules.insert(module.into());
        }
        if let Some(alias) = &import.alias {
            self.assign(alias, Value::named(module));
        }
        for (name, alias) in &import.names {
            if &**name == "*" {
                self.stars.push(module);
            } else if &**name == "default" {
                self.assign(alias, Value::named(module));
            } else {
                let path = Value::named(format!("{module}.{name}"));
                let value = if unknown { self.foreign_name(module, name).or(path) } else { path };
                self.assign(alias, value);
            }
        }
    }

    fn class(&mut self, name: &'p str, bases: &'p [Expr], body: &'p [Stmt]) {
        for base in bases {
            self.eval(base);
        }
        let mut by_itself = Vec::new();
        for stmt in body {
            if let Stmt::Function(function) = stmt {
                let value = self.function(function);
                if let Some(name) = &function.name {
                    by_itself.extend(value.function.filter(|_| runs_with_class(name, !bases.is_empty())));
                    self.keep_member(name, value);
                }
            } else {
                self.statement(stmt);
            }
        }
        self.classes.insert(name, by_itself);
        self.assign(name, Value::named(name));
    }

    /// What is named may be run: a function, or a class whose instances are made.
    pub(super) fn led_to(&mut self, value: &Value) {
        for function in self.runs(value) {
            self.calls.lead_to(function);
        }
    }

    /// What is called runs.
    pub(super) fn called(&mut self, value: &Value) {
        for function in self.runs(value) {
            self.calls.call(function);
        }
    }

    /// The functions that calling a value runs.
    pub(super) fn runs(&self, value: &Value) -> Vec<usize> {
        let made = value.path.as_deref().and_then(|path| self.classes.get(path));
        value.function.into_iter().chain(made.into_iter().flatten().copied()).collect()
    }

    /// A function as a value. Its body is walked later, once per walk of the file.
    pub(super) fn function(&mut self, function: &'p Function) -> Value {
        let key = std::ptr::from_ref(function) as usize;
        let id = match self.by_function.get(&key) {
            Some(id) => *id,
            None => {
                let id = self.functions.len();
                let scope = self.scopes.len();
                self.scopes.push(Scope { parent: Some(self.scope), names: own_names(function) });
                self.functions.push(Known {
                    function,
                    scope,
                    result: Value::default(),
                    busy: false,
                    asked: false,
                });
                self.by_function.insert(key, id);
                id
            }
        };
        Value { function: Some(id), ..Value::default() }
    }

    /// Walks the body of a function, with what its parameters are known to hold.
    pub(super) fn run_body(&mut self, id: usize) {
        let Some(known) = self.functions.get_mut(id).filter(|known| !known.busy) else { return };
        known.busy = true;
        let (function, scope) = (known.function, known.scope);
        let before = std::mem::replace(&mut self.scope, scope);
        let conditional = std::mem::take(&mut self.conditional);
        let owner = std::mem::replace(&mut self.calls.owner, Calls::node(id));
        self.results.push(Value::default());
        self.body(&function.body);
        let result = self.results.pop().unwrap_or_default();
        self.calls.owner = owner;
        self.scope = before;
        self.conditional = conditional;
        if let Some(known) = self.functions.get_mut(id) {
            known.busy = false;
            self.late |= known.asked && known.result.lacks(&result);
            known.result = std::mem::take(&mut known.result).or(result);
        }
    }

    /// Assigns to a variable: to the one of that name that is in sight, or to a new one here.
    pub(super) fn assign(&mut self, name: &'p str, value: Value) {
        let mut at = self.scope;
        let mut outer = false;
        loop {
            let Some(scope) = self.scopes.get_mut(at) else { return };
            if let Some(known) = scope.names.get_mut(name) {
                // What a closure assigns comes at a time of its own.
                self.late |= outer && self.in_bodies && known.lacks(&value);
                *known = if outer || self.conditional > 0 { std::mem::take(known).or(value) } else { value };
                return;
            }
            match scope.parent {
                Some(parent) => (at, outer) = (parent, true),
                None => break,
            }
        }
        if let Some(scope) = self.scopes.get_mut(self.scope) {
            scope.names.insert(name, value);
        }
    }

    fn lookup(&self, name: &str) -> Option<&Value> {
        let mut at = Some(self.scope);
        while let Some(scope) = at.and_then(|at| self.scopes.get(at)) {
            if let Some(value) = scope.names.get(name) {
                return Some(value);
            }
            at = scope.parent;
        }
        None
    }

    /// A variable that is in sight.
    pub(super) fn variable_mut(&mut self, name: &str) -> Option<&mut Value> {
        let mut at = self.scope;
        while !self.scopes.get(at)?.names.contains_key(name) {
            at = self.scopes.get(at)?.parent?;
        }
        self.scopes.get_mut(at)?.names.get_mut(name)
    }

    pub(super) fn bind(&mut self, pattern: &'p Pattern, value: Value) {
        match pattern {
            Pattern::Name(name) => self.assign(name, value),
            Pattern::Place(place) => self.bind_place(place, value),
            Pattern::Keys(keys) => {
                for (key, pattern) in keys {
                    let part = self.member(value.clone(), key, 0);
                    self.bind(pattern, part);
                }
            }
            Pattern::Items(items) => {
                for (at, pattern) in items.iter().enumerate() {
                    let part = value.part(&at.to_compact_string()).cloned();
                    self.bind(pattern, part.unwrap_or_else(|| Value::labelled(value.labels)));
                }
            }
            Pattern::Other => {}
        }
    }

    /// `self.name = value`, and a method.
    fn keep_member(&mut self, name: &'p str, value: Value) {
        let known = self.members.entry(name).or_default();
        self.late |= self.in_bodies && known.lacks(&value);
        *known = std::mem::take(known).or(value);
    }

    /// `object.name = value`.
    fn bind_place(&mut self, place: &'p Expr, value: Value) {
        let (object, key, at) = match place {
            Expr::Member(object, name, at) => (object, Some(name.to_string()), *at),
            Expr::Index(object, key, at) => {
                let key = self.eval(key);
                (object, key.known_text().map(|text| text.to_string()), *at)
            }
            _ => return,
        };
        if is_self(object) {
            let Expr::Member(_, name, _) = place else { return };
            self.keep_member(name, value);
            return;
        }
        self.calls.exporting += 1;
        let target = self.eval(object);
        self.calls.exporting -= 1;
        if let (Some(key), Some(_)) = (&key, &target.path) {
            // Taking the place of a known function is using what it can.
            let member = self.member_path(&target, key);
            let api = member.as_deref().and_then(|path| self.language.table.get(path));
            if let (Some(api), Some(path)) = (api, &member) {
                for capability in &api.capabilities {
                    self.record_use(*capability, &format!("={path}"), Vec::new(), value.labels, at);
                }
            }
        }
        let Expr::Name(name, _) = &**object else { return };
        self.late |= self.in_bodies && (!value.labels.is_empty() || value.path.is_some());
        if let Some(known) = self.variable_mut(name) {
            known.labels = known.labels.and(value.labels);
            let mut parts = known.parts.take().unwrap_or_default();
            if parts.len() < 256 {
                Rc::make_mut(&mut parts).push((key.unwrap_or_default().into(), value));
            }
            known.parts = Some(parts);
        }
    }

    /// What an expression gives.
    pub(super) fn eval(&mut self, expr: &'p Expr) -> Value {
        if !self.step() {
            return Value::default();
        }
        match expr {
            Expr::Text(text, at) => self.literal(text, *at),
            Expr::Number(number) => Value { number: Some(*number), ..Value::default() },
            Expr::Name(name, at) => self.name(name, *at),
            Expr::Member(object, name, at) => {
                if is_self(object) {
                    if let Some(value) = self.members.get(&**name) {
                        return value.clone();
                    }
                    return Value::default();
                }
                let object = self.eval(object);
                self.member(object, name, *at)
            }
            Expr::Index(object, key, at) => self.index(object, key, *at),
            Expr::Call(call) => self.call(call),
            Expr::Join(parts, at) => self.join(parts, *at),
            Expr::Arithmetic(operator, left, right) => {
                let (left, right) = (self.eval(left), self.eval(right));
                let number =
                    left.number.zip(right.number).and_then(|(l, r)| fold::arithmetic(operator, l, r));
                let labels = left.labels.and(right.labels);
                // What came from elsewhere, with a key: the oldest of ciphers.
                let foreign = Labels::FILE.and(Labels::NETWORK).and(Labels::SOCKET);
                let ciphered = *operator == "^" && number.is_none() && labels.has(foreign);
                let labels = if ciphered { labels.and(Labels::DECODED) } else { labels };
                Value { number, ..Value::labelled(labels) }
            }
            Expr::List(items, at) => self.list(items, *at),
            Expr::Map(entries, _) => {
                let mut parts = Vec::new();
                for (key, value) in entries.iter().take(MAX_PARTS) {
                    let key = self.eval(key).known_text().map(|text| &**text).unwrap_or_default().into();
                    parts.push((key, self.eval(value)));
                }
                Value::of_parts(parts)
            }
            Expr::Each(variable, over, element) => self.each(variable, over, element),
            Expr::Function(function) => self.function(function),
            Expr::Either(options) => {
                let mut value = Value::default();
                for option in options {
                    value = value.or(self.eval(option));
                }
                value
            }
            Expr::Assign(pattern, expr) => {
                let value = self.assigned(expr, std::slice::from_ref(&**pattern));
                self.bind(pattern, value.clone());
                value
            }
            Expr::Group(parts) => self.group(parts),
            Expr::Nothing => Value::default(),
        }
    }

    /// The value of a group is that of its only part; of several, their marks.
    fn group(&mut self, parts: &'p [Expr]) -> Value {
        if let [only] = parts {
            return self.eval(only);
        }
        let mut labels = Labels::NONE;
        let mut last = Value::default();
        for part in parts {
            last = self.eval(part);
            labels = labels.and(last.labels);
        }
        // Of `(a, b)` the last part is the value.
        Value { labels, ..last }
    }

    fn literal(&mut self, text: &'p Rc<str>, at: At) -> Value {
        if self.recording {
            if texts::is_interesting(text) {
                self.record_text(text, at, self.layer);
            }
            self.unasked(text, at);
        }
        Value::text(Rc::clone(text))
    }

    /// Decodes a literal that looks encoded, wherever it goes.
    fn unasked(&mut self, text: &str, at: At) {
        if self.out.layers.len() > MAX_UNASKED {
            return;
        }
        let decoder = if decode::looks_like_hex(text) {
            Decoder::Hex
        } else if decode::looks_like_base64(text) {
            Decoder::Base64
        } else {
            return;
        };
        let Some(plain) = decoder.decode(text) else { return };
        if decode::is_readable(&plain) && texts::is_interesting(&plain) {
            self.hidden(&plain, decoder.as_str(), at);
        }
    }

    /// Writes down a text that was decoded.
    pub(super) fn hidden(&mut self, text: &str, how: &str, at: At) {
        if !self.recording || self.out.layers.len() > MAX_UNASKED * 4 {
            return;
        }
        if let Some(layer) = push_layer(self.out, how.into(), self.layer) {
            self.record_text(text, at, layer);
        }
    }

    fn name(&mut self, name: &'p str, at: At) -> Value {
        if let Some(value) = self.lookup(name).cloned() {
            self.led_to(&value);
            return value;
        }
        let table = self.language.table;
        let starred = self.stars.iter().rev().map(|module| format!("{module}.{name}"));
        let path = starred.into_iter().find(|path| table.leads(path));
        if let Some(path) = path {
            return self.known(Value::named(path), at);
        }
        match self.foreign_star(name) {
            Some(value) => value,
            None if table.leads(name) => self.known(Value::named(name), at),
            None => Value::default(),
        }
    }

    /// What is known of a name of the language, where reading it is enough.
    fn known(&mut self, mut value: Value, at: At) -> Value {
        let Some(path) = value.path.clone() else { return value };
        let Some(api) = self.language.table.get(&path).filter(|api| api.value) else { return value };
        value.labels = value.labels.and(api.source);
        for capability in &api.capabilities {
            self.record_use(*capability, &path, Vec::new(), Labels::NONE, at);
        }
        value
    }

    pub(super) fn member_path(&self, object: &Value, name: &str) -> Option<Rc<str>> {
        let path = object.path.as_deref()?;
        let table = self.language.table;
        if table.is_global_object(path) {
            return Some(name.into());
        }
        if path.len() + name.len() >= 160 || !table.has_below(path) {
            return None;
        }
        let path = format!("{path}.{name}");
        table.leads(&path).then(|| path.into())
    }

    /// `object.name`.
    pub(super) fn member(&mut self, object: Value, name: &str, at: At) -> Value {
        if let Some(part) = object.part(name) {
            return part.clone();
        }
        if object.labels.has(Labels::ENVIRONMENT) && object.text.is_none() && object.path.is_some() {
            return self.variable(name, at);
        }
        let path = self.member_path(&object, name);
        if path.is_none()
            && let Some(foreign) = self.foreign_member(&object, name)
        {
            return Value { labels: foreign.labels.and(object.labels), ..foreign };
        }
        let own = if path.is_none() { secret::of_member(name) } else { Labels::NONE };
        let value = Value { path, labels: object.labels.and(own), ..Value::default() };
        self.known(value, at)
    }

    /// One variable of the environment.
    pub(super) fn variable(&mut self, name: &str, at: At) -> Value {
        self.record_use(Capability::Environment, "environment", vec![name.into()], Labels::NONE, at);
        Value::labelled(secret::of_variable(name))
    }

    fn index(&mut self, object: &'p Expr, key: &'p Expr, at: At) -> Value {
        // A name that a variable holds is how tables are read; one that is put together on the spot is hidden.
        let plain = !matches!(key, Expr::Join(..) | Expr::Call(_));
        let target = self.eval(object);
        let key = self.eval(key);
        if let Some(text) = key.known_text().cloned() {
            if !plain && target.path.is_some() && is_identifier(&text) && self.recording {
                self.out.measures.hidden_names += 1;
            }
            return self.member(target, &text, at);
        }
        if let Some(number) = key.number.and_then(fold::index) {
            if let Some(part) = target.part(&number.to_compact_string()) {
                return part.clone();
            }
            if let Some(c) = target.text.as_deref().and_then(|text| text.chars().nth(number)) {
                return Value { text: Some(c.to_string().into()), ..target };
            }
        }
        Value::labelled(target.labels.and(key.labels))
    }

    fn join(&mut self, parts: &'p [Expr], at: At) -> Value {
        let values: Vec<Value> = parts.iter().map(|part| self.eval(part)).collect();
        let labels = values.iter().fold(Labels::NONE, |all, value| all.and(value.labels));
        let numbers: Option<Vec<f64>> = values.iter().map(|value| value.number).collect();
        if let Some(numbers) = numbers {
            return Value { number: Some(numbers.iter().sum()), ..Value::labelled(labels) };
        }
        let mut text = String::new();
        for value in &values {
            match (&value.text, value.number) {
                (Some(part), _) => text.push_str(part),
                (None, Some(number)) => text.push_str(&number.to_string()),
                (None, None) => text.push(UNKNOWN),
            }
            if text.len() > MAX_OUTPUT {
                return Value::labelled(labels);
            }
        }
        let decoded = values.iter().find_map(|value| value.decoded.clone());
        let known = values.iter().any(|value| value.text.is_some());
        // Joined texts say something that none of them says alone.
        if known && self.recording && texts::is_interesting(&text) {
            self.record_text(&text, at, self.layer);
        }
        Value { text: known.then(|| text.into()), decoded, ..Value::labelled(labels) }
    }

    /// `[f(x) for x in y]`. Where every `y` is known, so may be every `f(x)`: this is how texts are deciphered.
    fn each(&mut self, variable: &'p Pattern, over: &'p Expr, element: &'p Expr) -> Value {
        let over = self.eval(over);
        let items = fold::items(&over).filter(|_| !matches!(element, Expr::Name(..)));
        let Some(items) = items else {
            self.bind(variable, Value::labelled(over.labels));
            let value = self.eval(element);
            return fold::list(vec![value]);
        };
        let recording = self.recording;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            self.bind(variable, item);
            let value = self.eval(element);
            // What the first does, all do.
            self.recording = false;
            let known = value.known_text().is_some() || value.number.is_some();
            values.push(value);
            if !known {
                values.drain(..values.len() - 1);
                break;
            }
        }
        self.recording = recording;
        fold::list(values)
    }

    fn list(&mut self, items: &'p [Expr], at: At) -> Value {
        let mut values: Vec<Value> = items.iter().take(MAX_PARTS).map(|item| self.eval(item)).collect();
        let bytes = values.len() >= 16 && values.iter().all(|value| value.number.is_some());
        if bytes && self.recording {
            let plain = fold::characters(&values).and_then(|value| value.text);
            if let Some(plain) = plain.filter(|text| decode::is_readable(text) && texts::is_interesting(text))
            {
                self.hidden(&plain, "character codes", at);
            }
        }
        if let [only] = values.as_mut_slice()
            && matches!(items, [Expr::Group(_)])
        {
            // What is spread into a list is the list.
            return std::mem::take(only);
        }
        fold::list(values)
    }
}

/// The variables that are a function's own, whatever is around it.
pub(super) fn own_names(function: &Function) -> FxHashMap<&str, Value> {
    fn add<'p>(pattern: &'p Pattern, names: &mut FxHashMap<&'p str, Value>) {
        match pattern {
            Pattern::Name(name) => {
                names.insert(name, Value::labelled(secret::of_parameter(name)));
            }
            Pattern::Keys(keys) => keys.iter().for_each(|(_, pattern)| add(pattern, names)),
            Pattern::Items(items) => items.iter().for_each(|pattern| add(pattern, names)),
            Pattern::Place(_) | Pattern::Other => {}
        }
    }
    let mut names = function.locals.iter().map(|name| (&**name, Value::default())).collect();
    function.params.iter().for_each(|param| add(param, &mut names));
    names
}

pub(super) fn is_self(expr: &Expr) -> bool {
    match expr {
        Expr::Name(name, _) => matches!(&**name, "self" | "cls" | "this"),
        Expr::Nothing => true,
        _ => false,
    }
}

/// Methods that run when an instance is made; and of a class that inherits, those that its base runs: `Thread.run`,
/// the `run` of a command of setuptools.
fn runs_with_class(name: &str, inherits: bool) -> bool {
    let made = matches!(
        name,
        "__init__" | "__new__" | "__enter__" | "__del__" | "__call__" | "__init_subclass__" | "constructor"
    );
    made || inherits && matches!(name, "run" | "initialize_options" | "finalize_options" | "__getattr__")
}

/// Whether a guard asks whether the file was started as a program.
fn asks_for_program(guard: &Expr) -> bool {
    let is = |part: &Expr| match part {
        Expr::Name(name, _) => &**name == "__name__",
        Expr::Member(object, name, _) => {
            &**name == "main" && matches!(&**object, Expr::Name(name, _) if &**name == "require")
        }
        _ => false,
    };
    match guard {
        Expr::Group(parts) => parts.iter().any(is),
        other => is(other),
    }
}

/// `module.exports`, `exports.x`: whoever imports the file decides what becomes of it.
pub(super) fn is_export(pattern: &Pattern) -> bool {
    let mut place = match pattern {
        Pattern::Place(place) => place,
        _ => return false,
    };
    loop {
        place = match place {
            Expr::Member(object, ..) | Expr::Index(object, ..) => object,
            Expr::Name(name, _) => return matches!(&**name, "module" | "exports"),
            _ => return false,
        };
    }
}

pub(super) fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|c| c.is_ascii_alphabetic() || c == b'_')
        && bytes.all(|c| c.is_ascii_alphanumeric() || c == b'_')
}
