//! A container that different readers read differently, that cannot be read to the end, or whose names hide.
//!
//! What honest packages have was counted on 894 of them (the newest and the mid-2022 files of the most used packages of
//! PyPI, npm and crates.io): the strict reader refuses one, an npm tarball that lists one file twice with the same
//! bytes. All else that was odd lay in archives within them, which are test data (`distlib` keeps tars that climb,
//! `ruzstd` streams that are broken) and links of time zones: so what is odd inside is worth a note and no more.

use super::{Found, Rule};
use crate::language;
use crate::package::{Odd, Oddity, Package};
use trustmill_core::scan::{Family, Place, When};

/// See the module.
pub(super) struct OddArchive;

/// The most that an archive within the published one may add.
const WITHIN: u8 = 20;

/// How much a kind says. Whoever unpacks is whoever installs, so that judgement multiplies by what installing is worth.
fn weight(oddity: &Oddity) -> u8 {
    match oddity.kind {
        // Made so that one reader sees what another does not. Nothing honest was seen to have it.
        Odd::Disagreement | Odd::Polyglot | Odd::EscapingName | Odd::BidiName => 80,
        Odd::DuplicateName | Odd::LinkLeaves => 75,
        // There is more than anybody looked at.
        Odd::Bomb | Odd::Quine | Odd::Encrypted => 70,
        Odd::CutShort if language::kind(&oddity.path, b"").is_code() => 70,
        Odd::ControlName | Odd::InvisibleName | Odd::Device | Odd::Prefixed => 65,
        // Installers refuse these, or read over them; so did uploads that broke on the way.
        Odd::Truncated | Odd::Corrupt | Odd::Trailing | Odd::Gap | Odd::Method => 50,
        Odd::SpacedName if is_pushed_away(&oddity.path) => 65,
        Odd::Refused | Odd::SpacedName | Odd::TooDeep | Odd::LongName => 30,
        // Large data files, old packers on Windows, and sloppy ones.
        Odd::CutShort | Odd::SpecialMode | Odd::BackslashName | Odd::NoTopFolder => 15,
        Odd::DuplicateKey => 35,
        Odd::OptionName | Odd::Link => 5,
    }
}

/// Whether spaces push the end of a name out of sight.
fn is_pushed_away(path: &str) -> bool {
    path.contains("        ")
}

impl Rule for OddArchive {
    fn id(&self) -> &'static str {
        "odd-archive"
    }

    fn family(&self) -> Family {
        Family::Container
    }

    fn summary(&self) -> &'static str {
        "the archive means different things to different readers, or hides something from them"
    }

    fn look(&self) -> &'static str {
        "what each reader sees: list the archive with another tool, and compare"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        for oddity in &package.oddities {
            let place = Place { path: oddity.path.clone(), line: 0, column: 0 };
            let what = format!("{}: {}", oddity.kind.as_str(), oddity.what);
            if oddity.depth == 0 {
                found.place(weight(oddity), When::Installed, place, what);
            } else {
                found.place(weight(oddity).min(WITHIN), When::Called, place, what);
            }
        }
    }
}
