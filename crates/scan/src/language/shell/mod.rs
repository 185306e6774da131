//! Shell: scripts, hooks of manifests, and texts that reach the start of a program. `sh` and its kin, batch files and
//! PowerShell, read by one tolerant reader; what commands do is written down in the words of all languages, so that the
//! rules for those hold here: what `curl` fetches and `sh` runs is a flow from the network into a program.

mod command;
mod effect;
mod known;
mod lex;
mod powershell;

pub use command::Command;
pub use known::{builds, fetches, is_hidden, looks_around};
pub use lex::{Redirect, Word};

use crate::facts::{Capability, Facts, Flow, Labels, Layer, Reached, Sink, Text, Use};
use crate::package::{Hook, Package};
use command::assignment;
use lex::{Ended, Lexer, Substitute, Variables};
use std::collections::HashMap;

/// Scripts are longer only where data is appended to them.
const MAX_BYTES: usize = 2 << 20;
/// Bytes that are read in all, those of texts within texts again.
const FUEL: usize = 8 << 20;
/// Scripts within scripts.
const MAX_DEPTH: u8 = 6;
/// Facts of one kind: more say nothing new.
const MAX_FACTS: usize = 2_000;
/// Characters of a text that are kept.
const MAX_TEXT: usize = 2_000;
/// Variables that are followed, and how long their values may be.
const MAX_VARIABLES: usize = 500;
const MAX_VALUE: usize = 4_000;

/// The facts of a script.
pub fn facts(text: &str) -> Facts {
    let cut = text.len() > MAX_BYTES;
    let text = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
    let mut facts = Facts {
        layers: vec![Layer { how: "".into(), outer: 0 }],
        parsed: true,
        cut_short: cut,
        ..Facts::default()
    };
    let mut fuel = FUEL;
    let mut shell = Shell {
        facts: &mut facts,
        fuel: &mut fuel,
        commands: None,
        variables: HashMap::new(),
        depth: 0,
        layer: 0,
        at: None,
        base: 0,
    };
    shell.script(text, 0);
    facts.cut_short |= fuel == 0;
    facts
}

/// The facts of a file.
pub(super) fn of_file(bytes: &[u8]) -> Facts {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(MAX_BYTES + 1)).unwrap_or_default());
    let mut facts = facts(&text);
    facts.measures = super::measure::of(bytes, facts.measures);
    facts
}

/// The commands of a text, those of substitutions included, in the order in which they stand.
pub fn commands(text: &str) -> Vec<Command> {
    let text = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
    let mut facts = Facts::default();
    let (mut fuel, mut commands) = (FUEL, Vec::new());
    let mut shell = Shell {
        facts: &mut facts,
        fuel: &mut fuel,
        commands: Some(&mut commands),
        variables: HashMap::new(),
        depth: 0,
        layer: 0,
        at: None,
        base: 0,
    };
    shell.script(text, 0);
    commands
}

/// Adds what the texts do that reach the start of a program.
pub(crate) fn look_within(facts: &mut Facts) {
    let texts: Vec<(Box<str>, Labels, u32, u16, Reached)> = facts
        .flows
        .iter()
        .filter(|flow| flow.sink == Sink::Run && !flow.api.starts_with("shell:"))
        .filter_map(|flow| {
            let text = flow.text.clone().filter(|text| is_command(text))?;
            Some((text, flow.labels, flow.at, flow.layer, flow.reached))
        })
        .take(200)
        .collect();
    for (text, labels, at, layer, reached) in texts {
        let mut inner = self::facts(&text);
        // What is put into a command that sends is sent.
        for flow in inner.flows.iter_mut().filter(|flow| flow.sink == Sink::Send) {
            flow.labels = flow.labels.and(labels);
        }
        adopt(facts, inner, at, layer, reached);
    }
}

/// Whether a text may be a command: one word alone says nothing that its own flow does not.
fn is_command(text: &str) -> bool {
    text.len() < MAX_BYTES && text.trim().contains([' ', '|', ';', '$', '`'])
}

/// Adds what the hooks of a manifest do to the file that declares them.
pub(crate) fn hooks(package: &mut Package) {
    let hooks: Vec<Hook> = package.manifest.hooks.clone();
    for hook in hooks.iter().filter(|hook| is_command(&hook.command)) {
        let inner = facts(&hook.command);
        let Ok(place) = package.files.binary_search_by(|file| file.path.cmp(&hook.place.path)) else {
            continue;
        };
        let Some(file) = package.files.get_mut(place) else { continue };
        if file.kind.is_code() || inner.uses.is_empty() && inner.flows.is_empty() {
            continue;
        }
        let at = memchr::memmem::find(&file.bytes, hook.command.as_bytes()).unwrap_or_default();
        file.when = file.when.max(hook.when);
        let facts = std::sync::Arc::make_mut(&mut file.facts);
        adopt(facts, inner, u32::try_from(at).unwrap_or_default(), 0, Reached::Always);
    }
}

/// Takes over the facts of a text that stands at one place, in one layer.
fn adopt(facts: &mut Facts, inner: Facts, at: u32, layer: u16, reached: Reached) {
    if facts.layers.is_empty() {
        facts.layers.push(Layer { how: "".into(), outer: 0 });
    }
    let Ok(base) = u16::try_from(facts.layers.len()) else { return };
    // The inner file is the layer that it stands in; what is decoded within it comes after all that are known.
    let moved = |inner: u16| if inner == 0 { layer } else { base.saturating_add(inner - 1) };
    if facts.layers.len() + inner.layers.len() > usize::from(u16::MAX) {
        return;
    }
    let layers = inner.layers.into_iter().skip(1);
    facts.layers.extend(layers.map(|one| Layer { outer: moved(one.outer), ..one }));
    facts.uses.extend(inner.uses.into_iter().map(|one| Use { at, layer: moved(one.layer), reached, ..one }));
    facts.flows.extend(inner.flows.into_iter().map(|one| Flow {
        at,
        layer: moved(one.layer),
        reached,
        ..one
    }));
    facts.texts.extend(inner.texts.into_iter().map(|one| Text { at, layer: moved(one.layer), ..one }));
}

/// A script that is being read.
struct Shell<'a> {
    facts: &'a mut Facts,
    fuel: &'a mut usize,
    /// Where the commands themselves go, if somebody wants them.
    commands: Option<&'a mut Vec<Command>>,
    variables: Variables,
    depth: u8,
    layer: u16,
    /// Where everything stands, in a text that is not the file's own.
    at: Option<u32>,
    /// Where the text begins in the file.
    base: u32,
}

impl Substitute for Shell<'_> {
    fn substitute(&mut self, script: &str, at: u32) -> Labels {
        self.inner(script, at)
    }
}

impl Shell<'_> {
    /// Reads a text that is a script, and gives what its last pipeline writes.
    fn script(&mut self, text: &str, base: u32) -> Labels {
        let (Some(depth), true) = (self.depth.checked_add(1).filter(|d| *d <= MAX_DEPTH), *self.fuel > 0)
        else {
            return Labels::NONE;
        };
        *self.fuel = self.fuel.saturating_sub(text.len());
        let before = (self.depth, self.base);
        (self.depth, self.base) = (depth, base);
        let (mut at, mut last) = (0, Labels::NONE);
        loop {
            // Taken out while the reader borrows them: substitutions read them, and only pipelines change them.
            let variables = std::mem::take(&mut self.variables);
            let mut lexer = Lexer::new(text, at, &variables);
            let (raw, ended) = lexer.pipeline(self);
            let next = lexer.at();
            self.variables = variables;
            let commands: Vec<Command> = raw
                .into_iter()
                .filter(|raw| !raw.words.is_empty() || !raw.redirects.is_empty())
                .map(Command::new)
                .collect();
            if !commands.is_empty() {
                self.assign(&commands);
                last = self.pipeline(&commands);
                if let Some(all) = self.commands.as_deref_mut().filter(|all| all.len() < MAX_FACTS) {
                    all.extend(commands);
                }
            }
            if matches!(ended, Ended::Text) || next <= at || self.facts.flows.len() > MAX_FACTS {
                break;
            }
            at = next;
        }
        self.methods(text);
        (self.depth, self.base) = before;
        last
    }

    /// Reads a script within this one, that stands at `at`.
    fn inner(&mut self, text: &str, at: u32) -> Labels {
        self.script(text, self.base.saturating_add(at))
    }

    /// Remembers `NAME=value` and `set NAME=value`.
    fn assign(&mut self, commands: &[Command]) {
        let [command] = commands else { return };
        let words = std::iter::once(&command.path).chain(command.args.iter().map(|arg| &arg.text)).take(3);
        let labels = command.labels();
        for (name, value) in words.filter_map(|word| assignment(word)) {
            if self.variables.len() < MAX_VARIABLES && value.len() < MAX_VALUE {
                let word = Word { text: value.to_owned(), labels, at: command.at };
                self.variables.insert(name.to_owned(), word);
            }
        }
    }

    /// What PowerShell does by methods of objects, line by line.
    fn methods(&mut self, text: &str) {
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if let Some((address, runs)) = powershell::fetches(line) {
                let command = Command { program: "webclient".into(), at, ..Command::default() };
                self.used(Capability::Network, &command, vec![address], Labels::NONE);
                if runs {
                    self.flow(Sink::Run, Labels::NETWORK, &command, line.trim());
                }
            }
            at = at.saturating_add(u32::try_from(line.len()).unwrap_or_default());
        }
        for (at, decoded) in powershell::encoded_texts(text) {
            let at = u32::try_from(at).unwrap_or_default();
            let command = Command { program: "convert".into(), at, ..Command::default() };
            self.nested(&command, "base64", |shell| {
                shell.text(&decoded, &command);
                shell.script(&decoded, 0);
            });
        }
    }

    /// Does something a layer of decoding further in.
    fn nested(&mut self, command: &Command, how: &str, run: impl FnOnce(&mut Self)) {
        let Ok(layer) = u16::try_from(self.facts.layers.len()) else { return };
        if layer == 0 || layer > 200 {
            return;
        }
        let place = self.place(command.at);
        self.facts.layers.push(Layer { how: how.into(), outer: self.layer });
        let before = (std::mem::replace(&mut self.layer, layer), self.at.replace(place));
        run(self);
        (self.layer, self.at) = before;
    }

    fn place(&self, at: u32) -> u32 {
        self.at.unwrap_or_else(|| self.base.saturating_add(at))
    }

    fn used(&mut self, capability: Capability, command: &Command, texts: Vec<&str>, labels: Labels) {
        if self.facts.uses.len() < MAX_FACTS {
            let texts = texts.into_iter().take(8).map(|text| cut(text).into()).collect();
            let (at, layer) = (self.place(command.at), self.layer);
            let (api, reached) = (api(command), Reached::Always);
            self.facts.uses.push(Use { capability, api, texts, labels, at, layer, reached });
        }
    }

    fn flow(&mut self, sink: Sink, labels: Labels, command: &Command, text: &str) {
        if self.facts.flows.len() < MAX_FACTS {
            let (at, layer) = (self.place(command.at), self.layer);
            let text = (!text.is_empty()).then(|| cut(text).into());
            let (api, reached) = (api(command), Reached::Always);
            self.facts.flows.push(Flow { labels, sink, api, text, at, layer, reached });
        }
    }

    fn text(&mut self, text: &str, command: &Command) {
        if self.facts.texts.len() < MAX_FACTS {
            let (at, layer) = (self.place(command.at), self.layer);
            self.facts.texts.push(Text { text: cut(text).into(), at, layer });
        }
    }

    /// Takes over the facts of a text in another language.
    fn adopt(&mut self, inner: Facts, command: &Command) {
        let (at, layer) = (self.place(command.at), self.layer);
        adopt(self.facts, inner, at, layer, Reached::Always);
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()
}

fn api(command: &Command) -> Box<str> {
    let name: String = command.program.chars().take(40).collect();
    format!("shell:{name}").into()
}

#[cfg(test)]
mod tests;
