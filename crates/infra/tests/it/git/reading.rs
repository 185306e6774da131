//! What a repository that means no harm gives.

use crate::git::repo::{Forge, run};
use trustmill_core::Timestamp;
use trustmill_core::port::repositories::Repositories as _;
use trustmill_core::source::{ObjectId, SourceProblem, TreeKind};
use trustmill_infra::{GitConfig, GitRepositories};

#[tokio::test]
async fn a_commit_gives_its_files_as_they_were_committed() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let src = repo.tree(&[("100644", b"lib.rs", b"fn main() {}\r\n")]);
    let tree = repo.tree(&[
        ("100644", b"README", b"hello\n"),
        ("100755", b"build.sh", b"#!/bin/sh\n"),
        ("120000", b"link", b"src/lib.rs"),
        ("40000", b"src", src.as_bytes()),
    ]);
    let commit = repo.commit(&tree, &[], 7);
    repo.point("refs/heads/main", &commit);
    let git = forge.open();
    let tree = git.tree(&repo.address, &commit).await.unwrap();
    assert_eq!((tree.commit.clone(), tree.committed.as_second()), (commit.clone(), 1_700_000_007));
    let kinds: Vec<_> = tree.files.iter().map(|(path, file)| (path.as_str(), file.kind, file.size)).collect();
    let expected = [
        ("README", TreeKind::File, 6),
        ("build.sh", TreeKind::Executable, 10),
        ("link", TreeKind::Symlink, 10),
        ("src/lib.rs", TreeKind::File, 14),
    ];
    assert_eq!(kinds, expected);
    let contents = git.read(&repo.address, &tree, &|path| path != "README").await.unwrap();
    assert_eq!(contents.order, ["build.sh", "link", "src/lib.rs"]);
    assert_eq!(contents.text("link"), Some("fn main() {}\r\n"));
    let mode = |path: &str| contents.get(path).unwrap().mode;
    assert_eq!((mode("build.sh"), mode("link")), (Some(0o755), Some(0o644)));
}

#[tokio::test]
async fn branches_and_tags_are_listed_and_annotated_tags_peeled() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let (one, two) = (repo.files(&[("a", "1")], &[], 0), repo.files(&[("a", "2")], &[], 1));
    repo.point("refs/heads/main", &two);
    repo.point("refs/tags/v1", &one);
    repo.point("refs/pull/1/head", &one);
    repo.annotate("v2", &two);
    let refs = forge.open().refs(&repo.address).await.unwrap();
    let found: Vec<_> = refs.iter().map(|one| (one.name.as_str(), &one.commit)).collect();
    assert_eq!(found, [("refs/heads/main", &two), ("refs/tags/v1", &one), ("refs/tags/v2", &two)]);
}

#[tokio::test]
async fn a_tag_that_moves_is_seen_when_it_is_asked_for_again() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let (one, two) = (repo.files(&[("a", "1")], &[], 0), repo.files(&[("a", "2")], &[], 1));
    repo.point("refs/tags/v1", &one);
    let git = GitRepositories::new(GitConfig { fresh: std::time::Duration::ZERO, ..forge.config() });
    assert_eq!(git.refs(&repo.address).await.unwrap()[0].commit, one);
    repo.point("refs/tags/v1", &two);
    assert_eq!(git.refs(&repo.address).await.unwrap()[0].commit, two);
}

#[tokio::test]
async fn what_branches_and_tags_lead_to_is_told_from_what_only_a_fork_holds() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let old = repo.files(&[("a", "1")], &[], 0);
    let new = repo.files(&[("a", "2")], &[&old], 1);
    let fork = repo.files(&[("a", "evil")], &[&new], 2);
    repo.point("refs/heads/main", &new);
    repo.point("refs/pull/1/head", &fork);
    let git = forge.open();
    assert!(git.reaches(&repo.address, &new).await.unwrap());
    assert!(git.reaches(&repo.address, &old).await.unwrap());
    let tree = git.tree(&repo.address, &fork).await.unwrap();
    assert_eq!(tree.commit, fork, "forges answer for the commits of every fork");
    assert!(!git.reaches(&repo.address, &fork).await.unwrap());
    let gone = "1".repeat(40).parse().unwrap();
    assert!(!git.reaches(&repo.address, &gone).await.unwrap());
    let error = git.tree(&repo.address, &gone).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::CommitMissing);
    assert_eq!(error.repository, repo.address);
}

#[tokio::test]
async fn commits_before_an_instant_come_newest_first() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let one = repo.files(&[("a", "1")], &[], 10);
    let two = repo.files(&[("a", "2")], &[&one], 20);
    let three = repo.files(&[("a", "3")], &[&two], 30);
    let side = repo.files(&[("a", "4")], &[&one], 25);
    repo.point("refs/heads/main", &three);
    repo.point("refs/heads/side", &side);
    let git = forge.open();
    let before = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
    assert_eq!(git.commits(&repo.address, before(29), 9).await.unwrap(), [side.clone(), two.clone(), one]);
    assert_eq!(git.commits(&repo.address, before(99), 2).await.unwrap(), [three.clone(), side]);
    // They were fetched on the way, so that their trees need no forge.
    std::fs::remove_dir_all(&repo.path).unwrap();
    for commit in [&three, &two] {
        assert_eq!(git.tree(&repo.address, commit).await.unwrap().files.len(), 1);
    }
}

#[tokio::test]
async fn what_commits_say_is_read_between_two_of_them() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let tree = |text: &str| repo.tree(&[("100644", b"a", text.as_bytes())]);
    let one = repo.commit_saying(&tree("1"), &[], 1, b"one\n");
    let two = repo.commit_saying(&tree("2"), &[&one], 2, b"Fix CVE-1\n\nSee #7.\n");
    let side = repo.commit_saying(&tree("3"), &[&one], 3, b"\xff latin\n");
    let three = repo.commit_saying(&tree("4"), &[&two, &side], 4, b"");
    repo.point("refs/tags/v3", &three);
    repo.point("refs/tags/v1", &one);
    let git = forge.open();
    let said = git.messages(&repo.address, &one, &three, 9).await.unwrap();
    let said: Vec<(&ObjectId, &str)> = said.iter().map(|one| (&one.commit, one.message.as_str())).collect();
    assert_eq!(said, [(&three, ""), (&side, "\u{fffd} latin"), (&two, "Fix CVE-1\n\nSee #7.")]);
    assert_eq!(git.messages(&repo.address, &one, &three, 1).await.unwrap().len(), 1);
    assert!(git.messages(&repo.address, &three, &one, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_forge_that_knows_no_filters_is_read_all_the_same() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    // The repository's own word counts more than what its git is told by the mill.
    repo.git(&["config", "uploadpack.allowFilter", "false"]);
    let old = repo.files(&[("a", "1")], &[], 0);
    let new = repo.files(&[("a", "2")], &[&old], 1);
    repo.point("refs/heads/main", &new);
    assert!(forge.open().reaches(&repo.address, &old).await.unwrap());
}

#[tokio::test]
async fn repositories_of_the_new_object_format_are_read_as_well() {
    let forge = Forge::new();
    let repo = forge.repo_of("demo", "sha256");
    let old = repo.files(&[("a", "1")], &[], 0);
    let new = repo.files(&[("a", "2")], &[&old], 1);
    repo.point("refs/heads/main", &new);
    let git = forge.open();
    assert_eq!(old.width(), 32);
    let tree = git.tree(&repo.address, &old).await.unwrap();
    assert_eq!(git.read(&repo.address, &tree, &|_| true).await.unwrap().text("a"), Some("1"));
    assert!(git.reaches(&repo.address, &old).await.unwrap());
}

#[tokio::test]
async fn many_ask_about_one_repository_at_once() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let mut commits = Vec::new();
    for n in 0..6 {
        let commit = repo.files(&[("a", &n.to_string())], &commits.last().into_iter().collect::<Vec<_>>(), n);
        commits.push(commit);
    }
    repo.point("refs/heads/main", commits.last().unwrap());
    // Two adapters stand for two processes.
    let (git, other) = (forge.open(), forge.open());
    let asked = commits.iter().enumerate().map(|(n, commit)| {
        let (git, address, commit) =
            (if n % 2 == 0 { git.clone() } else { other.clone() }, repo.address.clone(), commit.clone());
        tokio::spawn(async move {
            let tree = git.tree(&address, &commit).await.unwrap();
            assert!(git.reaches(&address, &commit).await.unwrap());
            git.read(&address, &tree, &|_| true).await.unwrap().text("a").unwrap().to_owned()
        })
    });
    let asked: Vec<_> = asked.collect();
    for (n, task) in asked.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), n.to_string());
    }
}

#[tokio::test]
async fn a_forge_that_gives_branches_and_tags_only_is_read_by_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let old = repo.files(&[("a", "1")], &[], 0);
    let new = repo.files(&[("a", "2")], &[&old], 1);
    let fork = repo.files(&[("a", "evil")], &[&new], 2);
    repo.point("refs/heads/main", &new);
    repo.annotate("v2", &new);
    repo.point("refs/pull/1/head", &fork);
    repo.git(&["config", "transfer.hideRefs", "refs/pull"]);
    // An old server: it speaks the protocol in which only what is advertised is given.
    let program = forge.folder.path().join("old-git");
    std::fs::write(&program, "#!/bin/sh\nn=$#\nwhile [ $n -gt 0 ]; do a=$1; shift; [ \"$a\" = protocol.version=2 ] && a=protocol.version=0; set -- \"$@\" \"$a\"; n=$((n-1)); done\nexec git \"$@\"\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let git = GitRepositories::new(GitConfig { program, ..forge.config() });
    for (commit, text) in [(&new, "2"), (&old, "1")] {
        let tree = git.tree(&repo.address, commit).await.unwrap();
        assert_eq!(git.read(&repo.address, &tree, &|_| true).await.unwrap().text("a"), Some(text));
    }
    let error = git.tree(&repo.address, &fork).await.unwrap_err();
    assert_eq!(error.class, SourceProblem::CommitMissing);
}

#[tokio::test]
async fn a_local_mirror_without_the_largest_files_gives_the_others() {
    let forge = Forge::new();
    let repo = forge.repo("demo");
    let commit = repo.files(&[("large.bin", "large"), ("small", "small")], &[], 0);
    repo.point("refs/heads/main", &commit);
    let large = ObjectId::blob(b"large");
    let (head, tail) =
        (large.to_string().split_at(2).0.to_owned(), large.to_string().split_at(2).1.to_owned());
    std::fs::remove_file(repo.path.join("objects").join(head).join(tail)).unwrap();
    let git = forge.open();
    let tree = git.tree(&repo.address, &commit).await.unwrap();
    assert_eq!(tree.files.get("large.bin").unwrap().id, large, "its name is known, and that is its hash");
    assert_eq!(git.read(&repo.address, &tree, &|_| true).await.unwrap().order, ["small"]);
    assert!(git.reaches(&repo.address, &commit).await.unwrap());
    let gone = "1".repeat(40).parse().unwrap();
    assert_eq!(git.tree(&repo.address, &gone).await.unwrap_err().class, SourceProblem::CommitMissing);
}

#[tokio::test]
async fn the_version_of_git_is_known_or_its_absence() {
    let forge = Forge::new();
    let ours = forge.open().version().await.unwrap();
    assert_eq!(ours, run(forge.folder.path(), &["version"], b""));
    let none = GitRepositories::new(GitConfig { program: "/nonexistent/git".into(), ..forge.config() });
    assert!(none.version().await.unwrap_err().contains("git cannot be started"));
}
