//! How a run ended, and what it produced beside its files.

use std::time::Duration;

use crate::exec::log::LogFile;

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal, its own or the system's.
    Killed(i32),
    /// It was stopped at the deadline.
    TimedOut,
    /// It was stopped because the supervisor was told to, by this signal.
    Cancelled(i32),
}

/// What a run produced, beside its files.
#[derive(Debug)]
pub struct RunReport {
    /// How it ended.
    pub end: RunEnd,
    /// What it printed.
    pub log: LogFile,
    /// How long it took.
    pub elapsed: Duration,
}
