//! What a published package says of its repository: a claim of the publisher, nothing checked yet.

use super::manifest::Manifest;
use crate::npm::names;
use trustmill_core::port::ecosystem::Published;
use trustmill_core::source::{SourceClaim, clean_address, clean_directory};

/// The claim in the published `package.json`, with the commit from the registry where it kept that.
pub fn source_claim(release: &Published<'_>) -> Option<SourceClaim> {
    // What is published is its own source.
    let (artifact, contents) = release.file.or(release.archive)?;
    let manifest = Manifest::of(contents, "package.json")?;
    let (address, stated) = manifest.repository()?;
    let (repository, named) = clean_address(address)?;
    let directory = stated.and_then(clean_directory).unwrap_or(named);
    let commit = artifact.hints.get("gitHead").map(String::as_str).or_else(|| manifest.text("gitHead"));
    let by = if commit.is_some() { "package.json: repository, gitHead" } else { "package.json: repository" };
    Some(SourceClaim {
        repository,
        tags: tags(&release.purl.name(), release.purl.version()?, !directory.is_empty()),
        directory,
        commit: commit.and_then(|text| text.parse().ok()),
        dirty: false,
        stated_by: by.to_owned(),
    })
}

/// Tags that a project may use, likeliest first. In a repository of many packages a bare version may be that of
/// another package, so names come first.
fn tags(name: &str, version: &str, one_of_many: bool) -> Vec<String> {
    let (scope, base) = names::split(name);
    let plain = ["v{}", "{}", "release-{}", "release/{}", "release-v{}", "release/v{}", "V{}"]
        .map(|form| form.replace("{}", version));
    let mut named = vec![
        format!("{name}@{version}"),
        format!("{base}@{version}"),
        format!("{name}@v{version}"),
        format!("{base}@v{version}"),
    ];
    for between in ["-v", "-", "/v", "/", "_v", "_"] {
        named.push(format!("{base}{between}{version}"));
        if let Some(scope) = scope {
            named.push(format!("{scope}-{base}{between}{version}"));
            named.push(format!("{name}{between}{version}"));
        }
    }
    let (first, second) = if one_of_many { (named, plain.to_vec()) } else { (plain.to_vec(), named) };
    first.into_iter().chain(second).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npm::infer::testing::{artifact, contents};
    use trustmill_core::Purl;

    fn claim(manifest: &str, name: &str) -> Option<SourceClaim> {
        let purl = Purl::release("npm", name, "1.2.3");
        let (artifact, contents) = (artifact(name, "1.2.3"), contents(&[("package.json", manifest)]));
        source_claim(&Published { purl: &purl, file: Some((&artifact, &contents)), archive: None })
    }

    #[test]
    fn a_repository_is_text_or_an_object() {
        let short = claim(r#"{"repository": "owner/demo"}"#, "demo").unwrap();
        assert_eq!(
            (short.repository.as_str(), short.directory.as_str()),
            ("https://github.com/owner/demo", "")
        );
        assert_eq!(short.tags[..2], ["v1.2.3", "1.2.3"]);
        let object = r#"{"repository": {"type": "git", "url": "git+https://forge.example/o/many.git", "directory": "packages/demo/"},
            "gitHead": "ce013625030ba8dba906f756967f9e9ca394464a"}"#;
        let object = claim(object, "@o/demo").unwrap();
        assert_eq!(object.directory, "packages/demo");
        assert!(object.commit.is_some());
        assert_eq!(object.tags[..2], ["@o/demo@1.2.3", "demo@1.2.3"]);
    }

    #[test]
    fn what_names_none_claims_nothing() {
        for manifest in
            ["{}", "[]", "", r#"{"repository": 1}"#, r#"{"repository": "-x"}"#, r#"{"repository": {}}"#]
        {
            assert_eq!(claim(manifest, "demo"), None, "{manifest}");
        }
        let outside = claim(r#"{"repository": {"url": "o/d", "directory": "../x"}}"#, "demo").unwrap();
        assert_eq!(outside.directory, "");
    }
}
