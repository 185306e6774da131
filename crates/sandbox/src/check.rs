//! What a job may ask for, checked before anything is started.

use crate::exchange::below_scratch;
use crate::spec::Bind;
use trustmill_core::port::sandbox::{Job, Mount, SandboxError};

/// Places that belong to the sandbox: a mount there would undo a part of it.
const RESERVED: [&str; 4] = ["/proc", "/dev", "/sys", "/etc"];
/// Folders that may be mounted into, but not over.
const KEPT: [&str; 3] = ["/", Job::SCRATCH, "/tmp"];
/// Variables and arguments together; the kernel's own bound for one string is 128 KiB.
const STRINGS_MAX: usize = 1 << 20;

/// Refuses what makes no sense or would weaken the sandbox. Gives the mounts as the init reads them.
pub(crate) fn job(job: &Job) -> Result<Vec<Bind>, SandboxError> {
    let program = job.argv.first().ok_or_else(|| bad("there is no program to run"))?;
    absolute(program, "the program")?;
    absolute(&job.cwd, "the working folder")?;
    strings(job)?;
    for input in &job.inputs {
        if below_scratch(&input.path).is_none_or(str::is_empty) {
            return Err(bad(format!("the input {:?} is not below {}", input.path, Job::SCRATCH)));
        }
        if input.mode > 0o777 {
            return Err(bad(format!("the input {:?} has the mode {:o}", input.path, input.mode)));
        }
    }
    if let Some(folder) = job.collect.iter().find(|folder| below_scratch(folder).is_none()) {
        return Err(bad(format!("the folder to collect {folder:?} is not below {}", Job::SCRATCH)));
    }
    if job.umask > 0o777 {
        return Err(bad(format!("the umask is {:o}", job.umask)));
    }
    let limits = &job.limits;
    if limits.memory == 0 || limits.processes == 0 || limits.scratch_bytes < 4 || limits.scratch_inodes < 16 {
        return Err(bad("a limit is zero"));
    }
    job.mounts.iter().map(mount).collect()
}

fn bad(why: impl Into<String>) -> SandboxError {
    SandboxError::BadJob(why.into())
}

fn strings(job: &Job) -> Result<(), SandboxError> {
    let pairs = job.env.iter().flat_map(|(name, value)| [name, value]);
    let mut total = 0_usize;
    for text in job.argv.iter().chain(pairs) {
        if text.contains('\0') {
            return Err(bad("an argument or variable has a zero byte"));
        }
        total = total.saturating_add(text.len());
    }
    if let Some((name, _)) = job.env.iter().find(|(name, _)| name.is_empty() || name.contains('=')) {
        return Err(bad(format!("{name:?} is no name of a variable")));
    }
    if total > STRINGS_MAX {
        return Err(bad(format!("arguments and variables have more than {STRINGS_MAX} bytes")));
    }
    Ok(())
}

/// Absolute, and without a step back or an empty part.
fn absolute<'a>(path: &'a str, what: &str) -> Result<&'a str, SandboxError> {
    let plain = path == "/"
        || path
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")));
    if plain && !path.contains('\0') {
        Ok(path)
    } else {
        Err(bad(format!("{what} {path:?} is not a plain absolute path")))
    }
}

fn mount(mount: &Mount) -> Result<Bind, SandboxError> {
    let target = absolute(&mount.target, "the mount")?;
    let within =
        |place: &str| target == place || target.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'));
    if KEPT.contains(&target) || RESERVED.iter().any(|place| within(place)) {
        return Err(bad(format!("{target:?} belongs to the sandbox")));
    }
    let source = mount.source.to_str().filter(|source| source.starts_with('/') && !source.contains('\0'));
    let source =
        source.ok_or_else(|| bad(format!("the source of the mount {target:?} is no absolute UTF-8 path")))?;
    Ok(Bind { source: source.to_owned(), target: target.to_owned(), writable: mount.writable })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use trustmill_core::port::sandbox::{InputFile, Limits, Network};

    fn good() -> Job {
        Job {
            argv: vec!["/bin/true".into()],
            env: vec![("A".into(), "b".into())],
            cwd: "/build".into(),
            mounts: vec![Mount { source: "/opt".into(), target: "/opt".into(), writable: false }],
            inputs: vec![InputFile {
                path: "/build/a".into(),
                bytes: Bytes::new(),
                mode: 0o644,
                mtime: None,
            }],
            collect: vec!["/build/out".into()],
            network: Network::None,
            limits: Limits::default(),
            umask: 0o022,
        }
    }

    #[test]
    fn a_plain_job_is_accepted() {
        assert_eq!(job(&good()).unwrap().len(), 1);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let spoil: [fn(&mut Job); 14] = [
            |job| job.argv.clear(),
            |job| job.argv[0] = "true".into(),
            |job| job.argv.push("a\0b".into()),
            |job| job.cwd = "build".into(),
            |job| job.cwd = "/build/../etc".into(),
            |job| job.env[0].0 = "A=B".into(),
            |job| job.inputs[0].path = "/etc/passwd".into(),
            |job| job.inputs[0].path = "/build".into(),
            |job| job.inputs[0].mode = 0o4755,
            |job| job.collect[0] = "/usr".into(),
            |job| job.mounts[0].target = "/proc/self".into(),
            |job| job.mounts[0].target = "/build".into(),
            |job| job.mounts[0].source = "opt".into(),
            |job| job.umask = 0o1000,
        ];
        for (number, spoil) in spoil.iter().enumerate() {
            let mut spoilt = good();
            spoil(&mut spoilt);
            assert!(matches!(job(&spoilt), Err(SandboxError::BadJob(_))), "number {number}");
        }
    }
}
