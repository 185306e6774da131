//! Line ends, against what git itself writes.

use super::{PLAIN, order, tree};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use trustmill_core::content::{Contents, Member};
use trustmill_ecosystems::cargo::pack::{LineEnds, Order, checked_out, line_ends_of, pack};

/// Files of every kind, under attributes of every kind.
const FILES: &[(&str, &[u8])] = &[
    (
        ".gitattributes",
        b"*.auto text=auto\n*.text text\n*.bin binary\n*.raw -text\n*.lf text eol=lf\n*.crlf eol=crlf\n*.in text=input\n\
          *.old -crlf\n/only/here.txt eol=crlf\n# *.rs text\n*.both text eol=crlf\n\n*.back -text\n",
    ),
    ("sub/.gitattributes", b"*.back !text\n*.text -text\ndeep.rs text eol=lf\n"),
    ("plain.rs", b"a\nb\n"),
    ("mixed.rs", b"a\r\nb\n"),
    ("dos.rs", b"a\r\nb\r\n"),
    ("nul.rs", b"a\0\nb\n"),
    ("mac.rs", b"a\rb\nc"),
    ("odd.rs", b"\x01\x02\n\x03"),
    ("eof.rs", b"a\n\x1a"),
    ("empty.rs", b""),
    ("x.auto", b"a\nb\n"),
    ("mixed.auto", b"a\r\nb\n"),
    ("x.text", b"a\nb\r\n\0\n"),
    ("x.bin", b"a\nb\n"),
    ("x.raw", b"a\nb\n"),
    ("x.lf", b"a\nb\n"),
    ("x.crlf", b"a\nb\n"),
    ("x.in", b"a\nb\n"),
    ("x.old", b"a\nb\n"),
    ("x.both", b"a\nb\r\n"),
    ("x.back", b"a\nb\n"),
    ("only/here.txt", b"a\nb\n"),
    ("sub/only/here.txt", b"a\nb\n"),
    ("sub/x.back", b"a\nb\n"),
    ("sub/x.text", b"a\nb\n"),
    ("sub/deep.rs", b"a\nb\n"),
    ("sub/more/deep.rs", b"a\nb\n"),
    ("deep.rs", b"a\nb\n"),
];

fn git(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git.args(["-c", "user.name=T", "-c", "user.email=t@example", "-c", "core.safecrlf=false"])
        .args(arguments);
    let output = git.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What git checks out of a commit that holds exactly these bytes.
fn by_git(settings: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet"]);
    for (path, bytes) in FILES {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
        // Hashed as they are, whatever the attributes would make of them on the way in.
        let id = Command::new("git")
            .current_dir(folder.path())
            .args(["hash-object", "-w", "--no-filters", path])
            .output();
        let id = String::from_utf8(id.unwrap().stdout).unwrap();
        git(
            folder.path(),
            &["update-index", "--add", "--cacheinfo", &format!("100644,{},{path}", id.trim())],
        );
        std::fs::remove_file(file).unwrap();
    }
    git(folder.path(), &[settings, &["checkout-index", "--all", "--force"]].concat());
    let read = |path: &str| std::fs::read(folder.path().join(path)).unwrap();
    FILES.iter().map(|(path, _)| ((*path).to_owned(), read(path))).collect()
}

fn committed() -> Contents {
    let member = |bytes: &[u8]| Member { bytes: Bytes::copy_from_slice(bytes), mode: None, mtime: None };
    let members: BTreeMap<_, _> =
        FILES.iter().map(|(path, bytes)| ((*path).to_owned(), member(bytes))).collect();
    Contents { order: members.keys().cloned().collect(), members }
}

#[test]
fn lines_end_as_git_ends_them() {
    for (line_ends, settings) in
        [(LineEnds::Committed, &[][..]), (LineEnds::Crlf, &["-c", "core.autocrlf=true"])]
    {
        let (ours, theirs) = (checked_out(&committed(), line_ends), by_git(settings));
        for (path, theirs) in &theirs {
            let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
            let ours = &ours.get(path).unwrap().bytes;
            assert_eq!(shown(ours), shown(theirs), "{line_ends:?} {path}");
        }
    }
}

#[test]
fn a_crate_that_was_packed_on_windows_comes_out_of_its_commit() {
    let committed = [
        ("Cargo.toml", PLAIN),
        ("src/lib.rs", "// one\n// two\n"),
        (".gitattributes", "*.sh eol=lf\n"),
        ("run.sh", "#!/bin/sh\n"),
    ];
    let tree = tree(&committed);
    let order = Order { line_ends: LineEnds::Crlf, ..order(&tree, "") };
    let (_, published) = pack(&order).unwrap();
    let text = |path: &str| std::str::from_utf8(&published[path].bytes).unwrap().to_owned();
    assert_eq!(text("src/lib.rs"), "// one\r\n// two\r\n");
    assert_eq!(text("run.sh"), "#!/bin/sh\n");
    assert_eq!(text("Cargo.toml.orig"), PLAIN.replace('\n', "\r\n"));
    assert!(!text("Cargo.toml").contains('\r'));
    let published = Contents { order: published.keys().cloned().collect(), members: published };
    assert_eq!(line_ends_of(&tree, "", &published), LineEnds::Crlf);
    let (_, plain) = pack(&Order { line_ends: LineEnds::Committed, ..order }).unwrap();
    let plain = Contents { order: plain.keys().cloned().collect(), members: plain };
    assert_eq!(line_ends_of(&tree, "", &plain), LineEnds::Committed);
}
