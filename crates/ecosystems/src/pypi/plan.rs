//! What there is to do for one release: which published files are rebuilt, which are left, and from what.

use super::platform::Platform;
use super::{names, version};
use trustmill_core::Purl;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::ecosystem::{Plan, PlanError, Subject, Task};
use trustmill_core::release::Project;

/// Why a platform wheel is not rebuilt.
const NATIVE: &str = "native";

/// Plans one release. Each portable wheel is a subject of its own (old releases carry one for Python 2 and
/// one for Python 3); a release that publishes only its source is built. Of the platform wheels the one that
/// `platform` can build and would install is rebuilt, the others are left: they are for other machines.
///
/// # Errors
/// [`PlanError::UnknownVersion`] with the nearest version that exists.
pub fn plan(project: &Project, wanted: &str, platform: Option<&Platform>) -> Result<Plan, PlanError> {
    let unknown = || PlanError::UnknownVersion {
        purl: Purl::release("pypi", &project.name, wanted),
        nearest: nearest(&project.versions, wanted),
    };
    let listed = version::resolve(&project.versions, wanted).ok_or_else(unknown)?;
    let files: Vec<&Artifact> = project.files_of(listed).collect();
    if files.is_empty() {
        return Err(unknown());
    }
    let source =
        files.iter().filter(|file| file.kind == ArtifactKind::Source).min_by_key(|file| source_rank(file));
    let native =
        platform.filter(|_| source.is_some()).and_then(|platform| platform.choose(&project.name, &files));
    let mut subjects: Vec<Subject> = files.iter().filter_map(|file| subject(file, native)).collect();
    if subjects.is_empty() && source.is_some() {
        subjects.push(Subject { artifact: None, task: Task::Build });
    }
    Ok(Plan { version: listed.to_owned(), source: source.map(|file| (*file).clone()), subjects })
}

/// A wheel's task; source archives, eggs and installers are no subjects.
fn subject(file: &Artifact, native: Option<&Artifact>) -> Option<Subject> {
    let task = match file.kind {
        ArtifactKind::Portable => Task::Rebuild,
        ArtifactKind::Native if native.is_some_and(|chosen| chosen.filename == file.filename) => {
            Task::Rebuild
        }
        ArtifactKind::Native => Task::Leave(NATIVE.to_owned()),
        ArtifactKind::Source | ArtifactKind::Other => return None,
    };
    Some(Subject { artifact: Some(file.clone()), task })
}

/// Of several source archives the one that today's front ends take: PEP 625's `.tar.gz` first.
fn source_rank(file: &Artifact) -> usize {
    let order = [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"];
    order.iter().position(|ending| file.filename.ends_with(ending)).unwrap_or(order.len())
}

/// The closest version that exists: the next one above, else the last one below.
fn nearest(versions: &[String], wanted: &str) -> Option<String> {
    let mut known: Vec<&String> = versions.iter().filter(|one| version::parse(one).is_some()).collect();
    known.sort_by(|a, b| version::compare(a, b));
    let above = known.iter().find(|one| version::compare(one, wanted).is_gt());
    let found = if version::parse(wanted).is_some() { above.or(known.last()) } else { known.last() };
    found.map(|one| (*one).clone())
}

/// The newest release that is neither withdrawn nor a pre-release.
pub fn newest(project: &Project) -> Option<&str> {
    project
        .versions
        .iter()
        .filter(|one| !version::is_prerelease(one))
        .filter(|one| project.files_of(one).any(|file| file.yanked.is_none()))
        .max_by(|a, b| version::compare(a, b))
        .map(String::as_str)
}

/// The release that a wheel or a source archive belongs to, from its file name.
pub fn release_of(filename: &str) -> Option<Purl> {
    let stem = [".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"]
        .iter()
        .find_map(|end| filename.strip_suffix(end))?;
    let name = if filename.ends_with(".whl") { stem.split('-').next()? } else { stem.rsplit_once('-')?.0 };
    let parsed = names::parse_filename(&names::normalise(name)?, filename).ok()?;
    Some(Purl::release("pypi", name, &parsed.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(filename: &str, version: &str, kind: ArtifactKind) -> Artifact {
        Artifact {
            filename: filename.to_owned(),
            kind,
            version: version.to_owned(),
            sha256: None,
            size: None,
            upload_time: None,
            url: String::new(),
            yanked: None,
            requires_runtime: None,
            metadata_sha256: None,
            integrity: None,
            hints: std::collections::BTreeMap::new(),
        }
    }

    fn project(files: Vec<Artifact>) -> Project {
        let mut versions: Vec<String> = files.iter().map(|file| file.version.clone()).collect();
        versions.dedup();
        Project { name: "demo".into(), files, versions }
    }

    fn tasks(plan: &Plan) -> Vec<(Option<&str>, &Task)> {
        plan.subjects
            .iter()
            .map(|one| (one.artifact.as_ref().map(|file| file.filename.as_str()), &one.task))
            .collect()
    }

    #[test]
    fn every_portable_wheel_is_a_subject_and_native_ones_are_left() {
        use ArtifactKind::{Native, Other, Portable, Source};
        let project = project(vec![
            file("demo-1.0.zip", "1.0", Source),
            file("demo-1.0.tar.gz", "1.0", Source),
            file("demo-1.0-py2-none-any.whl", "1.0", Portable),
            file("demo-1.0-py3-none-any.whl", "1.0", Portable),
            file("demo-1.0-cp39-cp39-manylinux1_x86_64.whl", "1.0", Native),
            file("demo-1.0-py2.7.egg", "1.0", Other),
        ]);
        let plan = plan(&project, "1.0.0", None).unwrap();
        assert_eq!(plan.version, "1.0");
        assert_eq!(plan.source.as_ref().unwrap().filename, "demo-1.0.tar.gz");
        assert_eq!(
            tasks(&plan),
            [
                (Some("demo-1.0-py2-none-any.whl"), &Task::Rebuild),
                (Some("demo-1.0-py3-none-any.whl"), &Task::Rebuild),
                (Some("demo-1.0-cp39-cp39-manylinux1_x86_64.whl"), &Task::Leave("native".into())),
            ]
        );
    }

    #[test]
    fn source_alone_is_built_and_a_wheel_alone_has_no_source() {
        let only_source = project(vec![file("demo-1.0.tar.gz", "1.0", ArtifactKind::Source)]);
        assert_eq!(tasks(&plan(&only_source, "1.0", None).unwrap()), [(None, &Task::Build)]);
        let only_wheel = project(vec![file("demo-1.0-py3-none-any.whl", "1.0", ArtifactKind::Portable)]);
        let planned = plan(&only_wheel, "1.0", None).unwrap();
        assert_eq!(planned.source, None);
        assert_eq!(planned.subjects[0].task, Task::Rebuild);
    }

    #[test]
    fn an_unknown_version_names_the_nearest() {
        let all = ["1.0", "1.2", "2.0"].map(|version| file("demo.whl", version, ArtifactKind::Portable));
        let project = project(all.to_vec());
        for (wanted, expected) in [("1.1", "1.2"), ("3.0", "2.0"), ("0.1", "1.0"), ("nonsense", "2.0")] {
            let PlanError::UnknownVersion { nearest, .. } = plan(&project, wanted, None).unwrap_err();
            assert_eq!(nearest.as_deref(), Some(expected), "{wanted}");
        }
    }

    #[test]
    fn the_newest_is_neither_withdrawn_nor_a_pre_release() {
        let mut withdrawn = file("demo.whl", "3.0", ArtifactKind::Portable);
        withdrawn.yanked = Some(String::new());
        let mut files = ["1.10", "1.9", "4.0rc1"]
            .map(|version| file("demo.whl", version, ArtifactKind::Portable))
            .to_vec();
        files.push(withdrawn);
        assert_eq!(newest(&project(files)), Some("1.10"));
        assert_eq!(newest(&project(Vec::new())), None);
    }

    #[test]
    fn a_file_name_tells_its_release() {
        let of = |name: &str| release_of(name).map(|purl| purl.to_string());
        assert_eq!(of("Flask_Demo-1.0-py3-none-any.whl").as_deref(), Some("pkg:pypi/flask-demo@1.0"));
        assert_eq!(of("flask-demo-1.0.tar.gz").as_deref(), Some("pkg:pypi/flask-demo@1.0"));
        assert_eq!(of("serde-1.0.crate"), None);
        assert_eq!(of("README"), None);
    }
}
