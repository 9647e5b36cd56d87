//! What is to be started in a container, and what that shares with this machine.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use config::UdockerMode;

use crate::variable::Variable;

/// What a run shares with this machine.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    /// Paths that are this machine's inside, too.
    pub paths: &'a [PathBuf],
    /// Those of them that exist for this run only, and have a link in ROOT.
    pub own: &'a [PathBuf],
    /// The container's first process.
    pub init: &'a Path,
    /// Where that finds what to do.
    pub handoff: &'a Path,
    /// Temporary files of the engine.
    pub temp: &'a Path,
}

/// A command in the image, before it is known how it can be run.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// The image, for messages.
    pub image: &'a str,
    /// The mode the container was set up for.
    pub mode: UdockerMode,
    /// The words, the program first.
    pub argv: &'a [OsString],
    /// The variables of this run; where `PATH` is among them, the program is looked for there.
    pub variables: &'a [Variable],
}
