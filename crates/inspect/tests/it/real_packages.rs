//! The negative control and the replay over real files of npm and crates.io.
//!
//! The tarballs come through the machine's own `npm pack` into the target folder; the crates are those that cargo
//! has downloaded to build this workspace.

use crate::archive_tar_gz::{extension, pax};
use crate::craft::{gz, seal, tar_entry};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::process::Command;
use trustmill_core::Verdict;
use trustmill_core::comparison::{Comparison, DifferenceClass as C};
use trustmill_core::port::Coded as _;
use trustmill_inspect::archive::{Limits, tar_gz};
use trustmill_inspect::compare::compare;
use trustmill_inspect::replay::{self, tar_gz::replay};
use trustmill_testkit::once::made_once;

/// Old and new, with and without a build, packed by npm, yarn and pnpm.
const NPM: [&str; 26] = [
    "axios@0.21.4",
    "body-parser@2.2.0",
    "chalk@5.6.2",
    "commander@2.20.3",
    "debug@2.6.9",
    "dotenv@17.2.3",
    "esbuild@0.27.0",
    "express@5.1.0",
    "glob@7.2.3",
    "inherits@2.0.4",
    "is-number@7.0.0",
    "jquery@3.7.1",
    "left-pad@1.3.0",
    "mkdirp@3.0.1",
    "ms@2.1.3",
    "nanoid@5.1.6",
    "picocolors@1.1.1",
    "qs@6.14.0",
    "react@16.14.0",
    "redux@5.0.1",
    "rimraf@6.1.0",
    "semver@5.7.1",
    "tslib@2.8.1",
    "uuid@3.4.0",
    "ws@8.18.3",
    "@babel/core@7.28.5",
];

fn npm() -> Vec<(String, Bytes)> {
    let folder = made_once(Path::new(env!("CARGO_TARGET_TMPDIR")), "npm-packages", |folder| {
        let pack = |package: &str| {
            let mut npm = Command::new("npm");
            npm.args(["pack", "--silent", "--ignore-scripts", package]).current_dir(folder);
            npm.output().unwrap().status.success()
        };
        for package in NPM {
            assert!((0..4).any(|_| pack(package)), "{package} could not be packed");
        }
    });
    enough(files(&folder, ".tgz", 300 << 10))
}

fn crates() -> Vec<(String, Bytes)> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cargo"));
    let caches = std::fs::read_dir(home.join("registry/cache")).unwrap();
    // One folder for each registry that was ever used here.
    let crates: Vec<_> =
        caches.flat_map(|cache| files(&cache.unwrap().path(), ".crate", 100 << 10)).collect();
    // Every fifth of them: neighbours in the alphabet are of one family.
    enough(crates.into_iter().step_by(5).take(30).collect())
}

fn enough(files: Vec<(String, Bytes)>) -> Vec<(String, Bytes)> {
    assert!(files.len() >= 20, "only {} files", files.len());
    files
}

fn files(folder: &Path, suffix: &str, most: usize) -> Vec<(String, Bytes)> {
    let paths = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<(String, Bytes)> = paths
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .filter(|(name, _)| name.ends_with(suffix))
        .map(|(name, path)| (name, std::fs::read(path).unwrap().into()))
        .filter(|(_, bytes): &(String, Bytes)| bytes.len() <= most)
        .collect();
    files.sort();
    files
}

/// A tar as its headers and data, in order.
#[derive(Clone)]
struct Pieces {
    top: String,
    pieces: Vec<Piece>,
}

#[derive(Clone)]
struct Piece {
    /// The member's path below the top folder; empty for an extension record.
    path: String,
    header: Vec<u8>,
    data: Vec<u8>,
}

impl Pieces {
    fn of(bytes: &Bytes) -> Self {
        let archive = tar_gz::open(bytes, &Limits::default()).unwrap();
        let mut pieces = Vec::new();
        for entry in &archive.entries {
            let piece = |path: &str, header: &tar_gz::Header, data: &std::ops::Range<usize>| Piece {
                path: path.to_owned(),
                header: header.0.to_vec(),
                data: archive.tar[data.clone()].to_vec(),
            };
            pieces.extend(entry.extensions.iter().map(|said| piece("", &said.header, &said.data)));
            let path = entry.path.strip_prefix(&archive.top).unwrap().trim_start_matches('/');
            pieces.push(piece(if entry.directory { "" } else { path }, &entry.header, &entry.data));
        }
        Self { top: archive.top, pieces }
    }

    fn tar(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        for piece in &self.pieces {
            let mut header = piece.header.clone();
            let size = format!("{:011o}\0", piece.data.len());
            header[124..136].copy_from_slice(size.as_bytes());
            seal(&mut header);
            tar.extend(header);
            tar.extend(&piece.data);
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
        tar.resize(tar.len() + 1024, 0);
        tar
    }

    fn pack(&self) -> Bytes {
        gz(&self.tar())
    }

    /// The path of the first member that fits.
    fn find(&self, fits: impl Fn(&Piece) -> bool) -> Option<String> {
        let found = self.pieces.iter().find(|piece| !piece.path.is_empty() && fits(piece));
        found.map(|piece| piece.path.clone())
    }

    fn edit(&mut self, path: &str, change: impl FnOnce(&mut Piece)) {
        change(self.pieces.iter_mut().find(|piece| piece.path == path).unwrap());
    }

    fn add(&mut self, raw: Vec<u8>) {
        let data = raw[512..].to_vec();
        self.pieces.push(Piece { path: String::new(), header: raw[..512].to_vec(), data });
    }

    fn code(&self) -> Option<String> {
        self.find(|piece| {
            let code = [".js", ".cjs", ".mjs", ".rs"].iter().any(|suffix| piece.path.ends_with(suffix));
            code && piece.path != "build.rs" && piece.data.contains(&b'\n')
        })
    }

    fn manifest(&self) -> String {
        self.find(|piece| matches!(piece.path.as_str(), "package.json" | "Cargo.toml")).unwrap()
    }
}

/// Changes text of the manifest: before the first `from`, `insert` is put in.
fn insert(pieces: &mut Pieces, from: &str, insert: &str) -> Option<String> {
    let path = pieces.manifest();
    let mut done = false;
    pieces.edit(&path, |piece| {
        let text = String::from_utf8(piece.data.clone()).unwrap();
        if let Some(at) = text.find(from) {
            let (before, after) = text.split_at(at);
            piece.data = format!("{before}{insert}{after}").into_bytes();
            done = true;
        }
    });
    done.then_some(path)
}

/// A way to tamper that a comparison reports: name, class, verdict, and the member that is touched.
type Mutant = (&'static str, C, Verdict, fn(&mut Pieces) -> Option<String>);

const REPORTED: [Mutant; 7] = [
    ("an appended statement", C::Content, Verdict::Unexplained, |pieces| {
        let path = pieces.code()?;
        pieces.edit(&path, |piece| piece.data.extend(b"\n;evil();\n"));
        Some(path)
    }),
    ("an added file", C::OnlyPublished, Verdict::Unexplained, |pieces| {
        let name = if pieces.manifest() == "package.json" { "zz.js" } else { "src/zz.rs" };
        pieces.add(tar_entry(format!("{}/{name}", pieces.top).as_bytes(), b'0', "0000644", "", b"evil()"));
        Some(name.to_owned())
    }),
    ("a deleted file", C::OnlyRebuilt, Verdict::Explained, |pieces| {
        let path = pieces.code()?;
        pieces.pieces.retain(|piece| piece.path != path);
        Some(path)
    }),
    ("one CR LF", C::LineEndings, Verdict::Explained, |pieces| {
        let path = pieces.code()?;
        pieces.edit(&path, |piece| {
            let at = piece.data.iter().position(|byte| *byte == b'\n').unwrap();
            if at > 0 && piece.data[at - 1] == b'\r' {
                piece.data.remove(at - 1);
            } else {
                piece.data.insert(at, b'\r');
            }
        });
        Some(path)
    }),
    ("an executable bit", C::ExecutableBit, Verdict::Explained, |pieces| {
        let path = pieces.find(|piece| {
            piece.header[100..106].ends_with(b"644") || piece.header[100..107].ends_with(b"644")
        })?;
        pieces.edit(&path, |piece| piece.header[100..108].copy_from_slice(b"0000755\0"));
        Some(path)
    }),
    ("a changed dependency", C::Dependencies, Verdict::Unexplained, |pieces| {
        if pieces.manifest() == "package.json" {
            let text = if insert(&mut pieces.clone(), "\"dependencies\": {", "").is_some() {
                return insert(
                    pieces,
                    "\"dependencies\": {",
                    "\"optionalDependencies\": {\"evil\": \"1\"}, ",
                );
            } else {
                "\"dependencies\": {\"evil\": \"1\"}, "
            };
            insert(pieces, "\"name\"", text)
        } else {
            insert(pieces, "[package]", "[dependencies.evil-twin]\nversion = \"1\"\n\n")
        }
    }),
    ("an install script", C::InstallScript, Verdict::Unexplained, |pieces| {
        if pieces.manifest() == "package.json" {
            insert(pieces, "\"test\":", "\"preinstall\": \"evil\", ")
        } else {
            insert(pieces, "links =", "x")
                .map_or_else(|| insert(pieces, "edition =", "links = \"evil\"\n"), |_| None)
        }
    }),
];

#[test]
fn what_is_changed_in_a_published_file_is_reported() {
    let mut applied = [0; REPORTED.len()];
    for (name, bytes) in npm().into_iter().chain(crates()) {
        let honest = Pieces::of(&bytes);
        let rebuilt = honest.pack();
        for (at, (what, class, verdict, apply)) in REPORTED.iter().enumerate() {
            let mut changed = honest.clone();
            let Some(path) = apply(&mut changed) else { continue };
            applied[at] += 1;
            let found = compare(&name, &changed.pack(), &rebuilt, &Limits::default()).unwrap();
            let label = || format!("{name}: {what} in {path}: {found:#?}");
            let classes: Vec<C> =
                found.differences.iter().filter(|one| one.member == path).map(|one| one.class).collect();
            let want =
                if *class == C::Content && classes == [C::BuildOutput] { C::BuildOutput } else { *class };
            assert_eq!(classes, [want], "{}", label());
            assert_eq!(found.verdict, *verdict, "{}", label());
            assert!(!found.verdict.same_bytes(), "{}", label());
        }
    }
    assert!(applied.iter().all(|times| *times >= 20), "{applied:?}");
}

/// A way to tamper that the reader refuses, by the code.
type Refused = (&'static str, &'static str, fn(Pieces) -> Bytes);

const REFUSED: [Refused; 9] = [
    ("a second entry of the same name", "TM0309", |mut pieces| {
        let path = pieces.find(|piece| piece.path.len() < 60).unwrap();
        let mut again = pieces.pieces.iter().find(|piece| piece.path == path).unwrap().clone();
        again.data.extend(b"evil");
        pieces.pieces.push(again);
        pieces.pack()
    }),
    ("a symbolic link", "TM0312", |mut pieces| {
        pieces.add(tar_entry(format!("{}/zz", pieces.top).as_bytes(), b'2', "0000777", "/etc/passwd", b""));
        pieces.pack()
    }),
    ("a hard link", "TM0312", |mut pieces| {
        pieces.add(tar_entry(format!("{}/zz", pieces.top).as_bytes(), b'1', "0000644", "/etc/passwd", b""));
        pieces.pack()
    }),
    ("a second gzip member", "TM0339", |pieces| Bytes::from([pieces.pack(), gz(b"evil")].concat())),
    ("data between two gzip members", "TM0339", |pieces| {
        let tar = pieces.tar();
        let (a, b) = tar.split_at(512);
        Bytes::from([&gz(a)[..], b"evil", &gz(b)].concat())
    }),
    ("data after the end", "TM0331", |pieces| gz(&[&pieces.tar()[..], b"evil"].concat())),
    ("data in the padding", "TM0326", |mut pieces| {
        pieces.add(tar_entry(format!("{}/zz", pieces.top).as_bytes(), b'0', "0000644", "", b"1"));
        pieces.pieces.last_mut().unwrap().data.truncate(1);
        let mut tar = pieces.tar();
        let at = tar.len() - 1025;
        tar[at] = b'x';
        gz(&tar)
    }),
    ("a second top folder", "TM0333", |mut pieces| {
        pieces.add(tar_entry(b"zz-other/evil.js", b'0', "0000644", "", b""));
        pieces.pack()
    }),
    ("a way out", "TM0301", |mut pieces| {
        pieces.add(tar_entry(format!("{}/../../x", pieces.top).as_bytes(), b'0', "0000644", "", b""));
        pieces.pack()
    }),
];

#[test]
fn what_could_be_two_archives_is_refused() {
    for (name, bytes) in npm().into_iter().chain(crates()) {
        for (what, code, apply) in REFUSED {
            let changed = apply(Pieces::of(&bytes));
            let error = compare(&name, &changed, &bytes, &Limits::default()).unwrap_err();
            assert_eq!(error.code(), code, "{name}: {what}");
        }
    }
}

#[test]
fn a_changed_record_of_the_container_is_no_replay() {
    for (name, bytes) in npm().into_iter().chain(crates()) {
        let honest = Pieces::of(&bytes);
        let check = |record: Vec<u8>| -> Comparison {
            let mut changed = honest.clone();
            let (header, data) = (record[..512].to_vec(), record[512..].to_vec());
            let size = usize::from_str_radix(std::str::from_utf8(&header[124..135]).unwrap(), 8).unwrap();
            let at = changed.pieces.iter().rposition(|piece| !piece.path.is_empty()).unwrap();
            let data = data[..size].to_vec();
            changed.pieces.insert(at, Piece { path: String::new(), header, data });
            compare(&name, &changed.pack(), &bytes, &Limits::default()).unwrap()
        };
        let found = check(extension(b'x', "PaxHeader/x", &pax("comment", "payload")));
        assert_eq!(found.verdict, Verdict::Normalised, "{name}: {found:#?}");
        let renamed = format!("{}/renamed-by-pax.js", honest.top);
        let found = check(extension(b'x', "PaxHeader/x", &pax("path", &renamed)));
        assert_eq!(found.verdict, Verdict::Unexplained, "{name}: {found:#?}");
        let classes: Vec<C> = found.differences.iter().map(|one| one.class).collect();
        assert!(classes.contains(&C::OnlyPublished), "{name}: {found:#?}");
    }
}

#[test]
fn real_packages_replay_from_their_own_members() {
    let limits = replay::Limits::from(&Limits::default());
    for (label, files, most_taken) in [("npm", npm(), 0), ("crates", crates(), 3)] {
        let mut taken = 0;
        for (name, bytes) in &files {
            let archive = tar_gz::open(bytes, &Limits::default()).unwrap();
            let replayed = replay(&archive, &archive.contents, &limits);
            let replayed = replayed.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            assert_eq!(replayed.bytes, bytes, "{name}");
            taken += usize::from(replayed.gzip_taken);
            // The search for the compressor is dear, and was done just now.
            if bytes.len() > 20 << 10 {
                continue;
            }
            let packed_again = Pieces::of(bytes).pack();
            let found = compare(name, bytes, &packed_again, &Limits::default()).unwrap();
            assert_eq!(found.verdict, Verdict::Replayed, "{name}: {found:#?}");
        }
        println!("{label}: {} replayed, {taken} of them with their stream taken over", files.len());
        assert!(taken <= most_taken, "{label}: {taken} of {}", files.len());
    }
}
