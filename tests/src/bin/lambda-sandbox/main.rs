//! Starts a program as a Lambda sandbox does; root only.
//!
//! ```text
//! lambda-sandbox [OPTION…] -- PROGRAM [ARGUMENT…]
//!   --root DIR          the root directory, read-only inside; its mount points are made
//!   --bind SOURCE=DIR   a path of this machine at DIR inside, read-only; may be repeated
//!   --tmp DIR           a directory of this machine that is /tmp inside, read-write (a file system of its own, for a size)
//!   --profile NAME      observed (the default), strict, strict-enosys
//!   --deny CALL         one more system call, may be repeated; CALL=ENOSYS, CALL=EPERM for another answer than the table's
//!   --umask MODE        022 unless given
//!   --left FILE         what is left at the end is written there, one process a line
//!   --linger SECONDS    the first process stays that much longer than the program, for those who look from outside
//!   --clock FILE        the wall clock inside is ahead of this machine's by the milliseconds that FILE holds, behind it where they are
//!                       negative; they may change at any time (replace the file, as it may be read at any time)
//! ```
//!
//! Inside: user 993, group 990, no groups, no capabilities; a user, an IPC and a pid namespace whose first process, this program, reaps nobody
//! and forwards signals; an extension (a process that only waits, and starts a child
//! when it is sent SIGUSR2) as pid 7 and the program as pid 8; a `/dev` of five
//! devices and three links; `/proc`; standard input from `/dev/null`. The filter comes last.
//!
//! Ends as the program ends: with its exit status, or by its signal.

mod clock;
mod extension;
mod first;
mod mounts;
mod options;
mod runtime;
mod user_namespace;

use std::{env, io, process::ExitCode};

use anyhow::Context as _;
use nix::{
    sched::{CloneFlags, unshare},
    sys::{
        signal::{SigHandler, Signal, raise, signal},
        wait::WaitStatus,
    },
    unistd::{ForkResult, fork},
};

use clock::WallClock;
use options::Options;
use user_namespace::UserNamespace;

fn main() -> ExitCode {
    let outcome = Options::parse(env::args_os().skip(1)).and_then(|options| run(&options));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let _closed = io::Write::write_all(
                &mut io::stderr(),
                format!("lambda-sandbox: {error:#}\n").as_bytes(),
            );
            ExitCode::from(121)
        }
    }
}

#[allow(unsafe_code)]
fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let filter = options.filter()?;
    unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC)
        .context("a pid and an IPC namespace, which needs root")?;
    let (said, ended) = io::pipe()?;
    let users = UserNamespace::new()?;
    let clock = options.clock.as_deref().map(WallClock::new).transpose()?;
    let (clock, hand_over) = clock.unzip();
    // SAFETY: this process has one thread.
    let first = match unsafe { fork() }? {
        ForkResult::Child => {
            drop(said);
            drop(clock);
            first::main(options, &filter, users, hand_over, ended);
        }
        ForkResult::Parent { child } => child,
    };
    drop((ended, hand_over));
    users.map(first)?;
    first::forward_signals_to(first)?;
    if let Some(clock) = clock {
        clock.answer_until(&said)?;
    }
    Ok(finish(first::status_of_the_program(first, said)?))
}

/// Ends as the program did.
fn finish(status: WaitStatus) -> ExitCode {
    match status {
        WaitStatus::Exited(_, code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        WaitStatus::Signaled(_, by, _) => {
            die_by(by);
            ExitCode::from(128 + by as u8)
        }
        _ => ExitCode::FAILURE,
    }
}

#[allow(unsafe_code)]
fn die_by(by: Signal) {
    // SAFETY: no handler is installed.
    let _of_kill = unsafe { signal(by, SigHandler::SigDfl) };
    let _blocked = raise(by);
}
