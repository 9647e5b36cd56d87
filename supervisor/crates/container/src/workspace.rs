//! The directories of one invocation, made before anything is staged and removed on drop.
//!
//! ```text
//! faas-XXXXXX/            0700, one per invocation
//!   .faas-owner           locked while the supervisor lives, see [`crate::owned_dir`]
//!   tmp/                  udocker's temporary files
//!   log-N                 captured output of record N
//!   changes-N             what its container changes in the image, where that goes to an overlay
//!   job-N                 its message, where a job takes it over
//!   N/                    one per record: the only directory the container sees
//!     input/ output/      TMP_INPUT_DIR, TMP_OUTPUT_DIR
//!     event.json          EVENT_FILE
//!     script.sh           the script of the event or the function
//!     handoff/            named pipes for the container's first process
//! ```

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{off_thread::off_thread, owned_dir::OwnedDir};
use rootfs::remove_tree;

/// What happens to the workspace after the invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// It is removed, whatever happened.
    Remove,
    /// It stays for the user to look at (`--keep`).
    Keep,
}

/// One invocation's private directory.
#[derive(Debug)]
pub struct Workspace {
    dir: Option<OwnedDir>,
    path: PathBuf,
}

impl Workspace {
    /// Makes the workspace below `parent`, readable by this user only.
    ///
    /// # Errors
    /// The operating system's, naming the directory that could not be made.
    pub fn create(parent: &Path, retention: Retention) -> io::Result<Self> {
        let cannot = |error| named(&error, "cannot create a workspace in", parent);
        let (dir, path) = match retention {
            Retention::Remove => {
                let dir = OwnedDir::create(parent, "").map_err(cannot)?;
                let path = dir.path().to_owned();
                (Some(dir), path)
            }
            // Nobody's who has asked for its removal.
            Retention::Keep => {
                let dir = tempfile::Builder::new()
                    .prefix("faas-")
                    .permissions(fs::Permissions::from_mode(0o700))
                    .tempdir_in(parent);
                (None, dir.map_err(cannot)?.keep())
            }
        };
        // Engines resolve symbolic links in volume paths; start from the real one.
        let path = path.canonicalize()?;
        make_dir(&path.join("tmp"))?;
        Ok(Self { dir, path })
    }

    /// The workspace itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where udocker puts its temporary files.
    pub fn udocker_tmp(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// A file for the message to the job of record number `index`; outside of what the container sees.
    pub fn job_message(&self, index: usize) -> PathBuf {
        self.path.join(format!("job-{index}"))
    }

    /// Makes the directories of record number `index`, as far as they are not there.
    ///
    /// # Errors
    /// The operating system's, naming the directory that could not be made.
    pub fn record(&self, index: usize) -> io::Result<RecordDir> {
        let record = RecordDir::of(&self.path, index);
        for dir in [record.root.clone(), record.input(), record.output()] {
            make_dir(&dir)?;
        }
        Ok(record)
    }

    /// Removes what record number `index` has in the workspace, unless that is kept.
    pub async fn remove_record(&self, index: usize) {
        if self.dir.is_none() {
            return;
        }
        let (record, message) = (RecordDir::of(&self.path, index), self.job_message(index));
        let removed = off_thread(move || {
            remove_tree(&record.root);
            remove_tree(&record.changes);
            for file in [&record.log, &message] {
                let _none = fs::remove_file(file);
            }
            Ok(())
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, index, "cannot remove a record's files");
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let Some(dir) = self.dir.take() else { return };
        if let Err(error) = dir.close() {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the workspace");
        }
    }
}

/// The directories of one record, see the module's picture.
#[derive(Debug, Clone)]
pub struct RecordDir {
    root: PathBuf,
    log: PathBuf,
    changes: PathBuf,
}

impl RecordDir {
    /// Where record number `index` of the workspace at `workspace` has its directories, made or not.
    pub fn of(workspace: &Path, index: usize) -> Self {
        Self {
            root: workspace.join(index.to_string()),
            log: workspace.join(format!("log-{index}")),
            changes: workspace.join(format!("changes-{index}")),
        }
    }

    /// The directory the container sees.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `TMP_INPUT_DIR`.
    pub fn input(&self) -> PathBuf {
        self.root.join("input")
    }

    /// `TMP_OUTPUT_DIR`.
    pub fn output(&self) -> PathBuf {
        self.root.join("output")
    }

    /// `EVENT_FILE`.
    pub fn event_file(&self) -> PathBuf {
        self.root.join("event.json")
    }

    /// Where the script is put.
    pub fn script(&self) -> PathBuf {
        self.root.join("script.sh")
    }

    /// Where the container's first process finds its pipes and variables.
    pub fn handoff(&self) -> PathBuf {
        self.root.join("handoff")
    }

    /// Where an overlay puts what the container changes in its image.
    pub fn changes(&self) -> &Path {
        &self.changes
    }

    /// Where captured output spills to; outside of what the container sees.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(named(&error, "cannot create", path))
        }
        // Nobody else could have made it: the workspace is ours alone.
        Ok(()) | Err(_) => Ok(()),
    }
}

fn named(error: &io::Error, what: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", path.display()))
}
