//! `functions`: where a hunk has no place, the whole function that it stands in, as the fix left it. It brings along what
//! else happened to the function in between: only a test of the fix can say that it is right.

use super::{NotCarried, Strategy, carried};
use crate::repair::{Material, Task};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Patch;
use trustmill_patch::carry::{Carried, Means};
use trustmill_patch::lines::{Lines, Splice};
use trustmill_patch::symbol::{Kind, Language, Symbol, named, symbols};

/// The strategy.
pub(super) struct Functions;

impl Strategy for Functions {
    fn name(&self) -> &'static str {
        "functions"
    }

    fn version(&self) -> u32 {
        1
    }

    fn needs_proof(&self) -> bool {
        true
    }

    fn fix(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Result<Patch, NotCarried> {
        carried::with_functions(task, material, workshop)
    }

    fn tests(&self, task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
        carried::tests(task, material, workshop, Means::Symbol)
    }
}

/// What was carried, with every function that holds a hunk without a place as it is in `after`; `None` where one stands
/// in no function, or in one that the release does not have.
pub(super) fn taken(path: &str, done: &Carried, after: &str) -> Option<String> {
    let language = Language::of(path)?;
    let (there, new) = (Lines::of(&done.text), Lines::of(after));
    let (known, all) = (symbols(Some(language), &there), symbols(Some(language), &new));
    let mut splices: Vec<Splice> = Vec::new();
    for (hunk, _) in &done.left {
        let lines = &hunk.after;
        let holds = |symbol: &&Symbol| {
            let within = symbol.lines.start <= lines.start && lines.end <= symbol.lines.end;
            within && symbol.lines.contains(&lines.start) && is_innermost(symbol, &all)
        };
        let function = all.iter().rfind(holds)?;
        let at = named(&known, &function.name)?.lines.clone();
        let with = new.range(function.lines.clone()).iter().map(|line| (*line).to_owned()).collect();
        let splice = Splice { at, with };
        if !splices.contains(&splice) {
            splices.push(splice);
        }
    }
    splices.sort_by_key(|splice| splice.at.start);
    Some(there.splice(&splices))
}

/// Whether a symbol is a block with no block in it.
pub(super) fn is_innermost(symbol: &Symbol, all: &[Symbol]) -> bool {
    let prefix = format!("{}.", symbol.name);
    symbol.kind == Kind::Block
        && !all.iter().any(|other| other.kind == Kind::Block && other.name.starts_with(&prefix))
}

#[cfg(test)]
mod unit {
    use super::*;
    use trustmill_patch::carry::carry;

    const BEFORE: &str = "import re\n\n\nclass Lexer:\n    def match(self):\n        pattern = re.compile(r'''\n            (a+)+\n        ''')\n        return pattern\n\n    def end(self):\n        return 1\n";

    #[test]
    fn a_function_without_a_place_for_its_hunk_is_taken_whole_and_the_rest_stays() {
        let after = BEFORE.replace("(a+)+\n        ''')", "a+\n        ''', re.X)");
        let target = BEFORE
            .replace("pattern = re.compile(r'''\n            (a+)+\n        ''')", "pattern = \"(a+)+\"")
            .replace("return 1", "return 7");
        let done = carry("kit/lexer.py", BEFORE, &after, &target, Means::Symbol);
        assert!(!done.is_whole());
        let text = taken("kit/lexer.py", &done, &after).unwrap();
        assert!(text.contains("            a+\n        ''', re.X)\n        return pattern\n"), "{text}");
        assert!(text.contains("return 7") && !text.contains("(a+)+"));
        assert_eq!(taken("kit/lexer.js", &done, &after), None);
        let gone = carry("kit/lexer.py", BEFORE, &after, "x = 1\n", Means::Symbol);
        assert_eq!(taken("kit/lexer.py", &gone, &after), None);
    }
}
