//! AWS Batch: compute environment, queue and job definition, all of the function's name.

mod change;
mod definition;
mod environment;
mod job;
mod queue;

use std::collections::HashMap;

use crate::deploy::plan::values::{CREATED_BY, CREATOR};

pub use change::change_environment;
pub use definition::{Definition, definitions, deregister, register};
pub use environment::{create_environment, environment, remove_environment, state, valid};
pub use job::Job;
pub use queue::{ensure_queue, queue, remove_queue};

/// Tags of everything made here.
fn tags(function: &str) -> HashMap<String, String> {
    [(CREATED_BY, CREATOR), ("function", function)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Whether the tags say that this command made it.
pub(crate) fn is_ours(tags: Option<&HashMap<String, String>>) -> bool {
    tags.and_then(|tags| tags.get(CREATED_BY))
        .is_some_and(|by| by == CREATOR)
}
