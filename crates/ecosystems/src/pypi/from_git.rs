//! The commit before the archive: where both are there, each recipe is first run on the commit, whose claim is the
//! stronger one. What the commit does not build, the archive may.

use super::claim::{is_version_variable, version_env};
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::attempt::Attempt;
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::Evidence;
use trustmill_core::recipe::{Recipe, SourceKind};
use trustmill_core::source::{Checkout, Source, Sources};

const FIRST: &str = "the commit is built first: it proves more than the uploaded archive";
const VERSION_GIVEN: &str = "a commit comes without history, so the version is given to what reads it";

/// The next recipe: the archive's ladder, with the commit as its first rung. `ladder` gives the
/// archive's next recipe for what was tried on the archive.
pub(super) fn next_recipe(
    evidence: &Evidence<'_>,
    tried: &[Attempt],
    ladder: impl Fn(&[Attempt]) -> Option<Recipe>,
) -> Option<Recipe> {
    let Sources { archive, git } = evidence.sources;
    let Some(git) = git else { return ladder(tried).map(on_archive) };
    let (on_git, on_sdist): (Vec<Attempt>, Vec<Attempt>) =
        tried.iter().cloned().partition(|attempt| attempt.recipe.source == SourceKind::Git);
    if archive.is_none() {
        // Nothing but the commit: the whole ladder is climbed on it.
        let as_archive = on_git.into_iter().map(|mut attempt| {
            attempt.recipe = on_archive(attempt.recipe);
            attempt
        });
        return ladder(&as_archive.collect::<Vec<_>>()).map(|recipe| on_commit(recipe, evidence, git));
    }
    if on_git.is_empty() {
        return ladder(&[]).map(|recipe| on_commit(recipe, evidence, git));
    }
    ladder(&on_sdist).map(on_archive)
}

/// The recipe as it is for the archive, which states its version itself.
pub(super) fn on_archive(mut recipe: Recipe) -> Recipe {
    if recipe.source == SourceKind::Git {
        recipe.env.retain(|name, _| !is_version_variable(name));
        recipe.reasons.retain(|reason| reason != FIRST && reason != VERSION_GIVEN);
        recipe.source = SourceKind::Sdist;
    }
    recipe
}

fn on_commit(recipe: Recipe, evidence: &Evidence<'_>, git: &Source) -> Recipe {
    let mut recipe = on_archive(recipe);
    let directory = git.checkout().map_or("", |checkout| checkout.directory.as_str());
    let text = |name: &str| git.contents.text(&in_directory(directory, name));
    let version = evidence.purl.version().unwrap_or_default();
    let setup = text("setup.py").or_else(|| text("setup.cfg"));
    let env = version_env(text("pyproject.toml"), setup, &evidence.purl.name(), version);
    if !env.is_empty() {
        recipe.reasons.push(VERSION_GIVEN.to_owned());
    }
    recipe.env.extend(env);
    recipe.source = SourceKind::Git;
    recipe.reasons.push(FIRST.to_owned());
    recipe
}

fn in_directory(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// The files that a build sees: of an archive all, of a commit those of the package's folder.
pub(super) fn built_files(source: &Source) -> Arc<Contents> {
    let Some(Checkout { directory, .. }) =
        source.checkout().filter(|checkout| !checkout.directory.is_empty())
    else {
        return Arc::clone(&source.contents);
    };
    let prefix = format!("{directory}/");
    let below = |path: &String| path.strip_prefix(&prefix).map(str::to_owned);
    let members: BTreeMap<_, _> = source
        .contents
        .members
        .iter()
        .filter_map(|(path, member)| Some((below(path)?, member.clone())))
        .collect();
    let order = source.contents.order.iter().filter_map(below).collect();
    Arc::new(Contents { members, order })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pypi::infer::testing::contents;
    use trustmill_core::Timestamp;
    use trustmill_core::source::{FoundBy, ObjectId, SourceFrom, Tree};

    fn git(directory: &str, files: &[(&str, &str)]) -> Arc<Source> {
        let tree = Tree {
            commit: ObjectId::blob(b"commit"),
            committed: Timestamp::UNIX_EPOCH,
            parents: Vec::new(),
            files: BTreeMap::new(),
            refused: Vec::new(),
        };
        let checkout = Checkout {
            repository: "https://git.example/a".into(),
            tree: Arc::new(tree),
            directory: directory.into(),
            found_by: FoundBy::Recorded,
        };
        Arc::new(Source { from: SourceFrom::Git(checkout), contents: Arc::new(contents(files)) })
    }

    #[test]
    fn a_build_sees_the_packages_folder_alone() {
        let source = git("kit", &[("kit/setup.py", ""), ("kitten/x", ""), ("README", "")]);
        let built = built_files(&source);
        assert_eq!(built.members.keys().collect::<Vec<_>>(), ["setup.py"]);
        assert_eq!(built_files(&git("", &[("a", ""), ("b/c", "")])).members.len(), 2);
    }

    #[test]
    fn the_version_is_given_on_the_commit_and_taken_away_on_the_archive() {
        let world = crate::pypi::infer::testing::World::new("setuptools (70.0)");
        let mut evidence = world.evidence();
        let sources = Sources {
            archive: evidence.sources.archive.clone(),
            git: Some(git("", &[("pyproject.toml", "requires = ['setuptools_scm']")])),
        };
        evidence.sources = &sources;
        let plain = crate::pypi::infer::next_recipe(&evidence, None, &[]).unwrap();
        let ladder = |_: &[Attempt]| Some(plain.clone());
        let first = next_recipe(&evidence, &[], ladder).unwrap();
        assert_eq!(first.source, SourceKind::Git);
        assert_eq!(first.env.get("SETUPTOOLS_SCM_PRETEND_VERSION").map(String::as_str), Some("1.0"));
        assert_eq!(on_archive(first), plain);
    }
}
