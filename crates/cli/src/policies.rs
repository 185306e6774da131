//! Policy files on the disk: read at the start, and again when they change.

use crate::config::Policy as PolicyConfig;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trustmill_core::port::Coded;
use trustmill_factory::firewall::NamePattern;
use trustmill_policy::{Mode, PolicyProblems, PolicySet, Source, shipped};

/// The set that `[policy] files` make, and the one of `[policy] preview`.
const OWN: &str = "own";
const PREVIEW: &str = "preview";

/// The most files of one folder.
const MOST_FILES: usize = 1000;

/// Why policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoliciesError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A folder has more files than it may.
    #[error("{} has more than {MOST_FILES} policy files", path.display())]
    TooMany { path: PathBuf },
    /// A file of popular names has a line that names no project.
    #[error("{}: {why}", path.display())]
    Name { path: PathBuf, why: String },
    /// The policies are wrong.
    #[error(transparent)]
    Invalid(#[from] PolicyProblems),
}

impl Coded for PoliciesError {
    fn code(&self) -> &'static str {
        "TM0907"
    }

    fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } | Self::TooMany { .. } => {
                "check [policy] files and preview: each is a .cedar file, or a folder of them".into()
            }
            Self::Name { .. } => "write one project a line: npm:@acme/ui, pypi:requests".into(),
            Self::Invalid(problems) => problems.help(),
        }
    }
}

/// What a file looked like: enough to see that it changed.
type Look = (SystemTime, u64);

/// The files that were read, and how they looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Looks(BTreeMap<PathBuf, Option<Look>>);

/// Every policy file, shipped ones first.
pub(crate) fn sources(config: &PolicyConfig) -> Result<Vec<Source>, PoliciesError> {
    let mut sources = shipped::sources(config.shipped);
    for (paths, set, mode) in [(&config.files, OWN, Mode::Enforce), (&config.preview, PREVIEW, Mode::Preview)]
    {
        for path in paths {
            for file in files(path)? {
                let text = std::fs::read_to_string(&file)
                    .map_err(|source| PoliciesError::Unreadable { path: file.clone(), source })?;
                sources.push(Source { file: file.display().to_string(), text, set: set.to_owned(), mode });
            }
        }
    }
    Ok(sources)
}

/// Reads and checks everything.
pub(crate) fn load(config: &PolicyConfig) -> Result<PolicySet, PoliciesError> {
    Ok(PolicySet::parse(&sources(config)?, &config.modes)?)
}

/// How the files look now. Reads no content.
pub(crate) fn looks(config: &PolicyConfig) -> Looks {
    let mut looks = BTreeMap::new();
    for path in config.files.iter().chain(&config.preview) {
        looks.insert(path.clone(), look(path));
        for file in files(path).unwrap_or_default() {
            let seen = look(&file);
            looks.insert(file, seen);
        }
    }
    Looks(looks)
}

fn look(path: &Path) -> Option<Look> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// The file itself, or the `*.cedar` files of a folder, in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, PoliciesError> {
    let unreadable = |source| PoliciesError::Unreadable { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|extension| extension == "cedar") {
            files.push(file);
        }
        if files.len() > MOST_FILES {
            return Err(PoliciesError::TooMany { path: path.to_owned() });
        }
    }
    files.sort();
    Ok(files)
}

/// The names in `[policy.popular] files`: one a line, `#` begins a comment.
pub(crate) fn popular(config: &PolicyConfig) -> Result<Vec<NamePattern>, PoliciesError> {
    let mut names = Vec::new();
    for path in &config.popular.files {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PoliciesError::Unreadable { path: path.clone(), source })?;
        for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
            if !line.is_empty() {
                let name = line.parse::<NamePattern>();
                names.push(
                    name.map_err(|error| PoliciesError::Name { path: path.clone(), why: error.to_string() })?,
                );
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_order_and_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("b.cedar", "@id(\"b\") permit (principal, action, resource);");
        write("a.cedar", "@id(\"a\") permit (principal, action, resource);");
        write("notes.txt", "no policy");
        let config = PolicyConfig { files: vec![folder.path().to_owned()], ..PolicyConfig::default() };
        let own: Vec<_> = sources(&config).unwrap().into_iter().filter(|source| source.set == OWN).collect();
        assert!(own.len() == 2 && own[0].file.ends_with("a.cedar"), "{own:?}");
        assert!(load(&config).is_ok());
        let before = looks(&config);
        assert_eq!(looks(&config), before);
        write("c.cedar", "permit (");
        assert_ne!(looks(&config), before, "a new file is seen");
        assert!(matches!(load(&config), Err(PoliciesError::Invalid(_))));
    }

    #[test]
    fn a_path_that_is_not_there_is_named() {
        let config = PolicyConfig { files: vec!["/nowhere/own.cedar".into()], ..PolicyConfig::default() };
        assert!(load(&config).unwrap_err().to_string().contains("/nowhere/own.cedar"));
    }
}
