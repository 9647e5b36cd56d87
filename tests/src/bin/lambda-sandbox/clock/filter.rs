//! The filter that hands calls over.

use std::{
    collections::BTreeMap,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

use nix::{errno::Errno, libc, sys::prctl};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// The clocks that are shifted; reads of all others are the kernel's, as ever.
const SHIFTED: [libc::clockid_t; 4] = [
    libc::CLOCK_REALTIME,
    libc::CLOCK_REALTIME_COARSE,
    libc::CLOCK_REALTIME_ALARM,
    libc::CLOCK_TAI,
];
/// Calls that read the wall clock, but for `clock_gettime`.
#[cfg(target_arch = "x86_64")]
const READ: &[libc::c_long] = &[libc::SYS_gettimeofday, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const READ: &[libc::c_long] = &[libc::SYS_gettimeofday];
/// Calls by which each program is known that has just started: C libraries (and Go on `x86_64`) set up their thread's data with one of them
/// before they read a clock.
#[cfg(target_arch = "x86_64")]
pub(super) const START: &[libc::c_long] = &[libc::SYS_set_tid_address, libc::SYS_arch_prctl];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const START: &[libc::c_long] = &[libc::SYS_set_tid_address];

/// What the compiler, which does not know of listeners, is given in place of `SECCOMP_RET_USER_NOTIF`.
const MARK: u32 = 0x10c4;

/// Installs it for this thread and what that starts, and sets `NoNewPrivs`; the listener.
#[allow(unsafe_code)]
pub(super) fn install() -> anyhow::Result<OwnedFd> {
    let filter = compile()?;
    prctl::set_no_new_privs()?;
    let program = libc::sock_fprog {
        len: filter.len().try_into()?,
        filter: filter.as_ptr().cast_mut().cast(),
    };
    // Without the second flag, a signal could interrupt a call that has been handed over, and a clock is not read in vain.
    let flags =
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: the program lives until the kernel has copied it; both crates' instructions are the kernel's struct.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    let listener = RawFd::try_from(Errno::result(listener)?)?;
    // SAFETY: nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

fn compile() -> anyhow::Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    // No rule at all means every use of the call.
    rules.extend(READ.iter().chain(START).map(|&call| (call, Vec::new())));
    let of_clock = |clock: libc::clockid_t| {
        let clock = u64::from(clock.unsigned_abs());
        let (width, equal) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq);
        SeccompRule::new(vec![SeccompCondition::new(0, width, equal, clock)?])
    };
    let of_clocks = SHIFTED.into_iter().map(of_clock);
    rules.insert(
        libc::SYS_clock_gettime,
        of_clocks.collect::<Result<_, _>>()?,
    );
    let mut program: BpfProgram = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Trace(MARK),
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?
    .try_into()?;
    let marked = libc::SECCOMP_RET_TRACE | MARK;
    for instruction in &mut program {
        let returns = u32::from(instruction.code) == libc::BPF_RET | libc::BPF_K;
        if returns && instruction.k == marked {
            instruction.k = libc::SECCOMP_RET_USER_NOTIF;
        }
    }
    Ok(program)
}
