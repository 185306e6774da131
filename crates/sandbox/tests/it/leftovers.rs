//! When a run is over, however it came to be over, nothing of it is left.

use crate::harness::{Backend, World, alive, eventually, everywhere, token};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use trustmill_core::port::sandbox::Exit;

/// Tells the second half of `a_killed_mill` what to run: the token.
const SLEEPER: &str = "TRUSTMILL_TEST_SLEEPER";

everywhere! {
    fn daemons_are_gone(world) {
        let token = token();
        let report = world.run(world.job(&["daemon", &token]));
        assert_eq!(report.exit, Exit::Code(0));
        assert_eq!(&report.log[..], b"left\n");
        assert!(alive(&token).is_empty(), "{:?}", alive(&token));
    }

    fn a_dropped_run_leaves_nothing(world) {
        let token = token();
        let job = world.job(&["sleep", &token]);
        world.runtime.block_on(async {
            let run = world.sandbox.run(job);
            let started = async {
                while alive(&token).is_empty() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::select! {
                report = run => panic!("it ended: {report:?}"),
                () = started => {}
            }
        });
        assert!(alive(&token).is_empty(), "{:?}", alive(&token));
    }

    fn a_killed_mill_leaves_nothing(world) {
        if let Ok(token) = std::env::var(SLEEPER) {
            world.run(world.job(&["sleep", &token]));
            return;
        }
        let token = token();
        let name = match world.backend {
            Backend::Own => "own",
            Backend::Bubblewrap => "bubblewrap",
        };
        let mut mill = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("leftovers::a_killed_mill_leaves_nothing::{name}")])
            .env(SLEEPER, &token)
            .process_group(0)
            .spawn()
            .unwrap();
        eventually("the job runs", || !alive(&token).is_empty());
        mill.kill().unwrap();
        mill.wait().unwrap();
        eventually("the job is gone", || alive(&token).is_empty());
    }

    fn ten_at_once_do_not_meet(world) {
        let jobs = (0..10).map(|number| world.sandbox.run(world.job(&["exit", &number.to_string()])));
        let jobs: Vec<_> = jobs.collect();
        world.runtime.block_on(async {
            for (number, job) in jobs.into_iter().enumerate() {
                assert_eq!(job.await.unwrap().exit, Exit::Code(i32::try_from(number).unwrap()));
            }
        });
    }
}

/// Every control group of a job is removed with it.
#[test]
fn control_groups_are_removed() {
    let world = World::new(Backend::Own).unwrap();
    world.run(world.job(&["exit", "0"]));
    let mine = format!("trustmill-{}-", std::process::id());
    let left = || {
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        table
            .lines()
            .filter(|line| line.contains(" - cgroup"))
            .filter_map(|line| line.split(' ').nth(4))
            .flat_map(|point| std::fs::read_dir(point).into_iter().flatten().flatten())
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&mine))
            .count()
    };
    eventually("the control groups are gone", || left() == 0);
}
