//! What the supervisor orders of a shim, and what the shim exits with.

use nix::sys::signal::Signal;

/// Told to stop: SIGTERM to the tree, then the grace, then SIGKILL.
pub const STOP: Signal = Signal::SIGTERM;
/// Told that the container is over: what is left goes at once.
pub const KILL: Signal = Signal::SIGINT;
/// What the shim exits with after it had to stop the command.
pub const STOPPED: u8 = 143;
/// What the shim exits with when the command could not be started.
pub const NOT_STARTED: u8 = 126;
