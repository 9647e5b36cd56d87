//! The verbs of the command line, one module each, and what several of them share: [`described`] and [`carry_out`].

mod carry_out;
pub mod config;
mod described;
pub mod doctor;
pub mod init;
pub mod invoke;
pub mod layer;
pub mod local_run;
pub mod log;
pub mod ls;
pub mod objects;
pub mod plan;
pub mod rm;
pub mod run;
pub mod update;
