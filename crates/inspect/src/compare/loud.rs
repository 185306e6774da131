//! What runs: a file of these kinds that only the published wheel has is never explained by its class.

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

/// Why the member may run code, as an end of the sentence "it ...".
pub(super) fn runs(path: &str, member: &Member) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
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
