//! When work must stop: at its deadline, or because this process is told to end.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

/// When to stop, and how politely.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The moment the work is stopped; none = never.
    pub deadline: Option<Instant>,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// Turns into `Some(signal)` when the supervisor itself is told to stop.
    pub cancelled: watch::Receiver<Option<i32>>,
}

/// Why work had to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The deadline came.
    Deadline,
    /// The supervisor was told to stop, by this signal.
    Cancelled(i32),
}

impl Limits {
    /// Why work must stop already, if it must.
    pub fn reached_now(&self) -> Option<Stop> {
        if let Some(signal) = *self.cancelled.borrow() {
            return Some(Stop::Cancelled(signal));
        }
        let over = self.deadline.is_some_and(|at| Instant::now() >= at);
        over.then_some(Stop::Deadline)
    }

    /// Completes when work must stop.
    pub async fn reached(&self) -> Stop {
        let deadline = async {
            match self.deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let mut cancelled = self.cancelled.clone();
        let signal = async {
            match cancelled.wait_for(Option::is_some).await.map(|s| *s) {
                Ok(Some(signal)) => signal,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            signal = signal => Stop::Cancelled(signal),
            () = deadline => Stop::Deadline,
        }
    }
}
