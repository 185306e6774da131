//! A package that wins against a private one of its name: a huge version, hardly any code, and a sign of life sent home.

use super::{Found, Rule};
use crate::facts::{Capability, Labels, Sink};
use crate::package::{File, Package};
use trustmill_core::scan::{Family, Place, When};

/// See the module.
pub(super) struct DependencyConfusion;

impl Rule for DependencyConfusion {
    fn id(&self) -> &'static str {
        "dependency-confusion"
    }

    fn family(&self) -> Family {
        Family::DependencyConfusion
    }

    fn summary(&self) -> &'static str {
        "a huge version and hardly any code, made to win against a private package"
    }

    fn look(&self) -> &'static str {
        "whether you have a private package of this name"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let small = package.code().map(|file| file.bytes.len()).sum::<usize>() < 32 << 10
            && package.code().count() <= 8;
        if !small {
            return;
        }
        let version =
            [&package.version, &package.manifest.version].into_iter().find(|version| is_huge(version));
        let huge = version.is_some();
        let version = version.map_or("", String::as_str);
        let beacon = package.code().filter(|file| file.when > When::Called).find(|file| calls_home(file));
        let fetches = package.manifest.hooks.iter().find(|hook| {
            hook.when >= When::Installed
                && ["http://", "https://", "nslookup", "dig "].iter().any(|word| hook.command.contains(word))
        });
        match (huge, beacon, fetches) {
            (true, Some(file), _) => found.file(
                78,
                file,
                format!("version {version}, and it tells another machine where it was installed"),
            ),
            (true, None, Some(hook)) => found.place(
                74,
                hook.when,
                hook.place.clone(),
                format!("version {version}, and installing it calls another machine"),
            ),
            (true, None, None) => found.place(
                30,
                When::Imported,
                Place::default(),
                format!("version {version} of hardly any code"),
            ),
            _ => {}
        }
    }
}

/// Nobody counts that far: 99.0.0 and up, years left out.
fn is_huge(version: &str) -> bool {
    let mut numbers = version.split(['.', '-', '+']).map_while(|part| part.parse::<u64>().ok());
    let major = numbers.next().unwrap_or(0);
    let rest = numbers.any(|number| number >= 999 && !(1_000_000..99_999_999).contains(&number));
    (major >= 90
        && !(1990..2100).contains(&major)
        && !(199_001..=209_912).contains(&major)
        && major < 19_900_101)
        || rest && major < 1000 && version.split('.').all(|part| part.bytes().all(|b| b == b'9'))
}

fn calls_home(file: &File) -> bool {
    let sends = |flow: &crate::facts::Flow| {
        flow.sink == Sink::Send && flow.labels.has(Labels::HOST.and(Labels::ENVIRONMENT).and(Labels::OUTPUT))
    };
    let uses = |wanted: Capability| file.facts.uses.iter().any(|one| one.capability == wanted);
    file.facts.flows.iter().any(sends) || (uses(Capability::HostFacts) && uses(Capability::Network))
}

#[cfg(test)]
mod tests {
    use super::is_huge;

    #[test]
    fn years_and_common_numbers_are_not_huge() {
        for version in ["1.0.0", "2024.1.1", "20240101.0", "202401.1", "45.2.0", "0.0.999", "1.999.0"] {
            assert!(!is_huge(version), "{version}");
        }
        for version in ["99.99.99", "9999.0.0", "999.9.9", "100.0.0"] {
            assert!(is_huge(version), "{version}");
        }
    }
}
