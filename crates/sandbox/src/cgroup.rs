//! Control groups, written directly: version 2 where its controllers are to be had, else version 1, else
//! none. They bound the tree as a whole; nothing else does that as well.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use trustmill_core::port::sandbox::{Layer, Limits};

/// Groups are named `trustmill-PID-NUMBER`.
const PREFIX: &str = "trustmill-";
/// A job's weight against the rest of the machine: half of the default of 1024 (v1) or 100 (v2).
const SHARES: &str = "512";
const WEIGHT: &str = "50";
/// The period over which the quota counts, in microseconds: the kernel's default.
const PERIOD: u64 = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Memory,
    Pids,
    Cpu,
    Cpuacct,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Memory, Self::Pids, Self::Cpu, Self::Cpuacct];

    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
        }
    }
}

/// A controller and the folder in which groups can be made for it.
#[derive(Debug, Clone)]
struct Controller {
    kind: Kind,
    /// `None` is version 1.
    v2: bool,
    base: PathBuf,
}

/// What this process may use of the machine's control groups.
#[derive(Debug, Default)]
pub(crate) struct Cgroups {
    controllers: Vec<Controller>,
}

impl Cgroups {
    /// Looks at what is mounted, and removes what a mill that was killed left.
    pub(crate) fn detect() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut controllers: Vec<Controller> = version_2(&mounts, &own);
        for kind in Kind::ALL {
            if controllers.iter().all(|known| known.kind != kind) {
                controllers.extend(version_1(&mounts, &own, kind));
            }
        }
        for controller in &controllers {
            sweep(&controller.base);
        }
        Self { controllers }
    }

    /// Whether a control group can bound this, and by which version.
    pub(crate) fn version(&self, layer: Layer) -> Option<u8> {
        let kind = match layer {
            Layer::CgroupMemory => Kind::Memory,
            Layer::CgroupPids => Kind::Pids,
            Layer::CgroupCpu => Kind::Cpu,
            _ => return None,
        };
        self.controllers.iter().find(|one| one.kind == kind).map(|one| if one.v2 { 2 } else { 1 })
    }

    /// A group for one job. A controller that refuses is left out; [`Group::layers`] says which are in force.
    pub(crate) fn open(&self, limits: &Limits, inputs: u64) -> Group {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut group = Group::default();
        for controller in &self.controllers {
            let folder = controller.base.join(&name);
            let made = match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => continue,
                _ => Part { kind: controller.kind, v2: controller.v2, folder },
            };
            if made.bound(limits, inputs).is_ok() {
                group.parts.push(made);
            } else {
                fs::remove_dir(&made.folder).ok();
            }
        }
        group
    }
}

/// One controller's folder of a job.
#[derive(Debug)]
struct Part {
    kind: Kind,
    v2: bool,
    folder: PathBuf,
}

impl Part {
    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        fs::write(self.folder.join(file), value)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }

    fn bound(&self, limits: &Limits, inputs: u64) -> io::Result<()> {
        // The inputs are in the scratch space, but were charged to the mill, which wrote them.
        let memory = limits.memory.saturating_sub(inputs).to_string();
        // The init's two processes count.
        let processes = (u64::from(limits.processes) + 2).to_string();
        let cores = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
        let quota = u64::try_from(cores).unwrap_or(1).saturating_mul(PERIOD);
        match (self.kind, self.v2) {
            (Kind::Memory, true) => {
                self.write("memory.max", &memory)?;
                self.write("memory.swap.max", "0").or_else(absent)
            }
            (Kind::Memory, false) => {
                self.write("memory.limit_in_bytes", &memory)?;
                self.write("memory.memsw.limit_in_bytes", &memory).or_else(absent)
            }
            (Kind::Pids, _) => self.write("pids.max", &processes),
            (Kind::Cpu, true) => {
                self.write("cpu.weight", WEIGHT)?;
                self.write("cpu.max", &format!("{quota} {PERIOD}"))
            }
            (Kind::Cpu, false) => {
                self.write("cpu.shares", SHARES)?;
                self.write("cpu.cfs_quota_us", &quota.to_string())
            }
            (Kind::Cpuacct, _) => Ok(()),
        }
    }
}

/// Files that a kernel without swap accounting lacks.
fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The control groups of one job; removed when dropped.
#[derive(Debug, Default)]
pub(crate) struct Group {
    parts: Vec<Part>,
}

impl Group {
    /// Puts a process, and all that it will start, under the bounds.
    pub(crate) fn attach(&mut self, pid: u32) {
        let mut done: Vec<PathBuf> = Vec::new();
        self.parts.retain(|part| {
            let ok = done.contains(&part.folder) || part.write("cgroup.procs", &pid.to_string()).is_ok();
            done.push(part.folder.clone());
            ok
        });
    }

    /// The layers in force.
    pub(crate) fn layers(&self) -> Vec<Layer> {
        self.parts
            .iter()
            .filter_map(|part| match part.kind {
                Kind::Memory => Some(Layer::CgroupMemory),
                Kind::Pids => Some(Layer::CgroupPids),
                Kind::Cpu => Some(Layer::CgroupCpu),
                Kind::Cpuacct => None,
            })
            .collect()
    }

    /// Whether the bound on memory had a process killed.
    pub(crate) fn out_of_memory(&self) -> bool {
        self.part(Kind::Memory).is_some_and(|part| {
            let file = if part.v2 { "memory.events" } else { "memory.oom_control" };
            field(&part.read(file), "oom_kill").is_some_and(|count| count > 0)
        })
    }

    /// Whether a fork was refused for the bound on processes.
    pub(crate) fn processes_refused(&self) -> bool {
        self.part(Kind::Pids)
            .is_some_and(|part| field(&part.read("pids.events"), "max").is_some_and(|n| n > 0))
    }

    /// CPU of the tree in milliseconds, killed processes included.
    pub(crate) fn cpu_ms(&self) -> Option<u64> {
        if let Some(part) = self.part(Kind::Cpuacct) {
            return part.read("cpuacct.usage").trim().parse::<u64>().ok().map(|ns| ns / 1_000_000);
        }
        let part = self.part(Kind::Cpu).filter(|part| part.v2)?;
        field(&part.read("cpu.stat"), "usage_usec").map(|us| us / 1000)
    }

    fn part(&self, kind: Kind) -> Option<&Part> {
        self.parts.iter().find(|part| part.kind == kind)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for part in &self.parts {
            fs::remove_dir(&part.folder).ok();
        }
    }
}

/// The number after a word, in the kernel's `word number` lines.
fn field(text: &str, word: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
}

/// Where a mounted hierarchy shows this process's own group: mount point, and the path below its root.
fn own_folder(mount_root: &str, mount_point: &str, own: &str) -> PathBuf {
    let below = Path::new(own).strip_prefix(mount_root).unwrap_or(Path::new(""));
    Path::new(mount_point).join(below)
}

/// Mounts of a type: root, mount point, options of the file system (proc_pid_mountinfo(5)).
fn mounted<'a>(mounts: &'a str, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    mounts.lines().filter_map(move |line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        if after.next()? != kind {
            return None;
        }
        let options = after.nth(1)?;
        let mut before = before.split(' ').skip(3);
        Some((before.next()?, before.next()?, options))
    })
}

fn version_1(mounts: &str, own: &str, kind: Kind) -> Option<Controller> {
    let has = |list: &str| list.split(',').any(|one| one == kind.name());
    let (root, point, _) = mounted(mounts, "cgroup").find(|(_, _, options)| has(options))?;
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        has(fields.next()?).then(|| fields.next())?
    })?;
    let base = own_folder(root, point, path);
    writable(&base).then_some(Controller { kind, v2: false, base })
}

/// Version 2 lets a group have either processes or children with controllers, so the mill's own group serves
/// only at the root; under systemd it is the parent's turn (`Delegate=yes` and `DelegateSubgroup=main`).
fn version_2(mounts: &str, own: &str) -> Vec<Controller> {
    let Some((root, point, _)) = mounted(mounts, "cgroup2").next() else { return Vec::new() };
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::")) else { return Vec::new() };
    let folder = own_folder(root, point, path);
    let parent = folder.parent().filter(|parent| parent.starts_with(point)).map(Path::to_path_buf);
    for base in std::iter::once(folder).chain(parent) {
        let found = delegated(&base);
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

fn delegated(base: &Path) -> Vec<Controller> {
    let list = |file: &str| fs::read_to_string(base.join(file)).unwrap_or_default();
    if !writable(base) {
        return Vec::new();
    }
    let available = list("cgroup.controllers");
    for kind in Kind::ALL {
        if available.split_whitespace().any(|one| one == kind.name()) {
            fs::write(base.join("cgroup.subtree_control"), format!("+{}", kind.name())).ok();
        }
    }
    let enabled = list("cgroup.subtree_control");
    Kind::ALL
        .into_iter()
        .filter(|kind| enabled.split_whitespace().any(|one| one == kind.name()))
        .map(|kind| Controller { kind, v2: true, base: base.to_path_buf() })
        .collect()
}

fn writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Removes the groups of processes that are gone. A group with processes in it cannot be removed.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            fs::remove_dir(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
35 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:32 /docker/x /sys/fs/cgroup/cpu rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn mounts_are_found_by_type() {
        let found: Vec<_> = mounted(MOUNTS, "cgroup").collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], ("/docker/x", "/sys/fs/cgroup/cpu", "rw,cpu,cpuacct"));
        assert_eq!(mounted(MOUNTS, "cgroup2").count(), 1);
    }

    #[test]
    fn the_own_folder_is_below_what_the_mount_shows() {
        assert_eq!(own_folder("/", "/m", "/a/b"), Path::new("/m/a/b"));
        assert_eq!(own_folder("/docker/x", "/m", "/docker/x"), Path::new("/m"));
        assert_eq!(own_folder("/docker/x", "/m", "/elsewhere"), Path::new("/m"));
    }

    #[test]
    fn a_word_is_not_taken_for_another() {
        let events = "low 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(field(events, "oom_kill"), Some(2));
        assert_eq!(field(events, "max"), Some(3));
        assert_eq!(field(events, "none"), None);
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "oom_kill"), Some(1));
    }
}
