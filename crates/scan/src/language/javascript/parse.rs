//! Parsing: which dialect a file is in, and what is done where it is none.

use super::{lower, nesting};
use crate::language::tokens::{Syntax, salvage};
use crate::program::Program;
use oxc_allocator::Allocator;
use oxc_parser::{ParseOptions, Parser};
use oxc_span::SourceType;
use std::borrow::Cow;

/// A file as a program, and whether it was parsed; where not, it was read by its tokens.
pub(super) fn program(path: &str, bytes: &[u8]) -> (Program, bool) {
    if nesting::is_too_deep(bytes) {
        let program = salvage::salvage(bytes, Syntax::JavaScript);
        return (Program { cut_short: true, ..program }, false);
    }
    let text = text(bytes);
    for dialect in dialects(path) {
        if let Some(program) = attempt(&text, *dialect) {
            return (program, true);
        }
    }
    (salvage::salvage(bytes, Syntax::JavaScript), false)
}

/// A text that is run as code; nothing where it is none.
pub(super) fn code(text: &str) -> Option<Program> {
    if nesting::is_too_deep(text.as_bytes()) {
        return Some(salvage::salvage(text.as_bytes(), Syntax::JavaScript));
    }
    dialects("").iter().find_map(|dialect| attempt(text, *dialect))
}

fn attempt(text: &str, dialect: SourceType) -> Option<Program> {
    let allocator = Allocator::default();
    let options = ParseOptions {
        allow_return_outside_function: true,
        preserve_parens: false,
        allow_v8_intrinsics: true,
        enable_ident_hashes: false,
        ..ParseOptions::default()
    };
    let parsed = Parser::new(&allocator, text, dialect).with_options(options).parse();
    // Errors from which the parser recovers are rules of the language that an engine may not enforce either.
    (!parsed.panicked).then(|| lower::program(&parsed.program))
}

/// The dialects that a file may be in, likeliest first.
fn dialects(path: &str) -> &'static [SourceType] {
    const JS: SourceType = SourceType::unambiguous().with_jsx(true);
    const MODULE: SourceType = SourceType::mjs().with_jsx(true);
    const SCRIPT: SourceType = SourceType::cjs();
    const TS: SourceType = SourceType::ts();
    const TSX: SourceType = SourceType::tsx();
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "ts" | "mts" | "cts" => &[TS, TSX, JS],
        "tsx" => &[TSX, TS],
        "mjs" => &[MODULE, SCRIPT],
        "cjs" => &[SCRIPT, JS, TS],
        _ => &[JS, SCRIPT, TSX],
    }
}

/// The file as text of the same length: what is no UTF-8 becomes a question mark per byte, so that offsets stay.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut out = String::with_capacity(bytes.len());
            for chunk in bytes.utf8_chunks() {
                out.push_str(chunk.valid());
                out.extend(chunk.invalid().iter().map(|_| '?'));
            }
            Cow::Owned(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ways to nest: what is repeated, and what may follow so that it would parse.
    const NESTINGS: &[(&str, &str)] = &[
        ("(", ""),
        ("[", ""),
        ("{", ""),
        ("a(", ""),
        ("a=>", "1"),
        ("(a)=>{", ""),
        ("a=", "1"),
        ("a?b:", "1"),
        ("!", "1"),
        ("- ", "1"),
        ("typeof ", "1"),
        ("await ", "1"),
        ("new ", "a"),
        ("a**", "1"),
        ("if(a)", ";"),
        ("if(a);else ", ";"),
        ("for(;;)", ";"),
        ("while(a)", ";"),
        ("do ", ";"),
        ("a:", ";"),
        ("function f(){", ""),
        ("class A{a(){", ""),
        ("class A extends ", "B{}"),
        ("`${", ""),
        ("a`${", ""),
        ("<a>", ""),
        ("<a b={", ""),
        ("({a:", ""),
        ("x={get a(){return ", ""),
        ("a[", ""),
        ("a?.[", ""),
        ("async()=>{await ", ""),
        ("let {a:", ""),
        ("try{", ""),
        ("switch(a){case ", ""),
        ("let x: A<", ""),
        ("let x: (", ""),
        ("type A = B extends C ? D : ", "E"),
        ("type A = keyof ", "E"),
        ("namespace A{", ""),
        ("import(", ""),
        ("@a(", ""),
        ("a+b*", "c"),
        ("a??(", ""),
        ("a<", "b"),
        ("async<", "b"),
        ("(a=", ""),
        ("({a=", ""),
        ("a=async(", ""),
        ("([", ""),
    ];

    fn closed(open: &str, middle: &str, times: usize) -> String {
        let close: String = open
            .chars()
            .rev()
            .filter_map(|c| match c {
                '(' => Some(')'),
                '[' => Some(']'),
                '{' => Some('}'),
                '`' => Some('`'),
                _ => None,
            })
            .collect();
        let close = if open == "<a>" { "</a>".to_owned() } else { close };
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    }

    #[test]
    fn no_nesting_overflows_the_stack_or_takes_long() {
        let hostile = || {
            for (open, middle) in NESTINGS {
                // As deep as may be parsed, and far deeper.
                for times in [740, 1_490, 20_000] {
                    program("a.js", format!("{}{middle}", open.repeat(times)).as_bytes());
                    program("a.ts", closed(open, middle, times).as_bytes());
                }
            }
        };
        // The stack that `scan` runs on.
        std::thread::Builder::new().stack_size(crate::STACK).spawn(hostile).unwrap().join().unwrap();
    }

    #[test]
    fn real_code_is_not_too_deep() {
        let chain = "if (a) { b = (c = 1, d) } else ".repeat(400) + "{}";
        let texts = format!("x = {};", "'a' + ".repeat(20_000) + "'b'");
        let list = format!("var {} z = 1;", "a = b => c, ".repeat(5_000));
        let tests = "c < 48 || c < 58 && ".repeat(2_000) + "1";
        let page = format!("x = {}{};", "<div>".repeat(100), "</div>".repeat(100)) + &"<br/>; ".repeat(2_000);
        for text in [chain, texts, list, tests, page] {
            assert!(program("a.jsx", text.as_bytes()).1, "{}", text.get(..80).unwrap_or(&text));
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            program("a.js", &bytes);
        }

        #[test]
        fn a_jumble_of_code_does_not_panic(
            words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60),
            path in proptest::sample::select(&["a.js", "a.ts", "a.tsx"][..]),
        ) {
            program(path, words.join(" ").as_bytes());
        }
    }

    const WORDS: &[&str] = &[
        "a",
        "b",
        "=",
        "=>",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ";",
        ",",
        ".",
        "?.",
        "...",
        "function",
        "class",
        "async",
        "await",
        "yield",
        "new",
        "import",
        "export",
        "default",
        "from",
        "'x'",
        "`y${",
        "}`",
        "/z/",
        "1",
        "+",
        "-",
        "!",
        "?",
        ":",
        "&&",
        "??",
        "<a>",
        "</a>",
        "<",
        ">",
        "let",
        "const",
        "for",
        "of",
        "if",
        "else",
        "return",
        "try",
        "catch",
        "switch",
        "case",
        "static",
        "get",
        "#p",
        "@d",
        "as",
        "type",
        "enum",
        "namespace",
        "extends",
        "super",
        "this",
        "typeof",
        "delete",
        "void",
        "throw",
        "while",
        "do",
        "*",
        "**",
        "//",
        "/*",
        "*/",
        "\n",
    ];
}
