//! The evidence on one release, laid side by side: the published files, and those of the commit.

use super::manifest::Manifest;
use crate::npm::build::commands::{self, Packer, Pm};
use jiff::Timestamp;
use std::collections::BTreeSet;
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::Step;
use trustmill_core::source::Checkout;

/// The time that `yarn pack` gives every member: 1984-06-22T21:50:00Z, `SAFE_TIME` of yarn 2 and later.
const YARN_TIME: i64 = 456_789_000;
/// Most manifests of one repository that are looked at.
const MOST_MANIFESTS: usize = 2_000;
/// Scripts that pnpm takes out of the `package.json` that it packs (<https://pnpm.io/cli/publish>).
const PNPM_DROPS: [&str; 6] = ["prepublishOnly", "prepack", "prepare", "postpack", "publish", "postpublish"];

/// Both sides of one release.
pub(super) struct View<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    checkout: &'a Checkout,
    /// The package's folder.
    directory: &'a str,
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
        let directory = folder_of(&evidence.purl.name(), &checkout.directory, tree);
        let ours = Manifest::of(tree, &below(directory, "package.json"))?;
        let theirs = Manifest::of(published, "package.json")?;
        Some(Self { evidence, checkout, directory, tree, published, ours, theirs })
    }

    /// The package's folder.
    pub(super) const fn directory(&self) -> &str {
        self.directory
    }

    /// The commit's name.
    pub(super) fn commit(&self) -> String {
        self.checkout.tree.commit.to_string()
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

    /// What the registry kept of the publication under this name.
    pub(super) fn hint(&self, name: &str) -> Option<&str> {
        let (artifact, _) = self.evidence.published?;
        artifact.hints.get(name).map(String::as_str)
    }

    /// The npm that published it, where the registry kept that.
    pub(super) fn npm_hint(&self) -> Option<&str> {
        self.hint("_npmVersion").filter(|hint| crate::npm::version::parse(hint).is_some())
    }

    /// What packed the published file, and whether the file itself tells.
    pub(super) fn packer(&self, kind: Pm) -> (Packer, bool) {
        let times: BTreeSet<Option<i64>> =
            self.published.members.values().map(|member| member.mtime).collect();
        let packed_by_yarn = times.len() == 1 && times.contains(&Some(YARN_TIME));
        if kind == Pm::YarnBerry && packed_by_yarn {
            return (Packer::Yarn, true);
        }
        if kind != Pm::Pnpm {
            return (Packer::Npm, true);
        }
        let has = |manifest: &Manifest| PNPM_DROPS.iter().any(|name| manifest.script(name).is_some());
        match (has(&self.ours), has(&self.theirs)) {
            (_, true) => (Packer::Npm, true),
            (true, false) => (Packer::Pnpm, true),
            (false, false) => (Packer::Pnpm, false),
        }
    }

    /// Whether clean-publish makes what is packed: the project has it, and the published `package.json` lacks what it
    /// takes out.
    pub(super) fn is_cleaned(&self) -> bool {
        self.ours.text_at(&["devDependencies", "clean-publish"]).is_some()
            && !self.theirs.has("devDependencies")
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

    /// Whether the published `package.json` has no newline at its end, where the commit's has one: some release tools
    /// write it so. Of all that is published only this one byte counts here.
    fn lost_its_last_newline(&self) -> bool {
        ends_with_newline(self.tree, &below(self.directory(), "package.json"))
            && !ends_with_newline(self.published, "package.json")
    }

    /// What a release tool writes into `package.json` after the commit, as steps with reasons. Only fields whose
    /// value follows from the release itself: never what the tarball happens to say.
    pub(super) fn writes(&self) -> Vec<(Step, String)> {
        let mut out = Vec::new();
        let version = self.evidence.purl.version().unwrap_or_default();
        let bare = self.lost_its_last_newline();
        let stands = self.ours.text("version").unwrap_or("none");
        if stands != version {
            let reason = format!("the commit says version {stands}; the release tool wrote {version}");
            out.push((commands::write(self.directory(), "version", version, bare), reason));
        } else if bare {
            let reason = "the release tool wrote package.json again, without a newline at its end".to_owned();
            out.push((commands::write(self.directory(), "version", version, bare), reason));
        }
        let commit = self.commit();
        if !self.ours.has("gitHead") && self.theirs.text("gitHead") == Some(commit.as_str()) {
            let reason = "lerna writes the commit into the package".to_owned();
            out.push((commands::write(self.directory(), "gitHead", &commit, bare), reason));
        }
        out
    }
}

/// Whether a text ends with a newline.
fn ends_with_newline(contents: &Contents, path: &str) -> bool {
    contents.get(path).is_some_and(|member| member.bytes.ends_with(b"\n"))
}

/// The folder whose `package.json` bears the package's name: the claimed one, else the nearest to the root. Packages
/// of one repository share licences and read-me files, and many do not say their folder.
fn folder_of<'a>(name: &str, claimed: &'a str, tree: &'a Contents) -> &'a str {
    let is_it = |path: &str| Manifest::of(tree, path).is_some_and(|found| found.text("name") == Some(name));
    if is_it(&below(claimed, "package.json")) {
        return claimed;
    }
    let manifests = tree.members.keys().filter_map(|path| path.strip_suffix("package.json"));
    let mut folders: Vec<&str> = manifests
        .filter(|folder| folder.is_empty() || folder.ends_with('/'))
        .map(|folder| folder.trim_end_matches('/'))
        .filter(|folder| !folder.split('/').any(|part| part == "node_modules"))
        .collect();
    folders.sort_by_key(|folder| folder.matches('/').count());
    let found = folders.into_iter().take(MOST_MANIFESTS).find(|folder| is_it(&below(folder, "package.json")));
    found.unwrap_or(claimed)
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
