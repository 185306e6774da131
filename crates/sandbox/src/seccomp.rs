//! System calls that no build needs are refused: the kernel that a hostile build can talk to is smaller.
//!
//! Everything is allowed but what is listed here, since a build runs any program; what is not known yet (a
//! number beyond [`NEWEST`], as all numbers of the x32 convention are) answers `ENOSYS`, to which the C libraries know a way back.

use crate::spec::Fault;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use trustmill_core::port::sandbox::Layer;

/// The newest call that was looked at: `file_setattr`, Linux 6.17. The numbers above 424 are the same on
/// every architecture.
const NEWEST: u32 = 469;

const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Calls that are refused whatever their arguments.
const REFUSED: &[i64] = &[
    // Mounts: the root stays as it was made.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    467, // open_tree_attr
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    // Namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Interfaces through which kernels were taken over, and that builds do without.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_mbind,
    libc::SYS_set_mempolicy,
    450, // set_mempolicy_home_node
    libc::SYS_vmsplice,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    // The machine.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ustat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
    #[cfg(target_arch = "x86_64")]
    libc::SYS__sysctl,
    #[cfg(target_arch = "x86_64")]
    174, // create_module
];

/// The compiled filter, one instruction per number, for [`apply`]. Compiled once.
pub(crate) fn program() -> Result<Vec<u64>, Fault> {
    static PROGRAM: OnceLock<Option<Vec<u64>>> = OnceLock::new();
    PROGRAM
        .get_or_init(|| compile().ok().map(|program| program.iter().map(pack).collect()))
        .clone()
        .ok_or_else(|| fault("compile the system-call filter: this processor has none"))
}

/// Installs a compiled filter in this process for good.
pub(crate) fn apply(program: &[u64]) -> Result<(), Fault> {
    let program: BpfProgram = program.iter().copied().map(unpack).collect();
    seccompiler::apply_filter(&program).map_err(|_| fault("install the system-call filter"))
}

fn fault(step: &str) -> Fault {
    Fault { layer: Some(Layer::Seccomp), step: step.to_owned(), errno: libc::ENOSYS }
}

fn pack(one: &sock_filter) -> u64 {
    u64::from(one.code) << 48 | u64::from(one.jt) << 40 | u64::from(one.jf) << 32 | u64::from(one.k)
}

fn unpack(one: u64) -> sock_filter {
    let [k0, k1, k2, k3, jf, jt, c0, c1] = one.to_le_bytes();
    sock_filter { code: u16::from_le_bytes([c0, c1]), jt, jf, k: u32::from_le_bytes([k0, k1, k2, k3]) }
}

fn compile() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, namespace_flags()?);
    rules.insert(libc::SYS_socket, sockets()?);
    rules.insert(libc::SYS_socketpair, vec![none_of(0, &[libc::AF_UNIX])?]);
    rules.insert(libc::SYS_ioctl, terminal_injection()?);
    rules.insert(libc::SYS_personality, vec![none_of(0, &[0, 0x8, 0x2_0000, 0x2_0008, -1])?]);
    let refused = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let filter: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?.try_into()?;
    Ok(prologue().into_iter().chain(filter).collect())
}

/// What a table of numbers cannot say: `clone3` hides its flags behind a pointer, and numbers that are not
/// in the table at all. The architecture is checked by the filter that follows; the numbers that this
/// answers get `ENOSYS` on any.
pub(crate) fn prologue() -> Vec<sock_filter> {
    const LOAD_NUMBER: sock_filter = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    let jump = |code, k, jt, jf| sock_filter { code, jt, jf, k };
    let (equal, greater, give) = (0x15, 0x25, 0x06);
    let newest = u32::try_from(libc::SYS_clone3).unwrap_or_default();
    vec![
        LOAD_NUMBER,
        jump(equal, newest, 1, 0),
        jump(greater, NEWEST, 0, 1),
        sock_filter { code: give, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned() },
    ]
}

fn when(
    argument: u8,
    operator: SeccompCmpOp,
    value: i32,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    // The kernel reads these arguments as 32-bit numbers and ignores the upper half: so does the filter.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, u64::from(value.cast_unsigned()))
}

/// Refuses when the argument is none of `allowed`.
fn none_of(argument: u8, allowed: &[i32]) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(
        allowed
            .iter()
            .map(|value| when(argument, SeccompCmpOp::Ne, *value))
            .collect::<Result<Vec<_>, _>>()?,
    )
}

fn namespace_flags() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    NAMESPACES
        .iter()
        .map(|flag| {
            let mask = SeccompCmpOp::MaskedEq(u64::from(flag.cast_unsigned()));
            SeccompRule::new(vec![when(0, mask, *flag)?])
        })
        .collect()
}

/// Families and protocols beyond these load modules or speak to the hypervisor.
fn sockets() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    Ok(vec![
        none_of(0, &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6])?,
        none_of(2, &[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP])?,
    ])
}

/// `TIOCSTI` types into a terminal, `TIOCLINUX` pastes into a console, `TIOCSETD` loads line disciplines.
fn terminal_injection() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    [0x5412, 0x541C, 0x5423]
        .iter()
        .map(|request| SeccompRule::new(vec![when(1, SeccompCmpOp::Eq, *request)?]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_survive_packing() {
        for one in compile().unwrap() {
            assert_eq!(unpack(pack(&one)), one);
        }
    }

    #[test]
    fn the_filter_is_within_the_kernels_bound() {
        assert!(program().unwrap().len() < 4096, "BPF_MAXINSNS");
    }
}
