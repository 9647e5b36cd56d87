//! AWS Batch: compute environment, queue and job definition, all with the function's name.

mod change;
mod definition;
mod environment;
mod job;
mod queue;
mod tags;

pub use change::change_environment;
pub use definition::{Definition, definitions, deregister, register};
pub use environment::{create_environment, environment, remove_environment, state, valid};
pub use job::Job;
pub use queue::{ensure_queue, queue, remove_queue};
pub(crate) use tags::is_ours;
