//! What entries share: the runtime, signals, exit codes and messages of the process.

use std::{convert::Infallible, io::Write as _, process::ExitCode};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::invocation::Services;

/// Runs the work of an entry on one thread. The work mostly waits, and a second thread would cost start-up time and memory.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(work);
    // A DNS look-up that is stuck on another thread must not delay the end.
    runtime.shutdown_background();
    done
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
