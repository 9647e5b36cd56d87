//! Prepares an image and runs it, through udocker or as udocker does.
//!
//! `prepare` brings a container into udocker's store once and remembers it (through [`image`], or through udocker's
//! own commands); `run` is then exactly one udocker command. Both start udocker below a [`keeper`], which leaves no process behind.

pub mod argv0;
pub mod attend;
mod builder;
pub mod clean;
pub mod command;
pub mod direct;
pub mod document;
pub mod engine;
mod error;
pub mod handoff;
pub mod hygiene;
pub mod init;
pub mod init_copy;
pub mod inlet;
pub mod journal;
pub mod keeper;
pub mod log;
mod lookup;
mod making;
pub mod messages;
mod native;
mod off_thread;
pub mod order;
mod outcome;
pub mod prepare;
mod prepared;
pub mod probe;
pub mod process_tree;
mod request;
pub mod role;
pub mod run;
pub mod running;
mod scratch;
pub mod settings;
pub mod slots;
pub mod stage;
pub mod store;
pub mod udocker;
mod variable;
pub mod workspace;

pub use self::{
    command::ContainerCommand,
    direct::Direct,
    engine::EngineError,
    error::ContainerError,
    outcome::{RunEnd, RunReport},
    prepared::Prepared,
    request::{Container, RunRequest},
    settings::UdockerSettings,
    variable::{Sensitivity, Variable},
};
