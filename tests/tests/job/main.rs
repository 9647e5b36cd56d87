//! Jobs on AWS Batch and elsewhere, and what a function hands over to them.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and one that is skipped says so"
)]

mod delegation;
mod script;
