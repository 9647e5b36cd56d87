//! What is the same for all runs in one container, and so is known of the next one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{config::ExecMode, workspace::RecordDir};

use super::{
    Container, ContainerError,
    command::Family,
    engine::Guest,
    hygiene::Undo,
    order::{First, Start, Variables},
    process_tree::Neighbours,
    run::natively::{Planned, init_file},
    stage::Stage,
    udocker::Udocker,
};

/// A container, as far as a run's beginning depends on it. Holds no claim on it.
#[derive(Debug, Clone)]
pub struct Place {
    root: PathBuf,
    image: String,
    mode: ExecMode,
    changes: Changes,
    guest: Option<Arc<Guest>>,
    task_root: Option<PathBuf>,
}

/// Where a run's changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changes {
    Record,
    /// Of a container that nobody else runs meanwhile.
    Root,
    /// The same, but others may run it, too.
    SharedRoot,
}

impl Place {
    /// That of a run.
    pub fn of(container: Container<'_>) -> Self {
        let prepared = container.prepared;
        Self {
            root: prepared.directory.join("ROOT"),
            image: prepared.image.clone(),
            mode: prepared.mode,
            changes: match prepared.undo {
                Undo::Overlay => Changes::Record,
                Undo::Journal(_) => Changes::Root,
                Undo::Scratch(_) => Changes::SharedRoot,
            },
            guest: prepared.guest.clone(),
            task_root: container.task_root.map(Path::to_owned),
        }
    }

    /// Whether the container is there still.
    pub fn is_there(&self) -> bool {
        self.root.is_dir()
    }

    /// The stage of a run with these directories.
    pub fn stage(&self, record: &RecordDir) -> Stage {
        match self.changes {
            Changes::Record => Stage {
                root: self.root.clone(),
                changes: Some(record.changes().to_owned()),
            },
            Changes::Root => Stage {
                root: self.root.clone(),
                changes: None,
            },
            // These engines need nothing in it.
            Changes::SharedRoot => Stage::default(),
        }
    }

    /// How a run with these directories starts; without what depends on its command.
    ///
    /// # Errors
    /// [`ContainerError`] when it could not start so.
    pub fn start(
        &self,
        udocker: &Udocker,
        record: &RecordDir,
        temp: &Path,
    ) -> Result<Start, ContainerError> {
        let mut start = Start {
            first: First::Inside,
            handoff: record.handoff(),
            neighbours: Neighbours::of(udocker.settings().place),
            variables: Variables::new(),
            line: Vec::new(),
        };
        let Some(guest) = &self.guest else {
            return Ok(start);
        };
        if Family::of(self.mode) == Family::Preload {
            start.first = First::Keeper;
            return Ok(start);
        }
        let planned = Planned {
            image: &self.image,
            mode: self.mode,
            task_root: self.task_root.as_deref(),
            guest,
            record,
            argv: &[],
            variables: &[],
            init: &init_file(udocker, self.mode, temp)?,
            temp,
        };
        let launch = planned.launch()?;
        start.first = launch.first;
        start.variables = launch.variables;
        start.line = launch.line;
        Ok(start)
    }
}
