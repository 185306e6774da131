//! A copy of a popular package under another name, with an edited file.

use super::{Found, Rule};
use crate::change::runs_by_itself;
use crate::package::{File, Package};
use trustmill_core::Sha256;
use trustmill_core::port::scanner::Fingerprint;
use trustmill_core::scan::{Family, Leads, When};

/// See the module.
pub(super) struct Clone;

impl Rule for Clone {
    fn id(&self) -> &'static str {
        "clone"
    }

    fn family(&self) -> Family {
        Family::Clone
    }

    fn summary(&self) -> &'static str {
        "it is a copy of a popular package with an edited file"
    }

    fn look(&self) -> &'static str {
        "the files that differ from the original"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        if package.context.originals.is_empty() {
            return;
        }
        let own = fingerprint(package);
        for original in package.context.originals.iter().filter(|original| !same_name(original, package)) {
            let shared = own.files.intersection(&original.files).count();
            // A vendored file or two is no copy: most of the original must be there, and be most of this.
            if shared < 2 || shared * 10 < original.files.len() * 6 || shared * 10 < own.files.len() * 6 {
                continue;
            }
            let edited = package.code().filter(|file| !original.files.contains(&print(file)));
            let mut edited: Vec<&File> = edited.collect();
            edited.sort_by_key(|file| std::cmp::Reverse((file.when, !file.facts.uses.is_empty())));
            let of = format!(
                "a copy of {} {} ({shared} of {} files)",
                original.name,
                original.version,
                original.files.len()
            );
            match edited.first() {
                Some(file) => {
                    let acts = runs_by_itself(file.when) && !file.facts.uses.is_empty();
                    found.place(
                        if acts { 82 } else { 64 },
                        When::Imported,
                        file.whole(),
                        format!("{of} with this file edited"),
                    );
                }
                None => found.place(30, When::Imported, trustmill_core::scan::Place::default(), of),
            }
        }
    }
}

fn same_name(original: &Fingerprint, package: &Package) -> bool {
    let normal = |name: &str| name.to_ascii_lowercase().replace(['-', '.'], "_");
    let name = if package.name.is_empty() { &package.manifest.name } else { &package.name };
    normal(&original.name) == normal(name)
}

fn print(file: &File) -> u64 {
    let digest = Sha256::of(&file.bytes).to_string();
    digest.get(..16).and_then(|head| u64::from_str_radix(head, 16).ok()).unwrap_or(0)
}

/// The fingerprint of a package: what the mill keeps of popular ones.
pub fn fingerprint(package: &Package) -> Fingerprint {
    Fingerprint {
        name: package.name.clone(),
        version: package.version.clone(),
        files: package
            .files
            .iter()
            // Empty files and one-liners are alike everywhere.
            .filter(|file| file.kind.is_code() && file.bytes.len() > 64)
            .map(print)
            .take(Leads::MOST)
            .collect(),
    }
}
