//! The dates and boundaries that inference knows: which release of setuptools, wheel and CPython changed
//! what a wheel looks like.
//!
//! Each boundary was measured by building synthetic projects with every release around it; where the
//! release notes of the project say so too, the row cites them (setuptools: `NEWS.rst` / "History" of its
//! documentation; wheel: `docs/news.rst`).

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use pep440_rs::Version;
use std::str::FromStr as _;

/// When wheel 0.44 came out.
const WHEEL_TIGHT_RELEASED: Date = jiff::civil::date(2024, 8, 4);

/// CPython feature releases, newest first (PEP 745, 719, 693, 664, 619, 596, 569, 537, 494).
const CPYTHON: [(&str, Date); 9] = [
    ("3.14", jiff::civil::date(2025, 10, 7)),
    ("3.13", jiff::civil::date(2024, 10, 7)),
    ("3.12", jiff::civil::date(2023, 10, 2)),
    ("3.11", jiff::civil::date(2022, 10, 24)),
    ("3.10", jiff::civil::date(2021, 10, 4)),
    ("3.9", jiff::civil::date(2020, 10, 5)),
    ("3.8", jiff::civil::date(2019, 10, 14)),
    ("3.7", jiff::civil::date(2018, 6, 27)),
    ("3.6", jiff::civil::date(2016, 12, 23)),
];

/// Releases of setuptools with their dates, oldest first: enough to tell on which side of a boundary the
/// newest release of an instant is.
const SETUPTOOLS: [(&str, Date); 33] = [
    ("36.4.0", jiff::civil::date(2017, 9, 3)),
    ("39.0.0", jiff::civil::date(2018, 3, 17)),
    ("40.0.0", jiff::civil::date(2018, 7, 9)),
    ("40.8.0", jiff::civil::date(2019, 2, 5)),
    ("45.0.0", jiff::civil::date(2020, 1, 12)),
    ("49.0.0", jiff::civil::date(2020, 7, 3)),
    ("50.0.0", jiff::civil::date(2020, 8, 30)),
    ("52.0.0", jiff::civil::date(2021, 1, 24)),
    ("53.0.0", jiff::civil::date(2021, 2, 1)),
    ("53.1.0", jiff::civil::date(2021, 2, 25)),
    ("56.1.0", jiff::civil::date(2021, 5, 4)),
    ("56.2.0", jiff::civil::date(2021, 5, 9)),
    ("57.0.0", jiff::civil::date(2021, 5, 23)),
    ("58.0.0", jiff::civil::date(2021, 9, 5)),
    ("60.0.0", jiff::civil::date(2021, 12, 20)),
    ("60.6.0", jiff::civil::date(2022, 1, 31)),
    ("60.9.0", jiff::civil::date(2022, 2, 14)),
    ("60.9.1", jiff::civil::date(2022, 2, 15)),
    ("61.0.0", jiff::civil::date(2022, 3, 24)),
    ("62.1.0", jiff::civil::date(2022, 4, 10)),
    ("62.2.0", jiff::civil::date(2022, 5, 10)),
    ("65.0.0", jiff::civil::date(2022, 8, 14)),
    ("66.0.0", jiff::civil::date(2023, 1, 16)),
    ("66.1.0", jiff::civil::date(2023, 1, 20)),
    ("67.0.0", jiff::civil::date(2023, 1, 28)),
    ("68.0.0", jiff::civil::date(2023, 6, 19)),
    ("69.0.0", jiff::civil::date(2023, 11, 20)),
    ("69.0.3", jiff::civil::date(2023, 12, 23)),
    ("70.0.0", jiff::civil::date(2024, 5, 21)),
    ("70.1.0", jiff::civil::date(2024, 6, 19)),
    ("75.8.0", jiff::civil::date(2025, 1, 8)),
    ("77.0.1", jiff::civil::date(2025, 3, 19)),
    ("80.0.0", jiff::civil::date(2025, 4, 27)),
];

/// `bdist_wheel` moved into setuptools (v70.1.0: "Adopted bdist_wheel command from wheel").
pub(super) const OWN_BDIST_WHEEL: &str = "70.1";
/// `License-File:` is written (v57.0.0: "license_files" in the metadata).
pub(super) const LICENSE_FILE: &str = "57.0.0";
/// `UNKNOWN` is no longer written for `Platform` and `License`; two newlines fewer after the description
/// (v62.2.0, metadata without empty values).
pub(super) const NO_PLATFORM_UNKNOWN: &str = "62.2";
/// `Home-page: UNKNOWN` ends, and `Download-URL` comes before `Author`.
pub(super) const NO_HOME_PAGE_UNKNOWN: &str = "60.6";
/// `Author: UNKNOWN` ends.
pub(super) const NO_AUTHOR_UNKNOWN: &str = "56.2";
/// Entry points are parsed and written in order (v60.9.0), and no longer end in an empty line.
pub(super) const ENTRY_POINTS_PARSED: &str = "60.9";
/// v60.9.0 loses entry points that are given as text; v60.9.1 does not.
pub(super) const ENTRY_POINTS_MENDED: &str = "60.9.1";
/// `py.typed` and `*.pyi` are data without being declared (v69.0.0: "Include type information by default").
pub(super) const TYPED_BY_DEFAULT: &str = "69.0.0";
/// `Name:` keeps its underscore (v69.0.3, normalisation of names).
pub(super) const NAME_KEEPS_UNDERSCORE: &str = "69.0.3";
/// setuptools writes `Requires-Dist` itself; before, a `wheel` that is installed beside it does.
pub(super) const OWN_REQUIREMENTS: &str = "75.6";
/// `Description-Content-Type: UNKNOWN` is written from …
pub(super) const CONTENT_TYPE_UNKNOWN: &str = "36.4";
/// … to before this one.
pub(super) const NO_CONTENT_TYPE_UNKNOWN: &str = "38.6";
/// `Maintainer:` has a field of its own.
pub(super) const MAINTAINER: &str = "38.7.0";
/// `build_meta:__legacy__` exists (v40.8.0); before, only `setup.py` itself runs.
pub(super) const LEGACY_HOOK: &str = "40.8.0";
/// wheel writes requirements without parentheses (wheel 0.41.1) …
pub(super) const WHEEL_NO_PARENTHESES: &str = "0.41.1";
/// … and without a space (wheel 0.44.0, which uses the vendored `packaging` to write them).
pub(super) const WHEEL_TIGHT: &str = "0.44";

/// v60.9.0 to v62.6.0 resolve every installed distribution's requirements before each command ("install
/// dependencies" of entry points): four times the CPU of their neighbours for the same wheel. v60.9.x does
/// it once per command less than v60.10.0 and later.
pub(super) const SLOW_FROM: &str = "60.9";
/// See [`SLOW_FROM`].
pub(super) const SLOWER_FROM: &str = "60.10";
/// See [`SLOW_FROM`].
pub(super) const FAST_AGAIN: &str = "63";

/// Classes of setuptools that write equal wheels, by their upper bound, newest first.
pub(super) const CLASSES: [&str; 11] = [
    NAME_KEEPS_UNDERSCORE,
    TYPED_BY_DEFAULT,
    NO_PLATFORM_UNKNOWN,
    ENTRY_POINTS_PARSED,
    NO_HOME_PAGE_UNKNOWN,
    LICENSE_FILE,
    NO_AUTHOR_UNKNOWN,
    "53.1",
    "49",
    "45",
    "40.8",
];

/// A version of this table.
pub(super) fn version(text: &str) -> Version {
    Version::from_str(text).unwrap_or_else(|_| Version::new([0]))
}

fn instant(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).unwrap_or(Timestamp::MAX)
}

/// Whether a wheel of 0.44 or later was out at `at`.
pub(super) fn tight_wheel_exists(at: Timestamp) -> bool {
    instant(WHEEL_TIGHT_RELEASED) <= at
}

/// The newest CPython feature release at `at`.
pub(super) fn cpython(at: Timestamp) -> (u16, u16) {
    let known = CPYTHON.iter().find(|(_, date)| instant(*date) <= at).map_or("3.6", |(name, _)| *name);
    feature(known).unwrap_or((3, 6))
}

/// `(3, 11)` from `3.11`.
pub(super) fn feature(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// About the newest setuptools that was out at `at` and is in `range`: right about every boundary here.
pub(super) fn newest_setuptools(at: Timestamp, within: impl Fn(&Version) -> bool) -> Version {
    SETUPTOOLS
        .iter()
        .rev()
        .filter(|(_, date)| instant(*date) <= at)
        .map(|(name, _)| version(name))
        .find(|candidate| within(candidate))
        .unwrap_or_else(|| version("36.4.0"))
}

/// The newest CPython that a setuptools runs on: v49.0 and older use what 3.10 removed (`collections`
/// aliases), v66.1 is the first without `pkgutil.ImpImporter`, gone in 3.12.
pub(super) fn newest_python_for(setuptools: &Version) -> (u16, u16) {
    if *setuptools < version("49") {
        (3, 9)
    } else if *setuptools < version("66.1") {
        (3, 11)
    } else {
        (3, 13)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_tables_are_in_order() {
        assert!(CPYTHON.is_sorted_by(|a, b| a.1 > b.1));
        assert!(SETUPTOOLS.is_sorted_by(|a, b| version(a.0) < version(b.0) && a.1 < b.1));
        assert!(CLASSES.is_sorted_by(|a, b| version(a) > version(b)));
    }

    #[test]
    fn an_instant_has_its_releases() {
        assert_eq!(cpython(at("2022-06-01T00:00:00Z")), (3, 10));
        assert_eq!(cpython(at("2010-01-01T00:00:00Z")), (3, 6));
        assert_eq!(newest_setuptools(at("2022-06-01T00:00:00Z"), |_| true), version("62.2.0"));
        assert_eq!(newest_setuptools(at("2022-06-01T00:00:00Z"), |v| *v < version("57")), version("56.2.0"));
        assert_eq!(newest_setuptools(at("2009-06-01T00:00:00Z"), |_| true), version("36.4.0"));
    }
}
