//! `faas-deploy` against moto: what it makes there, asserted with another client.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod calls;
mod commands;
mod environments;
mod faults;
mod files;
mod jobs;
mod keys;
mod logs;
mod network;
mod partitions;
mod several;
mod trial;
mod triggers;
mod whole;
