//! The supervisor on AWS Lambda: the Runtime API, the layer, image functions, and the imitated sandbox.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and one that is skipped says so"
)]

mod emulators;
mod image_function;
mod imitation;
mod layer;
mod platform;
mod runtime;
mod sandbox;
