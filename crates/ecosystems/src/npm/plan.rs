//! What there is to do for one release: its one tarball is rebuilt from the repository that it names.

use super::{names, version};
use trustmill_core::Purl;
use trustmill_core::port::ecosystem::{Plan, PlanError, Subject, Task};
use trustmill_core::release::Project;

/// Plans one release. npm publishes one file a release and no source beside it: the source is git.
///
/// # Errors
/// [`PlanError::UnknownVersion`] with the nearest version that exists.
pub fn plan(project: &Project, wanted: &str) -> Result<Plan, PlanError> {
    let Some(file) = project.files_of(wanted).next() else {
        return Err(PlanError::UnknownVersion {
            purl: Purl::release("npm", &project.name, wanted),
            nearest: nearest(&project.versions, wanted),
        });
    };
    let subject = Subject { artifact: Some(file.clone()), task: Task::Rebuild };
    Ok(Plan { version: wanted.to_owned(), source: None, subjects: vec![subject] })
}

/// The closest version that exists: the next one above, else the last one below.
fn nearest(versions: &[String], wanted: &str) -> Option<String> {
    let mut known: Vec<&String> = versions.iter().filter(|one| version::parse(one).is_some()).collect();
    known.sort_by(|a, b| version::compare(a, b));
    let above = known.iter().find(|one| version::compare(one, wanted).is_gt());
    let found = if version::parse(wanted).is_some() { above.or(known.last()) } else { known.last() };
    found.map(|one| (*one).clone())
}

/// The newest release that is no pre-release.
pub fn newest(project: &Project) -> Option<&str> {
    let stable = project.versions.iter().filter(|one| !version::is_prerelease(one));
    let there = stable.filter(|one| project.files_of(one).any(|file| file.yanked.is_none()));
    there.max_by(|a, b| version::compare(a, b)).map(String::as_str)
}

/// The release that a file belongs to, from the name under which the mill knows it.
pub fn release_of(filename: &str) -> Option<Purl> {
    let (name, version) = names::release_of(filename)?;
    Some(Purl::release("npm", &name, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::package::{Artifact, ArtifactKind};

    fn project(versions: &[&str]) -> Project {
        let file = |version: &&str| Artifact {
            filename: names::filename("@a/demo", version),
            kind: ArtifactKind::Portable,
            version: (*version).to_owned(),
            sha256: None,
            integrity: None,
            size: None,
            upload_time: None,
            url: String::new(),
            yanked: None,
            requires_runtime: None,
            metadata_sha256: None,
            hints: std::collections::BTreeMap::new(),
        };
        Project {
            name: "@a/demo".into(),
            files: versions.iter().map(file).collect(),
            versions: versions.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn the_tarball_is_rebuilt_and_there_is_no_uploaded_source() {
        let planned = plan(&project(&["1.0.0", "1.1.0"]), "1.0.0").unwrap();
        assert_eq!(planned.source, None);
        assert_eq!(planned.subjects.len(), 1);
        assert_eq!(planned.subjects[0].task, Task::Rebuild);
        let PlanError::UnknownVersion { nearest, .. } =
            plan(&project(&["1.0.0", "1.1.0"]), "1.0.5").unwrap_err();
        assert_eq!(nearest.as_deref(), Some("1.1.0"));
    }

    #[test]
    fn the_newest_is_stable() {
        assert_eq!(newest(&project(&["1.9.0", "1.10.0", "2.0.0-rc.1"])), Some("1.10.0"));
        assert_eq!(newest(&project(&[])), None);
    }

    #[test]
    fn a_file_name_tells_its_release() {
        let of = |name: &str| release_of(name).map(|purl| purl.to_string());
        assert_eq!(of("@a+demo-1.0.0.tgz").as_deref(), Some("pkg:npm/%40a/demo@1.0.0"));
        assert_eq!(of("demo-1.0.0-py3-none-any.whl"), None);
    }
}
