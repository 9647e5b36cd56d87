//! What the native engine has to know of a container before it runs: read once, remembered for warm invocations.

use std::path::{Path, PathBuf};

use config::UdockerMode;
use image::run_config::RunConfig;

use super::{account::Account, fakechroot::Preload, files::EngineFiles, proot};
use crate::{
    engine::{command::Family, document::document},
    error::EngineError,
    shim::launch_spec::Variables,
};
use rootfs::executable::resolve;

/// A container that this engine can run.
#[derive(Debug)]
pub struct Guest {
    /// The container's directory in the store.
    pub directory: PathBuf,
    /// The image's variables (`config.Env`).
    pub environment: Vec<(String, String)>,
    /// Its user.
    pub account: Account,
    /// Where its command starts, as a path inside the image.
    pub working_directory: PathBuf,
    /// How its programs are kept inside.
    pub engine: Means,
}

/// What keeps programs inside the image.
#[derive(Debug)]
pub enum Means {
    /// A library that is preloaded (F1).
    Fakechroot(Preload),
    /// A program that traces them (P1, P2).
    Proot {
        /// Its file.
        program: PathBuf,
        /// What it is told.
        variables: Variables,
    },
}

impl Guest {
    /// Looks at the container in `directory`, which was set up for `mode`; `image` is for messages.
    ///
    /// # Errors
    /// [`EngineError`] when nothing here can run it.
    pub fn of(
        directory: &Path,
        image: &str,
        mode: UdockerMode,
        files: &EngineFiles,
    ) -> Result<Self, EngineError> {
        let root = directory.join("ROOT");
        let config = document(directory);
        let engine = match (Family::of(mode), mode) {
            (_, UdockerMode::F1) => {
                let preload = Preload::choose(directory, image, files)?;
                Means::Fakechroot(preload)
            }
            (_, UdockerMode::P1 | UdockerMode::P2) => {
                let mut variables: Variables = files.for_proot.clone();
                if mode == UdockerMode::P2 {
                    variables.insert("PROOT_NO_SECCOMP".into(), "1".into());
                }
                let program = proot::find(files)?;
                Means::Proot { program, variables }
            }
            _ => return Err(EngineError::Mode { mode }),
        };
        let account = Account::of(&root, config.user.as_deref(), mode);
        let working_directory = working_directory(&config, &root, &account);
        Ok(Self {
            directory: directory.to_owned(),
            environment: variables(&config.env),
            account,
            working_directory,
            engine,
        })
    }

    /// The image's file system.
    pub fn root(&self) -> PathBuf {
        self.directory.join("ROOT")
    }

    /// What the image sets the variable to.
    pub fn variable(&self, name: &str) -> Option<&str> {
        variable(&self.environment, name)
    }
}

/// Where a command starts, as a path inside the image: where the image says, else at home, and where that is missing (a
/// user without one has `/nonexistent`), in `/`, as with `docker run`.
pub fn working_directory(config: &RunConfig, root: &Path, account: &Account) -> PathBuf {
    match config.working_dir.as_deref().unwrap_or_default() {
        "" => {
            let home = resolve(root, Path::new(&account.home));
            let there = home.is_some_and(|home| home.is_dir());
            PathBuf::from(if there { account.home.as_str() } else { "/" })
        }
        path => Path::new("/").join(path),
    }
}

/// What the last of these assignments sets the variable to.
pub fn variable<'a>(assignments: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let last = assignments.iter().rev().find(|(set, _)| set == name);
    last.map(|(_, value)| value.as_str())
}

/// The assignments of `config.Env`.
pub fn variables(list: &[String]) -> Vec<(String, String)> {
    list.iter()
        .filter_map(|assignment| assignment.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
