//! Looks at the job's tree from its first process: the bound on memory and processes of last resort, for an
//! ordinary user to whom no control group was delegated. Coarser than a control group, and said to be.

use std::fs;
use trustmill_core::port::sandbox::Job;

/// What the tree has now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Resident bytes of every process, shared pages counted in each, and bytes in the scratch folders.
    pub(crate) memory: u64,
    /// Processes and threads, the first process left out.
    pub(crate) tasks: u64,
}

/// Reads `/proc`.
pub(crate) fn look() -> Tree {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let mut tree = Tree { memory: scratch(), tasks: 0 };
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| *name != "1" && name.bytes().all(|b| b.is_ascii_digit()))
        else {
            continue;
        };
        if let Some((threads, pages)) =
            fs::read_to_string(format!("/proc/{pid}/stat")).ok().as_deref().and_then(parse)
        {
            tree.tasks += threads;
            tree.memory = tree.memory.saturating_add(pages.saturating_mul(page));
        }
    }
    tree
}

/// A scratch folder with less room than this is full: the write that failed was larger.
const FULL: u64 = 64 << 10;

/// Whether a scratch folder has no room left, in bytes or inodes.
pub(crate) fn scratch_is_full() -> bool {
    scratch_folders().any(|found| found.f_ffree == 0 || found.f_bfree.saturating_mul(found.f_frsize) < FULL)
}

/// Inodes in use in the scratch folders.
pub(crate) fn inodes() -> u64 {
    scratch_folders().map(|found| found.f_files.saturating_sub(found.f_ffree)).sum()
}

fn scratch_folders() -> impl Iterator<Item = rustix::fs::StatVfs> {
    [Job::SCRATCH, "/tmp"].into_iter().filter_map(|path| rustix::fs::statvfs(path).ok())
}

fn scratch() -> u64 {
    scratch_folders()
        .map(|found| found.f_blocks.saturating_sub(found.f_bfree).saturating_mul(found.f_frsize))
        .sum()
}

/// Threads and resident pages out of `/proc/PID/stat` (proc_pid_stat(5), fields 20 and 24). The name, field
/// 2, is the process's own choice and may hold anything, hence the last parenthesis.
fn parse(stat: &str) -> Option<(u64, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let threads = fields.nth(17)?.parse().ok()?;
    let pages = fields.nth(3)?.parse().ok()?;
    Some((threads, pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_cannot_shift_the_fields() {
        let stat =
            "7 (a) 9 9 (b)) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 100 4096 55 18446744073709551615";
        assert_eq!(parse(stat), Some((3, 55)));
        assert_eq!(parse("7 (x"), None);
        assert_eq!(parse("7 (x) S"), None);
    }
}
