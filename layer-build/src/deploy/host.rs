//! The part of this process's environment that the command uses.

use std::path::PathBuf;

use net::Network;

/// The process's environment, read once at its start.
#[derive(Debug, Clone, Default)]
pub struct HostEnvironment {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `SCAR_CONFIG_FOLDER`.
    pub config_folder: Option<PathBuf>,
    /// This program's file.
    pub program: Option<PathBuf>,
    /// `PATH`.
    pub search_path: Option<PathBuf>,
    /// How to reach AWS.
    pub network: Network,
}
