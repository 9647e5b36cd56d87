//! The supervisor in a terminal: options, reports, `doctor`, `--explain`, `--as-lambda`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and one that is skipped says so"
)]

mod as_lambda;
mod doctor;
mod explain;
mod options;
