//! Resource limits of a function's processes.

use nix::sys::resource::{RLIM_INFINITY, Resource, rlim_t, setrlimit};

use crate::SandboxError;

/// One limit, for both its soft and its hard value.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Its name, as `prlimit --help` has it.
    pub name: &'static str,
    /// What is limited.
    pub resource: Resource,
    /// To how much, in the unit of getrlimit(2).
    pub value: rlim_t,
}

/// Open files of a process (Lambda quotas).
pub const NOFILE: rlim_t = 1024;
/// Processes and threads of the function's user (quotas say 1,024; this is what processes see).
pub const NPROC: rlim_t = 742;

/// What functions have been seen to run under.
pub const LIMITS: [Limit; 5] = [
    limit("NOFILE", Resource::RLIMIT_NOFILE, NOFILE),
    limit("NPROC", Resource::RLIMIT_NPROC, NPROC),
    limit("CORE", Resource::RLIMIT_CORE, RLIM_INFINITY),
    limit("MEMLOCK", Resource::RLIMIT_MEMLOCK, 64 * 1024),
    limit("STACK", Resource::RLIMIT_STACK, 8 * 1024 * 1024),
];

const fn limit(name: &'static str, resource: Resource, value: rlim_t) -> Limit {
    Limit {
        name,
        resource,
        value,
    }
}

/// Sets a limit for this process and what it starts. Only root may raise one.
///
/// # Errors
/// [`SandboxError::Limit`].
pub fn set(limit: &Limit) -> Result<(), SandboxError> {
    let Limit {
        name,
        resource,
        value,
    } = *limit;
    setrlimit(resource, value, value).map_err(|reason| SandboxError::Limit { name, reason })
}
