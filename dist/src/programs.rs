//! The programs of a release, as their command lines describe them.

use clap::{Command, CommandFactory as _};
use faas_supervisor::entry;
use layer_build::deploy::{cli, short_options};

/// A program that users type.
#[derive(Debug)]
pub struct Program {
    /// Its file's name.
    pub name: &'static str,
    /// Its options and subcommands.
    pub command: Command,
    /// Short options of several letters, which clap knows nothing of, each with the long option it stands for.
    pub shorts: Vec<(&'static str, &'static str)>,
}

/// Both programs.
pub fn all() -> [Program; 2] {
    [
        Program {
            name: "supervisor",
            command: entry::command_line(),
            shorts: Vec::new(),
        },
        Program {
            name: "faas-deploy",
            command: cli::Arguments::command(),
            shorts: short_options::all().collect(),
        },
    ]
}
