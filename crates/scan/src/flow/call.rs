//! Calls: what is called, with what, and what that means.

use super::eval::{is_identifier, is_self};
use super::table::{Action, Api};
use super::value::Value;
use super::{Engine, fold, foreign, secret, texts};
use crate::decode::{self, Decoder};
use crate::facts::{Capability, Labels, Sink};
use crate::program::{At, Call, Expr, Name, Pattern};
use std::rc::Rc;

/// Functions of the file that are walked with the arguments of one call, in one another.
const MAX_INLINING: u8 = 2;

/// What a function was given is what it was given only as it is.
const GIVEN: Labels = Labels::GIVEN_KEY.and(Labels::GIVEN_PHRASE);

/// Methods whose result still is what they were called on, or given.
const KEEPS: [&str; 12] = [
    "encode",
    "decode",
    "strip",
    "trim",
    "toString",
    "format",
    "hex",
    "join",
    "split",
    "stringify",
    "dumps",
    "concat",
];

/// Whether a function signs: what it gives shows what was signed, which comes first, and not the key.
fn signs(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name);
    matches!(name, "sign" | "signRequest" | "sign_request" | "presign" | "createHmac" | "hmac")
}

/// Whether a function puts what its first argument names at the place that its second does.
fn moves(path: &str) -> bool {
    const MOVES: [&str; 14] = [
        "rename",
        "replace",
        "symlink",
        "move",
        "copy",
        "copy2",
        "copyfile",
        "copytree",
        "renameSync",
        "symlinkSync",
        "copyFile",
        "copyFileSync",
        "cp",
        "cpSync",
    ];
    path.rsplit('.').next().is_some_and(|name| MOVES.contains(&name))
}

/// A call whose parts have been looked at.
struct Seen {
    path: Option<Rc<str>>,
    receiver: Value,
    args: Vec<Value>,
    named: Vec<(Name, Value)>,
    /// Whether the second argument is a literal as it stands.
    plain: bool,
    at: At,
}

impl Seen {
    fn labels(&self) -> Labels {
        let named = self.named.iter().map(|(_, value)| value);
        self.args.iter().chain(named).fold(Labels::NONE, |all, value| all.and(value.labels))
    }

    /// What the words of a command carry: its environment and other options are no part of it, what it reads is.
    fn command_labels(&self) -> Labels {
        let is_list = |parts: &[(Name, Value)]| parts.iter().all(|(key, _)| key.parse::<usize>().is_ok());
        let word = |value: &Value| match value.parts.as_deref() {
            Some(parts) if !is_list(parts) => {
                let input = parts.iter().filter(|(key, _)| &**key == "input");
                input.fold(Labels::NONE, |all, (_, part)| all.and(part.labels))
            }
            _ => value.labels,
        };
        let named = self
            .named
            .iter()
            .filter(|(key, _)| matches!(&**key, "args" | "input" | "cmd" | "command" | "**"));
        self.args
            .iter()
            .chain(named.map(|(_, value)| value))
            .fold(Labels::NONE, |all, value| all.and(word(value)))
    }

    fn texts(&self) -> Vec<Rc<str>> {
        let mut out = Vec::new();
        for value in self.args.iter().chain(self.named.iter().map(|(_, value)| value)) {
            value.texts(&mut out, 16);
        }
        out
    }

    fn arg(&self, at: usize, name: &str) -> Option<&Value> {
        self.args
            .get(at)
            .or_else(|| self.named.iter().find(|(key, _)| &**key == name).map(|(_, value)| value))
    }
}

/// Whether a call only says what a module gives, as compilers write it: `__export(exports, { name: () => name })`.
fn only_exports(callee: &Expr) -> bool {
    match callee {
        Expr::Name(name, _) => matches!(&**name, "__export" | "_export" | "__exportAll"),
        Expr::Member(object, name, _) => {
            &**name == "d" && matches!(&**object, Expr::Name(own, _) if &**own == "__webpack_require__")
        }
        _ => false,
    }
}

/// The words of a command as one line. What follows an interpreter's `-c` is one word, whatever is in it.
fn command_line(words: &[Rc<str>]) -> String {
    let mut line = String::new();
    let mut is_code = false;
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            line.push(' ');
        }
        if is_code && word.contains(char::is_whitespace) {
            line.push_str(&format!("'{}'", word.replace('\'', "'\\''")));
        } else {
            line.push_str(word);
        }
        is_code = at > 0 && matches!(&**word, "-c" | "-lc" | "-ec" | "-e" | "--eval" | "-r");
    }
    line
}

impl<'p> Engine<'p, '_> {
    pub(super) fn call(&mut self, call: &'p Call) -> Value {
        // A function that is called runs, whatever becomes of what it gives.
        let exporting = std::mem::take(&mut self.calls.exporting);
        let (receiver, name, mut callee) = self.callee(call);
        self.called(&callee);
        let gives = u16::from(only_exports(&call.callee));
        self.calls.exporting = exporting + gives;
        // `f.call(…)`, `f.apply(…)` and `f.bind(…)` are about `f`.
        let mut drop_first = false;
        if matches!(name, Some("call" | "apply" | "bind"))
            && (receiver.function.is_some() || receiver.path.is_some())
        {
            let known = callee.path.as_deref().and_then(|path| self.language.table.get(path)).is_some();
            if !known {
                callee = receiver.clone();
                drop_first = true;
                if name == Some("bind") && call.args.len() <= 1 {
                    return callee;
                }
            }
        }
        let mut args: Vec<Value> = call.args.iter().map(|arg| self.eval(arg)).collect();
        if drop_first && !args.is_empty() {
            args.remove(0);
            if name == Some("apply")
                && let Some(parts) = args.first().and_then(|list| list.parts.clone())
            {
                args = parts.iter().map(|(_, value)| value.clone()).collect();
            }
        }
        let named = call.named.iter().map(|(key, value)| (key.clone(), self.eval(value))).collect();
        let plain = matches!(call.args.get(1), Some(Expr::Text(..)));
        let seen = Seen { path: callee.path.clone(), receiver, args, named, plain, at: call.at };
        let table = self.language.table;
        let exact = seen.path.as_deref().and_then(|path| table.get(path));
        let api = exact.or_else(|| name.and_then(|name| table.method(name)));
        self.leads(&callee, api.is_some(), name, &seen);
        self.calls.exporting -= gives;
        self.callbacks(&seen, api, name);
        self.collects(call, name, &seen);
        let mut result = match (callee.function, api) {
            _ if gives > 0 => Value::default(),
            (Some(function), None) if self.foreign.has(function) => {
                let name = name.map(str::to_owned);
                let name = name.or_else(|| self.foreign.name(function).map(str::to_owned));
                let value = self.call_unknown(&seen, name.as_deref());
                self.call_foreign(function, &seen.args, value)
            }
            (Some(function), None) => self.call_known(function, &seen),
            (_, Some(api)) => self.call_api(api, &seen, name),
            (None, None) => self.call_unknown(&seen, name),
        };
        if result.path.is_none() {
            let path = seen.path.as_deref().filter(|path| path.len() < 120);
            let given = path.map(|path| format!("{path}()"));
            result.path = given.filter(|path| table.leads(path)).map(Into::into);
            // What is made of an address still has it: `post(address).send(data)`.
            if result.path.is_some()
                && result.parts.is_none()
                && api.is_some_and(|api| api.sink == Some(Sink::Send))
            {
                let address =
                    seen.texts().into_iter().find(|text| text.contains('.') || text.contains("://"));
                result.parts = address.map(|text| Rc::new(vec![("name".into(), Value::text(text))]));
            }
        }
        result
    }

    /// What is called runs, and so may what is handed over: callbacks, the handlers of an object of options.
    fn leads(&mut self, callee: &Value, is_known: bool, name: Option<&str>, seen: &Seen) {
        let mut by_name = |name: &str| self.members.get(name).and_then(|member| member.function);
        let method = name
            .filter(|_| callee.function.is_none_or(foreign::is_foreign) && callee.path.is_none())
            .and_then(&mut by_name);
        let parts = seen.args.iter().filter_map(|arg| arg.parts.as_ref());
        let parts = parts.flat_map(|parts| parts.iter().map(|(_, part)| part.function)).take(64);
        let named = seen.named.iter().map(|(_, arg)| arg.function);
        let handed = seen.args.iter().map(|arg| arg.function).chain(named).chain(parts);
        // What the language's own functions are handed, they run; what others do with it is theirs.
        let runs = is_known || matches!(name, Some("then" | "catch" | "finally" | "forEach" | "map"));
        for function in handed.flatten() {
            match runs {
                true => self.calls.call(function),
                false => self.calls.lead_to(function),
            }
        }
        if let Some(method) = method {
            self.calls.call(method);
        }
    }

    /// `list.push(x)`: what is put into a collection is in it.
    fn collects(&mut self, call: &'p Call, name: Option<&str>, seen: &Seen) {
        const PUTS: [&str; 11] = [
            "push",
            "push_str",
            "write_fmt",
            "unshift",
            "add",
            "set",
            "append",
            "extend",
            "update",
            "insert",
            "appendleft",
        ];
        let Expr::Member(object, ..) = &call.callee else { return };
        let Expr::Name(variable, _) = &**object else { return };
        // `config.read(path)`: what is in the file is in it.
        let read = seen.args.first().filter(|_| name == Some("read")).and_then(|arg| arg.text.as_deref());
        let labels = match read {
            Some(path) => secret::of_path(path),
            None => seen.labels(),
        };
        if labels.is_empty() || !name.is_some_and(|name| PUTS.contains(&name) || name == "read") {
            return;
        }
        let in_bodies = self.in_bodies;
        if let Some(known) = self.variable_mut(variable) {
            let late = in_bodies && !labels.without(known.labels).is_empty();
            known.labels = known.labels.and(labels);
            self.late |= late;
        }
    }

    /// The receiver, the method's name and the function of a call.
    fn callee(&mut self, call: &'p Call) -> (Value, Option<&'p str>, Value) {
        match &call.callee {
            Expr::Member(object, name, at) => {
                let receiver = match &**object {
                    Expr::Nothing => Value::default(),
                    object => self.eval(object),
                };
                let callee = match &call.callee {
                    own @ Expr::Member(object, ..) if is_self(object) => self.eval(own),
                    _ => self.member(receiver.clone(), name, *at),
                };
                (receiver, Some(&**name), callee)
            }
            other => {
                let callee = self.eval(other);
                (Value::default(), None, callee)
            }
        }
    }

    /// Functions that are handed over will be called with what the call gives.
    fn callbacks(&mut self, seen: &Seen, api: Option<&'static Api>, name: Option<&str>) {
        // `promise.then(f)` calls `f` with what was promised, which here is the promise itself.
        if name == Some("then") && api.is_none() {
            if let Some(function) = seen.args.first().and_then(|arg| arg.function) {
                self.hand_over(function, &seen.receiver);
            }
            return;
        }
        let labels = match api {
            Some(api) => api.source.and(seen.receiver.labels),
            None => seen.receiver.labels,
        };
        if labels.is_empty() {
            return;
        }
        for function in seen.args.iter().filter_map(|arg| arg.function) {
            self.hand_over(function, &Value::labelled(labels));
        }
    }

    /// A function of the file will be called with a value.
    fn hand_over(&mut self, id: usize, value: &Value) {
        let Some(known) = self.functions.get(id) else { return };
        let (function, scope) = (known.function, known.scope);
        let before = std::mem::replace(&mut self.scope, scope);
        self.conditional += 1;
        for param in &function.params {
            self.is_late(scope, param, value);
            self.bind(param, value.clone());
        }
        self.conditional -= 1;
        self.scope = before;
    }

    /// Notes that a parameter is told something after bodies were walked, which may be that of its function.
    fn is_late(&mut self, scope: usize, param: &Pattern, value: &Value) {
        if self.late || !self.in_bodies {
            return;
        }
        let known = match param {
            Pattern::Name(name) => self.scopes.get(scope).and_then(|scope| scope.names.get(&**name)),
            _ => None,
        };
        self.late = known.map_or_else(|| Value::default().lacks(value), |known| known.lacks(value));
    }

    /// A function of the file.
    fn call_known(&mut self, id: usize, seen: &Seen) -> Value {
        let Some(known) = self.functions.get_mut(id) else { return Value::default() };
        known.asked = true;
        let (function, scope, result) = (known.function, known.scope, known.result.clone());
        // Python hands the object over as the first parameter; the arguments come after it.
        let skip =
            usize::from(matches!(function.params.first(), Some(Pattern::Name(name)) if &**name == "self"));
        let before = std::mem::replace(&mut self.scope, scope);
        self.conditional += 1;
        let named = seen.named.iter().filter_map(|(name, arg)| {
            let own = |param: &&Pattern| matches!(param, Pattern::Name(own) if own == name);
            function.params.iter().find(own).map(|param| (param, arg))
        });
        for (param, arg) in function.params.iter().skip(skip).zip(&seen.args).chain(named) {
            self.is_late(scope, param, arg);
            self.bind(param, arg.clone());
        }
        self.conditional -= 1;
        self.scope = before;
        let constant = !seen.args.is_empty()
            && seen.args.iter().all(|arg| arg.known_text().is_some() || arg.number.is_some())
            && function.body.len() <= 24;
        if constant && self.inlining < MAX_INLINING {
            let inlined = self.inline(id, seen);
            if inlined.text.is_some() || inlined.path.is_some() {
                return inlined;
            }
        }
        result
    }

    /// Walks a small function with the arguments of one call, so that a decoder of the file's own decodes.
    fn inline(&mut self, id: usize, seen: &Seen) -> Value {
        let Some(known) = self.functions.get(id) else { return Value::default() };
        let (function, parent) =
            (known.function, self.scopes.get(known.scope).and_then(|scope| scope.parent));
        if known.busy {
            return Value::default();
        }
        let scope = self.scopes.len();
        self.scopes.push(super::Scope { parent, names: super::eval::own_names(function) });
        let before = std::mem::replace(&mut self.scope, scope);
        let recording = std::mem::replace(&mut self.recording, false);
        let conditional = std::mem::take(&mut self.conditional);
        self.inlining += 1;
        for (param, arg) in function.params.iter().zip(&seen.args) {
            if let (Pattern::Name(name), Some(scope)) = (param, self.scopes.get_mut(scope)) {
                scope.names.insert(name, arg.clone());
            }
        }
        self.results.push(Value::default());
        self.body(&function.body);
        let result = self.results.pop().unwrap_or_default();
        self.inlining -= 1;
        self.conditional = conditional;
        self.recording = recording;
        self.scope = before;
        result
    }

    /// A function that nothing is known of: what it gives may carry whatever it was given.
    fn call_unknown(&mut self, seen: &Seen, name: Option<&str>) -> Value {
        let labels = seen.receiver.labels.and(seen.labels());
        if let Some(name) = name
            && let Some(folded) = fold::method(&seen.receiver, name, &seen.args)
        {
            let labels = folded.labels.and(labels);
            if let (Some(text), Some(how), "join") = (folded.known_text().cloned(), &folded.decoded, name)
                && texts::is_interesting(&text)
            {
                self.hidden(&text, how, seen.at);
                return Value { labels: labels.and(Labels::DECODED), path: None, ..folded };
            }
            return Value { labels, path: None, ..folded };
        }
        // Methods of the environment: `os.environ.get("X")`.
        if seen.receiver.labels.has(Labels::ENVIRONMENT)
            && matches!(name, Some("get" | "pop" | "setdefault"))
            && let Some(text) = seen.args.first().and_then(Value::known_text)
        {
            return self.variable(&text.clone(), seen.at);
        }
        let labels = match name.is_some_and(signs) {
            true => seen.receiver.labels.and(seen.args.first().map_or(Labels::NONE, |first| first.labels)),
            false => labels,
        };
        // What is computed with a key is not the key: a signature, an address.
        let keeps = name.is_some_and(|name| KEEPS.contains(&name));
        let labels = if keeps { labels } else { labels.without(GIVEN) };
        for function in seen.args.iter().filter_map(|arg| arg.function) {
            if let Some(known) = self.functions.get_mut(function) {
                known.asked = true;
            }
        }
        if name == Some("then")
            && let Some(known) = seen.args.first().and_then(|arg| self.functions.get(arg.function?))
        {
            let labels = labels.and(known.result.labels);
            return Value { labels, ..known.result.clone() };
        }
        let results = seen.args.iter().filter_map(|arg| arg.function);
        let results = results.filter_map(|id| self.functions.get(id)).map(|known| known.result.labels);
        let labels = results.fold(labels, Labels::and);
        Value::labelled(labels)
    }

    /// A function of the table.
    fn call_api(&mut self, api: &'static Api, seen: &Seen, method: Option<&str>) -> Value {
        let path = seen.path.clone().unwrap_or_else(|| method.unwrap_or_default().into());
        let labels = seen.labels();
        let all_texts = seen.texts();
        let kept = all_texts.iter().take(if self.recording { 8 } else { 0 });
        let kept = || kept.clone().map(|text| texts::cut(text, texts::MAX_KEPT).into()).collect();
        for capability in &api.capabilities {
            self.record_use(*capability, &path, kept(), labels, seen.at);
        }
        if let Some(sink) = api.sink {
            self.sink(sink, &path, seen, labels.and(seen.receiver.labels), &all_texts);
        }
        let named = seen.args.first().and_then(Value::known_text).filter(|_| api.sink == Some(Sink::Eval));
        if let Some(value) = named.cloned().and_then(|text| self.dotted(&text, seen.at)) {
            return value;
        }
        let mut result = match (api.decode, api.action) {
            (Some(decoder), _) => self.decode(decoder, seen, seen.args.first()),
            (None, Some(action)) => self.action(action, seen, &path),
            (None, None) => Value::default(),
        };
        if api.source.has(Labels::OUTPUT) && secret::gives(&command_line(&all_texts)) {
            result.labels = result.labels.and(Labels::SECRET);
        }
        if !api.source.is_empty() {
            let file = api.source.has(Labels::FILE);
            let secrets = all_texts.iter().filter(|_| file).map(|text| secret::of_path(text));
            let service =
                api.source.has(Labels::NETWORK) && all_texts.iter().any(|text| secret::is_metadata(text));
            let token = if service { Labels::TOKEN_FILE } else { Labels::NONE };
            let secrets = secrets.chain(std::iter::once(token));
            let carried = result.labels.and(api.source).and(seen.receiver.labels);
            result.labels = secrets.fold(carried, Labels::and);
        } else if api.sink.is_none() && api.capabilities.is_empty() {
            let carried = labels.and(seen.receiver.labels);
            let same = api.action.is_some() || api.decode.is_some();
            result.labels = result.labels.and(if same { carried } else { carried.without(GIVEN) });
        }
        result
    }

    /// `eval("os.system")` is `os.system`.
    fn dotted(&mut self, text: &str, at: At) -> Option<Value> {
        let mut names = text.trim().split('.');
        let first = names.next().filter(|name| is_identifier(name))?;
        let mut value = self.variable_mut(first).cloned().unwrap_or_else(|| Value::named(first));
        for name in names.take(8) {
            if !is_identifier(name) {
                return None;
            }
            value = self.member(value, name, at);
        }
        (value.path.is_some() || value.function.is_some()).then_some(value)
    }

    fn sink(&mut self, sink: Sink, path: &str, seen: &Seen, labels: Labels, all_texts: &[Rc<str>]) {
        match sink {
            Sink::Eval => self.evaluated(path, seen, labels),
            Sink::Run => {
                self.code_in(seen, "a text that is run");
                let command = command_line(all_texts);
                let labels = seen.command_labels().and(seen.receiver.labels);
                self.record_flow(sink, labels, path, (!command.is_empty()).then_some(&command), seen.at);
            }
            Sink::Write => {
                self.code_in(seen, "a text that is written");
                let named = seen.receiver.part("name").and_then(|name| name.text.clone());
                let arg = |at: usize| seen.args.get(at).and_then(|arg| arg.text.clone());
                let moved = arg(1).filter(|_| moves(path));
                let target = named.or(moved).or_else(|| arg(0));
                self.record_flow(sink, labels, path, target.as_deref(), seen.at);
            }
            Sink::Send => {
                let named = seen.receiver.part("name").and_then(|name| name.text.clone());
                let address = all_texts.iter().find(|text| text.contains("://")).cloned();
                let address = address.or(named).or(all_texts.first().cloned());
                // `address.to_socket_addrs()`: what is asked is what is sent.
                let address = address.or_else(|| seen.receiver.text.clone());
                self.record_flow(sink, labels, path, address.as_deref(), seen.at);
            }
            Sink::Load => {
                let first = seen.args.first();
                // A worker may be given its code instead of its name.
                let is_code = |text: &&Rc<str>| text.contains(['(', ';']) && texts::is_code(text);
                if let Some(text) = first.and_then(Value::known_text).filter(is_code).cloned() {
                    self.evaluated(path, seen, labels);
                    self.record_text(&text, seen.at, self.layer);
                    return;
                }
                let text = first.and_then(|arg| arg.text.clone());
                self.record_flow(sink, labels, path, text.as_deref(), seen.at);
            }
        }
    }

    /// Texts that are code of the language, and are written to a file or handed to a program.
    fn code_in(&mut self, seen: &Seen, how: &str) {
        if !self.recording {
            return;
        }
        // Programs take their arguments as a list as often as not.
        let parts = seen.args.iter().filter_map(|arg| arg.parts.as_ref());
        let parts = parts.flat_map(|parts| parts.iter().map(|(_, part)| part)).take(32);
        for arg in seen.args.iter().chain(parts) {
            let Some(text) = arg.known_text().filter(|text| texts::is_code(text)) else { continue };
            self.nest(text, arg.decoded.as_deref().unwrap_or(how), seen.at);
        }
    }

    /// A text that is run as code.
    fn evaluated(&mut self, path: &str, seen: &Seen, labels: Labels) {
        // `new Function("a", "b", code)` has the code last; everything else first.
        let code = if path.ends_with("Function") { seen.args.last() } else { seen.args.first() };
        let Some(code) = code.filter(|code| code.function.is_none_or(foreign::is_foreign)) else { return };
        // The other arguments of a timer are not code.
        let labels = if path.starts_with("set") { code.labels } else { labels };
        let text = code.known_text().cloned();
        // A class that is told by `x.constructor` is made of values, and not of code.
        if text.is_none() && (labels.is_empty() || path.ends_with("constructor")) {
            return;
        }
        let labels = if code.decoded.is_some() { labels.and(Labels::DECODED) } else { labels };
        self.record_flow(Sink::Eval, labels, path, text.as_deref(), seen.at);
        if let (Some(text), true) = (text, self.recording) {
            self.nest(&text, code.decoded.as_deref().unwrap_or("a text run as code"), seen.at);
        }
    }

    fn decode(&mut self, decoder: Decoder, seen: &Seen, input: Option<&Value>) -> Value {
        let Some(input) = input else { return Value::labelled(Labels::DECODED) };
        // Turning a list around is no decoding; turning a text around is, once it is known.
        let mild = matches!(decoder, Decoder::Reverse | Decoder::Percent);
        if mild && input.known_text().is_none() {
            return Value::labelled(seen.labels());
        }
        let labels = seen.labels().and(Labels::DECODED);
        let Some(plain) = input.known_text().and_then(|text| decoder.decode(text)) else {
            return Value { decoded: Some(decoder.as_str().into()), ..Value::labelled(labels) };
        };
        let how: Rc<str> = match &input.decoded {
            Some(before) => format!("{before}, {}", decoder.as_str()).into(),
            None => decoder.as_str().into(),
        };
        if decode::is_readable(&plain) && (texts::is_interesting(&plain) || plain.len() > 80) {
            self.hidden(&plain, &how, seen.at);
        }
        Value { text: Some(plain.into()), decoded: Some(how), ..Value::labelled(labels) }
    }

    fn action(&mut self, action: Action, seen: &Seen, path: &str) -> Value {
        let first = seen.args.first();
        match action {
            Action::Import => self.import_text(seen),
            Action::Member => {
                let (Some(object), Some(name)) = (first, seen.args.get(1)) else { return Value::default() };
                match name.known_text().cloned() {
                    Some(name) => {
                        if self.recording && object.path.is_some() && !seen.plain {
                            self.out.measures.hidden_names += 1;
                        }
                        self.member(object.clone(), &name, seen.at)
                    }
                    // A name of the language's own that is hidden is hidden because it runs texts.
                    None if name.labels.has(Labels::DECODED)
                        && object
                            .path
                            .as_deref()
                            .is_some_and(|path| self.language.table.is_global_object(path)) =>
                    {
                        Value::named("exec")
                    }
                    None => Value::labelled(object.labels),
                }
            }
            Action::Partial => first.cloned().unwrap_or_default(),
            Action::Identity => {
                let labels = seen.labels();
                let value = first.cloned().unwrap_or_default();
                Value { labels, path: None, function: None, ..value }
            }
            Action::JoinPath => {
                let parts: Vec<&str> =
                    seen.args.iter().map(|arg| arg.text.as_deref().unwrap_or("\u{FFFC}")).collect();
                Value { text: Some(parts.join("/").into()), ..Value::labelled(seen.labels()) }
            }
            Action::Open => self.open(seen, path),
            Action::Variable => match first.and_then(Value::known_text).cloned() {
                Some(name) => self.variable(&name, seen.at),
                None => Value::labelled(Labels::VARIABLE),
            },
            Action::Character => {
                let known = fold::characters(&seen.args);
                known.unwrap_or_else(|| Value::labelled(seen.labels().and(Labels::DECODED)))
            }
            Action::Code => {
                let text = first.and_then(Value::known_text);
                let mut characters = text.map(|text| text.chars()).into_iter().flatten();
                let number = match (characters.next(), characters.next()) {
                    (Some(only), None) => Some(f64::from(u32::from(only))),
                    _ => None,
                };
                Value { number, ..Value::labelled(seen.labels()) }
            }
            Action::Pipe => self.pipe(&seen.receiver, seen.args.first(), seen.at),
            Action::Copy => match first {
                Some(first) => self.pipe(first, seen.args.get(1), seen.at),
                None => Value::default(),
            },
            Action::Encoding => self.by_encoding(seen),
            Action::CallFirst => {
                let function = first.and_then(|first| self.language.table.get(first.path.as_deref()?));
                if function.is_some_and(|api| api.action == Some(Action::Character)) {
                    let codes = seen.args.get(1..).unwrap_or_default();
                    let known = fold::characters(codes);
                    return known.unwrap_or_else(|| Value::labelled(seen.labels().and(Labels::DECODED)));
                }
                if let Some(first) = first
                    && let Some(id) = first.function
                {
                    self.call_known(id, seen);
                }
                Value::default()
            }
        }
    }

    /// `a.pipe(b)`: what `a` gives goes where `b` leads.
    fn pipe(&mut self, from: &Value, target: Option<&Value>, at: At) -> Value {
        let Some(target) = target else { return Value::default() };
        let labels = from.labels;
        let path = target.path.clone().unwrap_or_default();
        let api = path.strip_suffix("()").and_then(|function| self.language.table.get(function));
        let sink = if path.ends_with(".stdin") {
            Some(Sink::Run)
        } else if target.labels.has(Labels::SOCKET) {
            Some(Sink::Send)
        } else {
            api.and_then(|api| api.sink).filter(|sink| matches!(sink, Sink::Send | Sink::Write))
        };
        if let Some(sink) = sink.filter(|_| !labels.is_empty()) {
            self.record_flow(sink, labels, &path, target.text.as_deref(), at);
        }
        Value { labels: labels.and(target.labels), ..target.clone() }
    }

    /// `Buffer.from(text, "base64")`, `codecs.decode(text, "rot13")`: an encoding that is a decoder, or the text itself.
    fn by_encoding(&mut self, seen: &Seen) -> Value {
        let encoding =
            seen.arg(1, "encoding").and_then(|arg| arg.text.as_deref().map(str::to_ascii_lowercase));
        let decoder = match encoding.as_deref() {
            Some("base64" | "base64url" | "base64_codec") => Some(Decoder::Base64),
            Some("hex" | "hex_codec") => Some(Decoder::Hex),
            Some("rot13" | "rot_13") => Some(Decoder::Rot13),
            Some("zlib" | "zlib_codec") => Some(Decoder::Zlib),
            _ => None,
        };
        let first = seen.args.first();
        if let Some(decoder) = decoder {
            self.record_use(Capability::Decoding, decoder.as_str(), Vec::new(), Labels::NONE, seen.at);
            return self.decode(decoder, seen, first);
        }
        // Bytes as numbers.
        if first.is_some_and(|first| first.parts.is_some())
            && let Some(value) = fold::characters(&seen.args)
        {
            return value;
        }
        Value { path: None, ..first.cloned().unwrap_or_default() }
    }

    fn import_text(&mut self, seen: &Seen) -> Value {
        let Some(first) = seen.args.first() else { return Value::default() };
        let Some(text) = first.known_text().cloned() else {
            // Which files it may be is told from the parts that are known.
            if let Some(text) = first.text.as_deref().filter(|text| text.contains('/')) {
                self.record_import(&text.replace(super::value::UNKNOWN, "*"), seen.at);
            }
            let labels = seen.labels();
            if !labels.is_empty() {
                self.record_flow(Sink::Load, labels, "import", None, seen.at);
            }
            return Value::labelled(labels);
        };
        if first.decoded.is_some() {
            self.record_flow(Sink::Load, Labels::DECODED, "import", Some(&text), seen.at);
        }
        self.record_import(&text, seen.at);
        let module = text.strip_prefix("node:").unwrap_or(&text);
        if !self.language.table.leads(module) {
            self.modules.insert(module.into());
        }
        Value::named(module)
    }

    fn open(&mut self, seen: &Seen, path: &str) -> Value {
        let name = seen.args.first().and_then(|arg| arg.text.clone());
        let mode = seen.arg(1, "mode").and_then(|mode| mode.text.clone());
        let writes = mode.is_some_and(|mode| mode.contains(['w', 'a', 'x', '+']));
        let capability = if writes { Capability::FileWrite } else { Capability::FileRead };
        let kept = name.iter().map(|name| texts::cut(name, texts::MAX_KEPT).into()).collect();
        self.record_use(capability, path, kept, seen.labels(), seen.at);
        let labels = match (writes, &name) {
            (true, _) => Labels::NONE,
            (false, name) => Labels::FILE.and(name.as_deref().map_or(Labels::NONE, secret::of_path)),
        };
        let labels = labels.and(seen.labels());
        let parts = name.map(|name| Rc::new(vec![("name".into(), Value::text(name))]));
        Value { labels, parts, path: Some("open()".into()), ..Value::default() }
    }
}
