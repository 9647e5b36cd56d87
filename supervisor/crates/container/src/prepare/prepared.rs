//! A container that is ready to run.

use std::{path::PathBuf, sync::Arc};

use config::UdockerMode;

use crate::{
    deferred::Deferred,
    engine::{Guest, command::ImageCommand},
    rollback::policy::Undo,
    shim::overlay::OverlayMount,
    workspace::RecordDir,
};

/// A container that is ready to run.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// udocker's name for it.
    pub name: String,
    /// `containers/<uuid>` in the store.
    pub directory: PathBuf,
    /// What the image runs.
    pub command: ImageCommand,
    /// What the user calls the image.
    pub image: String,
    /// The mode it was set up for.
    pub mode: UdockerMode,
    /// What becomes of a run's changes in the image.
    pub undo: Undo,
    /// Clears up behind its runs, so that the next one finds it as it was.
    pub clearing: Arc<Deferred>,
    /// What the native engine knows of it, where that runs it.
    pub guest: Option<Arc<Guest>>,
}

impl Prepared {
    /// The overlay of a run with the directories of `record`.
    pub fn overlay_mount(&self, record: &RecordDir) -> OverlayMount {
        let root = || self.directory.join("ROOT");
        match self.undo {
            Undo::Overlay => OverlayMount {
                root: root(),
                changes: Some(record.changes().to_owned()),
            },
            Undo::Journal(_) | Undo::Rebuild(_) => OverlayMount {
                root: root(),
                changes: None,
            },
            // Others may run it, too, and these engines need nothing in it.
            Undo::Scratch(_) => OverlayMount::default(),
        }
    }
}
