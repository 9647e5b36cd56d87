//! Work on many files, off the one thread that looks after timers, signals and other invocations.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::oneshot;

/// Starts `work` on a thread of its own, where it goes on when nobody waits any more. Where no thread can be started (the
/// container may have used up the limit of processes) it is done before this returns, while everything else waits.
pub(crate) fn start<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (sender, done) = oneshot::channel();
    // Whoever takes it out runs it: a thread that cannot be started does not give back what it was to run.
    let work = Arc::new(Mutex::new(Some((sender, work))));
    let run = |work: &Mutex<Option<(oneshot::Sender<T>, _)>>| {
        let taken = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, work)) = taken {
            let work: Box<dyn FnOnce() -> T + Send> = Box::new(work);
            let _nobody_waits = sender.send(work());
        }
    };
    let shared = Arc::clone(&work);
    if thread::Builder::new().spawn(move || run(&shared)).is_err() {
        run(&work);
    }
    done
}

/// The same, and waits for its end.
///
/// # Errors
/// Those of `work`; [`io::ErrorKind::Other`] when it panicked.
pub async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    start(work).await.map_err(io::Error::other).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_waited_for_and_a_panic_is_an_error() {
        assert_eq!(off_thread(|| Ok(7)).await.unwrap(), 7);
        let panicked = off_thread(|| -> io::Result<()> { panic!("at work") });
        assert!(panicked.await.is_err());
    }
}
