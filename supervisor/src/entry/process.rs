//! What every entry does with its process: its runtime, its exit code, its last words.

use std::{io::Write as _, process::ExitCode};

/// Does the work of an entry. On one thread: the work is waiting, and a second thread would cost start-up time and
/// memory.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(work);
    // A look-up that is stuck on another thread must not hold up the end.
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

/// Says something on standard error.
pub(super) fn complain(text: &str) {
    let _closed_pipe = std::io::stderr().write_all(text.as_bytes());
}
