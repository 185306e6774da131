//! A job that takes more than its share is ended, and the machine lives.

use crate::harness::{alive, everywhere, token};
use std::time::Duration;
use trustmill_core::port::sandbox::{Exit, Layer};

everywhere! {
    fn a_fork_bomb_ends(world) {
        let token = token();
        let mut job = world.job(&["fork-bomb", &token]);
        job.limits.processes = 40;
        assert_eq!(world.run(job).exit, Exit::TooManyProcesses);
        assert!(alive(&token).is_empty());
    }

    fn a_memory_hog_ends(world) {
        let mut job = world.job(&["memory", "1073741824"]);
        job.limits.memory = 64 << 20;
        let report = world.run(job);
        if report.layers.contains(&Layer::CgroupMemory) {
            assert_eq!(report.exit, Exit::OutOfMemory);
        } else {
            // The limit on addresses refuses the memory before it is taken: the program's own failure.
            assert!(matches!(report.exit, Exit::OutOfMemory | Exit::Code(1) | Exit::Signal(_)), "{:?}", report.exit);
        }
    }

    fn a_tree_of_small_hogs_ends(world) {
        let mut job = world.job(&["memory-tree"]);
        job.limits.memory = 128 << 20;
        assert_eq!(world.run(job).exit, Exit::OutOfMemory);
    }

    fn scratch_has_an_end(world) {
        for path in ["/build/big", "/tmp/big"] {
            let mut job = world.job(&["fill", path]);
            job.limits.scratch_bytes = 4 << 20;
            assert_eq!(world.run(job).exit, Exit::OutputLimit, "{path}");
        }
    }

    fn inodes_have_an_end(world) {
        let mut job = world.job(&["inodes", "/build"]);
        job.limits.scratch_inodes = 500;
        assert_eq!(world.run(job).exit, Exit::OutputLimit);
    }

    fn a_flood_of_words_ends(world) {
        let mut job = world.job(&["flood"]);
        job.limits.log_bytes = 100_000;
        let report = world.run(job);
        assert_eq!(report.exit, Exit::OutputLimit);
        assert_eq!(report.log.len(), 100_000);
    }

    fn a_sleeper_times_out(world) {
        let token = token();
        let mut job = world.job(&["sleep", &token]);
        job.limits.wall = Duration::from_millis(300);
        assert_eq!(world.run(job).exit, Exit::TimedOut);
        assert!(alive(&token).is_empty());
    }

    fn a_spinner_is_counted_even_when_it_is_killed(world) {
        let mut job = world.job(&["spin"]);
        job.limits.wall = Duration::from_secs(2);
        let report = world.run(job);
        assert_eq!(report.exit, Exit::TimedOut);
        assert!(report.usage.cpu_ms > 10, "{:?}", report.usage);
        assert!(report.usage.max_rss_kib > 0, "{:?}", report.usage);
    }

    fn processor_time_has_an_end(world) {
        let mut job = world.job(&["spin"]);
        job.limits.cpu_seconds = 1;
        assert!(matches!(world.run(job).exit, Exit::Signal(libc::SIGXCPU | libc::SIGKILL)));
    }

    fn what_ends_by_itself_is_told_as_it_was(world) {
        assert_eq!(world.run(world.job(&["exit", "7"])).exit, Exit::Code(7));
        assert_eq!(world.run(world.job(&["exit", "0"])).exit, Exit::Code(0));
    }
}
