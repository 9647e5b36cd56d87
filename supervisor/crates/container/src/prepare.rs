//! From an image to a container that is ready to run, once.

mod builder;
mod container_build;
mod native;
pub mod prepared;
pub mod preparer;
pub mod slots;
pub mod store;
