//! Why a container could not be prepared or started.

use std::{io, path::PathBuf};

use config::UdockerMode;
use environment::Stop;
use image::ImageError;
use thiserror::Error;

/// Why a container could not be prepared or started.
#[derive(Debug, Error)]
pub enum ContainerError {
    /// The launcher is not there.
    #[error(
        "udocker is not at {path}: install it (pip install udocker) or set UDOCKER_EXEC to its launcher"
    )]
    NoUdocker {
        /// Where it was expected.
        path: PathBuf,
    },
    /// Neither image nor archive is configured.
    #[error(
        "no image to run: set container.image (a registry name) or container.image_file (an archive)"
    )]
    NoImage,
    /// The archive is missing.
    #[error("image archive {path} cannot be read: {source}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A udocker command failed.
    #[error("udocker {step} failed for image {image} ({status}): {message}{hint}")]
    Step {
        /// `pull`, `load`, `create`, …
        step: &'static str,
        /// The image.
        image: String,
        /// How the command ended.
        status: String,
        /// The end of what it printed.
        message: String,
        /// What to do next.
        hint: &'static str,
    },
    /// The supervisor itself could not prepare the image.
    #[error("cannot {step} image {image}: {source}")]
    Image {
        /// `pull` or `load`.
        step: &'static str,
        /// The image.
        image: String,
        /// Why.
        source: ImageError,
    },
    /// The image does not fit onto the file system of udocker's store.
    #[error(
        "image {image} does not fit into {} ({step}): {}{free} bytes are free; enlarge the ephemeral storage of the function or free space there", path.display(), needed.map_or_else(String::new, |bytes| format!("it needs at least {bytes} bytes and "))
    )]
    NoSpace {
        /// The step that found out.
        step: &'static str,
        /// The image.
        image: String,
        /// udocker's store.
        path: PathBuf,
        /// The least it takes, in bytes, where that is known.
        needed: Option<u64>,
        /// Bytes free.
        free: u64,
    },
    /// The deadline came first, or the supervisor was told to stop.
    #[error("stopped while preparing image {image} ({step})")]
    Stopped {
        /// Why.
        why: Stop,
        /// The step that was running.
        step: &'static str,
        /// The image.
        image: String,
    },
    /// The image names no command and none was given.
    #[error(
        "image {image} names no command to run: give the event a script or cmd_args, or configure init_script"
    )]
    NoCommand {
        /// The image.
        image: String,
    },
    /// There is no engine that knows an image's command, and none was given.
    #[error(
        "nothing to run: give the event a script or cmd_args, configure init_script (a job: the variable SCRIPT or /oscar/config/script.sh), or name the image's command after `supervisor --`"
    )]
    NothingToRun,
    /// The command's first process did not begin.
    #[error("the command did not start ({status}): {message}")]
    NotStarted {
        /// How the attempt ended.
        status: String,
        /// What it said.
        message: String,
    },
    /// The command's first process did not begin in a container of the native engine.
    #[error("the command of image {image} did not start ({status}): {message}")]
    NotStartedInImage {
        /// The image.
        image: String,
        /// How the attempt ended.
        status: String,
        /// What the engine said.
        message: String,
    },
    /// An F mode cannot hold the program inside the image.
    #[error(
        "{program} of image {image} is a static executable, which execution mode {mode} cannot keep inside the image: choose another container.execmode (P1 or R1 where the platform allows them) or an image with dynamically linked programs"
    )]
    StaticInPreloadMode {
        /// What was to run.
        program: PathBuf,
        /// The image's container.
        image: String,
        /// The mode.
        mode: String,
    },
    /// The native engine cannot run it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A local file or process could not be handled.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done, with the path.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl ContainerError {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

/// Why the native engine cannot run a container, and the way out.
#[derive(Debug, Error)]
pub enum EngineError {
    /// udocker has modes that this engine does not have.
    #[error(
        "execution mode {mode} needs udocker, and the engine is native: choose container.execmode F1, P1 or P2, or install udocker (with Python) and set container.engine: udocker"
    )]
    Mode {
        /// The mode.
        mode: UdockerMode,
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
