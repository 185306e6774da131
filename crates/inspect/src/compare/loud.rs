//! What runs: a file of these kinds that only the published wheel has is never explained by its class.

use crate::archive::published::Family;
use crate::replay::is_executable;
use trustmill_core::content::Member;

/// Suffixes of what an interpreter, a loader or a shell runs.
const RUNS: [&str; 20] = [
    ".py",
    ".pyc",
    ".pyo",
    ".pyw",
    ".pyx",
    ".pyd",
    ".so",
    ".dylib",
    ".dll",
    ".exe",
    ".sh",
    ".bash",
    ".bat",
    ".cmd",
    ".ps1",
    ".js",
    ".mjs",
    ".jar",
    ".pth",
    ".egg-link",
];

/// Suffixes of what Node.js, a bundler or a compiler takes in, beside those.
const COMPILED: [&str; 25] = [
    ".asm", ".c", ".cc", ".cjs", ".cpp", ".cts", ".cxx", ".gyp", ".gypi", ".h", ".hh", ".hpp", ".inc",
    ".jsx", ".m", ".mm", ".mts", ".node", ".rs", ".s", ".svelte", ".ts", ".tsx", ".vue", ".wasm",
];

/// Names of files that clients and build tools obey.
const OBEYED: [&str; 9] = [
    ".npmrc",
    "binding.gyp",
    "cargo.toml",
    "cmakelists.txt",
    "configure",
    "makefile",
    "npm-shrinkwrap.json",
    "package.json",
    "rust-toolchain.toml",
];

/// Why a member of a package of JavaScript or Rust may run code.
fn runs_beside_python(lower: &str) -> Option<&'static str> {
    let name = lower.rsplit('/').next().unwrap_or(lower);
    if OBEYED.contains(&name) {
        return Some("is obeyed by clients or build tools");
    }
    let declarations = [".d.ts", ".d.mts", ".d.cts"].iter().any(|suffix| lower.ends_with(suffix));
    let compiled = COMPILED.iter().any(|suffix| lower.ends_with(suffix));
    (compiled && !declarations).then_some("is code")
}

/// Why the member may run code, as an end of the sentence "it ...".
pub(super) fn runs(family: Family, path: &str, member: &Member) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
    if family != Family::Python
        && let Some(why) = runs_beside_python(&lower)
    {
        return Some(why);
    }
    if lower.ends_with(".pth") {
        return Some("is run by the interpreter at every start");
    }
    if path.split('/').next().is_some_and(|top| top.ends_with(".data")) {
        return Some("is installed outside of the package");
    }
    if crate::wheel::is_dist_info(path, "entry_points.txt") {
        return Some("installs commands and plug-ins");
    }
    if RUNS.iter().any(|suffix| lower.ends_with(suffix)) || lower.contains(".so.") {
        return Some("is code");
    }
    let magic: [&[u8]; 6] =
        [b"#!", b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"PK\x03\x04"];
    if magic.iter().any(|magic| member.bytes.starts_with(magic)) {
        return Some("begins as a program does");
    }
    is_executable(member).then_some("is marked executable")
}
