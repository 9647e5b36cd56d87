//! Prepares an image and runs it, through udocker or as udocker does.
//!
//! The rooms, from the ground up; each uses only those before it: [`shim`], [`engine`], [`exec`], [`rollback`], [`prepare`],
//! [`run`].
//!
//! `prepare` brings a container into udocker's store once and remembers it (through [`image`], or through udocker's
//! own commands); `run` is then exactly one udocker command. Both start udocker below a [`shim`], which leaves no process behind.

pub mod deferred;
pub mod engine;
mod error;
pub mod exec;
pub mod off_thread;
pub mod owned_dir;
pub mod prepare;
pub mod rollback;
pub mod run;
pub mod shim;
mod variable;
pub mod workspace;

pub use self::{
    engine::{command::ContainerCommand, settings::UdockerSettings},
    error::{ContainerError, EngineError},
    exec::{
        outcome::{RunEnd, RunReport},
        request::RunRequest,
    },
    prepare::prepared::Prepared,
    run::{container::Container, direct::Direct},
    variable::{Sensitivity, Variable},
};
