//! The program itself: who it is, what it may, and then it.

use std::{
    ffi::CString,
    fs::File,
    io,
    os::{fd::AsRawFd as _, fd::RawFd, unix::ffi::OsStrExt as _},
};

use anyhow::Context as _;
use lambda_sandbox::{Filter, limits};
use nix::{
    libc,
    sys::stat::umask,
    unistd::{Gid, Uid, chdir, execvp, setgroups, setresgid, setresuid, setsid},
};

use crate::{clock::HandOver, options::Options};

/// The user of functions, `sbx_user1051`.
const USER: Uid = Uid::from_raw(993);
/// Its group.
const GROUP: Gid = Gid::from_raw(990);

/// Plays it; does not return.
#[allow(unsafe_code)]
pub(crate) fn main(options: &Options, filter: &Filter, clock: Option<HandOver>, ended: RawFd) -> ! {
    // SAFETY: the descriptor is this process's copy of the first one's, and not used here.
    unsafe { libc::close(ended) };
    let Err(error) = execute(options, filter, clock);
    let _closed = io::Write::write_all(
        &mut io::stderr(),
        format!("lambda-sandbox: {error:#}\n").as_bytes(),
    );
    #[allow(clippy::exit, reason = "the other half of a fork")]
    std::process::exit(121)
}

fn execute(
    options: &Options,
    filter: &Filter,
    clock: Option<HandOver>,
) -> anyhow::Result<std::convert::Infallible> {
    let words: Result<Vec<CString>, _> = options
        .command
        .iter()
        .map(|word| CString::new(word.as_bytes()))
        .collect();
    let words = words?;
    setsid()?;
    replace_streams(&[0])?;
    umask(options.umask);
    for limit in &limits::LIMITS {
        limits::set(limit)?;
    }
    become_the_user()?;
    chdir("/var/task").or_else(|_| chdir("/"))?;
    // Before the filter, which denies what is needed for it.
    clock.map_or(Ok(()), HandOver::hand_over)?;
    filter.install()?;
    execvp(&words[0], &words).with_context(|| format!("start {}", options.command[0].display()))
}

/// Drops everything of root.
pub(crate) fn become_the_user() -> nix::Result<()> {
    setgroups(&[])?;
    setresgid(GROUP, GROUP, GROUP)?;
    // The capabilities go with it (capabilities(7)).
    setresuid(USER, USER, USER)
}

/// Puts `/dev/null` in the place of these descriptors.
#[allow(unsafe_code)]
pub(crate) fn replace_streams(streams: &[RawFd]) -> anyhow::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    for &stream in streams {
        // SAFETY: standard streams are nobody's but this process's.
        let replaced = unsafe { libc::dup2(null.as_raw_fd(), stream) };
        nix::errno::Errno::result(replaced)?;
    }
    Ok(())
}
