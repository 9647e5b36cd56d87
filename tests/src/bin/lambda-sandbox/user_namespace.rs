//! A user namespace for a sandbox. Users are the same in it; but processes and inotify instances are counted for each
//! namespace, so that sandboxes of the same user do not use up each other's limits, as they do not on machines of their own.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
};

use anyhow::Context as _;
use nix::{
    sched::{CloneFlags, unshare},
    unistd::Pid,
};

/// Every user is itself.
const MAP: &str = "0 0 4294967295";

/// The two ends by which the first process waits for the outer one.
#[derive(Debug)]
pub(crate) struct UserNamespace {
    first: UnixStream,
    outer: UnixStream,
}

impl UserNamespace {
    /// To be made before the first process.
    pub(crate) fn new() -> std::io::Result<Self> {
        let (first, outer) = UnixStream::pair()?;
        Ok(Self { first, outer })
    }

    /// In the first process: enters it.
    pub(crate) fn enter(self) -> anyhow::Result<()> {
        let Self { mut first, outer } = self;
        drop(outer);
        unshare(CloneFlags::CLONE_NEWUSER).context("a user namespace")?;
        first.write_all(&[0])?;
        first.read_exact(&mut [0]).context("users")
    }

    /// In the outer process, which alone may: says who is who, once the first one is in it. A first process that fails
    /// before says why itself.
    pub(crate) fn map(self, first_pid: Pid) -> anyhow::Result<()> {
        let Self { first, mut outer } = self;
        drop(first);
        if outer.read_exact(&mut [0]).is_err() {
            return Ok(());
        }
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{first_pid}/{map}"), MAP).with_context(|| map)?;
        }
        Ok(outer.write_all(&[0])?)
    }
}
