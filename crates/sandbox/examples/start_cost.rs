//! What a sandbox costs: the median time of `/bin/true` in each backend, beside a plain fork and exec; and the
//! same with the files of a large source archive laid in and taken out.
//!
//! `cargo run -p trustmill-sandbox --example start_cost --release -- [RUNS]`

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trustmill_core::port::sandbox::{Exit, InputFile, Job, Limits, Network, Sandbox};
use trustmill_sandbox::{Bubblewrap, InitCommand, Own};

const INIT: &str = "__sandbox-init";
/// The files of a large source archive.
const TREE: usize = 6500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let first = args.next();
    if first.as_deref() == Some(INIT) {
        trustmill_sandbox::init_main();
    }
    let runs: usize = first.map_or(Ok(200), |text| text.parse())?;
    let init = InitCommand { program: "/proc/self/exe".into(), args: vec![INIT.into()] };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    show("plain fork+exec", &mut plain(runs)?);
    let mut backends: Vec<Arc<dyn Sandbox>> = vec![Arc::new(Own::new(init.clone()))];
    backends.extend(Bubblewrap::detect(init).map(|found| Arc::new(found) as Arc<dyn Sandbox>));
    for backend in backends {
        let mut times = runtime.block_on(sandboxed(backend.as_ref(), &job(0), runs))?;
        show(backend.name(), &mut times);
        let mut times = runtime.block_on(sandboxed(backend.as_ref(), &job(TREE), runs.div_ceil(20)))?;
        show("  and a tree", &mut times);
    }
    Ok(())
}

fn plain(runs: usize) -> std::io::Result<Vec<Duration>> {
    (0..runs)
        .map(|_| {
            let began = Instant::now();
            Command::new("/bin/true").env_clear().status()?;
            Ok(began.elapsed())
        })
        .collect()
}

/// `/bin/true` with this many files laid in and taken out again.
fn job(files: usize) -> Job {
    let input = |number| InputFile {
        path: format!("{}/tree/{}/{number}", Job::SCRATCH, number % 100),
        bytes: vec![b'x'; 1500].into(),
        mode: 0o644,
        mtime: Some(0),
    };
    Job {
        argv: vec!["/bin/true".into()],
        env: Vec::new(),
        cwd: "/".into(),
        mounts: Vec::new(),
        inputs: (0..files).map(input).collect(),
        collect: if files == 0 { Vec::new() } else { vec![format!("{}/tree", Job::SCRATCH)] },
        network: Network::None,
        limits: Limits::default(),
        umask: 0o022,
    }
}

async fn sandboxed(
    backend: &dyn Sandbox,
    job: &Job,
    runs: usize,
) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let began = Instant::now();
        let report = backend.run(job.clone()).await?;
        times.push(began.elapsed());
        if report.exit != Exit::Code(0) {
            return Err(format!("{}: {:?}", backend.name(), report.exit).into());
        }
    }
    Ok(times)
}

fn show(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| {
        times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    println!("{name:16} median {:6.2} ms   p95 {:6.2} ms   n={}", at(50), at(95), times.len());
}
