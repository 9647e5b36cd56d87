//! What can be seen of the surroundings without trying anything.

mod devices;
mod identity;
mod memory;
mod mounts;
mod proc_file;
mod processes;
mod streams;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::{
    devices::Device,
    identity::{Identity, Limit},
    memory::Memory,
    mounts::{FileSystem, Mount},
    processes::Processes,
    streams::{Reopened, Stream},
};

/// What can be seen. Fields that an older or newer program did not write are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Surroundings {
    /// Kernel, user, capabilities.
    pub identity: Identity,
    /// Resource limits, as `/proc/self/limits` has them.
    pub limits: Vec<Limit>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Entries of `/dev`.
    pub devices: Vec<Device>,
    /// What can be seen of processes.
    pub processes: Processes,
    /// The three standard streams.
    pub streams: Vec<Stream>,
    /// Memory.
    pub memory: Memory,
    /// The temporary directory.
    pub temp: FileSystem,
}

impl Surroundings {
    /// Looks around; `temp` is the temporary directory, `memory_size` what the platform says that there is, in MB.
    pub fn look(temp: &Path, memory_size: Option<u64>) -> Self {
        let mounts = mounts::all();
        Self {
            identity: Identity::look(),
            limits: identity::limits(),
            devices: devices::all(),
            processes: Processes::look(&mounts),
            streams: streams::all(),
            memory: Memory::look(memory_size),
            temp: FileSystem::of(temp, &mounts),
            mounts,
        }
    }
}
