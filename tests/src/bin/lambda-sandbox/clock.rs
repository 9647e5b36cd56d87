//! A wall clock inside that differs from this machine's, and that jumps when a test says so.
//!
//! There is no namespace for this clock, and static programs load no library in its place. So the calls that read it are answered
//! by the outer process: a second seccomp filter hands them over (`seccomp_unotify(2)`). The vDSO, which reads the clock
//! without a call, is patched in each program as it starts. Nothing is traced, so nobody can see or stop a tracer.
//!
//! Not shifted, as the kernel does them: time stamps of files, and waits until a moment of the wall clock (`futex` with
//! `FUTEX_CLOCK_REALTIME`, as `pthread_cond_timedwait` uses it; `clock_nanosleep` and timers with `TIMER_ABSTIME`).

mod answer;
mod filter;
mod listener;
mod vdso;

use std::{
    fs, io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg},
};

use listener::Listener;
use vdso::Patch;

/// The outer process's part: it answers.
#[derive(Debug)]
pub(crate) struct WallClock {
    file: PathBuf,
    /// In milliseconds.
    shift: i64,
    patch: Patch,
    from_inside: UnixStream,
}

/// The program's part, before it is the program: it has its calls answered.
#[derive(Debug)]
pub(crate) struct HandOver(UnixStream);

impl WallClock {
    /// A clock that is ahead by the milliseconds in `file`. To be made before the first process.
    pub(crate) fn new(file: &Path) -> anyhow::Result<(Self, HandOver)> {
        let (from_inside, to_outside) = UnixStream::pair()?;
        let clock = Self {
            file: file.to_path_buf(),
            shift: read(file)?,
            patch: Patch::new().context("the vDSO")?,
            from_inside,
        };
        Ok((clock, HandOver(to_outside)))
    }

    /// Answers until there is something to be read from `ended`, or its other end is closed.
    pub(crate) fn answer_until(mut self, ended: impl AsFd) -> anyhow::Result<()> {
        if !is_ready_before(self.from_inside.as_fd(), ended.as_fd())? {
            return Ok(());
        }
        let Some(listener) = receive(&self.from_inside)? else {
            // The program has not come so far, and says why.
            return Ok(());
        };
        while is_ready_before(listener.as_fd(), ended.as_fd())? {
            let Some(call) = listener.next()? else {
                continue;
            };
            self.shift = read(&self.file)?;
            let reply = answer::reply(&call, self.shift, &self.patch, || listener.waits(&call));
            listener.answer(&call, reply?)?;
        }
        Ok(())
    }
}

impl HandOver {
    /// Has every call of this process, and of what it starts, that reads the wall clock answered by the outer process.
    pub(crate) fn hand_over(self) -> anyhow::Result<()> {
        let listener = filter::install().context("a filter with a listener")?;
        let descriptors = [listener.as_raw_fd()];
        let message = [ControlMessage::ScmRights(&descriptors)];
        let byte = [io::IoSlice::new(&[0])];
        sendmsg::<()>(self.0.as_raw_fd(), &byte, &message, MsgFlags::empty(), None)
            .context("hand over the listener")?;
        Ok(())
    }
}

fn read(file: &Path) -> anyhow::Result<i64> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let number = text.trim().parse();
    number.with_context(|| format!("{}: {text:?} is no number", file.display()))
}

/// Waits for either; whether it is `this`, and `ended` is not.
fn is_ready_before(this: BorrowedFd<'_>, ended: BorrowedFd<'_>) -> anyhow::Result<bool> {
    loop {
        let mut both = [this, ended].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut both, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            polled => polled?,
        };
        let [this, ended] = both.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
        if !ended.is_empty() {
            return Ok(false);
        }
        return Ok(this.contains(PollFlags::POLLIN));
    }
}

fn receive(from: &UnixStream) -> anyhow::Result<Option<Listener>> {
    let mut byte = [0];
    let mut space = nix::cmsg_space!([i32; 1]);
    let mut into = [io::IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(from.as_raw_fd(), &mut into, Some(&mut space), flags)?;
    let found = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    Ok(found.map(Listener::of_received))
}
