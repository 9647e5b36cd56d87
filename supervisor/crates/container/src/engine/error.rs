//! Why the native engine cannot run a container.

use std::path::PathBuf;

use config::ExecMode;
use thiserror::Error;

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
