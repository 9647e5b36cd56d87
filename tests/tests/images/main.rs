//! Container images: settings, the store, the engines that run them, and what a run leaves in them.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and one that is skipped says so"
)]

mod hygiene;
mod modes;
mod native;
mod settings;
mod shim;
mod store;
