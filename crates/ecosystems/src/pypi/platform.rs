//! Which platform wheels this machine can rebuild: those for its processor, its C library and a CPython that is here.

use super::interpreter::Interpreters;
use super::names::{self, WheelTags};
use std::path::Path;
use trustmill_core::package::{Artifact, ArtifactKind};

/// This machine, as far as platform wheels depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The processor as wheel tags write it: `x86_64`.
    arch: &'static str,
    /// The CPythons that are here, newest first.
    pythons: Vec<(u16, u16)>,
}

impl Platform {
    /// This machine, if it has a C compiler and headers for it: without one no extension builds.
    pub fn of_this_machine(interpreters: &Interpreters) -> Option<Self> {
        let compiler =
            ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].iter().any(|path| Path::new(path).exists());
        // Wheels of glibc's kind are built against glibc.
        let glibc = cfg!(all(target_os = "linux", target_env = "gnu"));
        let pythons = interpreters.all().iter().map(|python| python.version.feature());
        (compiler && glibc).then(|| Self::new(std::env::consts::ARCH, pythons.collect()))
    }

    fn new(arch: &'static str, mut pythons: Vec<(u16, u16)>) -> Self {
        pythons.sort_unstable_by(|a, b| b.cmp(a));
        pythons.dedup();
        Self { arch, pythons }
    }

    /// Of a release's files the platform wheel that is rebuilt here: for the newest CPython that is here, a wheel for
    /// that version before one for several (`abi3`).
    pub(super) fn choose<'a>(&self, project: &str, files: &[&'a Artifact]) -> Option<&'a Artifact> {
        let native = files.iter().filter(|file| file.kind == ArtifactKind::Native);
        let ranked = native.filter_map(|file| {
            let tags = names::parse_filename(project, &file.filename).ok()?.wheel?;
            Some((self.rank(&tags)?, *file))
        });
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, file)| file)
    }

    /// The place in the order of preference; `None` where the wheel is for another machine.
    fn rank(&self, tags: &WheelTags) -> Option<(usize, u8)> {
        if !tags.platform.split('.').any(|platform| self.is_ours(platform)) {
            return None;
        }
        let python = tags.python.split('.').find_map(cpython)?;
        if tags.abi == "abi3" {
            return Some((self.pythons.iter().position(|here| *here >= python)?, 1));
        }
        // `cp313t` is another ABI, and needs another build of the interpreter.
        let exact = tags.abi == format!("cp{}{}", python.0, python.1) || tags.abi == "none";
        let place = self.pythons.iter().position(|here| *here == python)?;
        exact.then_some((place, 0))
    }

    fn is_ours(&self, platform: &str) -> bool {
        ["manylinux", "linux"].iter().any(|family| platform.starts_with(family))
            && platform.ends_with(self.arch)
    }
}

/// `cp311` as a version.
pub(super) fn cpython(tag: &str) -> Option<(u16, u16)> {
    let digits = tag.strip_prefix("cp")?;
    let (major, minor) = digits.split_at_checked(1)?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether a wheel that a build made is the published one but for the name of the platform: builds call it `linux`, and
/// the tool that bundles libraries renames it after the oldest system on which the result runs (PEP 600).
pub(super) fn is_repaired_name(built: &str, published: &str) -> bool {
    let split = |name: &str| {
        let stem = name.strip_suffix(".whl")?.to_owned();
        stem.rsplit_once('-').map(|(head, platform)| (head.to_ascii_lowercase(), platform.to_owned()))
    };
    let (Some((built, ours)), Some((published, theirs))) = (split(built), split(published)) else {
        return false;
    };
    let arch = ours.strip_prefix("linux_");
    let spelling = |text: &str| text.replace(['.', '-'], "_");
    spelling(&built) == spelling(&published)
        && arch.is_some_and(|arch| {
            theirs.split('.').all(|one| one.starts_with("manylinux") && one.ends_with(&format!("_{arch}")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(files: &[&str]) -> Option<String> {
        let artifacts: Vec<_> = files
            .iter()
            .map(|name| crate::pypi::infer::testing::artifact(name, ArtifactKind::Native))
            .collect();
        let all: Vec<&Artifact> = artifacts.iter().collect();
        let here = Platform::new("x86_64", vec![(3, 9), (3, 11)]);
        here.choose("demo", &all).map(|file| file.filename.clone())
    }

    #[test]
    fn the_wheel_that_would_be_installed_here_is_chosen() {
        let files = [
            "demo-1.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "demo-1.0-cp311-cp311-macosx_11_0_arm64.whl",
            "demo-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
            "demo-1.0-cp313-cp313-manylinux_2_17_x86_64.whl",
            "demo-1.0-cp311-cp311t-manylinux_2_17_x86_64.whl",
        ];
        assert_eq!(chosen(&files).as_deref(), Some(files[1]));
        assert_eq!(chosen(&files[2..]), None);
        let stable = "demo-1.0-cp38-abi3-manylinux_2_17_x86_64.whl";
        assert_eq!(chosen(&[stable]).as_deref(), Some(stable));
        assert_eq!(chosen(&["demo-1.0-cp312-abi3-manylinux_2_17_x86_64.whl"]), None);
    }

    #[test]
    fn only_the_platform_may_be_renamed() {
        let published = "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
        assert!(is_repaired_name("Demo-1.0-cp311-cp311-linux_x86_64.whl", published));
        for other in [
            "demo-1.1-cp311-cp311-linux_x86_64.whl",
            "demo-1.0-cp310-cp310-linux_x86_64.whl",
            "demo-1.0-cp311-cp311-linux_aarch64.whl",
            "demo-1.0-py3-none-any.whl",
        ] {
            assert!(!is_repaired_name(other, published), "{other}");
        }
    }
}
