//! The engine `native`: what `udocker setup` and `udocker run` do for F1, P1 and P2, without Python.
//!
//! The command lines are udocker's own (1.3.17), with these differences, each on purpose:
//! - the container's first process is ours (see [`crate::shim::init`]), so variables, words, output and exit status arrive as they are;
//! - the loader is the one that the program to be run names, not the first that is found in the image;
//! - a script's interpreter gets what follows it in the first line as one argument, as the kernel does it (execve(2));
//! - a bound directory is a link to the host's in ROOT as well: programs that go to it step by step find it, too;
//! - proot's `--kill-on-exit` and `-k` are left out: the shim kills what is left, and the kernel's release is the real one;
//! - `/etc/passwd` stays the image's, and the shell's prompt (`PS1`) is not set.

pub mod account;
pub mod choice;
pub mod command;
pub mod document;
pub mod fakechroot;
pub mod files;
pub mod guest;
pub mod guest_os;
pub mod init_copy;
pub mod launch;
pub mod libraries;
mod program;
pub mod proot;
pub mod request;
pub mod settings;
pub mod setup;

pub(crate) use self::{
    account::Account,
    guest::{variable, variables, working_directory},
    program::search,
};
pub use self::{choice::EngineKind, guest::Guest};
pub use crate::error::EngineError;
