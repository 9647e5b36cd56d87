//! Work that nobody's answer waits for: clearing up behind a run.
//!
//! It is put here when the run is over, started when the answer is posted, and finished before anything uses what it clears up.
//! On Lambda the environment is frozen between the last two, so that most of it is done at the beginning of the next invocation.

use std::{
    fmt, io,
    sync::{Mutex, PoisonError},
};

use tokio::sync::oneshot;

use crate::off_thread;

type Work = Box<dyn FnOnce() + Send>;

/// Work that waits to be started, and work that goes on.
#[derive(Default)]
pub struct Deferred {
    waiting: Mutex<Vec<Work>>,
    started: tokio::sync::Mutex<Vec<oneshot::Receiver<()>>>,
}

impl Deferred {
    /// Adds some work, which blocks its thread.
    pub fn put(&self, work: impl FnOnce() + Send + 'static) {
        self.lock_waiting().push(Box::new(work));
    }

    /// Starts what waits, on a thread of its own.
    pub async fn start(&self) {
        let mut started = self.started.lock().await;
        let waiting = std::mem::take(&mut *self.lock_waiting());
        if !waiting.is_empty() {
            let work = move || waiting.into_iter().for_each(|work| work());
            started.push(off_thread::start(work));
        }
    }

    /// Starts what waits, and completes when all is done. Who stops waiting leaves it going on.
    ///
    /// # Errors
    /// [`io::ErrorKind::Other`] when any of it panicked.
    pub async fn finish(&self) -> io::Result<()> {
        self.start().await;
        let (mut started, mut done) = (self.started.lock().await, Ok(()));
        while let Some(work) = started.last_mut() {
            let ended = work.await;
            started.pop();
            done = ended.map_err(io::Error::other).and(done);
        }
        done
    }

    fn lock_waiting(&self) -> std::sync::MutexGuard<'_, Vec<Work>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Deferred").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use super::*;

    #[tokio::test]
    async fn it_waits_for_its_start_and_is_waited_for() {
        let (deferred, done) = (Deferred::default(), Arc::new(AtomicU32::new(0)));
        for _ in 0..2 {
            let done = Arc::clone(&done);
            deferred.put(move || {
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(done.load(Ordering::Relaxed), 0);
        deferred.finish().await.unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 2);
        deferred.finish().await.unwrap();
    }

    #[tokio::test]
    async fn who_stops_waiting_can_wait_again() {
        let (deferred, (go, gone)) = (Deferred::default(), mpsc::channel::<()>());
        let done = Arc::new(AtomicU32::new(0));
        let set = Arc::clone(&done);
        deferred.put(move || {
            let _went = gone.recv();
            set.store(1, Ordering::Relaxed);
        });
        let finished = tokio::time::timeout(Duration::from_millis(20), deferred.finish()).await;
        assert!(finished.is_err());
        go.send(()).unwrap();
        deferred.finish().await.unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }
}
