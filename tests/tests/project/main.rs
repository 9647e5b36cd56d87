//! The project itself: its binaries, examples, benchmark, and the test helpers.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and one that is skipped says so"
)]

mod benchmark;
mod binary;
mod examples;
mod peers;
