//! The first recipe: what the published wheel says of its own making, then what the source declares.

use super::clues::{BuildSystem, Clues, Generator, Published};
use super::draft::{Draft, Python};
use super::eras;
use super::range::Range;
use crate::pypi::environment::requirement;
use crate::pypi::hooks::{Hooks, LEGACY_BACKEND};
use jiff::Timestamp;
use std::collections::BTreeMap;
use trustmill_core::port::ecosystem::Evidence;

/// The newest Python that back ends of every era before are known to run on.
pub(super) const NEWEST_PYTHON: (u16, u16) = (3, 13);

/// The recipe that the evidence alone suggests.
pub(super) fn draft(evidence: &Evidence<'_>, clues: &Clues) -> Draft {
    let base = declared(evidence, clues);
    let Some(generator) = clues.generator() else {
        let base = base.because("nothing published names its back end: what the source declares");
        // setuptools of before 2019 has no such hook: setup.py is run, as installers did then.
        let legacy = base.hooks.backend.as_deref() == Some(LEGACY_BACKEND);
        let python = Python { exact: None, newest: base.python };
        return if legacy {
            base.with_setuptools(Range::default(), python, clues.has_setup_py)
        } else {
            base
        };
    };
    match generator.name.as_str() {
        "bdist_wheel" => {
            bdist_wheel(foreign_backend(base, clues), clues, generator, own(evidence, "wheel", generator))
        }
        "setuptools" if own(evidence, "setuptools", generator) => {
            base.because("setuptools made its own wheel: the back end in the source")
        }
        "setuptools" => setuptools(foreign_backend(base, clues), clues, generator),
        name => match distribution(name) {
            Some(dist) => pinned(base, evidence, clues, generator, dist),
            None => base.because(format!("the generator {name} is not known: what the source declares")),
        },
    }
}

/// Whether the release is the very tool that made it: it cannot be installed before it was published.
fn own(evidence: &Evidence<'_>, tool: &str, generator: &Generator) -> bool {
    evidence.purl.name() == tool && evidence.purl.version() == Some(generator.version.as_str())
}

/// The interpreter that the evidence speaks for.
pub(super) fn python(evidence: &Evidence<'_>, clues: &Clues) -> Python {
    let exact = clues.published.as_ref().and_then(|wheel| wheel.exact_python);
    Python { exact, newest: eras::cpython(evidence.uploaded).min(NEWEST_PYTHON) }
}

/// What the source declares (PEP 517, PEP 518), as of the upload.
fn declared(evidence: &Evidence<'_>, clues: &Clues) -> Draft {
    let python = python(evidence, clues);
    let published = clues.published.as_ref();
    let default = || BuildSystem {
        requires: vec!["setuptools".to_owned(), "wheel".to_owned()],
        refused: Vec::new(),
        backend: LEGACY_BACKEND.to_owned(),
        backend_path: Vec::new(),
    };
    let system = clues.build_system.clone().unwrap_or_else(default);
    let mut draft = Draft {
        python: python.exact.unwrap_or(python.newest),
        requirements: system.requires,
        constraints: Vec::new(),
        setuptools: None,
        hooks: Hooks { backend: Some(system.backend), backend_path: system.backend_path, ..Hooks::default() },
        before: Vec::new(),
        env: BTreeMap::new(),
        as_of: evidence.uploaded,
        umask: published.map_or(0o022, |wheel| wheel.umask),
        epoch: published.and_then(|wheel| wheel.uniform_time),
        reasons: Vec::new(),
    };
    let (major, minor) = draft.python;
    draft.reasons.push(match python.exact {
        Some(_) => format!("a file of the wheel is named after Python {major}.{minor}"),
        None => format!("Python {major}.{minor} was the newest at the upload"),
    });
    for refused in system.refused {
        let shown: String = refused.chars().take(80).collect();
        draft.reasons.push(format!("the declared requirement {shown:?} cannot be followed and is left out"));
    }
    draft
}

/// A wheel of setuptools, though the source declares another back end and still has a `setup.py`: the
/// publisher ran that.
fn foreign_backend(mut draft: Draft, clues: &Clues) -> Draft {
    let declared = clues.backend();
    let others = ["poetry", "flit", "hatchling", "pdm", "uv_build"];
    if !clues.has_setup_py || !others.iter().any(|other| declared.starts_with(other)) {
        return draft;
    }
    draft.requirements = vec!["setuptools".to_owned(), "wheel".to_owned()];
    draft.hooks = Hooks { backend: Some(LEGACY_BACKEND.to_owned()), ..Hooks::default() };
    draft
        .because(format!("the wheel was made by setuptools, not by the declared {declared}: setup.py is run"))
}

/// wheel up to 0.46 with setuptools before 70.1: wheel's version stands in the wheel, setuptools' does not.
fn bdist_wheel(mut draft: Draft, clues: &Clues, generator: &Generator, own: bool) -> Draft {
    draft.require("setuptools");
    draft.require("wheel");
    if generator.released() && !own {
        draft.constraints.push(format!("wheel=={}", generator.version));
        draft.reasons.push(format!("Generator: bdist_wheel ({})", generator.version));
    }
    let (mut range, reasons) = setuptools_range(clues);
    draft.reasons.extend(reasons);
    if let Some((cheaper, why)) = thrift(&range, &draft, clues) {
        range = cheaper;
        draft.reasons.push(why.to_owned());
    }
    let python =
        Python { exact: clues.published.as_ref().and_then(|wheel| wheel.exact_python), newest: draft.python };
    draft = draft.with_setuptools(range, python, clues.has_setup_py);
    universal(draft, clues)
}

/// Where the evidence leaves the choice, a release that writes the same wheel for a fraction of the CPU.
fn thrift(range: &Range, draft: &Draft, clues: &Clues) -> Option<(Range, &'static str)> {
    let newest = eras::newest_setuptools(draft.as_of, |version| range.contains(version));
    let slow = Range::between(eras::SLOW_FROM, eras::FAST_AGAIN).contains(&newest);
    let upper = !range.contains(&eras::version(eras::NO_PLATFORM_UNKNOWN));
    if !slow || !upper || clues.configured_in_pyproject {
        return None;
    }
    let has_entry_points = clues.published.as_ref().is_some_and(|wheel| wheel.entry_points.is_some());
    if has_entry_points {
        let range = range.and(&Range::between(eras::ENTRY_POINTS_MENDED, eras::SLOWER_FROM))?;
        return Some((range, "setuptools 60.10 to 62.1 write the same as 60.9 and take longer"));
    }
    let range = range.and(&Range::below(eras::SLOW_FROM))?;
    Some((
        range,
        "without entry points setuptools 60.9 to 62.1 write the same as 60.8 and take four times as long",
    ))
}

/// setuptools from 70.1 writes its own version; before 75.6 a `wheel` that was installed beside it still
/// writes the requirements, in the spelling of its version.
fn setuptools(mut draft: Draft, clues: &Clues, generator: &Generator) -> Draft {
    draft.require("setuptools");
    if generator.released() {
        draft.constraints.push(format!("setuptools=={}", generator.version));
        draft.reasons.push(format!("Generator: setuptools ({})", generator.version));
    }
    let older = eras::version(&generator.version) < eras::version(eras::OWN_REQUIREMENTS);
    let spelled =
        clues.published.as_ref().filter(|_| older).and_then(|wheel| wheel_spelling(wheel, draft.as_of));
    if let Some((range, why)) = spelled {
        draft.require("wheel");
        draft.constraints.extend(range.constraint("wheel"));
        draft.reasons.push(why.to_owned());
    }
    universal(draft, clues)
}

/// Which wheel wrote `Requires-Dist`.
fn wheel_spelling(wheel: &Published, at: Timestamp) -> Option<(Range, &'static str)> {
    let heads: Vec<&str> =
        wheel.metadata.values("Requires-Dist").filter_map(|value| value.split(';').next()).collect();
    let operator = |rest: &str| rest.starts_with(['<', '>', '=', '!', '~']);
    if heads.iter().any(|head| head.split_once('(').is_some_and(|(_, rest)| operator(rest))) {
        return Some((
            Range::below(eras::WHEEL_NO_PARENTHESES),
            "requirements in parentheses: a wheel before 0.41.1",
        ));
    }
    if heads.iter().any(|head| head.split_once(' ').is_some_and(|(_, rest)| operator(rest))) {
        let range = Range::between(eras::WHEEL_NO_PARENTHESES, eras::WHEEL_TIGHT);
        return Some((range, "requirements with a space: a wheel from 0.41.1 to before 0.44"));
    }
    let tight = heads.iter().any(|head| head.contains(['<', '>', '=', '!', '~']));
    (tight && eras::tight_wheel_exists(at))
        .then(|| (Range::from(eras::WHEEL_TIGHT), "requirements without a space: a wheel from 0.44"))
}

/// Universal tags that the source does not ask for came from the command line or a user's configuration.
fn universal(mut draft: Draft, clues: &Clues) -> Draft {
    if !clues.universal() || clues.says_universal {
        return draft;
    }
    draft.hooks.distutils.push("bdist_wheel.universal=1".to_owned());
    draft.because("the tags are universal and the source does not say so")
}

/// One piece of evidence on setuptools.
struct Piece {
    range: Range,
    /// 3 is proof, 2 strong, 1 an absence.
    strength: u8,
    why: &'static str,
}

/// What METADATA and entry points say of setuptools, the strongest first; a piece that contradicts stronger
/// ones is left out.
pub(super) fn setuptools_range(clues: &Clues) -> (Range, Vec<String>) {
    let mut pieces = vec![Piece {
        range: Range::below(eras::OWN_BDIST_WHEEL),
        strength: 3,
        why: "bdist_wheel is wheel's own: setuptools before 70.1",
    }];
    if let Some(published) = &clues.published {
        metadata_pieces(published, clues.has_licence_file, &mut pieces);
        entry_point_pieces(published, &mut pieces);
        description_pieces(published, &mut pieces);
    }
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.strength));
    let mut range = Range::default();
    let mut reasons = Vec::new();
    for piece in pieces {
        match range.and(&piece.range) {
            Some(narrower) => {
                range = narrower;
                reasons.push(piece.why.to_owned());
            }
            None => reasons.push(format!("set aside, since it contradicts: {}", piece.why)),
        }
    }
    (range, reasons)
}

fn metadata_pieces(wheel: &Published, has_licence_file: bool, pieces: &mut Vec<Piece>) {
    let fields = &wheel.metadata;
    let mut add = |range, strength, why| pieces.push(Piece { range, strength, why });
    if fields.has("License-File") {
        add(Range::from(eras::LICENSE_FILE), 3, "License-File is written: setuptools from 57.0.0");
    } else if has_licence_file && !wheel.licenses_folder {
        add(
            Range::below(eras::LICENSE_FILE),
            1,
            "no License-File though there is a licence: setuptools before 57.0.0",
        );
    }
    if fields.unknown("Platform") || fields.unknown("License") {
        add(
            Range::below(eras::NO_PLATFORM_UNKNOWN),
            3,
            "Platform or License is UNKNOWN: setuptools before 62.2",
        );
    } else if !fields.has("Platform") {
        add(Range::from(eras::NO_PLATFORM_UNKNOWN), 2, "no Platform: setuptools from 62.2");
    }
    if fields.unknown("Home-page") {
        add(Range::below(eras::NO_HOME_PAGE_UNKNOWN), 3, "Home-page is UNKNOWN: setuptools before 60.6");
    }
    if fields.unknown("Author") || fields.unknown("Author-email") {
        add(Range::below(eras::NO_AUTHOR_UNKNOWN), 3, "Author is UNKNOWN: setuptools before 56.2");
    }
    if fields.unknown("Description-Content-Type") {
        let range = Range::between(eras::CONTENT_TYPE_UNKNOWN, eras::NO_CONTENT_TYPE_UNKNOWN);
        add(range, 3, "Description-Content-Type is UNKNOWN: setuptools from 36.4 to before 38.6");
    }
    if fields.has("Maintainer") {
        add(Range::from(eras::MAINTAINER), 3, "Maintainer is written: setuptools from 38.7.0");
    }
    if fields.values("Name").any(|name| name.contains('_')) {
        add(Range::from(eras::NAME_KEEPS_UNDERSCORE), 3, "Name keeps its underscore: setuptools from 69.0.3");
    }
}

fn entry_point_pieces(wheel: &Published, pieces: &mut Vec<Piece>) {
    let Some(text) = wheel.entry_points.as_deref().filter(|text| !text.trim().is_empty()) else { return };
    let indented = text.lines().any(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty());
    if text.ends_with("\n\n") || text.starts_with([' ', '\n', '\t']) || indented {
        let range = Range::below(eras::ENTRY_POINTS_PARSED);
        pieces.push(Piece {
            range,
            strength: 3,
            why: "entry points as the author wrote them: setuptools before 60.9",
        });
    } else if !wheel.metadata.unknown("Platform") {
        let range = Range::from(eras::ENTRY_POINTS_MENDED);
        pieces.push(Piece { range, strength: 1, why: "entry points in order: setuptools from 60.9.1" });
    }
}

fn description_pieces(wheel: &Published, pieces: &mut Vec<Piece>) {
    let body = wheel.metadata.body.as_str();
    if body.trim().is_empty() || body.trim() == "UNKNOWN" {
        return;
    }
    match body.len() - body.trim_end_matches('\n').len() {
        0 | 1 => {
            let range = Range::from(eras::NO_PLATFORM_UNKNOWN);
            pieces.push(Piece {
                range,
                strength: 2,
                why: "one newline after the description: setuptools from 62.2",
            });
        }
        2 => {}
        _ => {
            let range = Range::below(eras::NO_PLATFORM_UNKNOWN);
            pieces.push(Piece {
                range,
                strength: 2,
                why: "empty lines after the description: setuptools before 62.2",
            });
        }
    }
}

/// The distribution behind a generator's name.
pub(super) fn distribution(generator: &str) -> Option<&'static str> {
    Some(match generator {
        "flit" => "flit_core",
        "hatch" | "hatchling" => "hatchling",
        "poetry" | "poetry-core" => "poetry-core",
        "pdm-backend" => "pdm-backend",
        "pdm-pep517" => "pdm-pep517",
        "uv" => "uv_build",
        "maturin" => "maturin",
        "scikit-build-core" => "scikit-build-core",
        "whey" => "whey",
        _ => return None,
    })
}

/// A back end that writes its own version: exactly that one.
fn pinned(
    mut draft: Draft,
    evidence: &Evidence<'_>,
    clues: &Clues,
    generator: &Generator,
    dist: &str,
) -> Draft {
    let line = format!("Generator: {} {}", generator.name, generator.version);
    if !generator.released() {
        return draft.because(format!("{line} is no release: the back end in the source"));
    }
    let pin = format!("{dist}=={}", generator.version);
    let in_tree = !draft.hooks.backend_path.is_empty();
    if in_tree && evidence.purl.version() == Some(generator.version.as_str()) {
        return draft.because(format!("{line} is this release itself: the back end in the source"));
    }
    if in_tree {
        draft.hooks.backend_path.clear();
        draft
            .reasons
            .push("the back end in the source is not the one that ran: an earlier release".to_owned());
    }
    if generator.name == "flit" && eras::version(&generator.version) < eras::version("2") {
        draft.requirements = vec![format!("flit=={}", generator.version)];
        draft.hooks.backend = Some("flit.buildapi".to_owned());
        return draft.because(format!("{line} is from before flit_core"));
    }
    if dist == "poetry-core" && clues.backend().starts_with("poetry.masonry") {
        draft.requirements = vec![pin.clone()];
        draft.hooks.backend = Some("poetry.core.masonry.api".to_owned());
        draft.reasons.push("poetry.masonry.api is poetry-core's back end under its old name".to_owned());
    }
    draft.require(dist);
    draft.constraints.push(pin);
    debug_assert!(draft.requirements.iter().any(|one| requirement::name(one).is_some()));
    draft.because(line)
}
