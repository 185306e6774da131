//! Data-flow over a program: which call is reached by what, and what texts turn out to be once they are folded and
//! decoded.
//!
//! The engine walks a program twice; a small one three times, where the first walk learned something too late to use it.
//! First it learns what variables, parameters and functions may hold; the last walk writes down the facts. Within a function assignments are followed in order; what is assigned
//! under a condition, in a loop or by a closure is added to what was there. It is an over-approximation within one file.
//! What flows between files is told by walking a file again with what others give it ([`Outside`]).
//!
//! A constant text that reaches an [`Eval`](Sink::Eval) sink is parsed as the language and walked as well, so that
//! `exec(base64.b64decode("…"))` is known by what it does.

mod call;
mod eval;
mod fold;
mod foreign;
mod reached;
pub(crate) mod secret;
mod table;
mod texts;
mod value;

pub use foreign::{Outside, merge};
pub use table::Table;

use crate::facts::{Capability, Facts, Flow, Imported, Labels, Layer, Measures, Reached, Sink, Text, Use};
use crate::program::{At, Look, Name, Program};
use reached::Calls;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use value::Value;

/// Steps of one file: about a second of a slow core.
const FUEL: u32 = 4_000_000;

/// Facts of one kind per file: more say nothing new.
const MAX_FACTS: usize = 4_000;

/// Code within code within code.
const MAX_LAYERS: usize = 5;

/// What the engine must know of a language.
#[derive(Clone, Copy)]
pub struct Language {
    /// What its functions do.
    pub table: &'static Table,
    /// Parses a text that is run as code.
    pub parse: fn(&str) -> Option<Program>,
    /// The function with which a program begins, where the language has one.
    pub entry: Option<&'static str>,
}

/// The facts of a program, with what other files give it.
pub fn facts(program: &Program, language: Language, outside: &Outside) -> Facts {
    let mut out = Facts {
        parsed: true,
        layers: vec![Layer { how: "".into(), outer: 0 }],
        cut_short: program.cut_short,
        ..Facts::default()
    };
    let Look { names, machine_names, literal_sums } = program.look;
    out.measures = Measures { names, machine_names, literal_sums, ..Measures::default() };
    let mut fuel = FUEL;
    let mut queue = VecDeque::from(walk(program, language, &mut out, &mut fuel, Stands::whole(outside)));
    let mut turn = 0;
    while let Some(Nested { text, how, outer, at, reached, .. }) = queue.pop_front() {
        turn += 1;
        if out.layers_above(outer).count() >= MAX_LAYERS || turn > 200 || fuel == 0 {
            break;
        }
        let Some(inner) = (language.parse)(&text) else { continue };
        let Some(layer) = push_layer(&mut out, how, outer) else { break };
        let stands = Stands { layer, at: Some(at), reached, outside };
        queue.extend(walk(&inner, language, &mut out, &mut fuel, stands));
    }
    out.cut_short |= fuel == 0;
    out.steps = FUEL - fuel;
    out
}

/// Where a program stands.
#[derive(Clone, Copy)]
struct Stands<'a> {
    layer: u16,
    /// Where in the file, when it is a text of another program.
    at: Option<At>,
    /// Whether running the file runs it.
    reached: Reached,
    /// What other files give.
    outside: &'a Outside,
}

impl<'a> Stands<'a> {
    /// The file itself.
    const fn whole(outside: &'a Outside) -> Self {
        Self { layer: 0, at: None, reached: Reached::Always, outside }
    }
}

/// Walks one program, the file itself or a text of it that is run, and gives the texts that it runs.
fn walk(
    program: &Program,
    language: Language,
    out: &mut Facts,
    fuel: &mut u32,
    stands: Stands<'_>,
) -> Vec<Nested> {
    let Stands { layer, at, reached: limit, outside } = stands;
    let (uses, flows) = (out.uses.len(), out.flows.len());
    let mut engine = Engine {
        language,
        out,
        fuel,
        layer,
        at,
        calls: Calls::default(),
        classes: FxHashMap::default(),
        recording: false,
        in_bodies: false,
        late: false,
        scopes: Vec::new(),
        by_function: FxHashMap::default(),
        functions: Vec::new(),
        members: FxHashMap::default(),
        stars: Vec::new(),
        modules: FxHashSet::default(),
        foreign: foreign::Known::default(),
        exports: FxHashMap::default(),
        outside,
        scope: 0,
        nested: Vec::new(),
        inlining: 0,
        conditional: 0,
        results: Vec::new(),
    };
    engine.module(program);
    engine.give();
    let Engine { calls, mut nested, foreign, .. } = engine;
    let reached = calls.reached();
    let of = |owner: u32| reached(owner).min(limit);
    for (one, owner) in out.uses.iter_mut().skip(uses).zip(&calls.uses) {
        one.reached = of(*owner);
    }
    for (one, owner) in out.flows.iter_mut().skip(flows).zip(&calls.flows) {
        one.reached = of(*owner);
    }
    for inner in &mut nested {
        inner.reached = of(inner.owner);
    }
    out.foreign.extend(foreign.used(of));
    nested
}

fn push_layer(facts: &mut Facts, how: Box<str>, outer: u16) -> Option<u16> {
    let next = u16::try_from(facts.layers.len()).ok()?;
    facts.layers.push(Layer { how, outer });
    Some(next)
}

/// A text that is run as code.
struct Nested {
    text: Box<str>,
    how: Box<str>,
    outer: u16,
    at: At,
    /// Whose body it is run in.
    owner: u32,
    reached: Reached,
}

/// The variables of a function, or of the file.
#[derive(Default)]
struct Scope<'p> {
    parent: Option<usize>,
    names: FxHashMap<&'p str, Value>,
}

/// What is known of a function.
struct Known<'p> {
    function: &'p crate::program::Function,
    scope: usize,
    result: Value,
    /// Whether its body is being walked: a recursive call gets what is known so far.
    busy: bool,
    /// Whether somebody took its result.
    asked: bool,
}

struct Engine<'p, 'o> {
    language: Language,
    out: &'o mut Facts,
    fuel: &'o mut u32,
    layer: u16,
    /// Where the program as a whole stands, when it is a text of another.
    at: Option<At>,
    /// Who calls whom.
    calls: Calls,
    /// The functions of each class that run when it is called, or handed to what calls it.
    classes: FxHashMap<&'p str, Vec<usize>>,
    /// Whether this is the last walk.
    recording: bool,
    /// Whether the bodies of functions are being walked, which comes after the top level.
    in_bodies: bool,
    /// Whether something was learned after what may need it was walked.
    late: bool,
    scopes: Vec<Scope<'p>>,
    by_function: FxHashMap<usize, usize>,
    functions: Vec<Known<'p>>,
    /// What is assigned to `self.x` and `this.x`, by the name of the member.
    members: FxHashMap<&'p str, Value>,
    /// Modules whose names are all imported.
    stars: Vec<&'p str>,
    /// Modules that are imported and that the table does not know.
    modules: FxHashSet<Box<str>>,
    /// What is used of them.
    foreign: foreign::Known,
    /// What the file exports, by name, where its language says so.
    exports: FxHashMap<Name, Value>,
    /// What other files give.
    outside: &'o Outside,
    scope: usize,
    nested: Vec<Nested>,
    inlining: u8,
    /// Above zero, an assignment adds to what was there.
    conditional: u16,
    /// What the functions under way give.
    results: Vec<Value>,
}

impl<'p> Engine<'p, '_> {
    fn module(&mut self, program: &'p Program) {
        self.scopes.push(Scope::default());
        // Learning gets half: whoever makes it dear must not leave the walk that writes down with nothing.
        let reserve = *self.fuel / 2;
        *self.fuel -= reserve;
        let before = *self.fuel;
        self.pass(program);
        // A small program is worth another walk: what functions give to one another settles.
        if self.late && before - *self.fuel < before / 40 {
            self.pass(program);
        }
        *self.fuel += reserve;
        self.recording = true;
        self.pass(program);
    }

    fn pass(&mut self, program: &'p Program) {
        self.scope = 0;
        self.in_bodies = false;
        self.body(&program.body);
        self.in_bodies = true;
        self.take_in();
        // What nobody in the file calls, somebody else may.
        let mut at = 0;
        while at < self.functions.len() {
            self.run_body(at);
            at += 1;
        }
    }

    /// Takes a step; false when there are none left.
    fn step(&mut self) -> bool {
        *self.fuel = self.fuel.saturating_sub(1);
        *self.fuel > 0
    }

    fn place(&self, at: At) -> At {
        self.at.unwrap_or(at)
    }

    /// A text of the program is code, and is walked when the program has been.
    fn nest(&mut self, text: &str, how: &str, at: At) {
        let (outer, at) = (self.layer, self.place(at));
        let (owner, reached) = (self.calls.owner, Reached::WhenCalled);
        self.nested.push(Nested { text: text.into(), how: how.into(), outer, at, owner, reached });
    }

    fn record_use(
        &mut self,
        capability: Capability,
        api: &str,
        texts: Vec<Box<str>>,
        labels: Labels,
        at: At,
    ) {
        if self.recording && self.out.uses.len() < MAX_FACTS {
            let (at, layer) = (self.place(at), self.layer);
            let (api, reached) = (api.into(), Reached::WhenCalled);
            self.out.uses.push(Use { capability, api, texts, labels, at, layer, reached });
            self.calls.uses.push(self.calls.owner);
        }
    }

    fn record_flow(&mut self, sink: Sink, labels: Labels, api: &str, text: Option<&str>, at: At) {
        if self.recording && self.out.flows.len() < MAX_FACTS {
            let (at, layer) = (self.place(at), self.layer);
            let text = text.map(|text| texts::cut(text, texts::MAX_KEPT).into());
            let (api, reached) = (api.into(), Reached::WhenCalled);
            self.out.flows.push(Flow { labels, sink, api, text, at, layer, reached });
            self.calls.flows.push(self.calls.owner);
        }
    }

    fn record_text(&mut self, text: &str, at: At, layer: u16) {
        if self.recording && self.out.texts.len() < MAX_FACTS {
            let at = self.place(at);
            let text = texts::cut(text, texts::MAX_KEPT).into();
            self.out.texts.push(Text { text, at, layer });
        }
    }

    fn record_import(&mut self, module: &str, at: At) {
        if self.recording && self.out.imports.len() < MAX_FACTS {
            let at = self.place(at);
            self.out.imports.push(Imported { module: module.into(), at });
        }
    }
}

#[cfg(test)]
mod tests;
