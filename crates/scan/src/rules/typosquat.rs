//! Nearly the name of a popular package, and nothing that a project of its own would have.

use super::{Found, Rule};
use crate::package::Package;
use trustmill_core::scan::{Family, Place, When};

/// See the module.
pub(super) struct Typosquat;

impl Rule for Typosquat {
    fn id(&self) -> &'static str {
        "typosquat"
    }

    fn family(&self) -> Family {
        Family::Typosquat
    }

    fn summary(&self) -> &'static str {
        "it is new and has nearly the name of a popular package"
    }

    fn look(&self) -> &'static str {
        "whether the popular package is the one that was meant"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        let context = &package.context;
        let Some(meant) = context.resembles.first().filter(|_| context.popular != Some(true)) else { return };
        // Nearness alone says nothing: one in a hundred honest names is an edit away from a popular one.
        let young = context.project_age_days.is_some_and(|days| days <= 30);
        let few = context.releases.is_some_and(|releases| releases <= 3);
        let hook = package.manifest.hooks.iter().any(|hook| hook.when >= When::Installed);
        let borrowed = package.manifest.repository.as_deref().is_some_and(|url| {
            url.trim_end_matches(".git")
                .to_ascii_lowercase()
                .ends_with(&format!("/{}", meant.to_ascii_lowercase()))
        });
        let signs = [young, few, hook, borrowed].iter().filter(|sign| **sign).count();
        let weight = match signs {
            0 | 1 => return,
            2 => 50,
            3 => 70,
            _ => 85,
        };
        let told = [
            (young, "its project is weeks old"),
            (few, "it has few releases"),
            (hook, "installing it runs code"),
            (borrowed, "it names the other's repository"),
        ];
        let told: Vec<&str> = told.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
        let what = format!("has nearly the name of {meant}: {}", told.join(", "));
        found.place(weight, When::Imported, Place::default(), what);
    }
}
