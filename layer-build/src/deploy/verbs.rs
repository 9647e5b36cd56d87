//! The verbs of the command line, one module each.

pub mod config;
pub mod doctor;
pub mod init;
pub mod invoke;
pub mod layer;
pub mod log;
pub mod ls;
pub mod objects;
pub mod rm;
pub mod run;
pub mod trial;
pub mod update;
