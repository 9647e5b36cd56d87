//! What entries share: the runtime, signals, exit codes and messages of the process.

use std::{convert::Infallible, io::Write as _, os::unix::net::UnixStream, process::ExitCode};

use anyhow::Context as _;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::invocation::Services;

/// Runs the work of an entry on one thread. The work mostly waits, and a second thread would cost start-up time and memory.
///
/// # Errors
/// Those of the work, and limits of the operating system under which nothing can be waited for.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    can_start_threads()?;
    // Waiting for signals panics without it.
    let _can_be_made = UnixStream::pair()
        .context("cannot make a pair of sockets (socketpair), which signals and containers are waited for with")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(
            "cannot prepare to wait for anything (epoll_create1, eventfd2, socketpair, fcntl)",
        )?;
    let done = runtime.block_on(work);
    // A DNS look-up that is stuck on another thread must not delay the end.
    runtime.shutdown_background();
    done
}

fn can_start_threads() -> anyhow::Result<()> {
    let started = std::thread::Builder::new().spawn(|| ());
    let thread = started.map_err(|error| match getrlimit(Resource::RLIMIT_NPROC) {
        Ok((limit, _)) if limit != RLIM_INFINITY => anyhow::anyhow!(
            "cannot start a thread: {error}: this user may have {limit} processes and threads (ulimit -u); raise that \
             limit or end other processes"
        ),
        _ => anyhow::anyhow!("cannot start a thread: {error}: memory or a limit of processes is used up"),
    })?;
    let _it_does_nothing = thread.join();
    Ok(())
}

/// The exit code of an entry that ran one event, or the reason why it could not.
pub(super) fn ended(result: anyhow::Result<i32>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)),
        Err(error) => {
            complain(&format!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Prints to standard error.
pub(super) fn complain(text: &str) {
    let _closed_pipe = std::io::stderr().write_all(text.as_bytes());
}

/// Passes Ctrl-C and SIGTERM on as a cancellation, which stops the container. The invocation then ends by itself.
pub(super) async fn pass_on_signals(
    cancel: &watch::Sender<Option<i32>>,
) -> std::io::Result<Infallible> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let number = tokio::select! {
            _ = interrupt.recv() => nix::libc::SIGINT,
            _ = terminate.recv() => nix::libc::SIGTERM,
        };
        cancel.send_replace(Some(number));
    }
}

/// Clears up behind the invocation, which has been answered. A signal ends that: the next invocation clears up the rest.
pub(super) async fn clear_up(services: &Services) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        () = services.finish_clearing() => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
