//! Work on many files, off the one thread that looks after timers, signals and other invocations.

use std::io;

/// Runs `work` on a thread of its own and waits for its end; it goes on when nobody waits any more.
///
/// # Errors
/// Those of `work`; [`io::ErrorKind::Other`] when it panicked.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).flatten()
}
