//! The system calls of a process that only thinks: memory, time, its two pipes, and its end. Everything else is
//! refused, whatever it is.

use crate::seccomp;
use crate::spec::Fault;
use rustix::process::{Pid, getpid};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use trustmill_core::port::sandbox::Layer;

/// Calls that are allowed whatever their arguments.
const ALLOWED: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    // What a thread does when it begins.
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    // The C library asks for it when it is asked where a stack ends; then its overflow has a name.
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Installs the filter in this process for good.
pub(crate) fn apply() -> Result<(), Fault> {
    let program = compile(getpid()).map_err(|_| fault("compile the filter: this processor has none"))?;
    seccompiler::apply_filter(&program).map_err(|_| fault("install the filter"))
}

fn fault(step: &str) -> Fault {
    Fault { layer: Some(Layer::Seccomp), step: step.to_owned(), errno: libc::ENOSYS }
}

fn compile(own: Pid) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let is = |argument, value: i32| when(argument, SeccompCmpOp::Eq, value);
    // Its pipes: the job, the answer, the last words.
    rules.insert(libc::SYS_read, vec![rule([is(0, 0)?])?]);
    let speaks = || Ok::<_, BackendError>(vec![rule([is(0, 1)?])?, rule([is(0, 2)?])?]);
    rules.insert(libc::SYS_write, speaks()?);
    rules.insert(libc::SYS_writev, speaks()?);
    // Memory of nobody's file, and none that is executed.
    let plain = when(2, SeccompCmpOp::MaskedEq(u64::from(libc::PROT_EXEC.cast_unsigned())), 0)?;
    rules.insert(libc::SYS_mmap, vec![rule([plain.clone(), is(4, -1)?])?]);
    rules.insert(libc::SYS_mprotect, vec![rule([plain])?]);
    // Threads, which share everything and so win nothing; a process of its own is none.
    let thread = libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND;
    let thread = when(0, SeccompCmpOp::MaskedEq(u64::from(thread.cast_unsigned())), thread)?;
    rules.insert(libc::SYS_clone, vec![rule([thread])?]);
    rules.insert(libc::SYS_prctl, vec![rule([is(0, libc::PR_SET_NAME)?])?]);
    // `abort` sends a signal to the thread that calls it.
    rules.insert(libc::SYS_tgkill, vec![rule([is(0, own.as_raw_nonzero().get())?])?]);
    let refused = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let filter: BpfProgram = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?.try_into()?;
    // The flags of `clone3` stand behind a pointer, where no filter sees them; the C library knows a way without.
    Ok(seccomp::prologue().into_iter().chain(filter).collect())
}

fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into())
}

fn when(argument: u8, operator: SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    // The kernel reads these arguments as 32-bit numbers and ignores the upper half: so does the filter.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, u64::from(value.cast_unsigned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_and_is_small() {
        assert!(compile(getpid()).unwrap().len() < 400);
    }
}
