//! The releases of a project as the gate is asked about them.
//!
//! An index lets files be added to a release for ever. A file that came more than a day after the first is asked
//! about with its own time: a wheel that is added today is as new as a release of today.

use crate::pypi::page::ProjectPage;
use crate::pypi::version;
use jiff::SignedDuration;
use pep440_rs::Version;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use trustmill_core::Timestamp;
use trustmill_core::ruling::Listed;

/// How long after its first file a release is still being uploaded.
const UPLOADING: SignedDuration = SignedDuration::from_hours(24);

/// Files that are ruled upon as one.
#[derive(Debug)]
struct Release {
    version: String,
    published: Option<Timestamp>,
    yanked: bool,
}

/// Every file's release.
#[derive(Debug, Default)]
pub(super) struct Releases {
    releases: Vec<Release>,
    /// By the file's place on the page.
    listed: Vec<usize>,
    /// By the name of files that only the mill has.
    own: HashMap<String, usize>,
}

/// A file, as far as releases are made of it.
struct File<'a> {
    filename: &'a str,
    /// The place on the page.
    listed: Option<usize>,
    version: &'a str,
    uploaded: Option<Timestamp>,
    yanked: bool,
}

impl Releases {
    /// The releases of a page, and of files beside it: name, version, time.
    pub(super) fn new<'a>(
        page: &'a ProjectPage,
        own: impl Iterator<Item = (&'a str, &'a str, Timestamp)>,
    ) -> Self {
        let listed = page.files.iter().enumerate().map(|(at, file)| File {
            filename: &file.artifact.filename,
            listed: Some(at),
            version: &file.artifact.version,
            uploaded: file.artifact.upload_time,
            yanked: file.artifact.yanked.is_some(),
        });
        let own = own.map(|(filename, version, uploaded)| File {
            filename,
            listed: None,
            version,
            uploaded: Some(uploaded),
            yanked: false,
        });
        // One release is spelt in several ways: the page's own list decides, else the first file.
        let mut versions: BTreeMap<_, (&str, Vec<File<'_>>)> = BTreeMap::new();
        let spelt = page.versions.iter().filter_map(|text| Some((version::parse(text)?, text.as_str())));
        let spelt: HashMap<Version, &str> = spelt.collect();
        for file in listed.chain(own) {
            let parsed = version::parse(file.version);
            let text =
                parsed.as_ref().and_then(|parsed| spelt.get(parsed)).map_or(file.version, |text| *text);
            // What is no version stands for itself: no file is without a release.
            let key = (parsed.is_none().then_some(file.version), parsed);
            versions.entry(key).or_insert((text, Vec::new())).1.push(file);
        }
        let mut releases = Self { listed: vec![0; page.files.len()], ..Self::default() };
        for (version, mut files) in versions.into_values() {
            files.sort_by_key(|file| file.uploaded);
            releases.add(version, &files);
        }
        releases
    }

    /// Takes in the files of one version, ordered by time.
    fn add(&mut self, version: &str, files: &[File<'_>]) {
        let mut began: Option<Option<Timestamp>> = None;
        for file in files {
            if !began.is_some_and(|began| together(began, file.uploaded)) {
                began = Some(file.uploaded);
                let version = version.to_owned();
                self.releases.push(Release { version, published: file.uploaded, yanked: true });
            }
            let at = self.releases.len().saturating_sub(1);
            if let Some(release) = self.releases.last_mut() {
                release.yanked &= file.yanked;
            }
            match file.listed.and_then(|place| self.listed.get_mut(place)) {
                Some(of) => *of = at,
                None => {
                    self.own.insert(file.filename.to_owned(), at);
                }
            }
        }
    }

    /// All of them.
    pub(super) fn listed<'a>(&'a self) -> Vec<Listed<'a>> {
        let listed = |release: &'a Release| Listed {
            version: Cow::Borrowed(release.version.as_str()),
            published: release.published,
            yanked: release.yanked,
            ..Listed::default()
        };
        self.releases.iter().map(listed).collect()
    }

    /// The release of the file at a place of the page.
    pub(super) fn of_listed(&self, place: usize) -> Option<usize> {
        self.listed.get(place).copied()
    }

    /// The release of a file that only the mill has.
    pub(super) fn of_own(&self, filename: &str) -> Option<usize> {
        self.own.get(filename).copied()
    }

    /// The version of a release, in the one spelling that facts use.
    pub(super) fn version(&self, release: usize) -> Option<&str> {
        Some(&self.releases.get(release)?.version)
    }

    /// Rough bytes in memory.
    pub(super) fn weight(&self) -> usize {
        self.releases.len() * 80 + self.listed.len() * 8 + self.own.len() * 128
    }
}

fn together(began: Option<Timestamp>, uploaded: Option<Timestamp>) -> bool {
    match (began, uploaded) {
        (Some(began), Some(uploaded)) => uploaded.duration_since(began) <= UPLOADING,
        (began, uploaded) => began == uploaded,
    }
}
