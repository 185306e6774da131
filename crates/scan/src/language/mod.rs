//! Languages: which one a file is in, its facts, and what manifests say about when it runs.
//!
//! A language has a module that lowers its syntax tree to a [`Program`](crate::program::Program) and a table of what
//! its functions do; data-flow is in [`flow`](crate::flow), once for all.

pub mod bytecode;
pub mod javascript;
pub mod native;
pub mod pickle;
pub mod python;
pub mod rust;
pub mod shell;
pub mod tokens;

mod measure;

use crate::facts::{Facts, Measures};
use crate::package::{Kind, Package};

/// What kind of bytes a file is.
pub fn kind(path: &str, bytes: &[u8]) -> Kind {
    let path = crate::unpack::first_name(path).unwrap_or(path);
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if let Some(kind) = javascript::kind_of_types(&name) {
        return kind;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        // Models are saved under the name that Python's paths have.
        "pth" if pickle::is_pickle(bytes) => Kind::Pickle,
        "pkl" | "pickle" => Kind::Pickle,
        "py" | "pyw" | "pyi" | "pth" => Kind::Python,
        "js" | "cjs" | "mjs" | "jsx" | "ts" | "cts" | "mts" | "tsx" => Kind::JavaScript,
        "rs" => Kind::Rust,
        "sh" | "bash" | "zsh" | "bat" | "cmd" | "ps1" => Kind::Shell,
        "pyc" | "pyo" => Kind::Bytecode,
        "json" | "toml" | "yml" | "yaml" | "cfg" | "ini" | "lock" | "gyp" | "gypi" => Kind::Settings,
        _ => by_magic(bytes),
    }
}

fn by_magic(bytes: &[u8]) -> Kind {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"\x7fELF")
        || starts(b"MZ")
        || starts(b"\xcf\xfa\xed\xfe")
        || starts(b"\xca\xfe\xba\xbe")
        || starts(b"\0asm")
    {
        Kind::Native
    } else if starts(b"PK\x03\x04")
        || starts(b"\x1f\x8b")
        || starts(b"BZh")
        || starts(b"\xfd7zXZ\0")
        || starts(b"\x28\xb5\x2f\xfd")
    {
        Kind::Archive
    } else if pickle::is_pickle(bytes) {
        Kind::Pickle
    } else if starts(b"#!") {
        let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        let says = |word: &[u8]| memchr::memmem::find(line, word).is_some();
        if says(b"python") {
            Kind::Python
        } else if says(b"node") || says(b"bun") || says(b"deno") {
            Kind::JavaScript
        } else {
            Kind::Shell
        }
    } else if bytes.get(..bytes.len().min(4096)).is_some_and(|head| memchr::memchr(0, head).is_none()) {
        Kind::Text
    } else {
        Kind::Data
    }
}

/// The facts of a file.
pub fn facts(kind: Kind, path: &str, bytes: &[u8]) -> Facts {
    let mut facts = match kind {
        Kind::Python => python::facts(path, bytes),
        Kind::JavaScript => javascript::facts(path, bytes),
        Kind::Rust => rust::facts(path, bytes),
        Kind::Shell => return shell::of_file(bytes),
        Kind::Bytecode => return bytecode::facts(bytes),
        Kind::Native => return native::facts(bytes),
        Kind::Pickle => pickle::facts(bytes),
        _ => return Facts::default(),
    };
    shell::look_within(&mut facts);
    facts
}

/// What the bytes of a file say without being parsed: how it looks, and that it was not read.
pub(crate) fn shape(kind: Kind, bytes: &[u8]) -> Facts {
    if !kind.is_code() {
        return Facts::default();
    }
    let measures = measure::of(bytes, Measures::default());
    let measures = if kind == Kind::JavaScript { javascript::look(bytes, measures) } else { measures };
    Facts { measures, cut_short: true, ..Facts::default() }
}

/// Reads the package's manifests, and says of every file when it runs.
pub fn manifests(package: &mut Package) {
    match package.ecosystem.as_str() {
        "pypi" => python::manifest(package),
        "npm" => javascript::manifest(package),
        "cargo" => rust::manifest(package),
        _ => {}
    }
    shell::hooks(package);
}
