//! A distribution that installs a module of another project's name: whoever installs both imports this one's, or a mix.

use super::{Found, Rule};
use crate::package::Package;
use trustmill_core::scan::{Family, When};

/// See the module.
pub(super) struct ModuleTaken;

/// Modules that nearly every environment has, named as the project that they come from. Those that forks take over by
/// agreement (`discord`, `jwt`, `Crypto`) are no sign of anything and are not among them.
const MODULES: &[&str] = &[
    "aiohttp",
    "anthropic",
    "boto3",
    "botocore",
    "certifi",
    "click",
    "cryptography",
    "django",
    "fastapi",
    "flask",
    "httpx",
    "idna",
    "jinja2",
    "numpy",
    "openai",
    "packaging",
    "pandas",
    "pip",
    "pydantic",
    "pytest",
    "requests",
    "rich",
    "scipy",
    "selenium",
    "setuptools",
    "six",
    "sqlalchemy",
    "starlette",
    "tensorflow",
    "torch",
    "tqdm",
    "transformers",
    "urllib3",
    "wheel",
];

impl Rule for ModuleTaken {
    fn id(&self) -> &'static str {
        "module-taken"
    }

    fn family(&self) -> Family {
        Family::Clone
    }

    fn summary(&self) -> &'static str {
        "it installs a module of another project's name"
    }

    fn look(&self) -> &'static str {
        "how its copy of the module differs from the project's own"
    }

    fn judge(&self, package: &Package, found: &mut Found<'_>) {
        if package.ecosystem != "pypi" || package.previous.is_some() {
            return;
        }
        let told = if package.name.is_empty() { &package.manifest.name } else { &package.name };
        let own = told.to_ascii_lowercase();
        for module in MODULES.iter().filter(|module| !own.is_empty() && !own.contains(**module)) {
            let file =
                ["", "src/"].iter().find_map(|top| package.file(&format!("{top}{module}/__init__.py")));
            if let Some(file) = file {
                let what = format!("the package {told} installs a module {module}");
                found.place(76, When::Imported, file.whole(), what);
            }
        }
    }
}
