//! How a crate is packed, as a recipe says it, and which way is tried next.
//!
//! The published crate shows what decides: which era's cargo wrote the manifest, whether it has a lock, and what
//! `.cargo_vcs_info.json` holds. Only the lock's bytes are ever taken from it, in a rung of its own that says so.

use super::pack::{self, LOCK, LineEnds, MANIFEST, Style, VCS_INFO};
use super::source::VcsInfo;
use trustmill_core::Sha256;
use trustmill_core::attempt::Attempt;
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};
use trustmill_core::source::Checkout;

/// The name under which reasons and tables speak of the rung that takes the published lock.
pub const LOCK_ASSISTED: &str = "published-lock-assisted";

/// Which `Cargo.lock` is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// None is published.
    None,
    /// The commit's own.
    Source,
    /// The published one, whose digest this is: it says nothing of the source.
    Published(Sha256),
}

/// What `.cargo_vcs_info.json` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VcsForm {
    /// It is not there.
    None,
    /// The commit, with a line end.
    OldCommit,
    /// The commit.
    Commit,
    /// The commit and the folder.
    Path,
}

/// A way to pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// How the manifest is written.
    pub style: Style,
    /// The lock.
    pub lock: Lock,
    /// The record of the commit.
    pub vcs: VcsForm,
    /// How the publisher's git ended lines.
    pub line_ends: LineEnds,
}

impl Packing {
    /// Reads a recipe back; `None` if it is not one of ours.
    pub fn of(recipe: &Recipe) -> Option<Self> {
        let argv = &recipe.steps.first()?.argv;
        let flag = |name: &str| argv.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let style = flag("--manifest")?.parse().ok()?;
        let lock = match flag("--lock")? {
            "none" => Lock::None,
            "source" => Lock::Source,
            published => Lock::Published(published.strip_prefix("published:")?.parse().ok()?),
        };
        let vcs = match flag("--vcs-info")? {
            "none" => VcsForm::None,
            "old-commit" => VcsForm::OldCommit,
            "commit" => VcsForm::Commit,
            "path" => VcsForm::Path,
            _ => return None,
        };
        let line_ends = match flag("--line-ends") {
            None => LineEnds::Committed,
            Some("crlf") => LineEnds::Crlf,
            Some(_) => return None,
        };
        Some(Self { style, lock, vcs, line_ends })
    }

    fn argv(self) -> Vec<String> {
        let lock = match self.lock {
            Lock::None => "none".to_owned(),
            Lock::Source => "source".to_owned(),
            Lock::Published(digest) => format!("published:{digest}"),
        };
        let vcs = match self.vcs {
            VcsForm::None => "none",
            VcsForm::OldCommit => "old-commit",
            VcsForm::Commit => "commit",
            VcsForm::Path => "path",
        };
        let style = self.style;
        let words = ["trustmill-pack".to_owned(), format!("--manifest={style}"), format!("--lock={lock}")];
        let line_ends = (self.line_ends == LineEnds::Crlf).then(|| "--line-ends=crlf".to_owned());
        words.into_iter().chain([format!("--vcs-info={vcs}")]).chain(line_ends).collect()
    }

    /// The recipe, with its reasons.
    fn recipe(self, evidence: &Evidence<'_>, has_own: bool) -> Recipe {
        let style =
            format!("the manifest is written in the style {}, in which the published one is", self.style);
        let lock = match self.lock {
            Lock::None => "the published crate has no Cargo.lock".to_owned(),
            Lock::Source => "the commit holds the Cargo.lock that is published".to_owned(),
            Lock::Published(_) if has_own => format!(
                "{LOCK_ASSISTED}: the commit's Cargo.lock is another; the published one is packed, and says nothing of the source"
            ),
            Lock::Published(_) => format!(
                "{LOCK_ASSISTED}: the commit has no Cargo.lock; the published one is packed, and says nothing of the source"
            ),
        };
        Recipe {
            format: Recipe::FORMAT,
            origin: Origin::Inferred,
            source: SourceKind::Git,
            tools: std::collections::BTreeMap::new(),
            requirements: Vec::new(),
            constraints: Vec::new(),
            as_of: evidence.uploaded,
            env: std::collections::BTreeMap::new(),
            umask: 0o022,
            source_date_epoch: None,
            steps: vec![Step { name: "package".to_owned(), argv: self.argv() }],
            reasons: vec![style, lock],
        }
    }
}

/// The way to pack, once: the published manifest shows its style, so that no other could do better.
pub(super) fn next(evidence: &Evidence<'_>, tried: &[Attempt]) -> Option<Recipe> {
    let (_, published) = evidence.published?;
    let git = evidence.sources.git.as_ref()?;
    let checkout = git.checkout()?;
    if !tried.is_empty() {
        return None;
    }
    let own = own_lock(&git.contents, checkout);
    let lock = match (published.get(LOCK), own) {
        (None, _) => Lock::None,
        (Some(theirs), Some(own)) if theirs.bytes == *own => Lock::Source,
        (Some(theirs), _) => Lock::Published(theirs.digest()),
    };
    let info = VcsInfo::of(published);
    let dirty = info.as_ref().is_some_and(VcsInfo::is_dirty);
    let vcs = match info {
        None => VcsForm::None,
        Some(info) if info.path_in_vcs.is_some() => VcsForm::Path,
        Some(_) if published.get(VCS_INFO).is_some_and(|info| info.bytes.ends_with(b"\n")) => {
            VcsForm::OldCommit
        }
        Some(_) => VcsForm::Commit,
    };
    // Where no style gives a manifest, the build says why.
    let manifest = published.text(MANIFEST).unwrap_or_default();
    let newest = Style::all().next()?;
    let style = pack::style_of(&git.contents, &checkout.directory, manifest).unwrap_or(newest);
    let line_ends = pack::line_ends_of(&git.contents, &checkout.directory, published);
    let mut recipe = Packing { style, lock, vcs, line_ends }.recipe(evidence, own.is_some());
    if line_ends == LineEnds::Crlf {
        recipe
            .reasons
            .push("lines end with CR and LF, as git on Windows writes them into a work tree".to_owned());
    }
    if dirty {
        recipe
            .reasons
            .push("dirty: cargo recorded that the work tree had changes which no commit holds".to_owned());
    }
    Some(recipe)
}

/// The lock of the package, or of the workspace around it.
pub(super) fn own_lock<'a>(tree: &'a Contents, checkout: &Checkout) -> Option<&'a bytes::Bytes> {
    let folders = std::iter::successors(Some(checkout.directory.as_str()), |folder| {
        (!folder.is_empty()).then(|| folder.rsplit_once('/').map_or("", |(above, _)| above))
    });
    let path = |folder: &str| if folder.is_empty() { LOCK.to_owned() } else { format!("{folder}/{LOCK}") };
    folders.take(64).find_map(|folder| tree.get(&path(folder))).map(|member| &member.bytes)
}
