//! What a repository may take: disk, depth, files, bytes; and what of it is kept.

use crate::git::repo::{Entry, Forge};
use std::path::Path;
use trustmill_core::Timestamp;
use trustmill_core::port::repositories::Repositories as _;
use trustmill_core::source::{ObjectId, SourceProblem};
use trustmill_infra::{GitConfig, GitRepositories};

/// Bytes that no compressor makes smaller.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[tokio::test]
async fn a_repository_that_is_too_large_for_the_disk_is_left() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let tree = repo.tree(&[("100644", b"big", &noise(7, 6 << 20))]);
    let commit = repo.commit(&tree, &[], 0);
    repo.point("refs/heads/main", &commit);
    let small = GitRepositories::new(GitConfig { fetch_bytes: 2 << 20, ..forge.config() });
    let error = small.tree(&repo.address, &commit).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::TooLarge, "{error}");
    assert!(bytes_below(&forge.folder.path().join("cache")) < 1 << 20, "what was fetched in vain is gone");
    assert!(forge.open().tree(&repo.address, &commit).await.is_ok());
}

#[tokio::test]
async fn a_history_that_is_too_deep_is_no_answer() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let mut commits: Vec<ObjectId> = Vec::new();
    for n in 0..20 {
        let commit = repo.files(&[("a", &n.to_string())], &commits.last().into_iter().collect::<Vec<_>>(), n);
        commits.push(commit);
    }
    repo.point("refs/heads/main", &commits[19]);
    let git = GitRepositories::new(GitConfig { history: 5, ..forge.config() });
    assert!(git.reaches(&repo.address, &commits[16]).await.unwrap());
    let error = git.reaches(&repo.address, &commits[2]).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::TooLarge, "not found is not the same as not there");
    let before = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
    assert_eq!(
        git.commits(&repo.address, before(17), 2).await.unwrap(),
        [commits[17].clone(), commits[16].clone()]
    );
    let error = git.commits(&repo.address, before(5), 2).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::TooLarge);
}

#[tokio::test]
async fn a_tree_of_too_many_files_is_left_before_it_is_counted() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    // Ten folders of ten folders and so on: 10^8 files from nine objects.
    let mut tree = repo.tree(&[("100644", b"f", b"x")]);
    for _ in 0..8 {
        let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
        let entries: Vec<Entry<'_>> =
            names.iter().map(|name| ("40000", name.as_bytes(), tree.as_bytes())).collect();
        tree = repo.tree(&entries);
    }
    let commit = repo.commit(&tree, &[], 0);
    repo.point("refs/heads/main", &commit);
    let git = GitRepositories::new(GitConfig { files: 5_000, ..forge.config() });
    let error = git.tree(&repo.address, &commit).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::TooLarge, "{error}");
}

#[tokio::test]
async fn folders_without_end_are_left() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let mut tree = repo.tree(&[("100644", b"f", b"x")]);
    for _ in 0..200 {
        tree = repo.tree(&[("40000", b"d", tree.as_bytes())]);
    }
    let commit = repo.commit(&tree, &[], 0);
    repo.point("refs/heads/main", &commit);
    let error = forge.open().tree(&repo.address, &commit).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::TooLarge, "{error}");
}

#[tokio::test]
async fn large_files_and_many_links_to_one_are_bounded_by_what_they_become() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let names: Vec<String> = (0..40).map(|n| format!("link{n:02}")).collect();
    let mut entries: Vec<Entry<'_>> = vec![("100644", b"big", &[b'a'; 100_000])];
    entries.extend(names.iter().map(|name| ("120000", name.as_bytes(), b"big".as_slice())));
    let commit = repo.commit(&repo.tree(&entries), &[], 0);
    repo.point("refs/heads/main", &commit);
    for (file, all, fits) in [(1 << 20, 5 << 20, true), (1 << 20, 1 << 20, false), (1_000, 5 << 20, false)] {
        let git = GitRepositories::new(GitConfig { file_bytes: file, read_bytes: all, ..forge.config() });
        let tree = git.tree(&repo.address, &commit).await.unwrap();
        match git.read(&repo.address, &tree, &|_| true).await {
            Ok(contents) => assert!(fits && contents.members.len() == 41),
            Err(error) => assert!(!fits && error.class == SourceProblem::TooLarge, "{error}"),
        }
        assert!(git.read(&repo.address, &tree, &|path| path == "none").await.is_ok());
    }
}

#[tokio::test]
async fn what_was_used_longest_ago_leaves_the_cache() {
    let forge = Forge::new();
    let repos: Vec<_> = (0..4).map(|n| forge.repo(&format!("demo{n}"))).collect();
    let commits: Vec<_> = repos
        .iter()
        .enumerate()
        .map(|(n, repo)| {
            let tree = repo.tree(&[("100644", b"big", &noise(n as u64 * 99 + 1, 1 << 20))]);
            let commit = repo.commit(&tree, &[], 0);
            repo.point("refs/heads/main", &commit);
            commit
        })
        .collect();
    let git = GitRepositories::new(GitConfig { cache_bytes: (3 << 20) + (1 << 19), ..forge.config() });
    // The first is used again before the last comes, so it is the second that goes.
    for n in [0, 1, 2, 0, 3] {
        git.tree(&repos[n].address, &commits[n]).await.unwrap();
    }
    for repo in &repos {
        std::fs::remove_dir_all(&repo.path).unwrap();
    }
    let mut kept = Vec::new();
    for n in 0..4 {
        kept.push(git.tree(&repos[n].address, &commits[n]).await.is_ok());
    }
    assert_eq!(kept, [true, false, true, true]);
    assert!(bytes_below(&forge.folder.path().join("cache")) < 4 << 20);
}

#[tokio::test]
async fn what_a_killed_fetch_left_behind_does_not_stop_the_next_one() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let old = repo.files(&[("a", "1")], &[], 0);
    let new = repo.files(&[("a", "2")], &[&old], 1);
    repo.point("refs/heads/main", &new);
    let git = forge.open();
    git.tree(&repo.address, &old).await.unwrap();
    let cache = forge.folder.path().join("cache");
    let bare = std::fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("trees.git"))
        .find(|path| path.is_dir())
        .unwrap();
    for left in ["shallow.lock", "config.lock", "objects/pack/tmp_pack_abc"] {
        std::fs::write(bare.join(left), "half").unwrap();
    }
    assert!(git.tree(&repo.address, &new).await.is_ok());
    assert!(!bare.join("objects/pack/tmp_pack_abc").exists());
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata().unwrap() {
            metadata if metadata.is_dir() => bytes_below(&entry.path()),
            metadata => metadata.len(),
        })
        .sum()
}
