//! A file is not what its name says: a program, an archive of code or encoded bytes under the name of a text or of
//! bytecode.

use super::{Found, Rule};
use crate::package::{File, Kind, Package};
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct DisguisedFile;

impl Rule for DisguisedFile {
    fn id(&self) -> &'static str {
        "disguised-file"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "a program, an archive or encoded bytes have the name of a text"
    }

    fn look(&self) -> &'static str {
        "what reads the file, and what it makes of it"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for file in package.files.iter().filter(|file| file.when > When::Never && file.bytes.len() > 1024) {
            let Some(what) = is_not(package, file) else { continue };
            found.place(
                74,
                file.when.max(When::Imported),
                file.whole(),
                format!("its name is that of {what}"),
            );
        }
    }
}

/// What a file's name says that it is, and it is not.
fn is_not(package: &Package, file: &File) -> Option<&'static str> {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path).to_ascii_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let bytes = &file.bytes;
    if matches!(ending, "pyc" | "pyo") {
        // The magic number of every CPython ends in a line break (`importlib.util.MAGIC_NUMBER`).
        return (bytes.get(2..4) != Some(b"\r\n")).then_some("bytecode, and it holds none");
    }
    let text = matches!(
        ending,
        "typed"
            | "md"
            | "rst"
            | "txt"
            | "json"
            | "toml"
            | "cfg"
            | "ini"
            | "yml"
            | "yaml"
            | "html"
            | "css"
            | "py"
            | "js"
            | "pem"
            | "license"
            | "csv"
            | "log"
            | "svg"
            | "xml"
            | "sh"
    );
    let picture =
        matches!(ending, "png" | "jpg" | "jpeg" | "gif" | "ico" | "bmp" | "wav" | "mp3" | "ttf" | "woff");
    match file.kind {
        Kind::Native if text || picture || ending == "crt" => {
            Some("a text or a picture, and it is a program")
        }
        Kind::Archive if text || picture || ending == "crt" => {
            let inner = format!("{}!/", file.path);
            let code =
                package.files.iter().any(|other| other.path.starts_with(&inner) && other.kind.is_code());
            code.then_some("a text or a picture, and it is an archive of code")
        }
        Kind::Data | Kind::Python | Kind::JavaScript | Kind::Settings | Kind::Shell | Kind::Text if text => {
            scrambled(bytes).then_some("a text, and it is encoded bytes")
        }
        _ => None,
    }
}

/// Whether bytes are spread as evenly as encrypted or compressed ones are; texts of two bytes a character are not.
fn scrambled(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(65_536)).unwrap_or_default();
    let mut counts = [0u32; 256];
    for byte in head {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let distinct = counts.iter().filter(|count| **count > 0).count();
    let most = counts.iter().max().copied().unwrap_or(0) as usize;
    head.len() > 4096 && distinct > 250 && most * 40 < head.len()
}
