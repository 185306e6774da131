//! What a published wheel and its source say about how the wheel was made: facts only, no decisions.

use crate::pypi::environment::requirement;
use crate::pypi::hooks::LEGACY_BACKEND;
use crate::pypi::platform::cpython;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::Evidence;

/// A `pyproject.toml` beyond this is not read.
const LARGEST_PYPROJECT: usize = 1 << 20;

/// Who wrote a wheel, from the `Generator` line of its `WHEEL` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Generator {
    /// `bdist_wheel`, `setuptools`, `hatchling`, …
    pub(super) name: String,
    /// Its version, as it stands.
    pub(super) version: String,
}

impl Generator {
    /// `bdist_wheel (0.37.1)`, `hatchling 1.18.0`.
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.trim().split_once(' ')?;
        let version = rest.trim().trim_start_matches('(').split([')', ' ']).next()?.to_owned();
        Some(Self { name: name.to_owned(), version })
    }

    /// Whether the version names a release: `0.0.0+local` and texts do not.
    pub(super) fn released(&self) -> bool {
        self.version.starts_with(|c: char| c.is_ascii_digit())
            && !self.version.contains(['+', '@'])
            && !self.version.contains("local")
    }
}

/// `[build-system]` of `pyproject.toml` (PEP 517, PEP 518).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BuildSystem {
    /// Requirements by name.
    pub(super) requires: Vec<String>,
    /// Requirements that cannot be followed, with the reason.
    pub(super) refused: Vec<String>,
    /// The back end.
    pub(super) backend: String,
    /// Folders of an in-tree back end.
    pub(super) backend_path: Vec<String>,
}

/// The fields of `METADATA`, in order, and its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    fields: Vec<(String, String)>,
    pub(super) body: String,
}

impl Metadata {
    fn parse(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        Self { fields, body: body.to_owned() }
    }

    /// The values of a field.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether the field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// Whether the field says `UNKNOWN`, as old versions of distutils wrote for "nothing".
    pub(super) fn unknown(&self, name: &str) -> bool {
        self.values(name).any(|value| value == "UNKNOWN")
    }
}

/// Everything that is read from a published wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) generator: Option<Generator>,
    pub(super) tags: Vec<String>,
    pub(super) metadata: Metadata,
    pub(super) entry_points: Option<String>,
    /// Whether licences are in `dist-info/licenses/`.
    pub(super) licenses_folder: bool,
    /// `(3, 10)` where a file or an entry point names the Python that built it.
    pub(super) exact_python: Option<(u16, u16)>,
    pub(super) umask: u32,
    /// The time of every member, where all have the same.
    pub(super) uniform_time: Option<i64>,
}

/// Everything that inference reads, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clues {
    pub(super) published: Option<Published>,
    /// `None` where `pyproject.toml` has no `[build-system]`.
    pub(super) build_system: Option<BuildSystem>,
    pub(super) has_setup_py: bool,
    /// Whether `setup.cfg` or `setup.py` speak of universal wheels.
    pub(super) says_universal: bool,
    /// Whether `pyproject.toml` configures setuptools, which reads it from v61 on.
    pub(super) configured_in_pyproject: bool,
    /// Whether the top folder has a file that setuptools takes for a licence.
    pub(super) has_licence_file: bool,
}

/// The source that the recipe will build from: what the publisher uploaded, else the commit.
pub(super) fn source_of<'a>(evidence: &Evidence<'a>) -> &'a Contents {
    static NOTHING: Contents = Contents { members: BTreeMap::new(), order: Vec::new() };
    let sources = evidence.sources;
    sources.archive.as_ref().or(sources.git.as_ref()).map_or(&NOTHING, |source| source.contents.as_ref())
}

impl Clues {
    /// Reads the evidence.
    pub(super) fn read(evidence: &Evidence<'_>) -> Self {
        let source = source_of(evidence);
        let mentions = |path| source.text(path).is_some_and(|text| text.contains("universal"));
        Self {
            published: evidence.published.map(|(_, contents)| published(contents)),
            build_system: build_system(source),
            has_setup_py: source.get("setup.py").is_some(),
            says_universal: mentions("setup.cfg") || mentions("setup.py"),
            configured_in_pyproject: source
                .text("pyproject.toml")
                .is_some_and(|text| text.contains("[project") || text.contains("[tool.setuptools")),
            has_licence_file: source.members.keys().any(|path| is_licence(path)),
        }
    }

    /// The generator of the published wheel.
    pub(super) fn generator(&self) -> Option<&Generator> {
        self.published.as_ref()?.generator.as_ref()
    }

    /// The declared back end, or the one that a project without a declaration has.
    pub(super) fn backend(&self) -> &str {
        self.build_system.as_ref().map_or(LEGACY_BACKEND, |declared| declared.backend.as_str())
    }

    /// Whether the published tags are those of a universal wheel.
    pub(super) fn universal(&self) -> bool {
        let starts = |prefix| {
            self.published.iter().flat_map(|wheel| &wheel.tags).any(|tag: &String| tag.starts_with(prefix))
        };
        starts("py2-") && starts("py3-")
    }
}

/// setuptools' default patterns for `license_files`.
fn is_licence(path: &str) -> bool {
    !path.contains('/')
        && ["LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS"].iter().any(|start| path.starts_with(start))
}

fn published(contents: &Contents) -> Published {
    let info = contents
        .members
        .keys()
        .find_map(|path| path.strip_suffix("/WHEEL").filter(|info| !info.contains('/')));
    let info = info.unwrap_or_default();
    let text = |name: &str| contents.text(&format!("{info}/{name}"));
    let wheel = text("WHEEL").unwrap_or_default();
    let values = |name: &str| -> Vec<String> {
        wheel
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(|value| value.trim().to_owned())
            .collect()
    };
    let entry_points = text("entry_points.txt").map(str::to_owned);
    let times: BTreeSet<Option<i64>> = contents.members.values().map(|member| member.mtime).collect();
    let mode = contents.get(&format!("{info}/METADATA")).and_then(|member| member.mode);
    Published {
        generator: values("Generator").first().and_then(|line| Generator::parse(line)),
        tags: values("Tag"),
        metadata: Metadata::parse(text("METADATA").unwrap_or_default()),
        licenses_folder: contents.members.keys().any(|path| path.starts_with(&format!("{info}/licenses/"))),
        exact_python: exact_python(contents, entry_points.as_deref())
            .or_else(|| tagged_python(&values("Tag"))),
        entry_points,
        umask: umask(mode),
        uniform_time: times.first().copied().flatten().filter(|_| times.len() == 1),
    }
}

/// RECORD's mode says nothing: wheel writes it as 0664 always. METADATA's follows the mask.
fn umask(mode: Option<u32>) -> u32 {
    match mode.map(|mode| mode & 0o777) {
        Some(mode) if mode & 0o020 != 0 => 0o002,
        Some(0o600) => 0o077,
        _ => 0o022,
    }
}

/// `x-1-py3.10-nspkg.pth` is named after the interpreter, and so are scripts like `pip3.10`.
fn exact_python(contents: &Contents, entry_points: Option<&str>) -> Option<(u16, u16)> {
    let from_path = contents.members.keys().find_map(|path| {
        let stem = path.strip_suffix("-nspkg.pth")?;
        super::eras::feature(stem.rsplit_once("-py")?.1)
    });
    from_path.or_else(|| {
        entry_points?.lines().find_map(|line| {
            let name = line.split_once('=')?.0.trim();
            let digits = name.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '_');
            super::eras::feature(digits)
                .filter(|(major, minor)| *major == 3 && *minor > 5 && digits.len() < name.len())
        })
    })
}

/// A platform wheel is built by the interpreter that its tags name; `abi3` and `none` leave it open.
fn tagged_python(tags: &[String]) -> Option<(u16, u16)> {
    tags.iter().find_map(|tag| {
        let mut parts = tag.split('-');
        let (python, abi) = (parts.next()?, parts.next()?);
        cpython(python).filter(|_| python == abi)
    })
}

fn build_system(source: &Contents) -> Option<BuildSystem> {
    let text = source.text("pyproject.toml").filter(|text| text.len() <= LARGEST_PYPROJECT)?;
    let table: toml::Table = toml::from_str(text).ok()?;
    let declared = table.get("build-system")?.as_table()?;
    let strings = |name: &str| -> Option<Vec<String>> {
        let all = declared.get(name)?.as_array()?;
        Some(all.iter().filter_map(|one| one.as_str()).map(str::to_owned).collect())
    };
    let backend = declared.get("build-backend").and_then(|value| value.as_str()).unwrap_or(LEGACY_BACKEND);
    let all =
        strings("requires").unwrap_or_else(|| vec!["setuptools>=40.8.0".to_owned(), "wheel".to_owned()]);
    let (requires, refused) = all.into_iter().partition(|text: &String| requirement::check(text).is_ok());
    Some(BuildSystem {
        requires,
        refused,
        backend: backend.to_owned(),
        backend_path: strings("backend-path").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, contents};
    use super::*;

    #[test]
    fn generators_of_every_spelling() {
        for (line, name, version) in [
            ("bdist_wheel (0.37.1)", "bdist_wheel", "0.37.1"),
            ("hatchling 1.18.0", "hatchling", "1.18.0"),
            ("flit 3.2.0", "flit", "3.2.0"),
            ("pdm-backend (2.1.0)", "pdm-backend", "2.1.0"),
        ] {
            let got = Generator::parse(line).unwrap();
            assert_eq!((got.name.as_str(), got.version.as_str()), (name, version));
            assert!(got.released());
        }
        assert!(!Generator::parse("pdm-backend (0.0.0+local)").unwrap().released());
        assert_eq!(Generator::parse("nothing"), None);
    }

    #[test]
    fn a_wheel_tells_who_made_it() {
        let world = World::new("bdist_wheel (0.37.1)")
            .metadata("Metadata-Version: 2.1\nName: demo\nPlatform: UNKNOWN\nLicense-File: LICENSE\n\nText\n")
            .member("demo-1.0-py3.10-nspkg.pth", "x");
        let clues = Clues::read(&world.evidence());
        let published = clues.published.unwrap();
        assert!(published.metadata.unknown("Platform"));
        assert!(published.metadata.has("License-File"));
        assert_eq!(published.exact_python, Some((3, 10)));
        assert_eq!(published.metadata.body, "Text\n");
        assert_eq!(published.umask, 0o022);
    }

    #[test]
    fn a_build_system_is_read_and_direct_references_are_set_aside() {
        let source = contents(&[(
            "pyproject.toml",
            "[build-system]\nrequires = ['flit_core >=2', 'x @ file:///etc']\nbuild-backend = 'flit_core.buildapi'\nbackend-path = ['.']",
        )]);
        let got = build_system(&source).unwrap();
        assert_eq!(got.requires, ["flit_core >=2"]);
        assert_eq!(got.refused, ["x @ file:///etc"]);
        assert_eq!(got.backend_path, ["."]);
        assert_eq!(build_system(&contents(&[("pyproject.toml", "[tool.x]")])), None);
        assert_eq!(build_system(&contents(&[("pyproject.toml", "= broken")])), None);
    }

    #[test]
    fn modes_tell_the_mask() {
        assert_eq!(umask(Some(0o100_664)), 0o002);
        assert_eq!(umask(Some(0o644)), 0o022);
        assert_eq!(umask(Some(0o600)), 0o077);
        assert_eq!(umask(None), 0o022);
    }

    #[test]
    fn scripts_named_after_a_python_give_it_away() {
        let none = Contents::default();
        assert_eq!(exact_python(&none, Some("[console_scripts]\npip = a:b\npip3.9 = a:b\n")), Some((3, 9)));
        assert_eq!(exact_python(&none, Some("[console_scripts]\npip3 = a:b\nx2.1 = a:b\n")), None);
    }
}
