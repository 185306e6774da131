//! What a Python distribution says of itself, and what of it runs by itself.

use crate::package::{Hook, Kind, Package, reach};
use trustmill_core::scan::When;

/// Reads the metadata and finds what installing, starting Python and importing run.
pub fn manifest(package: &mut Package) {
    metadata(package);
    let mut hooks = Vec::new();
    for file in &mut package.files {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        file.when = match name {
            "setup.py" if !file.path.contains('/') => When::Installed,
            _ if name.ends_with(".pth") && super::only_joins_namespaces(&file.bytes) => When::Called,
            _ if name.ends_with(".pth") && file.kind == Kind::Python => When::Started,
            "sitecustomize.py" | "usercustomize.py" => When::Started,
            _ if is_entrance(&file.path) => When::Imported,
            _ => When::Called,
        };
        if file.when >= When::Installed && (!file.facts.uses.is_empty() || file.when == When::Started) {
            let (name, command) = (name.to_owned(), file.path.clone());
            hooks.push(Hook { name, command, when: file.when, place: file.whole() });
        }
    }
    package.manifest.hooks.extend(hooks);
    reach::follow(package, reach::python);
}

/// Whether `import NAME` runs it: a module or a package at the top, or below `src`.
fn is_entrance(path: &str) -> bool {
    let path = path.strip_prefix("src/").unwrap_or(path);
    match path.split_once('/') {
        None => path.ends_with(".py"),
        Some((_, rest)) => rest == "__init__.py",
    }
}

/// `METADATA` of a wheel, `PKG-INFO` of a source distribution: headers as in mail.
fn metadata(package: &mut Package) {
    let file = package.files.iter().filter(|file| {
        let mut parts = file.path.rsplit('/');
        let (name, folder) = (parts.next(), parts.next());
        name == Some("PKG-INFO")
            && folder.is_none_or(|folder| folder.ends_with(".egg-info") || folder == "EGG-INFO")
            || name == Some("METADATA") && folder.is_some_and(|folder| folder.ends_with(".dist-info"))
    });
    let Some(file) = file.min_by_key(|file| file.path.len()) else { return };
    let text = String::from_utf8_lossy(&file.bytes);
    let head = text.split("\n\n").next().unwrap_or_default().to_owned();
    let manifest = &mut package.manifest;
    manifest.licence = licence(&head);
    for line in head.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.to_ascii_lowercase().as_str() {
            "name" => manifest.name = value.to_owned(),
            "version" => manifest.version = value.to_owned(),
            "summary" => manifest.description = value.to_owned(),
            "home-page" if !value.is_empty() => manifest.repository = Some(value.to_owned()),
            "project-url" if manifest.repository.is_none() => {
                manifest.repository = value.rsplit_once(',').map(|(_, url)| url.trim().to_owned());
            }
            "requires-dist" if !value.contains("extra ==") => {
                let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')));
                let (name, rest) = value.split_at(end.unwrap_or(value.len()));
                manifest.dependencies.insert(name.to_ascii_lowercase(), rest.trim().to_owned());
            }
            _ => {}
        }
    }
}

/// The expression (PEP 639) before the free text that came first, which may be a whole licence, and both before the
/// names of the classifiers.
fn licence(head: &str) -> Option<String> {
    const LONGEST_NAME: usize = 100;
    let fields =
        || head.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key, value.trim()));
    let first = |wanted: &str| {
        fields()
            .find(|(key, value)| key.eq_ignore_ascii_case(wanted) && !matches!(*value, "" | "UNKNOWN"))
            .map(|(_, value)| value.to_owned())
    };
    let classified = || {
        let named = fields()
            .filter(|(key, value)| key.eq_ignore_ascii_case("classifier") && value.starts_with("License ::"));
        let names: Vec<&str> = named
            .filter_map(|(_, value)| value.rsplit("::").next())
            .map(str::trim)
            .filter(|name| *name != "OSI Approved")
            .collect();
        (!names.is_empty()).then(|| names.join("; "))
    };
    first("license-expression")
        .or_else(|| first("license").filter(|text| text.len() <= LONGEST_NAME))
        .or_else(classified)
}

#[cfg(test)]
mod tests {
    use super::licence;

    #[test]
    fn a_licence_is_the_expression_else_the_short_text_else_the_classifiers() {
        let classifiers = "Classifier: License :: OSI Approved :: MIT License\nClassifier: Topic :: Security";
        let long = "A".repeat(200);
        for (head, expected) in [
            (
                format!("License: BSD\nLicense-Expression: MIT OR Apache-2.0\n{classifiers}"),
                Some("MIT OR Apache-2.0"),
            ),
            (format!("License: BSD\n{classifiers}"), Some("BSD")),
            (format!("License: UNKNOWN\n{classifiers}"), Some("MIT License")),
            (format!("License: {long}\n{classifiers}"), Some("MIT License")),
            ("Classifier: License :: OSI Approved".to_owned(), None),
            ("Name: a".to_owned(), None),
        ] {
            assert_eq!(licence(&head).as_deref(), expected, "{head}");
        }
    }
}
