//! AWS Batch: compute environment, queue and job definition, all of the function's name.

mod definition;
mod environment;
mod queue;

pub use definition::{Job, definitions, deregister, register};
pub use environment::{ensure_environment, environment, environment_value, remove_environment};
pub use queue::{ensure_queue, queue, remove_queue};
