//! What a job can see and do: files, processes, rights, system calls.

use crate::harness::{everywhere, pairs};
use std::os::unix::fs::PermissionsExt;
use trustmill_core::port::sandbox::{Exit, Layer, Mount};

everywhere! {
    fn home_and_data_are_not_there(world) {
        let listed = world.probe(&["list", "/"]);
        let shown: Vec<_> = listed.lines().next().unwrap().split(' ').collect();
        for name in ["home", "root", "var", "opt", "srv", "sys", "run", "mnt", "media", "boot", "work"] {
            assert!(!shown.contains(&name), "{name} is there: {listed}");
        }
        let tried = world.attempts(&["read", "/etc/shadow", "/etc/hostname", "/etc/machine-id", "/root/.bashrc"]);
        assert_eq!(tried["/etc/shadow"], "ENOENT");
        assert_eq!(tried["/etc/machine-id"], "ENOENT");
        assert_eq!(tried["/root/.bashrc"], "ENOENT");
        assert_eq!(tried["/etc/hostname"], "ok");
    }

    fn the_mill_s_own_folder_is_not_there(world) {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "s").unwrap();
        let secret = secret.to_str().unwrap();
        assert_eq!(world.attempts(&["read", secret])[secret], "ENOENT");
    }

    fn only_scratch_is_writable(world) {
        let tried = world.attempts(&[
            "write", "/x", "/usr/x", "/usr/bin/x", "/usr/lib/x", "/etc/x", "/etc/passwd", "/etc/alternatives/x",
            "/dev/x", "/proc/x", "/bin/x", "/build/x", "/tmp/x", "/dev/null",
        ]);
        for (path, result) in &tried {
            let may = ["/build/x", "/tmp/x", "/dev/null"].contains(&path.as_str());
            assert_eq!(result == "ok", may, "{path}={result}");
        }
    }

    fn every_other_mount_is_read_only_without_devices_and_set_user_id(world) {
        let table = world.probe(&["show", "/proc/self/mountinfo"]);
        assert!(table.lines().count() >= 4, "{table}");
        for line in table.lines() {
            let mut fields = line.split(' ').skip(4);
            let (target, options) = (fields.next().unwrap(), fields.next().unwrap());
            let has = |option: &str| options.split(',').any(|one| one == option);
            assert!(has("nosuid"), "{line}");
            if !target.starts_with("/dev/") {
                assert!(has("nodev"), "{line}");
            }
            let scratch = ["/build", "/tmp", "/proc"].contains(&target) || target.starts_with("/dev/");
            assert!(scratch || has("ro"), "{line}");
        }
    }

    fn the_kernel_s_settings_are_out_of_reach(world) {
        let settings = [
            "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory",
            "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/proc/self/oom_score_adj", "/proc/self/uid_map",
        ];
        let words: Vec<_> = std::iter::once("write").chain(settings).collect();
        for (path, result) in world.attempts(&words) {
            assert!(["ENOENT", "EACCES", "EROFS", "EPERM"].contains(&result.as_str()), "{path}={result}");
        }
        assert_eq!(world.probe(&["read", "/sys"]).trim(), "/sys=ENOENT");
        for (path, result) in world.attempts(&["read", "/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kvm", "/dev/fuse"]) {
            assert_ne!(result, "ok", "{path}");
        }
    }

    fn devices_are_the_five(world) {
        let listed = world.probe(&["list", "/dev"]);
        let allowed = ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero",
            // Bubblewrap's own, of a terminal file system of its own.
            "console", "core", "ptmx", "pts", "tty"];
        for name in listed.lines().next().unwrap().split(' ') {
            assert!(allowed.contains(&name), "{listed}");
        }
    }

    fn other_processes_are_neither_seen_nor_reached(world) {
        let listed = world.probe(&["list", "/proc"]);
        let pids = listed.lines().next().unwrap().split(' ').filter(|name| name.parse::<u32>().is_ok()).count();
        assert!(pids <= 3, "{listed}");
        let parent = std::process::id().to_string();
        // The first process inside is not to be stopped either: the signal has no effect on it.
        let tried = world.attempts(&["kill", "1", &parent]);
        assert!(["ESRCH", "EPERM"].contains(&tried[&parent].as_str()), "{tried:?}");
    }

    fn dangerous_calls_are_refused(world) {
        let log = world.probe(&["calls"]);
        let tried = pairs(&log);
        assert!(tried.len() > 45, "{log}");
        for (call, result) in &tried {
            let want: &[&str] = match call.as_str() {
                "clone3" | "unknown-call" | "x32-unshare" => &["ENOSYS"],
                // Refused by Landlock before the file system is asked.
                "mknod" => &["EPERM", "EACCES"],
                // Root has no number inside.
                "setuid" => &["EPERM", "EINVAL"],
                _ => &["EPERM"],
            };
            assert!(want.contains(&result.as_str()), "{call}={result}");
        }
    }

    fn no_right_is_left(world) {
        let status = world.probe(&["show", "/proc/self/status"]);
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap().trim().to_owned()
        };
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(field(set), "0000000000000000", "{set}");
        }
        assert_eq!(field("NoNewPrivs"), "1");
        assert_eq!(field("Seccomp"), "2");
        assert!(field("Uid").starts_with("1000"), "{status}");
    }

    fn the_host_sees_an_unprivileged_user(world) {
        let map = world.probe(&["show", "/proc/self/uid_map"]);
        let fields: Vec<_> = map.split_whitespace().collect();
        assert_eq!(fields.len(), 3, "one id and no more: {map}");
        // Seen from inside, the outer id is that of the parent namespace.
        assert_ne!(fields[1], "0", "the host's root: {map}");
    }

    fn a_set_user_id_program_gives_nothing(world) {
        let folder = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        let program = folder.path().join("probe");
        std::fs::copy(&world.job(&[]).mounts[0].source, &program).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o6755)).unwrap();
        let mut job = world.job(&["ids"]);
        job.mounts.push(Mount { source: folder.path().into(), target: "/suid".into(), writable: false });
        job.argv[0] = "/suid/probe".into();
        let report = world.run(job);
        assert_eq!(report.exit, Exit::Code(0));
        assert_eq!(String::from_utf8_lossy(&report.log).trim(), "uid=1000 euid=1000 gid=1000 egid=1000");
    }

    fn nothing_is_inherited(world) {
        assert_eq!(world.probe(&["env"]), "LANG=C.UTF-8\n");
        let log = world.probe(&["fds"]);
        let fds: Vec<_> = log.lines().filter(|line| !line.ends_with("/fd")).collect();
        assert_eq!(fds.len(), 3, "{log}");
        assert_eq!(fds[0], "0 /dev/null");
        assert!(fds[1].starts_with("1 pipe:") && fds[2].starts_with("2 pipe:"), "{log}");
    }

    fn the_layers_are_those_that_were_promised(world) {
        let report = world.run(world.job(&["exit", "0"]));
        let promised: Vec<Layer> =
            world.sandbox.layers().into_iter().filter(|one| one.active).map(|one| one.layer).collect();
        assert_eq!(report.layers, promised);
        for layer in Layer::ALL {
            let optional = matches!(layer, Layer::CgroupMemory | Layer::CgroupPids | Layer::CgroupCpu);
            assert!(optional || report.layers.contains(&layer), "{layer:?}");
        }
    }
}
