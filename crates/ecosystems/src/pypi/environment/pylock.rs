//! The lockfile that uv writes (PEP 751), read for what an environment is made of and written again with
//! exactly one wheel per package, so that what is recorded is what is installed.

use serde::{Deserialize, Serialize};
use trustmill_core::attempt::Material;
use trustmill_core::{Purl, Sha256};

/// Larger than any environment's lockfile.
const LARGEST: usize = 4 << 20;

/// One wheel of an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wheel {
    /// Normalised name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Where the fetch phase gets it, as the gateway spells it.
    pub url: String,
    /// Its digest, which uv checks.
    pub sha256: Sha256,
}

impl Wheel {
    /// The wheel as a material of the provenance.
    pub fn material(&self) -> Material {
        Material::file(Purl::release("pypi", &self.name, &self.version).to_string(), self.sha256)
    }
}

/// Why a lockfile of uv cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("uv wrote a lockfile that the mill does not understand: {0}")]
pub struct BadPylock(pub String);

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    url: String,
    hashes: Hashes,
}

#[derive(Deserialize)]
struct Hashes {
    sha256: Option<Sha256>,
}

/// The wheels of a lockfile, sorted by name. Of several wheels of one package uv wrote only those that fit
/// the interpreter; one for this platform goes before a portable one, as an installer would choose.
///
/// # Errors
/// [`BadPylock`] on anything that is not a set of wheels from an index, each with a SHA-256.
pub fn parse(text: &str) -> Result<Vec<Wheel>, BadPylock> {
    if text.len() > LARGEST {
        return Err(BadPylock("it is too large".into()));
    }
    let lock: Lock = toml::from_str(text).map_err(|error| BadPylock(error.message().to_owned()))?;
    let mut wheels = lock.packages.into_iter().map(choose).collect::<Result<Vec<_>, _>>()?;
    wheels.sort();
    Ok(wheels)
}

fn choose(package: Package) -> Result<Wheel, BadPylock> {
    let bad = |what: &str| BadPylock(format!("{} {what}", package.name));
    let version = package.version.clone().ok_or_else(|| bad("has no version"))?;
    let portable = |file: &&File| !file.url.ends_with("-none-any.whl");
    let file = package.wheels.iter().find(portable).or_else(|| package.wheels.first());
    let file = file.ok_or_else(|| bad("has no wheel"))?;
    let sha256 = file.hashes.sha256.ok_or_else(|| bad("has no SHA-256"))?;
    Ok(Wheel { name: package.name, version, url: file.url.clone(), sha256 })
}

/// A lockfile of exactly these wheels.
pub fn render(wheels: &[Wheel]) -> String {
    let mut out = String::from("lock-version = \"1.0\"\ncreated-by = \"trustmill\"\n");
    for wheel in wheels {
        let quote = |text: &str| toml::Value::from(text).to_string();
        out.push_str(&format!(
            "\n[[packages]]\nname = {}\nversion = {}\nwheels = [{{ url = {}, hashes = {{ sha256 = \"{}\" }} }}]\n",
            quote(&wheel.name),
            quote(&wheel.version),
            quote(&wheel.url),
            wheel.sha256,
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = r#"
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.11.7"

[[packages]]
name = "cython"
version = "3.1.1"
marker = "python_full_version >= '3.1'"
index = "http://127.0.0.1:8080/pypi/simple"
wheels = [
    { url = "http://127.0.0.1:8080/f/cython-3.1.1-py3-none-any.whl", upload-time = 2025-05-19T09:44:50Z, size = 1, hashes = { sha256 = "07621e044f332d18139df2ccfcc930151fd323c2f61a58c82f304cffc9eb5280" } },
    { url = "http://127.0.0.1:8080/f/cython-3.1.1-cp311-cp311-manylinux2014_x86_64.whl", hashes = { sha256 = "c5cb6c054daadaf01a88c8f49f3edd9e829c9b76a82cbb4269e3f9878254540b" } },
]
"#;

    #[test]
    fn one_wheel_per_package_and_the_platforms_own_first() {
        let wheels = parse(TEXT).unwrap();
        assert_eq!(wheels.len(), 1);
        assert!(wheels[0].url.ends_with("x86_64.whl"));
        assert_eq!(wheels[0].material().uri, "pkg:pypi/cython@3.1.1");
        assert_eq!(parse(&render(&wheels)).unwrap(), wheels);
    }

    #[test]
    fn what_has_no_digest_or_no_wheel_is_refused() {
        let stripped = TEXT.replace("sha256 =", "md5 =");
        assert!(parse(&stripped).is_err());
        assert!(parse("[[packages]]\nname='a'\nversion='1'\n").is_err());
        assert!(parse("[[packages]]\nname='a'\n[packages.vcs]\nurl='x'").is_err());
        assert_eq!(parse("lock-version = '1.0'"), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "[\\[\\]a-z=\"'{}\\n ,.0-9]{0,300}") {
            let _ = parse(&text);
        }

        #[test]
        fn rendering_survives_any_name(name in "[a-z\"\\\\\\n]{1,20}", version in "[0-9.]{1,8}") {
            let wheel = Wheel { name, version, url: "http://x/a.whl".into(), sha256: Sha256::of(b"x") };
            prop_assert_eq!(parse(&render(std::slice::from_ref(&wheel))).unwrap(), vec![wheel]);
        }
    }
}
