//! What there is to do for one release: the `.crate` is both what is published and what is rebuilt.

use super::names;
use trustmill_core::Purl;
use trustmill_core::package::Artifact;
use trustmill_core::port::ecosystem::{Plan, PlanError, Subject, Task};
use trustmill_core::release::Project;

/// Plans one release. There is no uploaded source beside the crate: the source is the commit.
///
/// # Errors
/// [`PlanError::UnknownVersion`] with the nearest version that exists.
pub(super) fn plan(project: &Project, wanted: &str) -> Result<Plan, PlanError> {
    let subjects: Vec<Subject> = project
        .files_of(wanted)
        .map(|artifact: &Artifact| Subject { artifact: Some(artifact.clone()), task: Task::Rebuild })
        .collect();
    if subjects.is_empty() {
        return Err(PlanError::UnknownVersion {
            purl: Purl::release("cargo", &project.name, wanted),
            nearest: nearest(project, wanted),
        });
    }
    Ok(Plan { version: wanted.to_owned(), source: None, subjects })
}

/// The closest version that exists: the next one above, else the last one below.
fn nearest(project: &Project, wanted: &str) -> Option<String> {
    let wanted = names::parse_version(wanted);
    let parsed = |one: &&String| names::parse_version(one);
    let above = project.versions.iter().find(|one| parsed(one) >= wanted && wanted.is_some());
    above.or(project.versions.last()).cloned()
}

/// The newest release that is neither yanked nor a pre-release.
pub(super) fn newest(project: &Project) -> Option<&str> {
    let is_release = |one: &&String| names::parse_version(one).is_some_and(|version| version.pre.is_empty());
    let is_there = |one: &&String| project.files_of(one).any(|file| file.yanked.is_none());
    // Versions are oldest first.
    project.versions.iter().rev().filter(is_release).find(is_there).map(String::as_str)
}

/// The release that a `.crate` belongs to, from its name.
pub(super) fn release_of(filename: &str) -> Option<Purl> {
    names::parse_filename(filename).map(|(name, version)| Purl::release("cargo", name, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::index::{IndexConfig, IndexFile};

    fn project() -> Project {
        let line = |version: &str, yanked: bool| {
            format!(
                r#"{{"name":"Demo","vers":"{version}","deps":[],"cksum":"{}","features":{{}},"yanked":{yanked}}}"#,
                "0".repeat(64)
            )
        };
        let lines =
            [line("1.10.0", false), line("1.9.0", false), line("2.0.0-rc.1", false), line("1.11.0", true)];
        let config = IndexConfig::parse(br#"{"dl":"http://h.invalid"}"#).unwrap();
        IndexFile::parse("demo", &lines.join("\n").into()).unwrap().project(&config)
    }

    #[test]
    fn the_crate_is_rebuilt_and_has_no_other_source() {
        let plan = plan(&project(), "1.9.0").unwrap();
        assert_eq!((plan.version.as_str(), plan.source), ("1.9.0", None));
        assert_eq!(plan.subjects.len(), 1);
        let subject = &plan.subjects[0];
        assert_eq!(
            (subject.artifact.as_ref().unwrap().filename.as_str(), &subject.task),
            ("Demo-1.9.0.crate", &Task::Rebuild)
        );
    }

    #[test]
    fn an_unknown_version_names_the_nearest() {
        for (wanted, expected) in
            [("1.9.5", "1.10.0"), ("0.1.0", "1.9.0"), ("9.0.0", "2.0.0-rc.1"), ("x", "2.0.0-rc.1")]
        {
            let PlanError::UnknownVersion { nearest, .. } = plan(&project(), wanted).unwrap_err();
            assert_eq!(nearest.as_deref(), Some(expected), "{wanted}");
        }
    }

    #[test]
    fn the_newest_is_neither_yanked_nor_a_pre_release() {
        assert_eq!(newest(&project()), Some("1.10.0"));
        assert_eq!(release_of("md-5-0.1.0.crate").unwrap().to_string(), "pkg:cargo/md-5@0.1.0");
        assert_eq!(release_of("demo-1.0.tar.gz"), None);
    }
}
