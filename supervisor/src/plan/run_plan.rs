//! The plan of an invocation, and of each run of its container.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{
    names::SafeName,
    output::OutputTarget,
    paths::{Paths, with_paths},
};
use crate::event::{ObjectRef, SharedText};
use container::{ContainerCommand, Variable};

/// Everything an invocation is going to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One run of the container per record, in the event's order.
    pub runs: Vec<RunPlan>,
    /// Where the outputs of every run go.
    pub outputs: Vec<OutputTarget>,
}

/// One run of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlan {
    /// The input file.
    pub input: PlannedInput,
    /// What is started in the container.
    pub entry: Entry,
    /// The container's variables but for those that name paths; see [`RunPlan::environment`].
    pub variables: Vec<Variable>,
    /// The event, for the file named by `EVENT_FILE`.
    pub event_json: SharedText,
    /// What is being processed, for logs: `s3://bucket/key`, `message <id>`, `http` or `direct`.
    pub label: String,
    /// The message or task it belongs to, a position in [`crate::event::Event::items`].
    pub item: Option<usize>,
    /// How the event was carried.
    pub carrier: Carrier,
}

/// How an event was carried. That decides its kind: a message that looks like a request is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// Nothing.
    Alone,
    /// A message of a queue, a topic or a bus: all may carry the same.
    Message {
        /// When the event happened, if anything said so.
        time: Option<String>,
    },
}

/// The input file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedInput {
    /// There is none.
    None,
    /// An object to download.
    Object {
        /// The object.
        object: ObjectRef,
        /// The file's name in the input directory.
        file_name: SafeName,
    },
    /// Bytes to write.
    Payload {
        /// The file's content.
        bytes: Bytes,
        /// The file's name in the input directory.
        file_name: SafeName,
    },
}

/// What is started in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// `/bin/sh` with this script, which came with the event.
    Script(Bytes),
    /// `/bin/sh` with this script of the configuration.
    InitScript(PathBuf),
    /// The image's entrypoint with these arguments.
    Arguments(Vec<String>),
    /// The image's own command.
    ImageDefault,
}

impl Entry {
    /// What runs, with the event's or the configuration's script at `script`.
    pub fn command(&self, script: &Path) -> ContainerCommand {
        match self {
            Self::Script(_) | Self::InitScript(_) => ContainerCommand::Script(script.into()),
            Self::Arguments(arguments) => ContainerCommand::Arguments(arguments.clone()),
            Self::ImageDefault => ContainerCommand::ImageDefault,
        }
    }
}

impl RunPlan {
    /// The container's complete environment, sorted by nothing but precedence: the paths first, no name twice.
    pub fn environment(&self, paths: &Paths<'_>) -> Vec<Variable> {
        with_paths(&self.variables, paths)
    }
}
