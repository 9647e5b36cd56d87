//! The engine `native`: what `udocker setup` and `udocker run` do for F1, P1 and P2, without Python.
//!
//! The command lines are udocker's own (1.3.17), with these differences, each on purpose:
//! - the container's first process is ours (see [`super::init`]), so variables, words, output and exit status arrive as they are;
//! - the loader is the one that the program to be run names, not the first that is found in the image;
//! - a script's interpreter gets what follows it in the first line as one argument, as the kernel does it (execve(2));
//! - a bound directory is a link to the host's in ROOT as well: programs that go to it step by step find it, too;
//! - proot's `--kill-on-exit` and `-k` are left out: the keeper kills what is left, and the kernel's release is the real one;
//! - `/etc/passwd` stays the image's, and the shell's prompt (`PS1`) is not set.

pub mod account;
pub mod choice;
pub mod fakechroot;
pub mod files;
pub mod guest;
pub mod guest_os;
pub mod launch;
pub mod libraries;
mod program;
pub mod proot;
pub mod setup;

use std::path::PathBuf;

use thiserror::Error;

use config::ExecMode;

pub(crate) use self::{
    account::Account,
    guest::{variable, variables, working_directory},
};
pub use self::{choice::Runs, guest::Guest};

/// Why this engine cannot run a container, and the way out.
#[derive(Debug, Error)]
pub enum EngineError {
    /// udocker has modes that this engine does not have.
    #[error(
        "execution mode {mode} needs udocker, and the engine is native: choose container.execmode F1, P1 or P2, or install udocker (with Python) and set container.engine: udocker"
    )]
    Mode {
        /// The mode.
        mode: ExecMode,
    },
    /// No fakechroot library fits.
    #[error(
        "no fakechroot library in {} goes with image {image} ({guest}); found: {found}. Put one that does there, or name it in UDOCKER_FAKECHROOT_SO, or choose another container.execmode (P1 where ptrace is allowed)", directory.display()
    )]
    NoFakechroot {
        /// The image.
        image: String,
        /// What the image is.
        guest: String,
        /// `UDOCKER_LIB`.
        directory: PathBuf,
        /// What is there.
        found: String,
    },
    /// The library that was asked for does not go with the image.
    #[error(
        "the fakechroot library {} (UDOCKER_FAKECHROOT_SO) needs {needs}, and image {image} has {guest}: name another library, or choose another container.execmode (P1 where ptrace is allowed)", library.display()
    )]
    WrongFakechroot {
        /// The library.
        library: PathBuf,
        /// What it needs.
        needs: String,
        /// The image.
        image: String,
        /// What the image has.
        guest: String,
    },
    /// There is no proot.
    #[error(
        "proot is not in {}: install it, or name it in UDOCKER_USE_PROOT_EXECUTABLE, or choose container.execmode F1", directory.display()
    )]
    NoProot {
        /// `UDOCKER_BIN`.
        directory: PathBuf,
    },
    /// The program is for another processor.
    #[error(
        "{} of image {image} is for {machine}, and this machine is {host}: build or pull the image for {host}", program.display()
    )]
    Machine {
        /// The program.
        program: PathBuf,
        /// The image.
        image: String,
        /// What it is for.
        machine: String,
        /// What this is.
        host: String,
    },
    /// The program's loader is not in the image.
    #[error(
        "{} of image {image} needs the loader {}, which is not in the image: the image lacks the C library the program was built for", program.display(), loader.display()
    )]
    NoLoader {
        /// The program.
        program: PathBuf,
        /// The image.
        image: String,
        /// What it names.
        loader: PathBuf,
    },
}
