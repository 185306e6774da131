//! Who needs whom, in every format that says it, and lockfiles read for everybody.

use super::lockfile_requirements::fixture;
use std::path::{Path, PathBuf};
use trustmill_core::Purl;
use trustmill_core::lockfile::Pins;
use trustmill_ecosystems::join::ALL;
use trustmill_ecosystems::{npm, pypi};

fn npm(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/npm_lockfile/real").join(file)
}

/// As `check` reads it.
fn read(path: &Path) -> Pins {
    ALL.iter().find_map(|family| (family.lockfile)(path)).unwrap().unwrap()
}

fn way(pins: &Pins, purl: &str) -> String {
    pins.graph.ways().to(&purl.parse().unwrap()).join(" > ")
}

#[test]
fn every_tool_names_the_same_way_to_a_release() {
    for (file, root) in [
        ("npm/package-lock.json", "demo > "),
        ("pnpm8/pnpm-lock.yaml", "the project > "),
        ("pnpm9/pnpm-lock.yaml", "the project > "),
        // Classic's lock does not hold the project.
        ("yarn1/yarn.lock", ""),
        ("berry/yarn.lock", "demo > "),
    ] {
        let pins = read(&npm(file));
        let linux = way(&pins, "pkg:npm/%40esbuild/linux-x64@0.25.0");
        assert_eq!(linux, format!("{root}esbuild 0.25.0 > @esbuild/linux-x64 0.25.0"), "{file}");
        assert_eq!(way(&pins, "pkg:npm/ms@2.0.0"), format!("{root}ms 2.0.0"), "{file}: an alias is followed");
        let unreached: Vec<&Purl> = pins
            .pins
            .iter()
            .map(|pin| &pin.purl)
            .filter(|purl| pins.graph.ways().to(purl).is_empty())
            .collect();
        assert!(unreached.is_empty(), "{file}: {unreached:?}");
    }
}

#[test]
fn what_is_for_another_platform_is_pinned_for_whoever_audits() {
    for file in ["npm/package-lock.json", "pnpm9/pnpm-lock.yaml", "berry/yarn.lock"] {
        let here = npm::lockfile::read(&npm(file), &npm::lockfile::Target::default()).unwrap().unwrap();
        let all = read(&npm(file));
        let windows = |pins: &Pins| pins.pins.iter().any(|pin| pin.purl.name() == "@esbuild/win32-x64");
        assert!(!windows(&here) && windows(&all), "{file}");
        assert_eq!(here.pins.len() + here.skipped.len(), all.pins.len() + all.skipped.len(), "{file}");
    }
}

#[test]
fn a_uv_lock_is_read_for_every_platform_with_its_ways() {
    let path = fixture("project/uv.lock");
    let here = pypi::lockfile::read(&path, &pypi::lockfile::Target::default()).unwrap().unwrap();
    let all = read(&path);
    assert!(!here.pins.iter().any(|pin| pin.purl.name() == "colorama"));
    let colorama = all.pins.iter().find(|pin| pin.purl.name() == "colorama").unwrap();
    let ways = all.graph.ways();
    let way = ways.to(&colorama.purl);
    assert!(way.len() >= 2 && way[0].starts_with("small-project"), "{way:?}");
    assert!(all.skipped.iter().all(|one| one.why.contains("project itself")), "{:?}", all.skipped);
}

#[test]
fn versions_of_several_platforms_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requirements.txt");
    let text =
        "a==1 ; sys_platform == 'win32'\na==2 ; sys_platform != 'win32'\na==2 ; python_version < '3'\n";
    std::fs::write(&path, text).unwrap();
    let purls: Vec<String> = read(&path).pins.iter().map(|pin| pin.purl.to_string()).collect();
    assert_eq!(purls, ["pkg:pypi/a@1", "pkg:pypi/a@2"]);
}

#[test]
fn a_cargo_lock_leads_from_the_workspace_to_every_crate() {
    let pins = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock"));
    let ways = pins.graph.ways();
    for pin in &pins.pins {
        let way = ways.to(&pin.purl);
        let (first, last) =
            (way.first().copied().unwrap_or_default(), way.last().copied().unwrap_or_default());
        assert!(first.starts_with("trustmill-") || first.starts_with("xtask"), "{}: {way:?}", pin.purl);
        assert!(last.starts_with(&pin.purl.name()), "{}: {way:?}", pin.purl);
    }
}
