//! Repositories that the tests make, with the same git that the adapter uses.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use trustmill_core::source::ObjectId;
use trustmill_infra::{GitConfig, GitRepositories};

/// The address under which the tests' repositories are known; the mirror map leads to their folder.
pub(crate) const FORGE: &str = "https://git.example/";

/// A forge of bare repositories in a folder, and a cache beside it.
pub(crate) struct Forge {
    pub(crate) folder: TempDir,
}

impl Forge {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// An empty repository.
    pub(crate) fn repo(&self, name: &str) -> Repo {
        self.repo_of(name, "sha1")
    }

    pub(crate) fn repo_of(&self, name: &str, format: &str) -> Repo {
        let repo =
            Repo { path: self.folder.path().join("forge").join(name), address: format!("{FORGE}{name}") };
        std::fs::create_dir_all(&repo.path).unwrap();
        repo.git(&[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            &format!("--object-format={format}"),
        ]);
        repo
    }

    /// A configuration whose mirror map leads to the folder.
    pub(crate) fn config(&self) -> GitConfig {
        let forge = format!("file://{}/", self.folder.path().join("forge").display());
        GitConfig {
            mirrors: BTreeMap::from([(FORGE.to_owned(), forge)]),
            ..GitConfig::new(self.folder.path().join("cache"))
        }
    }

    /// A file beside the forge.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn open(&self) -> GitRepositories {
        GitRepositories::new(self.config())
    }
}

/// One bare repository of the forge.
pub(crate) struct Repo {
    pub(crate) path: PathBuf,
    pub(crate) address: String,
}

/// An entry of a tree: mode, name, bytes of the blob or name of the object.
pub(crate) type Entry<'a> = (&'a str, &'a [u8], &'a [u8]);

impl Repo {
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    /// Runs git on the repository with something on its standard input.
    pub(crate) fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        run(&self.path, arguments, input)
    }

    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        self.git_with(&["hash-object", "-w", "--stdin"], bytes)
    }

    /// A tree written byte by byte, whatever git would say to it. Trees and submodules are given by object name.
    pub(crate) fn tree(&self, entries: &[Entry<'_>]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, content) in entries {
            let id = match *mode {
                "40000" | "160000" => String::from_utf8(content.to_vec()).unwrap(),
                _ => self.blob(content),
            };
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            let pairs = id.as_bytes().chunks(2);
            bytes.extend(
                pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()),
            );
        }
        self.git_with(&["hash-object", "-w", "-t", "tree", "--stdin", "--literally"], &bytes)
    }

    /// A commit of a tree, made at so many seconds after 2023-11-14.
    pub(crate) fn commit(&self, tree: &str, parents: &[&ObjectId], seconds: u32) -> ObjectId {
        self.commit_saying(tree, parents, seconds, b"change\n")
    }

    /// The same with a message, which may be any bytes.
    pub(crate) fn commit_saying(
        &self,
        tree: &str,
        parents: &[&ObjectId],
        seconds: u32,
        message: &[u8],
    ) -> ObjectId {
        let mut text = format!("tree {tree}\n");
        for parent in parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        let at = 1_700_000_000 + u64::from(seconds);
        text.push_str(&format!("author A <a@example> {at} +0000\ncommitter C <c@example> {at} +0000\n\n"));
        let bytes = [text.as_bytes(), message].concat();
        self.git_with(&["hash-object", "-w", "-t", "commit", "--stdin"], &bytes).parse().unwrap()
    }

    /// A commit with these plain files at the root.
    pub(crate) fn files(&self, files: &[(&str, &str)], parents: &[&ObjectId], seconds: u32) -> ObjectId {
        let entries: Vec<Entry<'_>> =
            files.iter().map(|(name, text)| ("100644", name.as_bytes(), text.as_bytes())).collect();
        self.commit(&self.tree(&entries), parents, seconds)
    }

    pub(crate) fn point(&self, name: &str, commit: &ObjectId) {
        self.git(&["update-ref", name, &commit.to_string()]);
    }

    /// An annotated tag.
    pub(crate) fn annotate(&self, name: &str, commit: &ObjectId) {
        self.git(&["tag", "--annotate", "--force", "--message=x", name, &commit.to_string()]);
    }
}

/// Runs git in a folder, without this machine's configuration.
pub(crate) fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("git");
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "T").env(format!("GIT_{who}_EMAIL"), "t@example");
    }
    command.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
