//! The evidence on one release, laid side by side: the published files, and those of the commit.

use super::manifest::Manifest;
use crate::npm::build::commands;
use jiff::Timestamp;
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::Step;
use trustmill_core::source::Checkout;

/// Both sides of one release.
pub(super) struct View<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    checkout: &'a Checkout,
    tree: &'a Contents,
    published: &'a Contents,
    /// `package.json` in the commit and in the tarball.
    ours: Manifest,
    theirs: Manifest,
}

impl<'a> View<'a> {
    /// `None` where there is no commit, or no `package.json` in it: then there is nothing to pack.
    pub(super) fn of(evidence: &'a Evidence<'a>) -> Option<Self> {
        let source = evidence.sources.git.as_deref()?;
        let checkout = source.checkout()?;
        let (_, published) = evidence.published?;
        let tree = &source.contents;
        let ours = Manifest::of(tree, &below(&checkout.directory, "package.json"))?;
        let theirs = Manifest::of(published, "package.json")?;
        Some(Self { evidence, checkout, tree, published, ours, theirs })
    }

    /// The package's folder.
    pub(super) fn directory(&self) -> &str {
        &self.checkout.directory
    }

    /// The commit's files.
    pub(super) const fn tree(&self) -> &Contents {
        self.tree
    }

    /// `package.json` as the commit has it.
    pub(super) const fn manifest(&self) -> &Manifest {
        &self.ours
    }

    /// Whether every published file stands in the commit, line ends apart.
    pub(super) fn is_whole(&self) -> bool {
        self.missing().iter().all(|path| self.differs_in_line_ends(path))
    }

    /// Whether some published file is the commit's with the line ends of Windows.
    pub(super) fn has_windows_line_ends(&self) -> bool {
        self.missing().iter().any(|path| self.differs_in_line_ends(path))
    }

    fn differs_in_line_ends(&self, path: &str) -> bool {
        let ours = self.tree.get(&below(self.directory(), path));
        let (Some(ours), Some(theirs)) = (ours, self.published.get(path)) else { return false };
        ours.bytes != theirs.bytes
            && !ours.bytes.contains(&b'\r')
            && without_returns(&theirs.bytes) == ours.bytes
    }

    /// When it was made, as far as anybody says: the commit is older than the release, and mirrors often state
    /// the day on which they first saw a file.
    pub(super) fn made(&self) -> Timestamp {
        self.evidence.uploaded.min(self.checkout.tree.committed)
    }

    /// The npm that published it, where the registry kept that.
    pub(super) fn npm_hint(&self) -> Option<&str> {
        let (artifact, _) = self.evidence.published?;
        let hint = artifact.hints.get("_npmVersion")?;
        crate::npm::version::parse(hint).map(|_| hint.as_str())
    }

    /// Published files that the package's folder does not hold byte for byte, `package.json` apart.
    pub(super) fn missing(&self) -> Vec<&str> {
        let differs = |path: &str, bytes: &[u8]| {
            self.tree.get(&below(self.directory(), path)).is_none_or(|member| member.bytes != bytes)
        };
        let all = self.published.members.iter().filter(|(path, _)| *path != "package.json");
        all.filter(|(path, member)| differs(path, &member.bytes)).map(|(path, _)| path.as_str()).collect()
    }

    /// The sentence on why nothing is built.
    pub(super) fn why_no_build(&self) -> String {
        match self.missing().as_slice() {
            [] => "every published file stands in the commit, so nothing is built".to_owned(),
            missing => format!("{} published files do not stand so in the commit", missing.len()),
        }
    }

    /// What a release tool writes into `package.json` after the commit, as steps with reasons. Only fields whose
    /// value follows from the release itself: never what the tarball happens to say.
    pub(super) fn writes(&self) -> Vec<(Step, String)> {
        let mut out = Vec::new();
        let version = self.evidence.purl.version().unwrap_or_default();
        if self.ours.text("version") != Some(version) {
            let stands = self.ours.text("version").unwrap_or("none");
            let reason = format!("the commit says version {stands}; the release tool wrote {version}");
            out.push((commands::write(self.directory(), "version", version), reason));
        }
        let commit = self.checkout.tree.commit.to_string();
        if !self.ours.has("gitHead") && self.theirs.text("gitHead") == Some(commit.as_str()) {
            let reason = "lerna writes the commit into the package".to_owned();
            out.push((commands::write(self.directory(), "gitHead", &commit), reason));
        }
        out
    }
}

/// `path` below `directory`, which is empty at the root.
pub(super) fn below(directory: &str, path: &str) -> String {
    if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") }
}

fn without_returns(bytes: &[u8]) -> Vec<u8> {
    let next = bytes.iter().skip(1).chain(std::iter::once(&b' '));
    bytes
        .iter()
        .zip(next)
        .filter(|(byte, next)| (**byte, **next) != (b'\r', b'\n'))
        .map(|(byte, _)| *byte)
        .collect()
}
