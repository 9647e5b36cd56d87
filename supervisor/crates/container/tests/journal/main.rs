//! A container's root after a run: what changed is undone, told, or nothing changed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its world has failed"
)]

mod changes;
mod hostile;
mod linked;
mod lost;
mod random;
mod support;
mod unprivileged;
