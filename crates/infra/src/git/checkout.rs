//! From a commit to its tree, and from a tree to the bytes of files, with bounds on all that a stranger decides.

use super::config::GitConfig;
use super::failure::Failure;
use super::links::{self, End};
use super::objects::Objects;
use super::parse::{self, Kind};
use super::path;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::content::{Contents, Member};
use trustmill_core::source::{ObjectId, Tree, TreeFile, TreeKind};

/// Folders within folders.
const DEPTH: usize = 128;
/// Bytes of one commit or tree object.
const OBJECT: u64 = 16 << 20;

/// Which paths are wanted.
pub(super) type Wanted<'a> = &'a (dyn for<'p> Fn(&'p str) -> bool + Send + Sync);

/// Reads the names in a commit's tree.
pub(super) async fn tree(
    objects: &mut Objects,
    commit: &ObjectId,
    config: &GitConfig,
) -> Result<Tree, Failure> {
    let bytes = objects.contents(Kind::Commit, &[commit], OBJECT).await?;
    let parse::Commit { tree: root, committed, parents } =
        parse::commit(bytes.first().map_or(&[], Vec::as_slice))?;
    let mut names = Names { most: config.files, ..Names::default() };
    let mut level = vec![(String::new(), root)];
    let mut depth = 0;
    while !level.is_empty() {
        if depth > DEPTH {
            return Err(Failure::too_large(format!("its folders are more than {DEPTH} deep")));
        }
        let ids: Vec<&ObjectId> = level.iter().map(|(_, id)| id).collect();
        let read = objects.contents(Kind::Tree, &ids, OBJECT).await?;
        let mut below = Vec::new();
        for ((folder, id), bytes) in level.iter().zip(read) {
            for entry in parse::tree(&bytes, id.width())? {
                below.extend(names.take(folder, &entry)?);
            }
        }
        level = below;
        depth += 1;
    }
    let Names { mut files, mut refused, .. } = names;
    sizes(objects, &mut files).await?;
    for path in path::colliding(files.keys()) {
        files.remove(&path);
        refused.push((
            path,
            "another path is the same one where case or Unicode form does not count".to_owned(),
        ));
    }
    Ok(Tree { commit: commit.clone(), committed, parents, files, refused })
}

/// What was found so far.
#[derive(Default)]
struct Names {
    files: BTreeMap<String, TreeFile>,
    refused: Vec<(String, String)>,
    count: usize,
    most: usize,
}

impl Names {
    /// Takes one entry; a folder to go into is given back.
    fn take(
        &mut self,
        folder: &str,
        entry: &parse::Entry<'_>,
    ) -> Result<Option<(String, ObjectId)>, Failure> {
        self.count += 1;
        if self.count > self.most {
            return Err(Failure::too_large(format!("it has more than {} files and folders", self.most)));
        }
        let kind = match entry.mode {
            0o040_000 => None,
            // Git wrote 100664 long ago.
            0o100_644 | 0o100_664 => Some(TreeKind::File),
            0o100_755 => Some(TreeKind::Executable),
            0o120_000 => Some(TreeKind::Symlink),
            0o160_000 => Some(TreeKind::Submodule),
            _ => return Ok(self.refuse(folder, entry, "its mode is none that git writes")),
        };
        let path = match path::component(entry.name).and_then(|name| path::join(folder, name)) {
            Ok(path) => path,
            Err(why) => return Ok(self.refuse(folder, entry, why)),
        };
        let Some(kind) = kind else { return Ok(Some((path, entry.id.clone()))) };
        let file = TreeFile { id: entry.id.clone(), kind, size: 0 };
        if self.files.insert(path, file).is_some() {
            return Err(Failure::malformed("a tree object holds a name twice"));
        }
        Ok(None)
    }

    fn refuse(&mut self, folder: &str, entry: &parse::Entry<'_>, why: &str) -> Option<(String, ObjectId)> {
        let name = String::from_utf8_lossy(entry.name);
        let shown: String =
            format!("{folder}/{name}").trim_start_matches('/').escape_debug().take(240).collect();
        self.refused.push((shown, why.to_owned()));
        None
    }
}

/// Fills in how many bytes each file has.
async fn sizes(objects: &mut Objects, files: &mut BTreeMap<String, TreeFile>) -> Result<(), Failure> {
    let blobs: BTreeSet<ObjectId> =
        files.values().filter(|file| file.kind != TreeKind::Submodule).map(|file| file.id.clone()).collect();
    let ids: Vec<&ObjectId> = blobs.iter().collect();
    let found = objects.info(&ids).await?;
    let mut known = BTreeMap::new();
    for (id, info) in ids.into_iter().zip(found) {
        match info {
            Some((Kind::Blob, size)) => _ = known.insert(id, size),
            None if objects.partial => {}
            _ => {
                return Err(Failure::malformed(format!(
                    "the file {} is missing from the commit",
                    id.short()
                )));
            }
        }
    }
    for file in files.values_mut() {
        file.size = known.get(&file.id).copied().unwrap_or(0);
    }
    Ok(())
}

/// Reads the files of a tree that are wanted; links that stay inside have the bytes of what they lead to.
pub(super) async fn read(
    objects: &mut Objects,
    tree: &Tree,
    wanted: Wanted<'_>,
    config: &GitConfig,
) -> Result<Contents, Failure> {
    let targets = targets(objects, tree).await?;
    let chosen = chosen(tree, &targets, wanted, config.files)?;
    let mut total = 0_u64;
    for (path, file) in &chosen {
        if file.size > config.file_bytes {
            let shown: String = path.escape_debug().take(120).collect();
            let limit = config.file_bytes >> 20;
            return Err(Failure::too_large(format!(
                "{shown} is larger than the {limit} MiB that a file may have"
            )));
        }
        total = total.saturating_add(file.size);
    }
    if total > config.read_bytes {
        let limit = config.read_bytes >> 20;
        return Err(Failure::too_large(format!("the files together have more than {limit} MiB")));
    }
    let distinct: BTreeSet<&ObjectId> = chosen.values().map(|file| &file.id).collect();
    let ids = present(objects, distinct.into_iter().collect()).await?;
    let read = objects.contents(Kind::Blob, &ids, config.file_bytes).await?;
    let blobs: BTreeMap<&ObjectId, Bytes> = ids.into_iter().zip(read.into_iter().map(Bytes::from)).collect();
    let mut contents = Contents::default();
    for (path, file) in chosen {
        let Some(bytes) = blobs.get(&file.id).cloned() else { continue };
        let mode = if file.kind == TreeKind::Executable { 0o755 } else { 0o644 };
        contents.order.push(path.clone());
        contents.members.insert(path, Member { bytes, mode: Some(mode), mtime: None });
    }
    Ok(contents)
}

/// Those of the objects that are there: all of them, but for files that a partial mirror lacks.
async fn present<'a>(objects: &mut Objects, ids: Vec<&'a ObjectId>) -> Result<Vec<&'a ObjectId>, Failure> {
    if !objects.partial {
        return Ok(ids);
    }
    let found = objects.info(&ids).await?;
    Ok(ids.into_iter().zip(found).filter_map(|(id, info)| info.map(|_| id)).collect())
}

/// The target of every link that is short and text.
async fn targets<'a>(objects: &mut Objects, tree: &'a Tree) -> Result<BTreeMap<&'a str, String>, Failure> {
    let links: Vec<(&str, &TreeFile)> = tree
        .files
        .iter()
        .filter(|(_, file)| file.kind == TreeKind::Symlink && (1..=links::TARGET).contains(&file.size))
        .map(|(path, file)| (path.as_str(), file))
        .collect();
    let ids: Vec<&ObjectId> = links.iter().map(|(_, file)| &file.id).collect();
    let read = objects.contents(Kind::Blob, &ids, links::TARGET).await?;
    let texts = links.into_iter().zip(read);
    Ok(texts.filter_map(|((path, _), bytes)| Some((path, String::from_utf8(bytes).ok()?))).collect())
}

/// The paths to read, each with the file whose bytes it has.
fn chosen<'a>(
    tree: &'a Tree,
    targets: &BTreeMap<&str, String>,
    wanted: Wanted<'_>,
    most: usize,
) -> Result<BTreeMap<String, &'a TreeFile>, Failure> {
    let plain = |file: &TreeFile| matches!(file.kind, TreeKind::File | TreeKind::Executable);
    let mut chosen: BTreeMap<String, &TreeFile> = BTreeMap::new();
    for (path, file) in &tree.files {
        if plain(file) && wanted(path) {
            chosen.insert(path.clone(), file);
        } else if file.kind == TreeKind::Symlink {
            match links::follow(path, &tree.files, targets) {
                Some(End::File(to)) if wanted(path) => {
                    chosen.extend(tree.files.get(&to).filter(|to| plain(to)).map(|to| (path.clone(), to)));
                }
                // A link to a folder around it has no end.
                Some(End::Folder(to)) if !path.starts_with(&format!("{to}/")) => {
                    let files = links::below(&tree.files, &to).filter(|(_, file)| plain(file));
                    let files = files.map(|(rest, file)| (format!("{path}/{rest}"), file));
                    for (path, file) in files.filter(|(path, _)| wanted(path)) {
                        chosen.insert(path, file);
                        if chosen.len() > most {
                            return Err(Failure::too_large(format!("its links make more than {most} files")));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(chosen)
}
