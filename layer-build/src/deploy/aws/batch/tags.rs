//! How this command marks what it creates in AWS Batch.

use std::collections::HashMap;

use crate::deploy::plan::values::{CREATED_BY, CREATOR};

/// Tags of everything that this command creates.
pub(super) fn tags(function: &str) -> HashMap<String, String> {
    [(CREATED_BY, CREATOR), ("function", function)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Whether tags say that this command created their resource.
pub(crate) fn is_ours(tags: Option<&HashMap<String, String>>) -> bool {
    tags.and_then(|tags| tags.get(CREATED_BY))
        .is_some_and(|by| by == CREATOR)
}
