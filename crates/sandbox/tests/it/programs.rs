//! What builds need works: a compiler, an interpreter, processes that talk to each other.

use crate::harness::{World, everywhere};
use std::path::Path;
use trustmill_core::port::sandbox::{Exit, InputFile};

/// Runs a program of the host on one input; `None` where this machine lacks it.
fn run(world: &World, argv: &[&str], source: &'static str) -> Option<String> {
    let program = argv.first().copied().unwrap_or_default();
    if !Path::new(program).exists() {
        eprintln!("NOT RUN: {program} is not installed");
        return None;
    }
    let mut job = world.job(&[]);
    job.argv = argv.iter().map(|word| (*word).to_owned()).collect();
    job.env.push(("PATH".into(), "/usr/bin:/bin".into()));
    job.limits.memory = 1 << 30;
    job.inputs = vec![InputFile {
        path: "/build/in".into(),
        bytes: source.as_bytes().into(),
        mode: 0o644,
        mtime: None,
    }];
    let report = world.run(job);
    let log = String::from_utf8_lossy(&report.log).into_owned();
    assert_eq!(report.exit, Exit::Code(0), "{log}");
    Some(log)
}

everywhere! {
    fn a_compiler_works(world) {
        let source = "all:\n\tprintf '#include <stdio.h>\\nint main(void){puts(\"built\");}' > a.c\n\tcc -o a a.c\n\t./a\n";
        if let Some(log) = run(world, &["/usr/bin/make", "-s", "-j2", "-f", "/build/in"], source) {
            assert_eq!(log, "built\n");
        }
    }

    fn an_interpreter_works(world) {
        let source = "import concurrent.futures, getpass, hashlib, os, socket, subprocess, tempfile\n\
                      a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n\
                      assert getpass.getuser() == 'build' and os.path.expanduser('~') == '/build'\n\
                      assert subprocess.run(['uname', '-n'], capture_output=True).stdout == b'build\\n'\n\
                      assert tempfile.mkdtemp().startswith('/tmp/')\n\
                      import multiprocessing\n\
                      lock = multiprocessing.get_context('fork').Lock()\n\
                      with concurrent.futures.ProcessPoolExecutor(2) as pool: print(sum(pool.map(abs, [-1, 2])))\n";
        if let Some(log) = run(world, &["/usr/bin/python3", "-I", "/build/in"], source) {
            assert_eq!(log, "3\n");
        }
    }
}
