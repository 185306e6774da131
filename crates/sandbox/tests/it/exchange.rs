//! What goes in arrives exactly; what comes out is what was left, and never where a link points.

use crate::harness::{World, everywhere};
use bytes::Bytes;
use std::os::unix::fs::PermissionsExt;
use trustmill_core::port::Coded;
use trustmill_core::port::sandbox::{Exit, InputFile, Mount};

fn input(path: &str, mode: u32) -> InputFile {
    InputFile { path: path.into(), bytes: Bytes::from_static(b"#!/bin/sh\n"), mode, mtime: Some(946_684_800) }
}

fn stat(world: &World, words: &[&str]) -> String {
    let mut job = world.job(&[]);
    job.argv = words.iter().map(|word| (*word).to_owned()).collect();
    job.inputs =
        vec![input("/build/src/a", 0o755), input("/build/src/b", 0o640), input("/build/src/c/d", 0o666)];
    let report = world.run(job);
    assert_eq!(report.exit, Exit::Code(0), "{}", String::from_utf8_lossy(&report.log));
    String::from_utf8_lossy(&report.log).into_owned()
}

everywhere! {
    fn inputs_have_exact_modes_times_and_owner(world) {
        let log = stat(world, &["/usr/bin/stat", "-c", "%n %a %Y %u %s", "/build/src/a", "/build/src/b", "/build/src/c/d"]);
        let want = "/build/src/a 755 946684800 1000 10\n/build/src/b 640 946684800 1000 10\n\
                    /build/src/c/d 666 946684800 1000 10\n";
        assert_eq!(log, want);
        assert_eq!(stat(world, &["/usr/bin/stat", "-c", "%a", "/build/src/c"]), "755\n");
    }

    fn traps_are_not_followed_and_not_taken(world) {
        let mut job = world.job(&["plant"]);
        job.collect = vec!["/build/out".into(), "/build/out/usr".into(), "/build/nowhere".into()];
        let report = world.run(job);
        assert_eq!(report.exit, Exit::Code(0), "{}", String::from_utf8_lossy(&report.log));
        let files: Vec<_> = report.files.iter().map(|file| (file.path.as_str(), &file.bytes[..], file.mode)).collect();
        assert_eq!(files, [
            ("deep/er/file", &b"deep"[..], 0o644),
            ("good", b"good", 0o644),
            ("locked/inside", b"locked", 0),
            ("twin", b"good", 0o644),
        ]);
    }

    fn the_umask_is_the_job_s(world) {
        let mut job = world.job(&["umask"]);
        job.umask = 0o002;
        job.inputs = vec![input("/build/out/given", 0o600)];
        job.collect = vec!["/build/out".into()];
        let report = world.run(job);
        let modes: Vec<_> = report.files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
        assert_eq!(modes, [("given", 0o600), ("made", 0o664)]);
    }

    fn mounts_are_as_asked(world) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("private"), "p").unwrap();
        std::fs::set_permissions(folder.path().join("private"), PermissionsExt::from_mode(0o600)).unwrap();
        let mut job = world.job(&["write", "/data/in/new", "/data/out/new"]);
        for (target, writable) in [("/data/in", false), ("/data/out", true)] {
            job.mounts.push(Mount { source: folder.path().into(), target: target.into(), writable });
        }
        let by_root = rustix::process::geteuid().is_root();
        if by_root && world.backend == crate::harness::Backend::Bubblewrap {
            let error = world.runtime.block_on(world.sandbox.run(job)).unwrap_err();
            assert_eq!(error.code(), "TM0402", "{error}");
            return;
        }
        let report = world.run(job);
        let tried = crate::harness::pairs(&String::from_utf8_lossy(&report.log));
        assert!(["EROFS", "EACCES"].contains(&tried["/data/in/new"].as_str()), "{tried:?}");
        assert_eq!(tried["/data/out/new"], "ok");
        let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(folder.path().join("new")).unwrap());
        assert_eq!(owner, rustix::process::geteuid().as_raw(), "what the job writes belongs to the mill's user");
        let mut job = world.job(&["read", "/data/private"]);
        job.mounts.push(Mount { source: folder.path().into(), target: "/data".into(), writable: false });
        assert_eq!(String::from_utf8_lossy(&world.run(job).log), "/data/private=ok\n");
    }

    fn too_much_output_is_a_limit(world) {
        let mut job = world.job(&["plant"]);
        job.collect = vec!["/build/out".into()];
        job.limits.output_bytes = 10;
        let report = world.run(job);
        assert_eq!(report.exit, Exit::OutputLimit);
        assert!(report.files.is_empty());
    }

    fn a_program_that_is_not_there_is_not_the_job_s_failure(world) {
        let mut job = world.job(&[]);
        job.argv = vec!["/usr/bin/no-such-program".into()];
        let error = world.runtime.block_on(world.sandbox.run(job)).unwrap_err();
        assert_eq!(error.to_string(), "the sandbox could not start /usr/bin/no-such-program");
        let mut job = world.job(&["exit", "0"]);
        job.mounts[0].source = "/no/such/folder".into();
        assert_eq!(world.runtime.block_on(world.sandbox.run(job)).unwrap_err().code(), "TM0402");
    }
}
