//! The minimal root: what any program needs, read-only, and two bounded scratch folders.

use crate::idmap;
use crate::spec::{Bind, Fault, Spec, Step};
use crate::sys::{self, MountAttr};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, statat, symlinkat,
};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};
use std::fs::File;
use std::io::Write;
use trustmill_core::port::sandbox::{Job, Layer};

const ROOT: Layer = Layer::MinimalRoot;
/// What is shown of the host's top level, as a folder or as the link that it is.
pub(crate) const PROGRAMS: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// What is shown of the host's `/etc`: how the linker finds libraries, and which `cc` is meant.
pub(crate) const SETTINGS: [&str; 4] = ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives"];
/// The devices.
pub(crate) const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// Files of `/etc` that say the same on every machine.
pub(crate) const SYNTHESISED: [(&str, &str); 5] = [
    (
        "passwd",
        "root:x:0:0:root:/:/bin/false\nbuild:x:1000:1000:build:/build:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    ),
    ("group", "root:x:0:\nbuild:x:1000:\nnogroup:x:65534:\n"),
    (
        "nsswitch.conf",
        "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\nprotocols: files\n",
    ),
    ("hosts", "127.0.0.1 localhost build\n::1 localhost\n"),
    ("hostname", "build\n"),
];
/// Links that programs expect.
pub(crate) const LINKS: [(&str, &str); 6] = [
    ("/usr/share/zoneinfo/UTC", "etc/localtime"),
    ("/proc/self/fd", "dev/fd"),
    ("/proc/self/fd/0", "dev/stdin"),
    ("/proc/self/fd/1", "dev/stdout"),
    ("/proc/self/fd/2", "dev/stderr"),
    ("/tmp", "dev/shm"),
];
/// `/tmp` has this part of the scratch bounds, beside `/build`.
pub(crate) const TMP_SHARE: u64 = 4;

/// What may be done below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    List,
    Read,
    Execute,
    Device,
    Write,
}

/// A path inside, and what may be done there.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) access: Access,
    pub(crate) folder: bool,
}

impl Place {
    fn folder(path: impl Into<String>, access: Access) -> Self {
        Self { path: path.into(), access, folder: true }
    }
}

/// The places of every job's root; those of its mounts come on top.
pub(crate) fn places(mounts: &[Bind]) -> Vec<Place> {
    let mut places = vec![
        Place::folder("/", Access::List),
        Place::folder("/etc", Access::Read),
        Place::folder("/proc", Access::Read),
        Place::folder("/tmp", Access::Write),
        Place::folder(Job::SCRATCH, Access::Write),
    ];
    places.extend(PROGRAMS.iter().map(|name| Place::folder(format!("/{name}"), Access::Execute)));
    places.extend(DEVICES.iter().map(|name| Place {
        path: format!("/dev/{name}"),
        access: Access::Device,
        folder: false,
    }));
    places.extend(mounts.iter().map(|mount| Place {
        path: mount.target.clone(),
        access: if mount.writable { Access::Write } else { Access::Execute },
        folder: std::fs::metadata(&mount.target).is_ok_and(|data| data.is_dir()),
    }));
    places
}

/// Makes the root and moves into it. `opened` holds the job's mounts, where they had to be opened before
/// privileges were given up. Gives the scratch folder's descriptor.
pub(crate) fn enter_root(spec: &Spec, opened: Option<Vec<OwnedFd>>) -> Result<OwnedFd, Fault> {
    // Before the new root covers a part of the old one.
    let mounts = opened.map_or_else(|| open_all(&spec.mounts, None), Ok)?;
    let root = file_system("tmpfs", &[("size", "4m"), ("nr_inodes", "4k"), ("mode", "0755")], ROOT)?;
    // The place is arbitrary: it must exist, and it is gone with the old root.
    move_mount(&root, "", CWD, "/tmp", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .or_else(|_| move_mount(&root, "", CWD, "/proc", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH))
        .step(ROOT, "mount the new root")?;
    let root = root.as_fd();
    programs(root)?;
    settings(root)?;
    devices(root)?;
    scratch(root, spec)?;
    folder(root, "proc")?;
    let proc = file_system("proc", &[("subset", "pid")], Layer::PidNamespace)?;
    attach(&proc, root, "proc")?;
    for (source, target) in LINKS {
        symlinkat(source, root, target).step(ROOT, format!("link /{target}"))?;
    }
    for (mount, bind) in mounts.iter().zip(&spec.mounts) {
        place(mount, root, bind)?;
    }
    rustix::process::fchdir(root).step(ROOT, "enter the new root")?;
    rustix::process::pivot_root(".", ".").step(ROOT, "change the root")?;
    unmount(".", UnmountFlags::DETACH).step(ROOT, "let go of the old root")?;
    rustix::process::chdir("/").step(ROOT, "enter the new root")?;
    sys::mount_setattr(root, MountAttr { set: sys::MOUNT_RDONLY, ..MountAttr::default() }, false)
        .step(ROOT, "make the root read-only")?;
    openat(CWD, Job::SCRATCH, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .step(Layer::BoundedScratch, "open the scratch folder")
}

/// Opens the job's mounts with the caller's rights, detached from any namespace. Where `id` is given, the
/// caller is root and the job will be `id`: what root owns is shown as the job's.
pub(crate) fn open_all(mounts: &[Bind], id: Option<u32>) -> Result<Vec<OwnedFd>, Fault> {
    let map = match id {
        Some(id) if !mounts.is_empty() => idmap::root_as(id).ok(),
        _ => None,
    };
    mounts.iter().map(|bind| open_mount(bind, map.as_ref(), id)).collect()
}

fn open_mount(bind: &Bind, map: Option<&OwnedFd>, id: Option<u32>) -> Result<OwnedFd, Fault> {
    let mount = open(&bind.source, bind.writable, None)?;
    let mapped = map.is_some_and(|map| {
        let attr = MountAttr {
            set: sys::MOUNT_IDMAP,
            userns: map.as_raw_fd().unsigned_abs().into(),
            ..MountAttr::default()
        };
        sys::mount_setattr(&mount, attr, true).is_ok()
    });
    // Without a map root's folder is read-only to the job, which would fail far from here and say nothing.
    let owner = rustix::fs::fstat(&mount).step(None, format!("look at {}", bind.source))?.st_uid;
    if bind.writable && !mapped && id.is_some_and(|id| id != owner) {
        let step = format!(
            "let the job write to {}: its file system maps no ids, and another user owns it",
            bind.source
        );
        return Err(Fault { layer: None, step, errno: libc::EACCES });
    }
    Ok(mount)
}

fn file_system(kind: &str, options: &[(&str, &str)], layer: Layer) -> Result<OwnedFd, Fault> {
    let build = || -> Result<OwnedFd, Errno> {
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (key, value) in options {
            fsconfig_set_string(&context, *key, *value)?;
        }
        fsconfig_create(&context)?;
        fsmount(
            &context,
            FsMountFlags::FSMOUNT_CLOEXEC,
            MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
        )
    };
    build().step(layer, format!("mount a {kind}"))
}

/// A private copy of a mount and all mounts below it, without set-user-id and devices.
fn open(source: &str, writable: bool, layer: Option<Layer>) -> Result<OwnedFd, Fault> {
    let nodev = if source.starts_with("/dev/") { 0 } else { sys::MOUNT_NODEV };
    let readonly = if writable { 0 } else { sys::MOUNT_RDONLY };
    let clone = || -> Result<OwnedFd, Errno> {
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let mount = open_tree(CWD, source, flags)?;
        let attr = MountAttr {
            set: sys::MOUNT_NOSUID | nodev | readonly,
            propagation: sys::PROPAGATION_PRIVATE,
            ..MountAttr::default()
        };
        sys::mount_setattr(&mount, attr, true)?;
        Ok(mount)
    };
    clone().step(layer, format!("open {source} as a mount"))
}

fn attach(mount: impl AsFd, root: BorrowedFd<'_>, target: &str) -> Result<(), Fault> {
    move_mount(mount, "", root, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .step(ROOT, format!("mount /{target}"))
}

fn folder(root: BorrowedFd<'_>, path: &str) -> Result<(), Fault> {
    match mkdirat(root, path, Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => Ok(()),
        other => other.step(ROOT, format!("make the folder /{path}")),
    }
}

fn file(root: BorrowedFd<'_>, path: &str, text: &str) -> Result<(), Fault> {
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    openat(root, path, flags, Mode::from_raw_mode(0o644))
        .map_err(std::io::Error::from)
        .and_then(|fd| File::from(fd).write_all(text.as_bytes()))
        .step(ROOT, format!("write /{path}"))
}

fn programs(root: BorrowedFd<'_>) -> Result<(), Fault> {
    for name in PROGRAMS {
        let source = format!("/{name}");
        let Ok(found) = statat(CWD, &source, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Symlink => {
                let link = std::fs::read_link(&source).step(ROOT, format!("read the link {source}"))?;
                symlinkat(link, root, name).step(ROOT, format!("link {source}"))?;
            }
            FileType::Directory => {
                folder(root, name)?;
                attach(open(&source, false, Some(ROOT))?, root, name)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn settings(root: BorrowedFd<'_>) -> Result<(), Fault> {
    folder(root, "etc")?;
    for (name, text) in SYNTHESISED {
        file(root, &format!("etc/{name}"), text)?;
    }
    for name in SETTINGS {
        let (source, target) = (format!("/etc/{name}"), format!("etc/{name}"));
        let Ok(found) = std::fs::metadata(&source) else { continue };
        if found.is_dir() {
            folder(root, &target)?;
        } else {
            file(root, &target, "")?;
        }
        attach(open(&source, false, Some(ROOT))?, root, &target)?;
    }
    Ok(())
}

fn devices(root: BorrowedFd<'_>) -> Result<(), Fault> {
    folder(root, "dev")?;
    for name in DEVICES {
        let target = format!("dev/{name}");
        file(root, &target, "")?;
        attach(open(&format!("/dev/{name}"), true, Some(ROOT))?, root, &target)?;
    }
    Ok(())
}

fn scratch(root: BorrowedFd<'_>, spec: &Spec) -> Result<(), Fault> {
    for (name, share, mode) in [("build", 1, "0755"), ("tmp", TMP_SHARE, "1777")] {
        folder(root, name)?;
        let size = (spec.bounds.scratch_bytes / share).to_string();
        let inodes = (spec.bounds.scratch_inodes / share).to_string();
        let options = [("size", size.as_str()), ("nr_inodes", inodes.as_str()), ("mode", mode)];
        attach(file_system("tmpfs", &options, Layer::BoundedScratch)?, root, name)?;
    }
    Ok(())
}

/// Puts one of the job's mounts where it wants it. No link is followed on the way: a folder that an earlier
/// job could write to must not choose where this one is mounted.
fn place(mount: &OwnedFd, root: BorrowedFd<'_>, bind: &Bind) -> Result<(), Fault> {
    let target = bind.target.trim_start_matches('/');
    let step = || format!("make the mount point {}", bind.target);
    let is_folder =
        rustix::fs::fstat(mount).is_ok_and(|found| FileType::from_raw_mode(found.st_mode).is_dir());
    for (end, _) in target.match_indices('/') {
        folder(root, target.get(..end).unwrap_or_default())?;
    }
    if is_folder {
        folder(root, target)?;
    } else if statat(root, target, AtFlags::SYMLINK_NOFOLLOW).is_err() {
        file(root, target, "")?;
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let point =
        openat2(root, target, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve).step(None, step())?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", point, "", flags).step(None, format!("mount {}", bind.target))
}
