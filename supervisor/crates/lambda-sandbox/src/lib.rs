//! The restrictions that a process meets on AWS Lambda, for programs that want to be tried under them.
//!
//! AWS publishes no list of system calls. [`calls`] holds what is known from public reports, one row per call with the
//! reason; [`Policy`] chooses rows; [`Filter`] turns them into a seccomp filter; [`limits`] holds the resource limits.
//! Nothing here needs privileges: a filter needs `NoNewPrivs` only, and a limit may always be lowered.

pub mod calls;
mod filter;
pub mod limits;
mod policy;

pub use filter::Filter;
pub use policy::{Policy, Profile};

use thiserror::Error;

/// Why the sandbox cannot be imitated.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// No row of [`calls`] has this name.
    #[error("system call {name} is not in the table of what the sandbox may deny")]
    UnknownCall {
        /// What was asked for.
        name: String,
    },
    /// The filter does not compile for this machine.
    #[error("cannot build the system call filter: {0}")]
    Compile(#[source] seccompiler::BackendError),
    /// The kernel refuses the filter.
    #[error(
        "cannot install the system call filter: {0}; the kernel needs CONFIG_SECCOMP_FILTER, and an outer sandbox must allow seccomp(2)"
    )]
    Install(#[source] seccompiler::Error),
    /// A limit cannot be set.
    #[error("cannot set the limit {name}: {reason}")]
    Limit {
        /// The limit, as `prlimit --help` names it.
        name: &'static str,
        /// Why.
        reason: nix::errno::Errno,
    },
}
