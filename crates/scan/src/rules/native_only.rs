//! A package that is hardly more than a compiled file which runs when it is imported: there is nothing to read, and
//! nobody calls anything of it.

use super::{Found, Rule};
use crate::facts::{Capability, Reached};
use crate::package::{File, Kind, Package};
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct NativeOnly;

/// Bytes of source that a package may have and still be hardly more than its compiled file.
const HARDLY: usize = 2 << 10;

impl Rule for NativeOnly {
    fn id(&self) -> &'static str {
        "native-only"
    }

    fn family(&self) -> Family {
        Family::Obfuscation
    }

    fn summary(&self) -> &'static str {
        "importing runs a compiled file, and the package has hardly anything else"
    }

    fn look(&self) -> &'static str {
        "what the compiled file was built from"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let native: Vec<&str> =
            package.files.iter().filter(|file| file.kind == Kind::Native).filter_map(stem).collect();
        let sources =
            || package.files.iter().filter(|file| file.kind == Kind::Python && file.path != "setup.py");
        if native.is_empty() || sources().map(|file| file.bytes.len()).sum::<usize>() > HARDLY {
            return;
        }
        if let Some(file) = unbuilt(package) {
            let what = "a source distribution has a compiled module and hardly any source";
            found.file(82, file, what);
        }
        for file in sources().filter(|file| file.when == When::Imported) {
            if let Some((at, name)) = called(file, &native).or_else(|| loaded(file, &native)) {
                let what = format!("importing runs {name}, which is compiled; there is hardly anything else");
                found.at(76, file, at, 0, what);
            }
        }
    }
}

/// A compiled module of Python in a source distribution, whose point is that everybody can build it, without anything that
/// it could be built from.
fn unbuilt(package: &Package) -> Option<&File> {
    const SOURCES: [&str; 14] =
        [".c", ".cc", ".cpp", ".cxx", ".h", ".pyx", ".pxd", ".rs", ".go", ".f90", ".f", ".zig", ".nim", ".m"];
    let has = |end: &str| package.files.iter().any(|file| file.path.ends_with(end));
    let is_source = package.file("PKG-INFO").is_some() && package.ecosystem == "pypi";
    let module = |file: &&File| {
        file.kind == Kind::Native && (file.path.ends_with(".pyd") || file.path.ends_with(".so"))
    };
    package.files.iter().find(module).filter(|_| is_source && !SOURCES.iter().any(|end| has(end)))
}

/// The name of a module: of `a/_core.cpython-312-x86_64-linux-gnu.so` it is `_core`.
fn stem(file: &File) -> Option<&str> {
    file.path.rsplit('/').next()?.split('.').next().filter(|stem| !stem.is_empty())
}

/// A function of a compiled module that the top level calls for nothing but what it does.
fn called<'a>(file: &File, native: &[&'a str]) -> Option<(u32, &'a str)> {
    let text = std::str::from_utf8(&file.bytes).ok()?;
    let mut names: Vec<(&str, &'a str)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some((module, imported)) =
            line.strip_prefix("from ").and_then(|line| line.split_once(" import "))
        {
            let module = module.trim().rsplit('.').next().unwrap_or_default();
            let known = native.iter().find(|stem| **stem == module);
            names.extend(
                known.into_iter().flat_map(|stem| imported.split(',').map(|name| (name.trim(), *stem))),
            );
        }
        let callee = line.split_once('(').map(|(callee, _)| callee);
        let known = callee.and_then(|callee| names.iter().find(|(name, _)| *name == callee));
        if let Some((_, stem)) = known {
            return Some((at, stem));
        }
        at += u32::try_from(line.len()).ok()?;
    }
    None
}

/// A compiled file that the top level loads by its name.
fn loaded<'a>(file: &File, native: &[&'a str]) -> Option<(u32, &'a str)> {
    file.facts.uses.iter().find_map(|one| {
        let loads = one.capability == Capability::NativeCode && one.reached >= Reached::Handed;
        let stem = native.iter().find(|stem| loads && one.texts.iter().any(|text| text.contains(**stem)))?;
        Some((one.at, *stem))
    })
}
