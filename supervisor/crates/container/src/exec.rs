//! A run from the supervisor's side: its shim, its pipes, its log, and how it ended.

pub mod leftovers;
pub mod log;
pub mod messages;
pub mod outcome;
pub mod process;
pub mod reports;
pub mod request;
pub mod run_pipes;
pub mod udocker;
pub mod wait;
