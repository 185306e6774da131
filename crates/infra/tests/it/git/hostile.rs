//! Repositories that are made to harm whoever reads them.

use crate::git::repo::{Entry, Forge};
use trustmill_core::port::repositories::Repositories as _;
use trustmill_core::source::{SourceProblem, TreeKind};

#[tokio::test]
async fn no_attribute_filter_or_configuration_changes_a_byte() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let marker = forge.folder.path().join("ran");
    let attributes = b"* text eol=crlf ident export-subst filter=evil diff=evil working-tree-encoding=UTF-16\nhidden export-ignore\n*.bin filter=lfs\n";
    let modules = format!(
        "[submodule \"x\"]\n\tpath = sub\n\turl = ext::sh -c 'touch {}'\n\tupdate = !touch x\n",
        marker.display()
    );
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let module = "2".repeat(40);
    let entries: [Entry<'_>; 6] = [
        ("100644", b".gitattributes", attributes),
        ("100644", b".gitmodules", modules.as_bytes()),
        ("100644", b"data.bin", pointer),
        ("100644", b"hidden", b"still here"),
        ("160000", b"sub", module.as_bytes()),
        ("100644", b"version.py", b"v = '$Format:%H$ $Id$'\n"),
    ];
    let commit = repo.commit(&repo.tree(&entries), &[], 0);
    repo.point("refs/heads/main", &commit);
    // What the repository's own side is told to run is not run either: it is read by a git of ours.
    let hook = format!("touch {}; exec \"$@\"", marker.display());
    repo.git(&["config", "uploadpack.packObjectsHook", &format!("sh -c '{hook}'")]);
    repo.git(&["config", "filter.evil.smudge", &format!("touch {}", marker.display())]);
    for hook in ["post-checkout", "reference-transaction", "post-index-change"] {
        std::fs::create_dir_all(repo.path.join("hooks")).unwrap();
        std::fs::write(
            repo.path.join("hooks").join(hook),
            format!("#!/bin/sh\ntouch {}\n", marker.display()),
        )
        .unwrap();
    }
    let git = forge.open();
    let tree = git.tree(&repo.address, &commit).await.unwrap();
    assert_eq!(tree.files.get("sub").unwrap().kind, TreeKind::Submodule);
    let contents = git.read(&repo.address, &tree, &|_| true).await.unwrap();
    for (mode, name, bytes) in entries.iter().filter(|(mode, ..)| *mode == "100644") {
        let name = std::str::from_utf8(name).unwrap();
        assert_eq!(contents.get(name).unwrap().bytes, *bytes, "{mode} {name}");
    }
    assert!(contents.get("sub").is_none());
    assert!(!marker.exists(), "something of the repository ran");
    assert!(!forge.folder.path().join("cache").join("sub").exists());
}

#[tokio::test]
async fn paths_that_no_archive_may_hold_are_refused_by_name() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let evil = repo.tree(&[("100644", b"config", b"[core]")]);
    let lower = repo.tree(&[("100644", b"x", b"1")]);
    let names: [&[u8]; 9] =
        [b"..", b".", b".GIT", b".git", b"C:evil", b"a\\b", b"bad\x1b[2Jname", b"git~1", b"\xff\xfe"];
    let mut entries: Vec<Entry<'_>> = names
        .iter()
        .map(|name| {
            if name.starts_with(b".") {
                ("40000", *name, evil.as_bytes())
            } else {
                ("100644", *name, b"x".as_slice())
            }
        })
        .collect();
    entries.extend([
        ("100644", b"Readme".as_slice(), b"1".as_slice()),
        ("100644", b"readme", b"2"),
        ("100644", b"fine.py", b"ok"),
        ("40000", b"low", lower.as_bytes()),
        ("100600", b"mode", b"x"),
        ("100644", b"LOW", b"x"),
    ]);
    entries.sort_by_key(|(mode, name, _)| {
        let mut key = name.to_vec();
        if *mode == "40000" {
            key.push(b'/');
        }
        key
    });
    let commit = repo.commit(&repo.tree(&entries), &[], 0);
    repo.point("refs/heads/main", &commit);
    let git = forge.open();
    let tree = git.tree(&repo.address, &commit).await.unwrap();
    assert_eq!(tree.files.keys().collect::<Vec<_>>(), ["fine.py"]);
    assert_eq!(tree.refused.len(), entries.len() - 1, "{:?}", tree.refused);
    assert!(tree.refused.iter().all(|(path, why)| !why.is_empty() && !path.chars().any(char::is_control)));
    assert_eq!(git.read(&repo.address, &tree, &|_| true).await.unwrap().order, ["fine.py"]);
}

#[tokio::test]
async fn links_give_what_they_lead_to_inside_and_nothing_outside() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let folder = repo.tree(&[
        ("120000", b"again", b"../pkg"),
        ("100755", b"run", b"#!/bin/sh\n"),
        ("100644", b"x.py", b"x"),
    ]);
    let pkg = repo.tree(&[
        ("120000", b"LICENSE", b"../LICENSE"),
        ("120000", b"chain", b"LICENSE"),
        ("120000", b"circle", b"circle"),
        ("120000", b"data", b"../shared"),
        ("120000", b"host", b"/etc/passwd"),
        ("120000", b"out", b"../../../../etc/passwd"),
    ]);
    let tree = repo.tree(&[
        ("100644", b"LICENSE", b"MIT"),
        ("40000", b"pkg", pkg.as_bytes()),
        ("40000", b"shared", folder.as_bytes()),
    ]);
    let commit = repo.commit(&tree, &[], 0);
    repo.point("refs/heads/main", &commit);
    let git = forge.open();
    let tree = git.tree(&repo.address, &commit).await.unwrap();
    let contents = git.read(&repo.address, &tree, &|path| path.starts_with("pkg/")).await.unwrap();
    assert_eq!(contents.order, ["pkg/LICENSE", "pkg/chain", "pkg/data/run", "pkg/data/x.py"]);
    assert_eq!((contents.text("pkg/chain"), contents.text("pkg/data/x.py")), (Some("MIT"), Some("x")));
    assert_eq!(contents.get("pkg/data/run").unwrap().mode, Some(0o755));
}

#[tokio::test]
async fn a_tree_in_the_place_of_a_commit_and_half_a_commit_are_no_source() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let tree = repo.tree(&[("100644", b"a", b"1")]);
    let twice = repo.commit(&repo.tree(&[("100644", b"a", b"1"), ("100644", b"a", b"2")]), &[], 0);
    let whole = repo.commit(&tree, &[], 1);
    repo.point("refs/heads/main", &whole);
    repo.point("refs/heads/twice", &twice);
    let git = forge.open();
    let error = git.tree(&repo.address, &tree.parse().unwrap()).await.unwrap_err();
    assert!(matches!(error.class, SourceProblem::Malformed | SourceProblem::CommitMissing), "{error}");
    let error = git.tree(&repo.address, &twice).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::Malformed, "{error}");
    assert!(git.tree(&repo.address, &whole).await.is_ok(), "what was hostile is not built upon");
}

#[tokio::test]
async fn an_object_that_rots_in_the_cache_is_not_taken_for_the_real_one() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let commit = repo.files(&[("a.py", "good = 1\n")], &[], 0);
    repo.point("refs/heads/main", &commit);
    let git = forge.open();
    let tree = git.tree(&repo.address, &commit).await.unwrap();
    let bare = walk(&forge.folder.path().join("cache"), "trees.git");
    // The same name, other bytes: a loose object is found before git looks at what it hashes to.
    let id = tree.files.get("a.py").unwrap().id.to_string();
    for pack in std::fs::read_dir(bare.join("objects/pack")).unwrap() {
        std::fs::remove_file(pack.unwrap().path()).unwrap();
    }
    let evil = repo.blob(b"evil = 1\n");
    let object = |id: &str| {
        let (head, tail) = id.split_at(2);
        format!("objects/{head}/{tail}")
    };
    std::fs::create_dir_all(bare.join(object(&id)).parent().unwrap()).unwrap();
    std::fs::copy(repo.path.join(object(&evil)), bare.join(object(&id))).unwrap();
    let error = git.read(&repo.address, &tree, &|_| true).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::Malformed, "{error}");
}

/// The first folder of this name, at any depth.
fn walk(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if folder.ends_with(name) {
            return folder;
        }
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        folders.extend(entries.filter(|path| path.is_dir()));
    }
    panic!("no folder {name}")
}
