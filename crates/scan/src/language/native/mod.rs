//! Programs and libraries for a machine (ELF, PE, Mach-O): what they import, whether they are packed, and those of
//! their texts that honest ones have no use for. Nothing is disassembled: these are facts for a person and for rules
//! that want several of them, and there are no flows.

use super::measure;
use crate::facts::{Capability, Facts, Labels, Layer, Reached, Text, Use};
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use object::{Object as _, ObjectSection as _, SectionKind};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Bytes of a file whose texts are looked at.
const MAX_BYTES: usize = 32 << 20;
/// Imports and texts that are kept.
const MAX_FACTS: usize = 500;
/// Sections that are measured.
const MAX_SECTIONS: usize = 256;
/// Characters of a text around what was found in it.
const MAX_TEXT: usize = 300;
/// Entropy, in bits per byte, that machine code does not reach and compressed bytes do; and from which size on it counts.
const PACKED: f32 = 7.3;
const PACKED_BYTES: usize = 16 << 10;

/// Imported functions by what they can do. Only those that a library for computing has no use for.
const IMPORTS: &[(&str, Capability)] = &[
    ("system", Capability::Process),
    ("popen", Capability::Process),
    ("execl", Capability::Process),
    ("execlp", Capability::Process),
    ("execve", Capability::Process),
    ("execvp", Capability::Process),
    ("posix_spawn", Capability::Process),
    ("WinExec", Capability::Process),
    ("ShellExecuteA", Capability::Process),
    ("ShellExecuteW", Capability::Process),
    ("CreateProcessA", Capability::Process),
    ("CreateProcessW", Capability::Process),
    ("connect", Capability::Network),
    ("getaddrinfo", Capability::Network),
    ("gethostbyname", Capability::Network),
    ("curl_easy_perform", Capability::Network),
    ("URLDownloadToFileA", Capability::Network),
    ("URLDownloadToFileW", Capability::Network),
    ("InternetOpenUrlA", Capability::Network),
    ("InternetOpenUrlW", Capability::Network),
    ("WinHttpConnect", Capability::Network),
    ("WSAConnect", Capability::Network),
    ("memfd_create", Capability::NativeCode),
    ("ptrace", Capability::NativeCode),
    ("process_vm_writev", Capability::NativeCode),
    ("VirtualAllocEx", Capability::NativeCode),
    ("WriteProcessMemory", Capability::NativeCode),
    ("CreateRemoteThread", Capability::NativeCode),
    ("QueueUserAPC", Capability::NativeCode),
    ("SetWindowsHookExA", Capability::Spying),
    ("SetWindowsHookExW", Capability::Spying),
    ("GetAsyncKeyState", Capability::Spying),
    ("CryptUnprotectData", Capability::Spying),
    ("OpenClipboard", Capability::Clipboard),
];

/// Parts of texts that are worth a look.
const WORDS: &[&str] = &[
    "discord.com/api/webhooks",
    "discordapp.com/api/webhooks",
    "api.telegram.org/bot",
    "webhook.site",
    ".ngrok",
    "stratum+tcp://",
    "/dev/tcp/",
    "curl http",
    "curl -",
    "wget http",
    "| sh\0",
    "| bash",
    "powershell -",
    "powershell.exe",
    "wallet.dat",
    "login data",
    "cookies.sqlite",
    ".aws/credentials",
    ".ssh/id_",
    "/etc/shadow",
    "currentversion\\run",
    "/etc/ld.so.preload",
    "crontab -",
];

static MATCHER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasickBuilder::new().ascii_case_insensitive(true).build(WORDS).ok());

/// The facts of a file.
pub fn facts(bytes: &[u8]) -> Facts {
    let file = object::File::parse(bytes).ok();
    let mut facts = Facts {
        layers: vec![Layer { how: "".into(), outer: 0 }],
        parsed: file.is_some(),
        cut_short: bytes.len() > MAX_BYTES,
        ..Facts::default()
    };
    if let Some(file) = &file {
        imports(file, &mut facts);
    }
    if let Some(why) = packed(bytes, file.as_ref()) {
        facts.uses.push(used(Capability::NativeCode, "native:packed", vec![why.into()]));
    }
    let head = bytes.get(..bytes.len().min(MAX_BYTES)).unwrap_or_default();
    texts(head, &mut facts);
    facts.measures = measure::of(head, facts.measures);
    facts
}

fn used(capability: Capability, api: &str, texts: Vec<Box<str>>) -> Use {
    let reached = Reached::WhenCalled;
    Use { capability, api: api.into(), texts, labels: Labels::NONE, at: 0, layer: 0, reached }
}

fn imports(file: &object::File<'_>, facts: &mut Facts) {
    let Ok(imports) = file.imports() else { return };
    // Mach-O puts a line before the names of C.
    let name = |raw: &[u8]| String::from_utf8_lossy(raw).trim_start_matches('_').to_owned();
    let mut names = BTreeSet::new();
    for import in imports.take(100_000) {
        names.extend(import.ok().map(|import| name(import.name().name().unwrap_or_default())));
    }
    for (name, capability) in IMPORTS.iter().filter(|(name, _)| names.contains(*name)) {
        facts.uses.push(used(*capability, &format!("native:{name}"), Vec::new()));
    }
}

/// Why a file is taken to be packed.
fn packed(bytes: &[u8], file: Option<&object::File<'_>>) -> Option<&'static str> {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    if memchr::memmem::find(head, b"UPX!").is_some() || memchr::memmem::find(head, b"UPX0").is_some() {
        return Some("UPX");
    }
    let dense =
        file?.sections().take(MAX_SECTIONS).filter(|section| section.kind() == SectionKind::Text).any(
            |section| {
                let code = section.data().unwrap_or_default();
                let code = code.get(..code.len().min(1 << 20)).unwrap_or_default();
                code.len() >= PACKED_BYTES
                    && measure::of(code, crate::facts::Measures::default()).entropy > PACKED
            },
        );
    dense.then_some("its code looks like compressed bytes")
}

/// Texts with one of the words in them, as they stand and in UTF-16.
fn texts(bytes: &[u8], facts: &mut Facts) {
    let Some(matcher) = MATCHER.as_ref() else { return };
    let mut last = 0;
    for found in matcher.find_iter(bytes).take(MAX_FACTS) {
        if found.start() < last {
            continue;
        }
        let printable = |byte: &u8| (0x20..0x7f).contains(byte);
        let before = bytes.get(..found.start()).unwrap_or_default();
        let lead = before.iter().rev().take(MAX_TEXT).take_while(|byte| printable(byte)).count();
        let start = found.start() - lead;
        let rest = bytes.get(start..).unwrap_or_default();
        let len = rest.iter().take(MAX_TEXT).take_while(|byte| printable(byte)).count();
        last = start + len;
        let text = String::from_utf8_lossy(rest.get(..len).unwrap_or_default());
        facts.texts.push(Text { text: text.into(), at: u32::try_from(start).unwrap_or(u32::MAX), layer: 0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_program_is_known_by_its_imports_and_texts() {
        // The test's own program imports what Rust's library does, and holds this text.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let facts = facts(&own);
        assert!(facts.parsed);
        assert!(facts.uses.iter().any(|one| &*one.api == "native:execvp"), "{:?}", facts.uses);
        assert!(!facts.uses.iter().any(|one| &*one.api == "native:packed"), "{:?}", facts.uses);
        let text = b"\x7fELF\0\0https://discord.com/api/webhooks/1/x\0rest";
        assert_eq!(
            super::facts(text).texts.first().map(|text| &*text.text),
            Some("https://discord.com/api/webhooks/1/x")
        );
        assert!(super::facts(b"\x7fELF....UPX!....").uses.iter().any(|one| &*one.api == "native:packed"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0usize..4) {
            let magics: [&[u8]; 4] = [b"\x7fELF\x02\x01\x01", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];
            facts(&[magics[magic], &bytes].concat());
        }
    }
}
