//! What a progress display sees of a running invocation.

use std::sync::Arc;

use tokio::sync::watch;

use storage::Progress;

/// Where an invocation is, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The image is prepared and the input is downloaded.
    Preparing,
    /// The container runs.
    Running,
    /// Outputs are uploaded.
    StagingOut,
}

/// What a progress display sees of a running invocation.
#[derive(Debug, Clone)]
pub struct Monitor {
    /// The phase.
    pub phase: Arc<watch::Sender<Phase>>,
    /// Bytes downloaded.
    pub received: Progress,
    /// Bytes uploaded.
    pub sent: Progress,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            phase: Arc::new(watch::Sender::new(Phase::Preparing)),
            received: Progress::default(),
            sent: Progress::default(),
        }
    }
}
